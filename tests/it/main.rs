//! Everything that is tested through the public API, in one binary. Its files mirror `src`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails; clippy knows it of test functions, not of their helpers"
)]

mod architecture;
mod auth;
mod beside_trongate;
mod beside_trongate_options;
mod checked_now;
mod client;
mod coming_from_axum_login;
mod debug;
mod endpoints;
mod extract;
mod fuzz_corpus;
mod guard;
mod guard_paths;
mod http;
mod jwt;
mod lifecycle;
mod many_nodes;
mod own_users;
mod plain_words;
mod policy;
mod policy_users;
mod readme;
mod repository;
mod respond;
mod respond_cookie;
mod respond_layer;
mod respond_log;
mod respond_who_gets_what;
mod same_origin;
#[cfg(feature = "sealed")]
mod sealed;
mod secrets;
mod site;
mod situations;
mod source;
mod traccar_session;
mod trongate_site;
