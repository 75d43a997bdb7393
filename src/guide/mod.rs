//! Chapters in prose: how the crate is built, what its defaults are, and what it defends against.
//!
//! | chapter | answers |
//! |---|---|
//! | [`architecture`] | What happens to a request, and which file does it? |
//! | [`access_and_refresh`] | A mobile app or a single-page application keeps its tokens itself: how does it stay logged in? (features `axum`, `endpoints`, `pairs`) |
//! | [`audit_log`] | Who got a token, which one was revoked, what was refused: how do I keep a log of it? |
//! | [`client`] | My program calls somebody else's API: who logs in, refreshes in time, and survives an outage? (features `client`, `test-util`) |
//! | [`comparison`] | What else is there, and when is it the better choice? |
//! | [`defaults`] | What is each default, how do I change it, and why is it so? |
//! | [`threat_model`] | What can an attacker try, what stops it, and what is left to me? |
//! | [`who_gets_what_answer`] | What is the answer to a refused link, form, `fetch`, htmx or API client, and how do I change it? |
//! | [`situations`] | How do I do one certain thing, such as a login by a link in a mail? A page and a tested program for each. |
//! | [`running_many_nodes`] | What holds when several processes serve one site? |
//! | [`coming_from_axum_login`] | I know axum-login and tower-sessions: what becomes of each concept? With a port of its example. |
//! | [`coming_from_trongate`] | I know `trongate_tokens` and `trongate_security`: what do I write here? |
//! | [`coming_from_primordyx`] | I know Primordyx's class `Token`: what do I write here? (feature `sealed`) |
//! | [`coming_from_sanctum`] | I know Laravel Sanctum: what becomes of its API tokens and its login of single-page applications? |
//! | [`moving_a_trongate_site`] | How do I move a live Trongate site, one route at a time? (features `trongate`, `php-session`) |
//! | [`own_users`] | My application has a table of users: how do the tokens join it? (features `axum`, `sqlite`, `postgres`, `mysql`) |
//! | [`jwt`] | How do I accept the JSON Web Tokens of a partner beside my own cookies, and how do I issue some? (features `axum`, `jwt`) |
//! | [`testing_a_handler`] | How do I test a handler, a guarded route, a whole application? (features `axum`, `test-util`) |
//! | [`writing_a_repository`] | My tokens should live in a store that this crate does not know: what do I write? |

#[cfg_attr(all(feature = "axum", feature = "endpoints", feature = "pairs", feature = "_sql"), doc = include_str!("access_and_refresh.md"))]
#[cfg_attr(
    not(all(feature = "axum", feature = "endpoints", feature = "pairs", feature = "_sql")),
    doc = "This chapter is in the documentation of a build with the features `axum`, `endpoints`, `pairs` and `sqlite`."
)]
pub mod access_and_refresh {}

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("audit_log.md")]
pub mod audit_log {}

#[cfg_attr(all(feature = "client", feature = "test-util"), doc = include_str!("client.md"))]
#[cfg_attr(
    not(all(feature = "client", feature = "test-util")),
    doc = "This chapter is in the documentation of a build with the features `client` and `test-util`."
)]
pub mod client {}

#[doc = include_str!("coming_from_axum_login.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../examples/coming_from_axum_login.rs")]
#[doc = "```"]
pub mod coming_from_axum_login {}

#[cfg_attr(feature = "sealed", doc = include_str!("coming_from_primordyx.md"))]
#[cfg_attr(not(feature = "sealed"), doc = "This chapter is in the documentation of a build with the feature `sealed`.")]
pub mod coming_from_primordyx {}

#[doc = include_str!("coming_from_sanctum.md")]
pub mod coming_from_sanctum {}

#[doc = include_str!("coming_from_trongate.md")]
pub mod coming_from_trongate {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[cfg_attr(all(feature = "axum", feature = "jwt"), doc = include_str!("jwt.md"))]
#[cfg_attr(
    not(all(feature = "axum", feature = "jwt")),
    doc = "This chapter is in the documentation of a build with the features `axum` and `jwt`."
)]
pub mod jwt {}

#[cfg_attr(all(feature = "trongate", feature = "php-session"), doc = include_str!("moving_a_trongate_site.md"))]
#[cfg_attr(
    not(all(feature = "trongate", feature = "php-session")),
    doc = "This chapter is in the documentation of a build with the features `trongate` and `php-session`."
)]
pub mod moving_a_trongate_site {}

#[cfg_attr(
    all(feature = "axum", feature = "sqlite", feature = "postgres", feature = "mysql"),
    doc = include_str!("own_users.md")
)]
#[cfg_attr(
    not(all(feature = "axum", feature = "sqlite", feature = "postgres", feature = "mysql")),
    doc = "This chapter is in the documentation of a build with the features `axum`, `sqlite`, `postgres` and `mysql`."
)]
pub mod own_users {}

#[doc = include_str!("running_many_nodes.md")]
pub mod running_many_nodes {}

pub mod situations;

#[cfg_attr(all(feature = "axum", feature = "test-util"), doc = include_str!("testing_a_handler.md"))]
#[cfg_attr(
    not(all(feature = "axum", feature = "test-util")),
    doc = "This chapter is in the documentation of a build with the features `axum` and `test-util`."
)]
pub mod testing_a_handler {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("who_gets_what_answer.md")]
pub mod who_gets_what_answer {}

#[doc = include_str!("writing_a_repository.md")]
pub mod writing_a_repository {}
