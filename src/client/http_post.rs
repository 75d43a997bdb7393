//! [`HttpPost`]: bounded POST requests to a token endpoint, over any HTTP client that is a `tower::Service`.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use serde::Serialize;
use tower::Service;
use zeroize::Zeroizing;

use crate::client::bearer::UseToken;
use crate::client::origin::{Origin, absolute, configuration};
use crate::client::retry_after::retry_after;
use crate::client::{ClientError, ClientErrorKind, HttpAnswer, SecretText};
use crate::log::log_debug;

/// The most bytes of an answer that are read. Our choice: tokens with many claims have a few kilobytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1_024;

/// Sends the requests of a [`TokenEndpoint`](crate::client::TokenEndpoint), over the HTTP client of the application: hyper-util's,
/// or any other that is a `tower::Service`. Clones share it.
///
/// It is for endpoints of your own, too. There is no time-out here: the
/// [`TokenManager`](crate::client::TokenManager) has one for each call of an endpoint. A redirect is not followed, because
/// the request has the credentials in it; let your client follow none either.
///
/// # Errors
/// Of a request that is sent:
/// - [`Unavailable`](ClientErrorKind::Unavailable) if no whole answer came, or one with the status 408, 425, 429 or 5xx. Its
///   `Retry-After`, one hour at most, is the error's [`wait`](ClientError::wait).
/// - [`Malformed`](ClientErrorKind::Malformed) if the answer is longer than [`MAX_ANSWER_BYTES`].
///
/// Every other answer is an [`HttpAnswer`], which the endpoint judges.
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower_tokens::client::{ClientErrorKind, HttpPost};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // In place of a client: `hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector)`.
/// let client = tower::service_fn(async |request: Request<Full<Bytes>>| {
///     assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
///     let form = request.into_body().collect().await?.to_bytes();
///     let token = if form == "code=42&name=A+B" { r#"{"token":"secret"}"# } else { "?" };
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(token)))
/// });
/// let http = HttpPost::new(client);
/// let url = http.url("https://api.example/token")?;
/// let answer = http.to(&url).form(&[("code", "42"), ("name", "A B")]).await?;
/// let body: serde_json::Value = answer.json()?;
/// assert_eq!(body["token"], "secret");
///
/// let plain = http.url("http://api.example/token").unwrap_err();
/// assert_eq!(plain.kind(), ClientErrorKind::Configuration);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct HttpPost {
    send: Arc<Sender>,
    allows_http: bool,
}

type Sender = dyn Fn(Request<Full<Bytes>>) -> Exchange + Send + Sync;
type Exchange = Pin<Box<dyn Future<Output = Result<HttpAnswer, ClientError>> + Send>>;
type BoxError = Box<dyn StdError + Send + Sync>;

impl HttpPost {
    /// Sends requests through clones of `client`.
    pub fn new<S, B>(client: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        // A client that is not `Sync` is cloned under a lock.
        let client = Mutex::new(client);
        let send = move |request| -> Exchange {
            let client = client.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(exchange(client, request))
        };
        Self { send: Arc::new(send), allows_http: false }
    }

    /// Accepts addresses with `http://` also for other hosts than this machine. The credentials can be read on the way.
    /// Default: `https`, or a loopback address (RFC 6749 §3.2).
    #[must_use]
    pub fn insecure_allow_http(mut self) -> Self {
        self.allows_http = true;
        self
    }

    /// Checks an address to send requests to.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if it is not an absolute address with `https://`, or with
    /// `http://` on a loopback address; or if it has a user name or a fragment.
    pub fn url(&self, text: &str) -> Result<Uri, ClientError> {
        let uri = absolute(text)?;
        if !self.allows_http && Origin::of(&uri).is_none_or(|origin| origin.is_exposed()) {
            return Err(configuration("credentials are sent over https, or within this machine"));
        }
        Ok(uri)
    }

    /// A request to this address.
    pub fn to<'a>(&'a self, url: &'a Uri) -> PostRequest<'a> {
        PostRequest { http: self, url, headers: HeaderMap::new() }
    }
}

impl fmt::Debug for HttpPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpPost").field("allows_http", &self.allows_http).finish_non_exhaustive()
    }
}

