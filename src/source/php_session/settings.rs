//! The settings of [`PhpSessions`](super::PhpSessions), which the sessions of a request share.

use std::time::Duration;

use crate::error::Error;
use crate::source::DEFAULT_NAME;
use crate::source::php_session::attempt::invalid;
use crate::source::php_session::content::Content;
use crate::source::php_session::place::Place;
use crate::token::Token;

/// The largest session that is read, in bytes. Our choice: PHP reads the whole session at every request, so that real
/// ones are a thousand times smaller.
pub const MAX_SESSION_BYTES: u64 = 1_048_576;

/// Where the sessions are, and how they are read.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) place: Place,
    pub(super) cookie: String,
    pub(super) key: String,
    pub(super) max_bytes: u64,
    pub(super) lock_timeout: Duration,
    pub(super) may_remove: bool,
}

impl Settings {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            cookie: "PHPSESSID".to_owned(),
            key: DEFAULT_NAME.to_owned(),
            max_bytes: MAX_SESSION_BYTES,
            lock_timeout: Duration::from_secs(2),
            may_remove: false,
        }
    }

    /// The token in the content of a session.
    pub(super) fn token_in(&self, content: &[u8]) -> Result<Option<Token>, Error> {
        let content = Content::parse(content, &self.key);
        let text = content.ok_or_else(|| invalid("the PHP session cannot be decoded"))?.text();
        let no_text = "the PHP session's token is not a text";
        let Some(text) = text.map_err(|()| invalid(no_text))? else { return Ok(None) };
        Token::parse(std::str::from_utf8(text).map_err(|_| invalid(no_text))?).map(Some)
    }
}
