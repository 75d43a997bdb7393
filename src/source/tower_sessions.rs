//! Tokens in a tower-sessions session, under the key `trongatetoken`.

use async_trait::async_trait;
use tower_sessions::Session;
use tower_sessions::session::Error as SessionError;

use crate::error::{Error, ErrorKind};
use crate::source::{DEFAULT_NAME, TokenSession};
use crate::token::Token;

#[async_trait]
impl TokenSession for Session {
    async fn token(&self) -> Result<Option<Token>, Error> {
        match self.get_value(DEFAULT_NAME).await.map_err(to_error)? {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(text)) => Token::parse(text).map(Some),
            Some(_) => Err(Error::with_source(ErrorKind::InvalidInput, "the session's token is not a text")),
        }
    }

    async fn put_token(&self, token: &Token) -> Result<(), Error> {
        self.cycle_id().await.map_err(to_error)?;
        let value = serde_json::Value::String(token.expose_secret().to_owned());
        self.insert_value(DEFAULT_NAME, value).await.map_err(to_error)?;
        self.save().await.map_err(to_error)
    }

    async fn remove_token(&self) -> Result<(), Error> {
        self.remove_value(DEFAULT_NAME).await.map_err(to_error)?;
        Ok(())
    }
}

/// The error without its text: a decoding error may quote the content of the session.
fn to_error(error: SessionError) -> Error {
    match error {
        SessionError::SerdeJson(_) => Error::with_source(ErrorKind::Corrupt, "the session cannot be decoded"),
        SessionError::Store(_) => Error::with_source(ErrorKind::Unavailable, "the session store does not answer"),
    }
}
