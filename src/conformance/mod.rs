//! The repository contract as tests.
