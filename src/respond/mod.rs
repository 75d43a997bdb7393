//! Floor 4, the responses to refused requests: statuses, challenges, problem details, pages, redirects and cookies.
//!
//! | situation | API client | page (a link or a posted form) |
//! |---|---|---|
//! | no credential | 401, `WWW-Authenticate: Bearer realm="…"` | 303 to the login page with `next` |
//! | malformed, unknown, expired, ended | 401, `error="invalid_token"` | as above |
//! | two `Authorization` headers, ambiguous cookies | 400, `error="invalid_request"` | 400 page |
//! | the rule denies | 403, `error="insufficient_scope"` | 403 page |
//! | nothing but an ability of the token is missing | the same with `scope="…"` | 403 page |
//! | authentication too old | 401, `error="insufficient_user_authentication", max_age="…"` | 303 to the login page |
//! | cross-site with an ambient credential | 403, no challenge | 403 page |
//! | the store, or a rule, does not answer | 503, `Retry-After` | 503 page, `Retry-After` |
//! | the layer is missing, or the scenario unknown | 500 | 500 page |
//!
//! The chapter [`who_gets_what_answer`](crate::guide::who_gets_what_answer) has the whole table, with refusals by
//! handlers, scripts that request HTML, frames, htmx and Trongate MX, and how each is recognised.
//!
//! A gRPC client gets HTTP 200 with `grpc-status` and `grpc-message`: see [`RefusalKind::grpc_code`].
//!
//! Bodies for API clients are RFC 9457 problem details of fixed text. Every response carries `Cache-Control: no-store`.
//! Without a login page, or on the login page itself, the response to a page request is a 401 page with the challenge.
//!
//! | file | role |
//! |---|---|
//! | `kind` | [`RefusalKind`]: one for each row of the table |
//! | `refusal` | [`Refusal`]: a kind, and what the application may know |
//! | `responses` | [`RefusalResponses`], the settings, and [`RespondToRefusal`], the trait that replaces them |
//! | `api` | the answers to programs: status, challenge, `Retry-After`, problem details |
//! | `challenge` | `WWW-Authenticate` |
//! | `grpc` | the answers to gRPC clients |
//! | `problem`, `page` | the bodies |
//! | `requester` | what kind of client sent the request, and [`is_page_request`] |
//! | `redirect`, `origin` | [`OriginalUri`], [`safe_next`], [`safe_next_on`] |
//! | `layer`, `service`, `future`, `remembered` | [`RefusalLayer`], [`RefusalService`], [`RefusalFuture`]: write the responses to refusals by handlers |
//! | `expiry_warning` | [`ExpiryWarningLayer`]: a header that warns of the end of an API token |
//! | `refusal_log` | the log line of a refusal |
//! | `cookie`, `set_cookie` | [`TokenCookie`] and [`SetTokenCookie`] |
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, StatusCode, header};
//! use tower_tokens::request::RequestHead;
//! use tower_tokens::respond::{RefusalResponses, Refusal, RefusalKind, RespondToRefusal};
//!
//! let responses = RefusalResponses::new().with_login_page("/login");
//! let request = Request::get("/members?page=2").header("accept", "text/html").body(()).unwrap();
//! let refusal = Refusal::new(RefusalKind::NoCredential);
//! let response: http::Response<Bytes> = responses.respond(&refusal, RequestHead::of(&request));
//! assert_eq!(response.status(), StatusCode::SEE_OTHER);
//! assert_eq!(response.headers()[header::LOCATION], "/login?next=%2Fmembers%3Fpage%3D2");
//! ```

mod api;
mod challenge;
mod cookie;
mod expiry_warning;
mod future;
mod grpc;
mod kind;
mod layer;
mod origin;
mod page;
mod problem;
mod redirect;
mod refusal;
mod refusal_log;
mod remembered;
mod requester;
mod responses;
mod service;
mod set_cookie;

pub use cookie::{MAX_COOKIE_AGE, SameSite, TokenCookie, TokenCookieBuilder};
pub use expiry_warning::{EXPIRY_WARNING, ExpiryWarningFuture, ExpiryWarningLayer, ExpiryWarningService};
pub use future::RefusalFuture;
pub use kind::RefusalKind;
pub use layer::RefusalLayer;
pub use redirect::{MAX_NEXT_BYTES, OriginalUri, safe_next, safe_next_on};
pub use refusal::Refusal;
pub(crate) use refusal_log::log_refusal;
pub(crate) use remembered::RememberedRequest;
pub use requester::is_page_request;
pub use responses::{RefusalResponses, RespondToRefusal};
pub use service::RefusalService;
pub use set_cookie::SetTokenCookie;
