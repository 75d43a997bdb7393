//! Server-side tokens for Tower and Axum: a random string in the visitor's cookie (or session, or `Authorization`
//! header), a row in a store that says which user it belongs to and when it ends, a middleware that looks up the user
//! on every request, and a guard that allows only the users that a rule permits.
//!
//! ```text
//! request ──► TokenAuthLayer ────────────────────────────────► GuardLayer ────────► handler
//!             sources, in order   Tokens (or another            SecurityPolicy       CurrentUser
//!             cookie → session    TokenValidator)               "members area"       Option<CurrentUser>
//!             → Bearer            └─ TokenRepository            allow / deny         UserLevel
//!             first VALID wins       memory, SQLite, a server   deny → 401/403/303/503
//!                                    or a store of yours
//!             │
//!             └─ extensions: CurrentUser + UserLevel, or Unauthenticated (why not)
//! ```
//!
//! The application decides that a user is legitimate, and then generates a token with this crate. Passwords,
//! registration, and limits on login attempts stay with the application.
//!
//! | I want to … | go to … |
//! |---|---|
//! | see a whole program | the [README](https://github.com/tower-tokens/tower-tokens), `examples/quickstart.rs`, `examples/members_area`, `examples/plain_hyper.rs` |
//! | give a user a token, end one, list devices | [`lifecycle::Tokens`] |
//! | log in with a cookie that outlives the browser | [`IssuedToken::remember_me`](lifecycle::IssuedToken::remember_me) |
//! | see a small program for my situation (CORS, a mobile app, magic links, OpenID Connect, WebSockets, …) | [`guide::situations`] |
//! | choose features | the [README](https://github.com/tower-tokens/tower-tokens#features) |
//! | find the user of every request | [`auth::TokenAuthLayer`] |
//! | allow only some users on a route | [`policy::SecurityPolicy`] and its [`guard`](policy::SecurityPolicy::guard) |
//! | ask the store past a cache, for the admin panel and for payments | [`policy::checked_now`] |
//! | check access to a record inside a handler | [`make_sure_allowed`](policy::SecurityPolicy::make_sure_allowed) |
//! | get the user in an axum handler | [`extract`](mod@extract) |
//! | read tokens from elsewhere in a request | [`source::TokenSource`] |
//! | read tokens from my own sessions, or from PHP's | [`source::TokenSession`], `source::PhpSessions` |
//! | choose a store | [`repository`] |
//! | answer requests from memory, with a database behind | [`repository::Cache`] |
//! | keep my own table of users | [`guide::own_users`] |
//! | write a store | [`guide::writing_a_repository`], [`repository::TokenRepository`] and [`conformance`] |
//! | mount endpoints for refresh, revocation, introspection and API tokens | `endpoints` (feature `endpoints`) |
//! | issue API tokens with a prefix, rotate one | [`token::ApiTokenFormat`], [`Generate::api_token`](lifecycle::Generate::api_token), [`rotate_api_token`](lifecycle::Tokens::rotate_api_token) |
//! | keep an audit log | [`guide::audit_log`] |
//! | issue access and refresh tokens | [`guide::access_and_refresh`] |
//! | set lifetimes | [`token::Lifetime`] |
//! | set the cookie's name and attributes | [`respond::TokenCookie`] |
//! | change the response to a refusal | [`respond::RefusalResponses`], [`respond::RespondToRefusal`] |
//! | protect a login form against other sites | [`same_origin::SameOriginLayer`] |
//! | seal a payload into an expiring token | [`sealed`] |
//! | accept the JSON Web Tokens of a partner, issue some | [`jwt`], [`guide::jwt`] |
//! | call another API with tokens that stay fresh | `client` (feature `client`), [`guide::client`], `examples/api_client` |
//! | choose between this crate and others | [`guide::comparison`] |
//! | move from axum-login, Laravel Sanctum, Trongate | [`guide::coming_from_axum_login`], [`guide::coming_from_sanctum`], [`guide::coming_from_trongate`] |
//! | read about the defaults, the threat model, the architecture | [`guide`] |
//! | renew a login, replace a token inside a handler | [`Tokens::regenerate`](lifecycle::Tokens::regenerate), [`Authenticator::current_token`](auth::Authenticator::current_token) |
//! | test a handler with a fake user, move the clock | [`guide::testing_a_handler`] |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod call_timeout;
pub mod clock;
pub mod error;
mod log;
mod random;
pub mod request;
mod secret;
#[cfg(feature = "sqlite")]
mod sqlite;
mod text;

#[cfg(feature = "redis")]
mod redis;
pub mod token;
pub mod user;

pub mod repository;
pub mod respond;
mod rules;
#[cfg(feature = "sealed")]
pub mod sealed;
pub mod source;

#[cfg(feature = "jwt")]
pub mod jwt;
pub mod lifecycle;
pub mod validator;

pub mod auth;
#[cfg(feature = "client")]
pub mod client;
pub mod guard;
pub mod same_origin;

#[cfg(feature = "endpoints")]
pub mod endpoints;
#[cfg(feature = "axum")]
pub mod extract;
pub mod policy;

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod guide;
pub mod prelude;
