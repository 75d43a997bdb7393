//! [`BearerTokenLayer`] and its settings.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use tower_layer::Layer;

use crate::client::bearer::settings::Settings;
use crate::client::bearer::{BearerTokenService, CloneBody};
use crate::client::origin::{Origin, configuration};
use crate::client::{ClientError, TokenManager};

/// Adds the access token of a [`TokenManager`] to outgoing requests, as `Authorization: Bearer` (RFC 6750 §2.1).
///
/// - Only requests to one of its [origins](Self::with_origin) get the token. A request to another origin passes as it is, and
///   causes no login.
/// - A request that has an `Authorization` header, or [`UseToken`](crate::client::UseToken) in its extensions, keeps what it has.
/// - If the API rejects the token, the manager refreshes, once for all requests, and this request is repeated, once. It is
///   not repeated if its body has no copy ([`repeat_with`](Self::repeat_with)), or if there is no other token. Then the
///   rejection is the response, with the [`ClientError`] in its extensions if there is one. The rejection of the repeated
///   request is the response, too: no request is sent three times.
///
/// The layer goes around every `tower::Service<http::Request<B>>` that is `Clone`. The address of a request must be absolute, as
/// HTTP clients want it.
///
/// # Redirects
/// Put a layer that follows redirects *around* this one: then this layer sees each request, and decides by its origin. Within
/// this layer, it is the HTTP client that must remove `Authorization` on the way to another host: reqwest does, and
/// tower-http's `FollowRedirect` does by its standard policy.
///
/// # Errors
/// Of a request: [`BearerTokenError`](crate::client::BearerTokenError).
///
/// # Cancel safety
/// A request may be given up at any time. A login or refresh that it began goes on for the others.
///
/// # Example
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt};
/// # use async_trait::async_trait;
/// # use tower_tokens::client::{ClientError, IssuedTokens, StoredTokens, TokenEndpoint};
/// use tower_tokens::client::{BearerTokenLayer, MemoryTokenStore, TokenManager};
/// # #[derive(Debug)]
/// # struct Partner;
/// # #[async_trait]
/// # impl TokenEndpoint for Partner {
/// #     async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
/// #         Ok(IssuedTokens::new("first"))
/// #     }
/// #     async fn refresh(&self, _: &StoredTokens) -> Result<IssuedTokens, ClientError> {
/// #         Ok(IssuedTokens::new("second"))
/// #     }
/// # }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let manager = TokenManager::new(Partner, MemoryTokenStore::new());
/// let client = ServiceBuilder::new()
///     .layer(BearerTokenLayer::new(manager).with_origin("https://api.example")?)
///     // In place of an HTTP client: it answers with the header that it gets.
///     .service_fn(async |request: Request<String>| {
///         let header = request.headers().get("authorization").cloned();
///         Ok::<_, std::convert::Infallible>(Response::new(header))
///     });
///
/// let request = Request::get("https://api.example/work").body(String::new())?;
/// assert_eq!(client.clone().oneshot(request).await?.into_body().unwrap(), "Bearer first");
/// let request = Request::get("https://elsewhere.example/").body(String::new())?;
/// assert_eq!(client.oneshot(request).await?.into_body(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # With reqwest
/// A `reqwest::Client` is a service once a function converts requests and responses. Requests with [`Bytes`](bytes::Bytes) can be
/// repeated. If some bodies are streams, let the requests have a `reqwest::Body`, with
/// `.repeat_with(|body: &reqwest::Body| body.as_bytes().map(|bytes| bytes.to_vec().into()))`.
/// ```
/// # use async_trait::async_trait;
/// # use openidconnect::reqwest;
/// # use tower_tokens::client::{BearerTokenLayer, ClientError, IssuedTokens, MemoryTokenStore, StoredTokens, TokenEndpoint, TokenManager};
/// # #[derive(Debug)]
/// # struct Partner;
/// # #[async_trait]
/// # impl TokenEndpoint for Partner {
/// #     async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
/// #         Ok(IssuedTokens::new("first"))
/// #     }
/// #     async fn refresh(&self, _: &StoredTokens) -> Result<IssuedTokens, ClientError> {
/// #         Ok(IssuedTokens::new("second"))
/// #     }
/// # }
/// # async fn use_it(manager: TokenManager) -> Result<(), Box<dyn std::error::Error>> {
/// use tower::{ServiceBuilder, ServiceExt};
///
/// let reqwest = reqwest::Client::new();
/// let client = ServiceBuilder::new()
///     .layer(BearerTokenLayer::new(manager).with_origin("https://api.example")?)
///     .service_fn(move |request: http::Request<bytes::Bytes>| {
///         let reqwest = reqwest.clone();
///         async move { reqwest.execute(request.try_into()?).await.map(http::Response::<reqwest::Body>::from) }
///     });
/// let request = http::Request::post("https://api.example/work").body("hello".into())?;
/// let response = reqwest::Response::from(client.oneshot(request).await?);
/// println!("{}", response.text().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct BearerTokenLayer<R = CloneBody> {
    settings: Arc<Settings>,
    repeat: R,
}

