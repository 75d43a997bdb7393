//! Everything that is tested through the public API, in one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails; clippy knows it of test functions, not of their helpers"
)]

#[cfg(feature = "axum")]
mod extract;
mod guard;
mod policy;
mod policy_users;
#[cfg(all(feature = "conformance", feature = "sqlite"))]
mod repository;
mod respond;
mod respond_cookie;
#[cfg(feature = "sealed")]
mod sealed;
