//! How to answer: the settings, and the one trait to replace.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use time::Duration;

use crate::head::RequestHead;
use crate::respond::challenge::Challenges;
use crate::respond::{Refusal, RefusalKind, is_page_request, page, problem, redirect};

/// Turns a refusal into an answer, whatever the body type. Implement it to answer in your own words.
///
/// The answer should tell the client the [`kind`](Refusal::kind) of the refusal and nothing more.
///
/// # Example
/// ```
/// use http::{Request, Response};
/// use tower_tokens::head::RequestHead;
/// use tower_tokens::respond::{Refusal, RefusalKind, Respond};
///
/// struct Plain;
///
/// impl<B: From<&'static str>> Respond<B> for Plain {
///     fn respond(&self, refusal: &Refusal, _head: RequestHead<'_>) -> Response<B> {
///         let mut response = Response::new(B::from("no"));
///         *response.status_mut() = refusal.status();
///         response
///     }
/// }
///
/// let request = Request::get("/").body(()).unwrap();
/// let response: Response<String> = Plain.respond(&Refusal::new(RefusalKind::Denied), RequestHead::of(&request));
/// assert_eq!(response.status(), 403);
/// ```
pub trait Respond<B> {
    /// The answer to a request that is refused.
    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B>;
}

impl<B, R: Respond<B> + ?Sized> Respond<B> for Arc<R> {
    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B> {
        (**self).respond(refusal, head)
    }
}

/// The answers of the table in [`respond`](crate::respond), and their settings. Cheap to clone.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::respond::Answers;
///
/// let answers = Answers::new().with_realm("the club").with_retry_after(Duration::seconds(30));
/// assert_eq!(answers.login_page(), None);
/// ```
#[derive(Debug, Clone)]
#[must_use = "answers do nothing until a guard or a layer gives them"]
pub struct Answers(Arc<Settings>);

#[derive(Debug, Clone)]
struct Settings {
    challenges: Challenges,
    login_page: Option<String>,
    next_parameter: String,
    retry_after: Duration,
}

impl Answers {
    /// The realm where none is named. Our choice: it says what a token is for, and nothing about the site.
    pub const DEFAULT_REALM: &'static str = "members";

    /// What `Retry-After` says by default. Our choice: long enough for a store to restart its connections.
    pub const DEFAULT_RETRY_AFTER: Duration = Duration::seconds(5);

    /// The defaults: realm [`DEFAULT_REALM`](Self::DEFAULT_REALM), no login page, parameter `next`, `Retry-After: 5`.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            challenges: Challenges::new(Self::DEFAULT_REALM),
            login_page: None,
            next_parameter: "next".to_owned(),
            retry_after: Self::DEFAULT_RETRY_AFTER,
        }))
    }

    /// Sets the realm of every challenge. Control characters are left out, and what is not ASCII becomes `?`.
    pub fn with_realm(mut self, realm: &str) -> Self {
        Arc::make_mut(&mut self.0).challenges = Challenges::new(realm);
        self
    }

    /// Sends page requests without a user to this path, or absolute URL. Default: none, and they get a 401 page.
    pub fn with_login_page(mut self, page: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).login_page = Some(page.into());
        self
    }

    /// Names the query parameter that tells the login page the way back. Default: `next`.
    pub fn with_next_parameter(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).next_parameter = name.into();
        self
    }

    /// Sets the `Retry-After` of a 503, in whole seconds. Default: 5.
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        Arc::make_mut(&mut self.0).retry_after = delay;
        self
    }

    /// The login page, if there is one.
    #[must_use]
    pub fn login_page(&self) -> Option<&str> {
        self.0.login_page.as_deref()
    }

    /// The answer to an API client, when there is no request to look at.
    pub(crate) fn api<B: From<Bytes>>(&self, kind: RefusalKind) -> Response<B> {
        let mut response = answer(kind.status(), problem::MEDIA_TYPE, problem::body(kind));
        self.add_challenge(kind, &mut response);
        self.add_retry_after(kind, &mut response);
        response
    }

    fn page<B: From<Bytes>>(&self, kind: RefusalKind) -> Response<B> {
        let mut response = answer(kind.status(), page::MEDIA_TYPE, page::body(kind));
        if kind.status() == StatusCode::UNAUTHORIZED {
            self.add_challenge(kind, &mut response);
        }
        self.add_retry_after(kind, &mut response);
        response
    }

    fn login_location(&self, head: RequestHead<'_>) -> Option<HeaderValue> {
        redirect::login_location(self.login_page()?, &self.0.next_parameter, head)
    }

    fn add_challenge<B>(&self, kind: RefusalKind, response: &mut Response<B>) {
        if let Some(challenge) = self.0.challenges.of(kind) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }

    fn add_retry_after<B>(&self, kind: RefusalKind, response: &mut Response<B>) {
        if kind == RefusalKind::Unavailable {
            let seconds = self.0.retry_after.whole_seconds().max(0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: From<Bytes>> Respond<B> for Answers {
    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B> {
        let kind = refusal.kind();
        let is_htmx = redirect::is_htmx(head.headers);
        if !is_htmx && !is_page_request(head) {
            return self.api(kind);
        }
        let location = if kind.asks_for_login() { self.login_location(head) } else { None };
        match location {
            Some(location) if is_htmx => {
                let mut response = self.page(kind);
                response.headers_mut().insert(redirect::HX_REDIRECT, location);
                response
            }
            Some(location) => see_other(location),
            None => self.page(kind),
        }
    }
}

/// 303, so that the browser asks for the login page with `GET` whatever it asked for here (RFC 9110 §15.4.4).
fn see_other<B: From<Bytes>>(location: HeaderValue) -> Response<B> {
    let mut response = Response::new(B::from(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answer<B: From<Bytes>>(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<B> {
    let mut response = Response::new(B::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
