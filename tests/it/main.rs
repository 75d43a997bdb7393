//! Everything that is tested through the public API, in one binary.

#[cfg(all(feature = "conformance", feature = "sqlite"))]
mod repository;
