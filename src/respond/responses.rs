//! The responses to refused requests: their settings, and the trait that replaces them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::request::RequestHead;
use crate::respond::api::{ApiResponses, new_response};
use crate::respond::origin::Origin;
use crate::respond::redirect::LoginRedirect;
use crate::respond::requester::Requester;
use crate::respond::{Refusal, api, grpc, page, redirect, safe_next};

/// Turns a refusal into a response of any body type. Implement it to write your own responses.
///
/// The response should reveal the [`kind`](Refusal::kind) of the refusal to the client and nothing more. To replace
/// only the HTML page, set [`RefusalResponses::with_page`] instead.
///
/// If a handler returned the refusal, the request no longer exists. Its head then contains what the guard or the
/// [`RefusalLayer`](super::RefusalLayer) kept of it: method, target and, unless the request is a script's, `Accept`,
/// `Accept-Language`, `Host`, `Referer`, `HX-Request` and `HX-Current-URL`.
///
/// # Example
/// ```
/// use http::{Request, Response};
/// use tower_tokens::request::RequestHead;
/// use tower_tokens::respond::{Refusal, RefusalKind, RespondToRefusal};
///
/// struct Plain;
///
/// impl<B: From<&'static str>> RespondToRefusal<B> for Plain {
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
pub trait RespondToRefusal<B> {
    /// The response to a refused request.
    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B>;

    /// Whether the response to a program (a script or a gRPC client) depends on the request line: the method and the address.
    /// Default: `true`.
    ///
    /// A guard and a [`RefusalLayer`](crate::respond::RefusalLayer) keep it of every request for the case that the handler refuses.
    /// With `false` they do not keep a program's, which costs less; the head that `respond` then gets for such a refusal has `GET /`. A
    /// refusal of the guard itself has the whole head in both cases.
    fn needs_request_line(&self) -> bool {
        true
    }
}

impl<B, R: RespondToRefusal<B> + ?Sized> RespondToRefusal<B> for Arc<R> {
    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B> {
        (**self).respond(refusal, head)
    }

    fn needs_request_line(&self) -> bool {
        (**self).needs_request_line()
    }
}

/// The responses of the table in [`respond`](crate::respond), and their settings. Cheap to clone.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use tower_tokens::respond::RefusalResponses;
///
/// let responses = RefusalResponses::new().with_realm("the club").with_retry_after(Duration::from_secs(30));
/// assert_eq!(responses.login_page(), None);
/// ```
#[derive(Debug, Clone)]
#[must_use = "responses do nothing until a guard or a layer uses them"]
pub struct RefusalResponses(Arc<Settings>);

#[derive(Debug, Clone)]
struct Settings {
    api: ApiResponses,
    login: LoginRedirect,
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

/// Put into the extensions of a response whose body is this crate's own page, which an outer layer may replace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HasDefaultPage;

impl RefusalResponses {
    /// The default realm. Our choice: it says what a token is for, and nothing about the site.
    pub const DEFAULT_REALM: &'static str = api::DEFAULT_REALM;

    /// The default of `Retry-After`. Our choice: long enough for a store to restart its connections.
    pub const DEFAULT_RETRY_AFTER: Duration = api::DEFAULT_RETRY_AFTER;

