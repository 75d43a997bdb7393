//! Everything that is tested through the public API, in one binary.

mod architecture;
mod fuzz_corpus;
mod repository;
