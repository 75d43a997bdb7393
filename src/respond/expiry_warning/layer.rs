//! The layer that warns of the end of an API token.

use http::HeaderName;
use time::Duration;
use tower_layer::Layer;

use crate::respond::ExpiryWarningService;

/// From how long before its end an API token is warned of: 7 days. Our choice: time to rotate it before it ends.
pub const EXPIRY_WARNING: Duration = Duration::days(7);

/// Adds a header to the responses to requests whose API token ends soon: the time of its end, as an HTTP date.
///
/// ```text
/// authentication-token-expiration: Fri, 15 Jan 2027 08:00:00 GMT
/// ```
///
/// It stands inside of `TokenAuthLayer`, which finds the user, and outside of the guards, so that their refusals have the header
/// too. Only API tokens are warned of: the user of another token logs in again. An idle limit does not count, because the
/// request itself has moved that end. The response without a warning costs one comparison.
///
/// The header is for programs. For the owner there is an [event](crate::lifecycle::TokenAction::ExpiresSoon) once a day.
///
/// # Source
/// No standard has such a header. GitHub's API sends `GitHub-Authentication-Token-Expiration` with each response; the name is
/// ours. The date is written as in `Sunset` (RFC 8594 §3).
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use tower_tokens::auth::TokenAuthLayer;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
/// use tower_tokens::respond::ExpiryWarningLayer;
/// use tower_tokens::token::{ApiTokenFormat, Lifetime};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let user_id = repository.create_user(None, "member").await?;
/// let tokens = Tokens::new(repository).with_api_tokens(ApiTokenFormat::new("acme")?);
/// let site = ServiceBuilder::new()
///     .layer(TokenAuthLayer::new(tokens.clone()))
///     .layer(ExpiryWarningLayer::new())
///     .service(service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))));
///
/// for (days, is_warned) in [(30, false), (6, true)] {
///     let issued = tokens.generate(&user_id).api_token().lifetime(Lifetime::days(days)).await?;
///     let bearer = format!("Bearer {}", issued.token().expose_secret());
///     let response = site.clone().oneshot(Request::get("/").header("authorization", bearer).body(())?).await?;
///     assert_eq!(response.headers().contains_key("authentication-token-expiration"), is_warned);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ExpiryWarningLayer {
    within: Duration,
    header: HeaderName,
}

impl ExpiryWarningLayer {
    /// Warns from [`EXPIRY_WARNING`] before the end, in the header `authentication-token-expiration`.
    pub const fn new() -> Self {
        Self { within: EXPIRY_WARNING, header: HeaderName::from_static("authentication-token-expiration") }
    }

    /// From how long before the end it warns. Default: [`EXPIRY_WARNING`]; `Duration::MAX` for each token that has an end.
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// The name of the header. Default: `authentication-token-expiration`.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.header = name;
        self
    }
}

impl Default for ExpiryWarningLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ExpiryWarningLayer {
    type Service = ExpiryWarningService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ExpiryWarningService::new(inner, self.within, self.header.clone())
    }
}