    /// The defaults: realm [`DEFAULT_REALM`](Self::DEFAULT_REALM), no login page, parameter `next`, `Retry-After: 5`.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            api: ApiResponses::default(),
            login: LoginRedirect {
                page: None,
                next_parameter: "next".to_owned(),
                public_prefix: String::new(),
                public_origin: None,
            },
            page: None,
        }))
    }

    /// Sets the realm of every challenge. Control characters are left out, and every non-ASCII character becomes `?`.
    pub fn with_realm(mut self, realm: &str) -> Self {
        Arc::make_mut(&mut self.0).api.set_realm(realm);
        self
    }

    /// Redirects page requests without a user to this path, or absolute URL. Default: no login page; they get a 401
    /// page.
    pub fn with_login_page(mut self, page: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).login.page = Some(page.into());
        self
    }

    /// Names the query parameter that carries the return address to the login page. Default: `next`.
    pub fn with_next_parameter(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).login.next_parameter = name.into();
        self
    }

    /// Prepends this path to the return address, for a site behind a proxy that removes it: the browser's
    /// `/club/members` is `/members` here, and `next` should be `/club/members`. Give the login page as the browser
    /// sees it: `/club/login`. Default: empty.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] unless it is empty, or a path that [`safe_next`](super::safe_next) accepts, without
    /// `?` and `#`. A final `/` is removed.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::RefusalResponses;
    ///
    /// let responses = RefusalResponses::new().with_login_page("/club/login").with_public_prefix("/club")?;
    /// assert!(RefusalResponses::new().with_public_prefix("club").is_err());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    pub fn with_public_prefix(mut self, prefix: &str) -> Result<Self, Error> {
        let trimmed = prefix.trim_end_matches('/');
        if !prefix.is_empty() && (safe_next(prefix).is_none() || trimmed.contains(['?', '#'])) {
            let fault = format!("the public prefix {prefix:?} is not a path: write it like \"/club\"");
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        }
        Arc::make_mut(&mut self.0).login.public_prefix = trimmed.to_owned();
        Ok(self)
    }

    /// Says at which origin browsers find this site, such as `https://app.example`. Default: unknown.
    ///
    /// A login page of another origin then gets a whole URL as `next`, which it checks with
    /// [`safe_next_on`](super::safe_next_on). It also identifies the page of a form or of htmx as a page of this site
    /// if a proxy rewrites `Host`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] unless it is `http` or `https`, a host and optionally a port.
    pub fn with_public_origin(mut self, origin: &str) -> Result<Self, Error> {
        let Some(parsed) = Origin::parse(origin) else {
            let fault = format!("the public origin {origin:?} is not an origin: write it like \"https://app.example\"");
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        };
        Arc::make_mut(&mut self.0).login.public_origin = Some(parsed);
        Ok(self)
    }

    /// Shows this page (HTML in UTF-8) in place of the crate's own. Everything else stays: status, challenge,
    /// `Retry-After`, `HX-Redirect`, and the redirect to the login page. Default: a small page in English.
    ///
    /// If it is set on the [`RefusalLayer`](super::RefusalLayer) around a site, it applies to all its guards,
    /// extractors and handlers.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::respond::{RefusalResponses, Refusal, RefusalKind, RefusalLayer};
    ///
    /// let responses = RefusalResponses::new().with_page(|refusal: &Refusal| {
    ///     let text = match refusal.kind() {
    ///         RefusalKind::Denied => "This page is for others.",
    ///         _ => "That did not work.",
    ///     };
    ///     format!("<!doctype html><title>{text}</title><h1>{text}</h1>")
    /// });
    /// let layer = RefusalLayer::new(responses);
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
        Arc::make_mut(&mut self.0).api.set_retry_after(delay);
        self
    }

    /// The login page, if there is one.
    #[must_use]
    pub fn login_page(&self) -> Option<&str> {
        self.0.login.page.as_deref()
    }

    fn page<B: From<Bytes>>(&self, refusal: &Refusal) -> Response<B> {
        let kind = refusal.kind();
        let mut response = match &self.0.page {
            Some(Page(page)) => new_response(kind.status(), page::MEDIA_TYPE, page(refusal)),
            None => {
                let mut response = new_response(kind.status(), page::MEDIA_TYPE, page::body(refusal));
                response.extensions_mut().insert(HasDefaultPage);
                response
            }
        };
        self.0.api.add_headers(kind, refusal.missing_abilities(), &mut response);
        response
    }
}

impl Refusal {
    /// Sets the answers that apply if no other answers are set: the realm and so on. Default: [`RefusalResponses::default`].
    #[must_use]
    pub fn with_responses(self, responses: RefusalResponses) -> Self {
        self.with_api_responses(responses.0.api.clone())
    }
}

impl Default for RefusalResponses {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: From<Bytes>> RespondToRefusal<B> for RefusalResponses {
    fn needs_request_line(&self) -> bool {
        false
    }

    fn respond(&self, refusal: &Refusal, head: RequestHead<'_>) -> Response<B> {
        let requester = Requester::of(head);
        let may_be_moved = matches!(requester, Requester::Navigation | Requester::Htmx) && refusal.asks_for_login();
        let location = if may_be_moved { self.0.login.location(head) } else { None };
        let mut response = match (requester, location) {
            (Requester::Script, _) => return self.0.api.answer(refusal.kind(), refusal.missing_abilities()),
            (Requester::Grpc { media_type }, _) => {
                let mut response = grpc::answer(refusal.kind(), media_type);
                self.0.api.add_headers(refusal.kind(), refusal.missing_abilities(), &mut response);
                return response;
            }
            (Requester::Htmx, Some(location)) => {
                let mut response = self.page(refusal);
                response.headers_mut().insert(redirect::HX_REDIRECT, location);
                response
            }
            (_, Some(location)) => return see_other(location),
            (_, None) => self.page(refusal),
        };
        // A browser that opens a page by `GET` has no use for a challenge; only a 401 must have one (RFC 9110 §15.5.2).
        let is_looked_at = requester == Requester::Htmx || matches!(*head.method, Method::GET | Method::HEAD);
        if is_looked_at && response.status() != StatusCode::UNAUTHORIZED {
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
        }
        response
    }
}

/// 303, so that the browser requests the login page with `GET`, whatever its own method was (RFC 9110 §15.4.4).
fn see_other<B: From<Bytes>>(location: HeaderValue) -> Response<B> {
    let mut response = Response::new(B::from(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
