//! Everything that is tested through the public API, in one binary. Its files mirror `src`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails; clippy knows it of test functions, not of their helpers"
)]

mod architecture;
mod auth;
mod extract;
mod fuzz_corpus;
mod guard;
mod http;
mod policy;
mod policy_users;
mod repository;
mod respond;
mod respond_cookie;
mod secrets;
mod site;
mod source;
mod tokens;
