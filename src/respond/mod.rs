//! Floor 2, what a refused client hears: statuses, challenges, problem details, pages, redirects and cookies.
//!
//! | situation | API client | page (`GET` or `HEAD`, accepts `text/html`) |
//! |---|---|---|
//! | no credential | 401, `WWW-Authenticate: Bearer realm="…"` | 303 to the login page with `next` |
//! | malformed, unknown, expired, ended | 401, `error="invalid_token"` | as above |
//! | two `Authorization` headers, ambiguous cookies | 400, `error="invalid_request"` | 400 page |
//! | the rule denies | 403, `error="insufficient_scope"` | 403 page |
//! | authentication too old | 401, `error="insufficient_user_authentication", max_age="…"` | 303 to the login page |
//! | cross-site with an ambient credential | 403, no challenge | 403 page |
//! | the store, or a rule, does not answer | 503, `Retry-After` | 503 page, `Retry-After` |
//! | the layer is missing, or the scenario unknown | 500 | 500 page |
//!
//! Bodies for API clients are RFC 9457 problem details of fixed text. Every answer carries `Cache-Control: no-store`.
//! Without a login page, or on the login page itself, the answer to a page request is a 401 page with the challenge.
//!
//! A request of [htmx](https://htmx.org) (`HX-Request: true`, any method) that should go to the login page gets the
//! status 401 and `HX-Redirect`, which htmx follows with the whole page: it obeys that header at any status but a 3xx,
//! which the browser would follow behind htmx's back and put the login form into the fragment. `next` is then the page
//! that the user is on (`HX-Current-URL`, if it is on this host), for the fragment alone would be no page to return to.
//! Behind a proxy that rewrites `Host` the hosts differ, and `next` is left out.
//!
//! | file | role |
//! |---|---|
//! | `refusal` | [`Refusal`] and [`RefusalKind`]: one for each row of the table |
//! | `answers` | [`Answers`], the settings, and [`Respond`], the one trait to replace |
//! | `challenge` | `WWW-Authenticate` |
//! | `problem`, `page` | the bodies |
//! | `redirect` | [`OriginalUri`], [`safe_next`], [`is_page_request`] |
//! | `cookie`, `set_cookie` | [`TokenCookie`] and [`SetTokenCookie`] |
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, StatusCode, header};
//! use tower_tokens::head::RequestHead;
//! use tower_tokens::respond::{Answers, Refusal, RefusalKind, Respond};
//!
//! let answers = Answers::new().with_login_page("/login");
//! let request = Request::get("/members?page=2").header("accept", "text/html").body(()).unwrap();
//! let refusal = Refusal::new(RefusalKind::NoCredential);
//! let response: http::Response<Bytes> = answers.respond(&refusal, RequestHead::of(&request));
//! assert_eq!(response.status(), StatusCode::SEE_OTHER);
//! assert_eq!(response.headers()[header::LOCATION], "/login?next=%2Fmembers%3Fpage%3D2");
//! ```

mod answers;
mod challenge;
mod cookie;
mod page;
mod problem;
mod redirect;
mod refusal;
mod set_cookie;

pub use answers::{Answers, Respond};
pub use cookie::{MAX_COOKIE_AGE, SameSite, TokenCookie, TokenCookieBuilder};
pub use redirect::{MAX_NEXT_BYTES, OriginalUri, is_page_request, safe_next};
pub use refusal::{Refusal, RefusalKind};
pub use set_cookie::SetTokenCookie;
