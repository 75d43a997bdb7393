//! How to answer: the settings, and the one trait to replace.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use time::Duration;

use crate::error::{Error, ErrorKind};
use crate::head::RequestHead;
use crate::respond::challenge::Challenges;
use crate::respond::origin::Origin;
use crate::respond::redirect::LoginRedirect;
use crate::respond::requester::Requester;
use crate::respond::{Refusal, RefusalKind, page, problem, redirect, safe_next};

/// Turns a refusal into an answer, whatever the body type. Implement it to answer in your own words.
///
/// The answer should tell the client the [`kind`](Refusal::kind) of the refusal and nothing more. To change the page that
/// people see, and nothing else, set [`Answers::with_page`] instead.
///
/// For a refusal that a handler returned, the request is gone: its head is then what the guard or the
/// [`RefusalLayer`](super::RefusalLayer) remembers of it: method, target and, unless a script waits, `Accept`,
/// `Accept-Language`, `Host`, `Referer`, `HX-Request` and `HX-Current-URL`.
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
    login: LoginRedirect,
    retry_after: Duration,
    page: Option<Page>,
}

/// The application's own page.
#[derive(Clone)]
struct Page(Arc<dyn Fn(&Refusal) -> Bytes + Send + Sync>);

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

/// In the extensions of a response whose body is this crate's own page, which an outer layer may have a better one for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HasDefaultPage;

impl Answers {
    /// The realm where none is named. Our choice: it says what a token is for, and nothing about the site.
    pub const DEFAULT_REALM: &'static str = "members";

    /// What `Retry-After` says by default. Our choice: long enough for a store to restart its connections.
    pub const DEFAULT_RETRY_AFTER: Duration = Duration::seconds(5);

