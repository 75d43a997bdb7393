//! Floor 7, protection against cross-site requests for routes that need no credential: [`SameOriginLayer`].
//!
//! `TokenAuthLayer` applies the [same-origin rule](crate::source::SameOrigin) to cookies and sessions by itself. A
//! login form needs the rule too, but its request carries no credential: another site could log a visitor in as a
//! different user, and read what the visitor writes there. This layer refuses such a request with 403 before a handler
//! runs, with a page for a browser and problem details for a program, as described in [`respond`](crate::respond). The
//! refusal is in the extensions of the response.
//!
//! Put it around the routes with forms, or around the whole site. Programs other than browsers send neither
//! `Sec-Fetch-Site` nor `Origin`, and are allowed. Inside of `TokenAuthLayer` it also allows a user with an explicit
//! credential (`Authorization: Bearer`, a separate header), which a form of another site cannot send.
//!
//! | file | role |
//! |---|---|
//! | `layer`, `service`, `future` | [`SameOriginLayer`], [`SameOriginService`], [`ResponseFuture`] |
//! | `shared` | the settings of a layer, and which requests pass |
//!
//! # Source
//! The behaviour is that of `http.CrossOriginProtection` in Go 1.25, and of the `csrf` middleware of tower-http 0.7;
//! beyond them an upgrade to a WebSocket counts as unsafe.
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_tokens::same_origin::SameOriginLayer;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let log_in = service_fn(async |_: Request<()>| Ok::<_, std::io::Error>(Response::new(Bytes::from("welcome"))));
//! let site = SameOriginLayer::new().layer(log_in);
//! for (from, status) in [("same-origin", 200), ("cross-site", 403)] {
//!     let request = Request::post("/login").header("sec-fetch-site", from).body(()).unwrap();
//!     assert_eq!(site.clone().oneshot(request).await?.status(), status);
//! }
//! # Ok::<(), std::io::Error>(())
//! # }).unwrap();
//! ```

mod future;
mod layer;
mod service;
mod shared;

pub use future::ResponseFuture;
pub use layer::SameOriginLayer;
pub use service::SameOriginService;
