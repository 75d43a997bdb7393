//! Where tokens come from.
#![deny(clippy::missing_trait_methods)]

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client::{ClientError, IssuedTokens, StoredTokens};

/// An API's own way to issue tokens: log in, refresh, and, if it has one, log out. The credentials are in the endpoint.
///
/// Not to be confused with [`Authenticator`](crate::auth::Authenticator), with which a handler of this application logs
/// a visitor in.
///
/// # Errors
/// Every call: [`Refused`](crate::client::ClientErrorKind::Refused) only if the endpoint itself says that the credentials
/// or the refresh token are not valid. Everything else, a time-out, 429 and 5xx included, is
/// [`Unavailable`](crate::client::ClientErrorKind::Unavailable) or
/// [`Malformed`](crate::client::ClientErrorKind::Malformed): the stored tokens are kept.
///
/// # Example
/// ```
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use tower_tokens::client::{ClientError, IssuedTokens, StoredTokens, TokenEndpoint};
///
/// #[derive(Debug)]
/// struct Partner;
///
/// #[async_trait]
/// impl TokenEndpoint for Partner {
///     async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
///         Ok(IssuedTokens::new("first").expires_in(Duration::from_secs(600)).refresh_token("r1"))
///     }
///
///     async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
///         assert!(stored.refresh_token().is_some());
///         Ok(IssuedTokens::new("second").expires_in(Duration::from_secs(600)))
///     }
/// }
/// ```
#[async_trait]
pub trait TokenEndpoint: Debug + Send + Sync + 'static {
    /// Logs in with the credentials.
    async fn log_in(&self) -> Result<IssuedTokens, ClientError>;

    /// Exchanges the refresh token for new tokens. It is called only with stored tokens that have one.
    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError>;

    /// Whether there are credentials to log in with. The default says so. Without them a refresh token is sent even if it has
    /// expired by the wall clock, which may be wrong, before it is given up.
    fn has_credentials(&self) -> bool {
        true
    }

    /// Revokes the tokens at the server. The default does nothing: an API without a logout.
    async fn log_out(&self, _stored: &StoredTokens) -> Result<(), ClientError> {
        Ok(())
    }
}

#[async_trait]
impl<T: TokenEndpoint + ?Sized> TokenEndpoint for Arc<T> {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        (**self).log_in().await
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        (**self).refresh(stored).await
    }

    fn has_credentials(&self) -> bool {
        (**self).has_credentials()
    }

    async fn log_out(&self, stored: &StoredTokens) -> Result<(), ClientError> {
        (**self).log_out(stored).await
    }
}