/// A request of [`HttpPost`] that is being built. It is sent by [`form`](Self::form) or [`json`](Self::json), with the errors of
/// [`HttpPost`].
#[derive(Clone)]
#[must_use = "`form` or `json` sends the request"]
pub struct PostRequest<'a> {
    http: &'a HttpPost,
    url: &'a Uri,
    headers: HeaderMap,
}

impl PostRequest<'_> {
    /// With this header, in place of one of the same name.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a header that must not be logged.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if the text cannot be the value of a header.
    pub fn secret_header(self, name: HeaderName, value: &SecretText) -> Result<Self, ClientError> {
        let value = HeaderValue::from_str(value.expose_secret());
        let mut value = value.map_err(|_| configuration("this secret cannot be the value of a header"))?;
        value.set_sensitive(true);
        Ok(self.header(name, value))
    }

    /// With `Authorization: Bearer` (RFC 6750 §2.1).
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if the token cannot be in a header.
    pub fn bearer(self, token: &SecretText) -> Result<Self, ClientError> {
        self.secret_header(AUTHORIZATION, &SecretText::new(format!("Bearer {}", token.expose_secret())))
    }

    /// With `Authorization: Basic` (RFC 7617).
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if the user name contains a colon.
    pub fn basic(self, name: &str, password: &SecretText) -> Result<Self, ClientError> {
        if name.contains(':') {
            return Err(configuration("a user name for HTTP Basic contains no colon"));
        }
        let pair = Zeroizing::new(format!("{name}:{}", password.expose_secret()));
        self.secret_header(AUTHORIZATION, &SecretText::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
    }

    /// Sends the fields as `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// As [`HttpPost`].
    pub async fn form(self, fields: &[(&str, &str)]) -> Result<HttpAnswer, ClientError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("application/x-www-form-urlencoded", body.into_bytes()).await
    }

    /// Sends the value as `application/json`.
    ///
    /// # Errors
    /// As [`HttpPost`], and [`Configuration`](ClientErrorKind::Configuration) if the value cannot be written as JSON.
    pub async fn json(self, value: &(impl Serialize + Sync)) -> Result<HttpAnswer, ClientError> {
        let body = serde_json::to_vec(value).map_err(|_| configuration("this cannot be written as JSON"))?;
        self.send("application/json", body).await
    }

    pub(super) async fn send(mut self, media_type: &'static str, body: Vec<u8>) -> Result<HttpAnswer, ClientError> {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        let mut request = Request::new(Full::new(Bytes::from_owner(Zeroizing::new(body))));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers;
        // A `BearerTokenLayer` around the same client would wait for the tokens that this request is to get.
        request.extensions_mut().insert(UseToken::none());
        let answer = (self.http.send)(request).await;
        log_debug!(
            host = self.url.host(),
            path = self.url.path(),
            status = answer.as_ref().ok().map(|answer| answer.status().as_u16()),
            "a token endpoint was called"
        );
        answer
    }
}

impl fmt::Debug for PostRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostRequest").field("url", &self.url).field("headers", &self.headers).finish_non_exhaustive()
    }
}

async fn exchange<S, B>(mut client: S, request: Request<Full<Bytes>>) -> Result<HttpAnswer, ClientError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    poll_fn(|cx| client.poll_ready(cx)).await.map_err(unavailable)?;
    let (head, body) = client.call(request).await.map_err(unavailable)?.into_parts();
    if means_later(head.status) {
        let error = unavailable(format!("status {}", head.status));
        return Err(match retry_after(&head.headers) {
            Some(wait) => error.retry_after(wait),
            None => error,
        });
    }
    match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(body) => Ok(HttpAnswer::new(head.status, head.headers, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(ClientError::new(
            ClientErrorKind::Malformed,
            format!("the answer has more than {MAX_ANSWER_BYTES} bytes"),
        )),
        Err(error) => Err(unavailable(error)),
    }
}

/// Whether the same request may succeed later.
fn means_later(status: StatusCode) -> bool {
    let is_listed =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    is_listed || status.is_server_error()
}

fn unavailable(source: impl Into<BoxError>) -> ClientError {
    ClientError::new(ClientErrorKind::Unavailable, source)
}
