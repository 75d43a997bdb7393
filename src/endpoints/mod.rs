//! Floor 8, endpoints to mount: refresh, revocation and introspection for OAuth clients, and the API tokens of a user as JSON.
//!
//! Each is a [`tower::Service`] that never fails, for requests with any body. With axum, mount it by
//! `Router::route_service` and `nest_service`; with hyper or another framework, call it.
//!
//! | endpoint | request | answer |
//! |---|---|---|
//! | `RefreshEndpoint` (feature `pairs`) | `POST`, `grant_type=refresh_token`, `refresh_token` (RFC 6749 §6) | the next pair, or `{"error":"invalid_grant"}` with 400 |
//! | [`RevocationEndpoint`] | `POST`, `token` (RFC 7009) | 200 without a body, for an unknown token too |
//! | [`IntrospectionEndpoint`] | `POST`, `token` (RFC 7662), by a caller whom a guard allows | what the token is, or `{"active":false}` |
//! | [`ApiTokensEndpoint`] | `GET`, `POST`, `DELETE /{id}`, by the user | the user's API tokens |
//!
//! The first three read a form (`application/x-www-form-urlencoded`) or a JSON object with the same names. A request that
//! cannot be read gets 400 with `invalid_request` (RFC 6749 §5.2), 413 if its body has more than [`MAX_BODY_BYTES`], 415 if it
//! is of another media type, and 405 for another method. A store that does not answer is 503 with `Retry-After`, so
//! that a client keeps its tokens. Every answer carries `Cache-Control: no-store`.
//!
//! An endpoint reads the body to its end and sets no time-out: slow clients are the server's business, as on every route.
//!
//! # Security
//! Refresh and revocation ask for no other credential than the token itself: every client is a public one (RFC 6749 §2.1), and
//! `client_id` and `client_secret` are ignored. Limit how often one address may call them.
//!
//! | file | role |
//! |---|---|
//! | `refresh`, `revocation`, `introspection`, `api_tokens` | one endpoint each |
//! | `api_token_json` | the JSON of API tokens |
//! | `openapi` | their OpenAPI description (feature `openapi`) |
//! | `parameters` | the parameters of an OAuth request |
//! | `oauth_error` | errors as RFC 6749 §5.2 has them |
//! | `answer` | the answers that all endpoints give |
//! | `service` | an endpoint as a `tower::Service` |
//!
//! # Example
//! ```
//! use axum::Router;
//! use tower_tokens::auth::TokenAuthLayer;
//! use tower_tokens::endpoints::{ApiTokensEndpoint, IntrospectionEndpoint, RevocationEndpoint};
//! use tower_tokens::lifecycle::Tokens;
//! use tower_tokens::policy::{SecurityPolicy, ability, level};
//! use tower_tokens::repository::MemoryRepository;
//! use tower_tokens::token::ApiTokenFormat;
//!
//! let tokens = Tokens::new(MemoryRepository::new()).with_api_tokens(ApiTokenFormat::new("acme")?);
//! let policy = SecurityPolicy::new().scenario("introspect", level("service").and(ability("introspect")));
//! let app: Router = Router::new()
//!     .route_service("/oauth/revoke", RevocationEndpoint::new(tokens.clone()))
//!     .route_service("/oauth/introspect", IntrospectionEndpoint::behind(policy.guard("introspect"), tokens.clone()))
//!     .nest_service("/api/tokens", ApiTokensEndpoint::new(tokens.clone()))
//!     .layer(TokenAuthLayer::new(tokens));
//! # Ok::<(), tower_tokens::error::Error>(())
//! ```

mod answer;
mod api_token_json;
mod api_tokens;
mod introspection;
mod oauth_error;
#[cfg(feature = "openapi")]
mod openapi;
mod parameters;
#[cfg(feature = "pairs")]
mod refresh;
mod revocation;
mod service;

pub use answer::EndpointBody;
pub use api_tokens::ApiTokensEndpoint;
pub use introspection::IntrospectionEndpoint;
#[cfg(feature = "openapi")]
pub use openapi::security_schemes;
#[cfg(feature = "pairs")]
pub use refresh::RefreshEndpoint;
pub use revocation::RevocationEndpoint;
pub use service::{EndpointFuture, MAX_BODY_BYTES};
