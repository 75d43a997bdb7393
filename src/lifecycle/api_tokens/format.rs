//! The format of API tokens that is set.

use crate::error::{Error, ErrorKind};
use crate::lifecycle::Tokens;
use crate::token::ApiTokenFormat;

impl Tokens {
    /// The format of API tokens, or a [`Configuration`](ErrorKind::Configuration) error if none is set.
    pub(in crate::lifecycle) fn api_format(&self) -> Result<&ApiTokenFormat, Error> {
        let missing = || Error::with_source(ErrorKind::Configuration, "API tokens need Tokens::with_api_tokens");
        self.inner().api_format.as_ref().ok_or_else(missing)
    }
}
