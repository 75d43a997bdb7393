//! A server-side session that holds a token.

use async_trait::async_trait;

use crate::error::Error;
use crate::token::Token;

/// One visitor's server-side session, as far as tokens are concerned. Implement it to use any session library.
///
/// With the feature `tower-sessions` it is implemented for `tower_sessions::Session`.
///
/// # Example
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use async_trait::async_trait;
/// use tower_tokens::error::Error;
/// use tower_tokens::source::{TokenSession, TokenSource};
/// use tower_tokens::token::Token;
///
/// #[derive(Clone, Default)]
/// struct MySession(Arc<Mutex<Option<Token>>>);
///
/// #[async_trait]
/// impl TokenSession for MySession {
///     async fn token(&self) -> Result<Option<Token>, Error> {
///         Ok(self.0.lock().unwrap().clone())
///     }
///     async fn put_token(&self, token: &Token) -> Result<(), Error> {
///         *self.0.lock().unwrap() = Some(token.clone());
///         Ok(())
///     }
///     async fn remove_token(&self) -> Result<(), Error> {
///         *self.0.lock().unwrap() = None;
///         Ok(())
///     }
/// }
///
/// // The session middleware leaves a `MySession` in the request extensions:
/// let sources = [TokenSource::cookie("trongatetoken"), TokenSource::session::<MySession>(), TokenSource::bearer()];
/// # let _ = sources;
/// ```
#[async_trait]
pub trait TokenSession: Send + Sync {
    /// The token in the session, if there is one.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::error::ErrorKind::InvalidInput) for a value that cannot be a token. Any other error
    /// means that the session does not answer.
    async fn token(&self) -> Result<Option<Token>, Error>;

    /// Puts a token into the session, under a **new** session id: an attacker who knew the id before the login must not
    /// be logged in with it (session fixation).
    ///
    /// # Errors
    /// If the session does not answer. Then the visitor is not logged in.
    async fn put_token(&self, token: &Token) -> Result<(), Error>;

    /// Removes the token from the session. It is not an error if there is none.
    ///
    /// # Errors
    /// If the session does not answer.
    async fn remove_token(&self) -> Result<(), Error>;
}
