//! Everything that is tested through the public API, in one binary.

mod repository;
#[cfg(feature = "sealed")]
mod sealed;
