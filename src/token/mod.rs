//! Floor 2, the token itself: its text, format, digest, record and lifetime. No I/O and no HTTP.
//!
//! | file | role |
//! |---|---|
//! | `value` | [`Token`], the secret text |
//! | `text` | which text could be a token |
//! | `format` | how tokens are generated, and [`ApiTokenFormat`] |
//! | `digest` | [`TokenDigest`], the hash that stores keep in place of the text |
//! | `key` | [`TokenKey`], the key that a token is looked up by |
//! | `lifetime` | [`Lifetime`] and [`Expiry`] |
//! | `record`, `rare`, `fields` | [`TokenRecord`], the data of a token in a store, without its text; the fields that few have; the fields that stores keep |
//! | `packed` | a record in 33 bytes, for what is kept by the million |
//! | `id`, `kind`, `abilities` | parts of it: its number, what it is for, what it may be used for |
//! | `uuid` | [`TokenUuid`], the number of a self-contained token |
//!
//! [`Tokens::generate`](crate::lifecycle::Tokens::generate) generates a token and stores it.
//!
//! # Example
//! ```
//! use time::Duration;
//! use tower_tokens::clock::Timestamp;
//! use tower_tokens::token::{Lifetime, Token, TokenId, TokenRecord};
//!
//! let token = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x")?;
//! assert_eq!(token.key().digest().as_bytes().len(), 32); // a store keeps this in place of the text
//!
//! let born = Timestamp::from_unix_seconds(1_795_287_701);
//! let record = TokenRecord::new(TokenId::new(7), born, Lifetime::hours(1));
//! assert!(!record.is_expired(born + Duration::seconds(3_599)));
//! assert!(record.is_expired(born + Duration::seconds(3_600)));
//! # Ok::<(), tower_tokens::error::Error>(())
//! ```

mod abilities;
mod digest;
mod fields;
mod format;
mod id;
mod key;
mod kind;
mod lifetime;
mod packed;
mod rare;
mod record;
mod text;
mod uuid;
mod value;

pub use abilities::Abilities;
pub use digest::TokenDigest;
pub use fields::{FieldReader, FieldValue};
pub use format::ApiTokenFormat;
pub(crate) use format::generate_text;
pub use id::TokenId;
pub use key::TokenKey;
pub use kind::{TokenKind, TokenKinds};
pub use lifetime::{Expiry, Lifetime, NewLimits};
pub(crate) use packed::{PackedFields, PackedRecord};
pub use record::TokenRecord;
pub use text::{MAX_TOKEN_BYTES, is_token_text};
pub use uuid::TokenUuid;
pub use value::Token;