    /// The defaults: realm [`DEFAULT_REALM`](Self::DEFAULT_REALM), no login page, parameter `next`, `Retry-After: 5`.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            challenges: Challenges::new(Self::DEFAULT_REALM),
            login: LoginRedirect {
                page: None,
                next_parameter: "next".to_owned(),
                public_prefix: String::new(),
                public_origin: None,
            },
            retry_after: Self::DEFAULT_RETRY_AFTER,
            page: None,
        }))
    }

    /// Sets the realm of every challenge. Control characters are left out, and what is not ASCII becomes `?`.
    pub fn with_realm(mut self, realm: &str) -> Self {
        Arc::make_mut(&mut self.0).challenges = Challenges::new(realm);
        self
    }

    /// Sends page requests without a user to this path, or absolute URL. Default: none, and they get a 401 page.
    pub fn with_login_page(mut self, page: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).login.page = Some(page.into());
        self
    }

    /// Names the query parameter that tells the login page the way back. Default: `next`.
    pub fn with_next_parameter(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).login.next_parameter = name.into();
        self
    }

    /// Puts this path in front of the way back, for a site behind a proxy that takes it off: the browser's `/club/members`
    /// is `/members` here, and `next` should be `/club/members`. The login page is given as the browser knows it:
    /// `/club/login`. Default: empty.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] unless it is empty, or a path that [`safe_next`](super::safe_next) takes, without `?`
    /// and `#`. A last `/` is left out.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::Answers;
    ///
    /// let answers = Answers::new().with_login_page("/club/login").with_public_prefix("/club")?;
    /// assert!(Answers::new().with_public_prefix("club").is_err());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    pub fn with_public_prefix(mut self, prefix: &str) -> Result<Self, Error> {
        let trimmed = prefix.trim_end_matches('/');
        if !prefix.is_empty() && (safe_next(prefix).is_none() || trimmed.contains(['?', '#'])) {
            let fault = format!("the public prefix {prefix:?} is no path: write it like \"/club\"");
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        }
        Arc::make_mut(&mut self.0).login.public_prefix = trimmed.to_owned();
        Ok(self)
    }

    /// Says at which origin browsers find this site, such as `https://app.example`. Default: unknown.
    ///
    /// A login page of another origin then gets a whole URL as `next`, which it checks with
    /// [`safe_next_on`](super::safe_next_on). The page that a form or htmx was on is also known to be of this site where a
    /// proxy rewrites `Host`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] unless it is `http` or `https`, a host and perhaps a port.
    pub fn with_public_origin(mut self, origin: &str) -> Result<Self, Error> {
        let Some(parsed) = Origin::parse(origin) else {
            let fault = format!("the public origin {origin:?} is no origin: write it like \"https://app.example\"");
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        };
        Arc::make_mut(&mut self.0).login.public_origin = Some(parsed);
        Ok(self)
    }

    /// Shows people this page (HTML in UTF-8) instead of the crate's own. Everything else stays: status, challenge,
    /// `Retry-After`, `HX-Redirect`, and that who has to log in is sent to the login page. Default: a small page in English.
    ///
    /// Set on the [`RefusalLayer`](super::RefusalLayer) around a site, it holds for all its guards, extractors and handlers.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::{Answers, Refusal, RefusalKind, RefusalLayer};
    ///
    /// let answers = Answers::new().with_page(|refusal: &Refusal| {
    ///     let text = match refusal.kind() {
    ///         RefusalKind::Denied => "This page is for others.",
    ///         _ => "That did not work.",
    ///     };
    ///     format!("<!doctype html><title>{text}</title><h1>{text}</h1>")
    /// });
    /// let layer = RefusalLayer::new(answers);
    /// ```
    pub fn with_page<F, P>(mut self, page: F) -> Self
    where
        F: Fn(&Refusal) -> P + Send + Sync + 'static,
        P: Into<Bytes>,
    {
        Arc::make_mut(&mut self.0).page = Some(Page(Arc::new(move |refusal| page(refusal).into())));
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
        self.0.login.page.as_deref()
    }

    /// The answer to an API client, when there is no request to look at.
    pub(crate) fn api<B: From<Bytes>>(&self, kind: RefusalKind) -> Response<B> {
        let mut response = answer(kind.status(), problem::MEDIA_TYPE, problem::body(kind));
        self.add_headers(kind, &mut response);
        response
    }

    /// `WWW-Authenticate` and `Retry-After`, where they belong to this kind.
    fn add_headers<B>(&self, kind: RefusalKind, response: &mut Response<B>) {
        if let Some(challenge) = self.0.challenges.of(kind) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if kind == RefusalKind::Unavailable {
            let seconds = self.0.retry_after.whole_seconds().max(0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    fn page<B: From<Bytes>>(&self, refusal: &Refusal) -> Response<B> {
        let kind = refusal.kind();
        let mut response = match &self.0.page {
            Some(Page(page)) => answer(kind.status(), page::MEDIA_TYPE, page(refusal)),
            None => {
                let mut response = answer(kind.status(), page::MEDIA_TYPE, page::body(refusal));
                response.extensions_mut().insert(HasDefaultPage);
                response
            }
        };
        self.add_headers(kind, &mut response);
        response
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: From<Bytes>> Respond<B> for Answers {
    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B> {
        let requester = Requester::of(head);
        let may_be_moved = matches!(requester, Requester::Navigation | Requester::Htmx) && refusal.asks_for_login();
        let location = if may_be_moved { self.0.login.location(head) } else { None };
        let mut response = match (requester, location) {
            (Requester::Script, _) => return self.api(refusal.kind()),
            (Requester::Htmx, Some(location)) => {
                let mut response = self.page(refusal);
                response.headers_mut().insert(redirect::HX_REDIRECT, location);
                response
            }
            (_, Some(location)) => return see_other(location),
            (_, None) => self.page(refusal),
        };
        // Who looks at a page by `GET` can do nothing with a challenge, except that a 401 must have one (RFC 9110 §15.5.2).
        let is_looked_at = requester == Requester::Htmx || matches!(*head.method, Method::GET | Method::HEAD);
        if is_looked_at && response.status() != StatusCode::UNAUTHORIZED {
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
        }
        response
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
