//! Everything that is tested through the public API, in one binary.

#[cfg(feature = "sealed")]
mod sealed;
