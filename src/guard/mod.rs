//! Floor 7, guards: [`GuardLayer`] allows a request only if a scenario allows its user.
//!
//! A guard applies a rule of the policy to the user that `TokenAuthLayer` found. It calls the inner service, or answers with
//! a response of [`respond`](crate::respond) and leaves the [`Refusal`](crate::respond::Refusal) in its extensions, for layers
//! outside that log and count. A response of the inner service without a `Cache-Control` of its own gets `private`, so that no
//! shared cache hands one member's page to another.
//!
//! A synchronous rule that allows a request costs no allocation and no boxed future. With an asynchronous rule the
//! request waits, for at most the policy's `rule_timeout` (5 seconds by default), and then gets 503. That needs a Tokio
//! runtime with its time driver, and panics without.
//!
//! The inner service must be `Clone`, as axum's are: while a request waits, the clone takes the place of the service that
//! was ready for it.
//!
//! | file | role |
//! |---|---|
//! | `layer`, `service`, `future` | [`GuardLayer`], [`Guard`], [`ResponseFuture`] |
//! | `check` | what one guard checks of every request, without the type of its scenario |
//! | `extracting` | the check that reads the parameters of its scenario by an extractor (feature `axum`) |
//! | `shared` | what all services of one guard share |
//!
//! A guard knows rules and responses. [`SecurityPolicy::guard`](crate::policy::SecurityPolicy::guard) builds one for a
//! scenario of the policy.
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_tokens::policy::{SecurityPolicy, level};
//! use tower_tokens::user::{Reason, Unauthenticated};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let policy = SecurityPolicy::new().scenario("admin panel", level("admin"));
//! let panel = service_fn(|_: Request<()>| async { Ok::<_, std::io::Error>(Response::new(Bytes::from("secrets"))) });
//! let guarded = policy.guard("admin panel").layer(panel);
//!
//! let mut request = Request::new(());
//! Unauthenticated::new(Reason::NoCredential).insert_into(request.extensions_mut()); // TokenAuthLayer does this
//! let response = guarded.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="members""#);
//! # Ok::<(), std::io::Error>(())
//! # }).unwrap();
//! ```

mod check;
#[cfg(feature = "axum")]
mod extracting;
mod future;
mod layer;
mod service;
mod shared;

pub(crate) use check::{NamedScenario, ScenarioFromRequest, decided_within, innermost_cause, refusal_of};
#[cfg(feature = "axum")]
pub(crate) use extracting::ScenarioFromExtractor;
pub use future::ResponseFuture;
pub use layer::GuardLayer;
pub use service::Guard;
