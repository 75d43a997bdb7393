//! Floor 1, the token itself: its text, format, digest, record and lifetime. No I/O and no HTTP.
//!
//! | file | role |
//! |---|---|
//! | `value` | [`Token`], the secret text |
//! | `format` | how tokens are generated, and what cannot be one |
//! | `digest` | [`TokenDigest`] and [`TokenKey`], what stores keep instead of the text |
//! | `lifetime` | [`Lifetime`] and [`Expiry`] |
//! | `record` | [`TokenRecord`], what a store knows of a token |

mod digest;
mod format;
mod lifetime;
mod record;
mod value;

pub use digest::{TokenDigest, TokenKey};
pub(crate) use format::generate_text;
pub use format::{ApiTokenFormat, MAX_TOKEN_BYTES, is_token_text};
pub use lifetime::{Expiry, Lifetime};
pub use record::{TokenId, TokenRecord};
pub use value::Token;
