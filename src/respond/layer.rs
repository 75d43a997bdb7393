//! The layer that writes the responses to refusals by handlers.

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use crate::respond::{RefusalResponses, RefusalService};

/// Writes the response that fits the request if a handler refuses it: a page or a redirect to the login page for a
/// browser, `HX-Redirect` for htmx, problem details for a script.
///
/// A [`Refusal`](super::Refusal) that a handler returns (by `?` on `make_sure_allowed` or on `Tokens`) does not contain
/// the request, so by itself it is a response for scripts. This layer keeps what it needs of the request. One layer
/// around the whole site is enough, inside or outside of `TokenAuthLayer`; inside, the application's own page also gets
/// the [user](super::Refusal::user). A guard does the same for its own routes.
///
/// A response that is already written stays unchanged, except that the application's page ([`RefusalResponses::with_page`])
/// replaces the crate's own. A response whose status or type the application has changed stays unchanged, and so do
/// headers that it added. `R` writes the responses; see [`RespondToRefusal`](super::RespondToRefusal).
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
pub struct RefusalLayer<R = RefusalResponses> {
    respond: Arc<R>,
}

impl<R> RefusalLayer<R> {
    /// Answers with these responses. [`SecurityPolicy::refusal_layer`](crate::policy::SecurityPolicy::refusal_layer) makes the layer
    /// that answers as the policy does.
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
