//! Server-side tokens for Tower and Axum: a random string in the visitor's cookie (or session, or `Authorization`
//! header), a row in a store that says whose it is and when it ends, a middleware that turns the one into the other on
//! every request, and a guard that lets only the right people through.
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
//! *Once you have decided that a user is legitimate, then you ask this crate for a token.* How people prove who they are,
//! registration, and limits on login attempts stay with the application.
//!
//! | I want to … | go to … |
//! |---|---|
//! | see a whole program | the [README](https://github.com/tower-tokens/tower-tokens), `examples/quickstart.rs`, `examples/members_area`, `examples/plain_hyper.rs` |
//! | give a user a token, end one, list devices | [`tokens::Tokens`] |
//! | log in with a cookie that outlives the browser | [`IssuedToken::remember_me`](tokens::IssuedToken::remember_me) |
//! | find the user of every request | [`auth::TokenAuthLayer`] |
//! | let only some users to a route | [`policy::SecurityPolicy`] and its [`guard`](policy::SecurityPolicy::guard) |
//! | decide on a record inside a handler | [`make_sure_allowed`](policy::SecurityPolicy::make_sure_allowed) |
//! | have the user in an axum handler | [`extract`](mod@extract) |
//! | read tokens from elsewhere in a request | [`source::TokenSource`] |
//! | bring my own sessions, or PHP's | [`source::TokenSession`], `source::PhpSessions` |
//! | choose a store | [`repository`] |
//! | write a store | [`guide::writing_a_repository`], [`repository::TokenRepository`] and [`conformance`] |
//! | issue API tokens with a prefix | [`token::ApiTokenFormat`] |
//! | set lifetimes | [`token::Lifetime`] |
//! | set the cookie's name and attributes | [`respond::TokenCookie`] |
//! | change how a refusal is answered | [`respond::Answers`], [`respond::Respond`] |
//! | protect a login form against other sites | [`same_origin::SameOriginLayer`] |
//! | seal a payload into an expiring token | [`sealed`] |
//! | know the defaults, what an attacker can try, how the house is built | [`guide`] |
//! | move the clock in tests | [`clock::ManualClock`] |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod error;
pub mod head;
mod log;
mod random;
mod secret;
mod text;

pub mod token;
pub mod user;

pub mod policy;
pub mod repository;
pub mod respond;
#[cfg(feature = "sealed")]
pub mod sealed;
pub mod source;

pub mod tokens;
pub mod validator;

pub mod auth;
pub mod guard;
pub mod same_origin;

#[cfg(feature = "axum")]
pub mod extract;

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod guide;
pub mod prelude;