impl BearerTokenLayer {
    /// Tokens of this manager, for no origin yet. The bodies of requests are copied by `clone`.
    pub fn new(manager: TokenManager) -> Self {
        Self { settings: Arc::new(Settings::new(manager)), repeat: CloneBody }
    }
}

impl<R> BearerTokenLayer<R> {
    /// Adds tokens to requests to this origin, too: `https://api.example`, with a port if it is not the scheme's own.
    /// Scheme, host and port must be the same; upper and lower case count the same.
    ///
    /// # Errors
    /// [`Configuration`](crate::client::ClientErrorKind::Configuration) if it is not an origin, or if it is one with `http://` that
    /// is not a loopback address: the token could be read on the way (RFC 6750 §5.3).
    pub fn with_origin(self, origin: &str) -> Result<Self, ClientError> {
        let origin = Origin::parse(origin)?;
        if origin.is_exposed() {
            return Err(configuration("a token is sent over https, or within this machine"));
        }
        Ok(self.with(|settings| settings.origins.push(origin)))
    }

    /// As [`with_origin`](Self::with_origin), also for an origin with `http://` in a network in which others read
    /// nothing.
    ///
    /// # Errors
    /// [`Configuration`](crate::client::ClientErrorKind::Configuration) if it is not an origin.
    pub fn insecure_with_http_origin(self, origin: &str) -> Result<Self, ClientError> {
        let origin = Origin::parse(origin)?;
        Ok(self.with(|settings| settings.origins.push(origin)))
    }

    /// Which responses mean that the access token is not valid. Default: each with status 401 (RFC 6750 §3.1). For Ergani it
    /// is [`ErganiEndpoint::says_token_expired`](crate::client::ErganiEndpoint::says_token_expired).
    pub fn with_rejection(self, rejection: impl Fn(StatusCode, &HeaderMap) -> bool + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.rejection = Arc::new(rejection))
    }

    /// How the body of a request is copied before it is sent, for the case that the request is repeated. Default: it is
    /// cloned. `|_: &Body| None` repeats no request; the manager still gets another token, for the next one.
    pub fn repeat_with<B, F>(self, copy: F) -> BearerTokenLayer<F>
    where
        F: Fn(&B) -> Option<B> + Clone,
    {
        BearerTokenLayer { settings: self.settings, repeat: copy }
    }

    /// How many requests were repeated, by all clones and services of this layer.
    #[must_use]
    pub fn repeated_requests(&self) -> u64 {
        self.settings.repeated()
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, R: Clone> Layer<S> for BearerTokenLayer<R> {
    type Service = BearerTokenService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerTokenService { inner, settings: Arc::clone(&self.settings), repeat: self.repeat.clone() }
    }
}
