//! The layer that answers the refusals of handlers.

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use crate::respond::{Answers, RefusalService};

/// Answers what handlers refuse as the request asks for it: a page or the login page for a person, `HX-Redirect` for
/// htmx, problem details for a script.
///
/// A [`Refusal`](super::Refusal) that a handler returns (by `?` on `make_sure_allowed` or on `Tokens`) knows no request,
/// so by itself it is an answer for scripts. This layer remembers who waits for the answer. One around the whole site is
/// enough, inside or outside of `TokenAuthLayer`; inside, a page of the application's own is also given the
/// [user](super::Refusal::user). A guard does the same for what it guards.
///
/// What was answered already stays as it is; only the crate's own page gives way to the application's
/// ([`Answers::with_page`]). A response whose status or type the application has changed is left alone, and so are headers
/// that it added. `R` words the answers; see [`Respond`](super::Respond).
///
/// # Example
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::post};
/// use tower::ServiceExt;
/// use tower_tokens::policy::SecurityPolicy;
/// use tower_tokens::respond::Refusal;
///
/// async fn log_in() -> Result<&'static str, Refusal> {
///     Err(Refusal::wrong_credentials())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let policy = SecurityPolicy::new().login_page("/login");
/// let app: Router = Router::new().route("/login", post(log_in)).layer(policy.refusal_layer());
/// for (accept, expected) in [("text/html", "text/html; charset=utf-8"), ("*/*", "application/problem+json")] {
///     let request = Request::post("/login").header("accept", accept).body(Body::empty()).unwrap();
///     let response = app.clone().oneshot(request).await.unwrap();
///     assert_eq!(response.status(), 401);
///     assert_eq!(response.headers()["content-type"], expected);
/// }
/// # });
/// ```
#[must_use = "a layer does nothing until it is put around a service"]
pub struct RefusalLayer<R = Answers> {
    respond: Arc<R>,
}

impl<R> RefusalLayer<R> {
    /// Answers with these: usually [`SecurityPolicy::answers`](crate::policy::SecurityPolicy::answers), with a page of the
    /// application's own.
    pub fn new(respond: R) -> Self {
        Self { respond: Arc::new(respond) }
    }
}

impl<S, R> Layer<S> for RefusalLayer<R> {
    type Service = RefusalService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RefusalService::new(inner, Arc::clone(&self.respond))
    }
}

impl<R> Clone for RefusalLayer<R> {
    fn clone(&self) -> Self {
        Self { respond: Arc::clone(&self.respond) }
    }
}

impl<R> fmt::Debug for RefusalLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalLayer").finish_non_exhaustive()
    }
}
