//! Floor 1, the token itself: its text, format, digest, record and lifetime. No I/O and no HTTP.
//!
//! | file | role |
//! |---|---|
//! | `value` | [`Token`], the secret text |
//! | `format` | how tokens are generated, and what cannot be one |
//! | `digest` | [`TokenDigest`], what stores keep instead of the text |
//! | `key` | [`TokenKey`], what a token is looked up by |
//! | `lifetime` | [`Lifetime`] and [`Expiry`] |
//! | `record` | [`TokenRecord`], what a store knows of a token |
//! | `uuid` | [`TokenUuid`], the number of a token that no store knows |
//!
//! A token itself is made by [`Tokens::generate`](crate::tokens::Tokens::generate).
//!
//! # Example
//! ```
//! use time::Duration;
//! use tower_tokens::clock::Timestamp;
//! use tower_tokens::token::{Lifetime, Token, TokenId, TokenRecord};
//!
//! let token = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x")?;
//! assert_eq!(token.key().digest().as_bytes().len(), 32); // what a store keeps instead of the text
//!
//! let born = Timestamp::from_unix_seconds(1_795_287_701);
//! let record = TokenRecord::new(TokenId::new(7), born, Lifetime::hours(1));
//! assert!(!record.is_expired(born + Duration::seconds(3_599)));
//! assert!(record.is_expired(born + Duration::seconds(3_600)));
//! # Ok::<(), tower_tokens::error::Error>(())
//! ```

mod digest;
mod format;
mod key;
mod lifetime;
mod record;
mod uuid;
mod value;

pub use digest::TokenDigest;
pub(crate) use format::generate_text;
pub use format::{ApiTokenFormat, MAX_TOKEN_BYTES, is_token_text};
pub use key::TokenKey;
pub use lifetime::{Expiry, Lifetime, NewLimits};
pub use record::{TokenId, TokenRecord};
pub use uuid::TokenUuid;
pub use value::Token;
