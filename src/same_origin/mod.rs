//! Floor 4, protection against cross-site requests for routes that do harm without a credential:
//! [`SameOriginLayer`].
//!
//! `TokenAuthLayer` applies the [same-origin rule](crate::source::SameOrigin) to cookies and sessions by itself. A login
//! form needs it too, and carries neither: another site could log a visitor in as somebody else, and read what they
//! write there. This layer refuses such a request with 403 before a handler sees it, a person with a page and a program
//! with problem details, as [`respond`](crate::respond) says. The refusal is in the extensions of the response.
//!
//! Put it around the routes with forms, or around the whole site. Programs that are no browsers send neither
//! `Sec-Fetch-Site` nor `Origin`, and pass. Inside of `TokenAuthLayer` it also lets pass a user with an explicit credential
//! (`Authorization: Bearer`, a header of its own), which no form of another site can send.
//!
//! | file | role |
//! |---|---|
//! | `layer`, `service`, `future` | [`SameOriginLayer`], [`SameOriginService`], [`ResponseFuture`] |
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

pub use future::ResponseFuture;
pub use layer::SameOriginLayer;
pub use service::SameOriginService;
