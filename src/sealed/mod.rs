//! Floor 4, sealed tokens: encrypted, expiring, tamper-evident, made for one purpose (feature `sealed`).
//!
//! A sealed token carries its own payload: nothing is stored when it is made, nothing is looked up when it is opened.
//! For a link in an e-mail (password reset, invitation, unsubscribing), for state that travels through somebody else's
//! hands, or for a login without a store.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use time::Duration;
//! use tower_tokens::error::ErrorKind;
//! use tower_tokens::sealed::{Key, KeyRing, Sealer};
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! struct Invitation {
//!     team: u32,
//!     email: String,
//! }
//!
//! // Once, at the start: keys from a private file (`KeyRing::open_file`), or from your secret store.
//! let keys = KeyRing::new(Key::generate("2026-11")?);
//! let invitations = Sealer::new(keys.clone(), "invitation")?;
//!
//! let payload = Invitation { team: 7, email: "ann@example.org".to_owned() };
//! let token = invitations.seal(&payload, Duration::days(7))?;
//! let link = format!("https://example.org/join?token={}", token.expose_secret());
//!
//! let (_, text) = link.split_once("token=").unwrap();
//! let opened = invitations.open::<Invitation>(text)?;
//! assert_eq!(opened.payload().team, 7);
//! assert_eq!(opened.expires_at().at(), Some(opened.issued_at() + Duration::days(7)));
//!
//! let resets = Sealer::new(keys, "password reset")?;
//! assert_eq!(resets.open::<Invitation>(text).unwrap_err().kind(), ErrorKind::InvalidToken);
//! # Ok::<(), tower_tokens::error::Error>(())
//! ```
//!
//! | I want a token that … | go to |
//! |---|---|
//! | opens for one purpose and expires | [`Sealer`] |
//! | dies when the password changes | [`Sealer::bound_to_state`], [`BoundSealer`] |
//! | works once | [`Sealer::redeem`], [`Opened::redeem`] |
//! | is a login | [`Sealer::seal_login`] |
//! | ends early | [`RevocationList`]; a login: [`Sealer::revoke_login`] |
//! | survives a change of keys | [`KeyRing`] |
//! | comes from, or goes to, a PHP site with Primordyx | [`Primordyx`] |
//!
//! # A password reset
//! Bound to the old password's hash, and redeemed: the link works once, for 15 minutes, and dies when the password changes.
//! ```
//! # use time::Duration;
//! # use tower_tokens::error::Error;
//! # use tower_tokens::sealed::{Key, KeyRing, MemoryRedemptions, Sealer};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
//! # let keys = KeyRing::new(Key::generate("2026-11")?);
//! # let password_hash_of = async |_user: i64| Ok::<_, Error>("$argon2id$old".to_owned());
//! # let set_password = async |_user: i64, _new: &str| Ok::<_, Error>(());
//! let resets = Sealer::new(keys, "password reset")?.bound_to_state();
//! let redemptions = MemoryRedemptions::new();
//!
//! let token = resets.seal(&42_i64, Duration::minutes(15), password_hash_of(42).await?)?;
//!
//! let claim = resets.open::<i64>(token.expose_secret())?;
//! let hash = password_hash_of(*claim.claimed()).await?;
//! let reset = claim.confirm(hash)?;
//! reset.redeem(&redemptions, |reset| set_password(reset.into_payload(), "a new password")).await?;
//! # Ok(()) }
//! ```
//!
//! # The format, version 1
//! Base64url without padding (RFC 4648 §5) of:
//!
//! | part | bytes | |
//! |---|---|---|
//! | version | 1 | `1` |
//! | length of the key id, key id | 1 + n | which key of the ring opens it |
//! | nonce | 12 | random |
//! | UUID | 16 | encrypted; version 4 |
//! | issued at, expires at | 8 + 8 | encrypted; seconds since 1970, signed, big endian; the largest number is "never" |
//! | state fingerprint | 16 | encrypted; in a bound token only |
//! | payload | | encrypted; JSON |
//! | tag | 16 | AES-256-GCM |
//!
//! Associated data: version (1), binding (1: `0` plain, `1` bound to a state), length of the key id (1), key id, purpose.
//! A text has one encoding only: padding, other alphabets and spare bits are refused. The version byte comes first, so
//! that every later version can distinguish its own tokens from these, which open for ever.
//!
//! The state fingerprint is the first 16 bytes of HMAC-SHA-256 of UUID and state, under the HMAC-SHA-256 of
//! `tower-tokens/sealed/v1/state fingerprint` under the key.
//!
//! A vector: key id `k1`, key 32 bytes `00 01 … 1f`, purpose `test vector`, nonce `a0 a1 … ab`, UUID
//! `00010203-0405-4607-8809-0a0b0c0d0e0f`, issued at 1,795,287,701, expires at 1,795,291,301, payload `{"user":42}`:
//! ```text
//! AQJrMaChoqOkpaanqKmqq-YZfi5BzkS46myN2At3ztFwrFkQ-bao-ZwOJoYUqo2kqVQyjMpQcQdrrnmOPNIGG8IUMOORo7srwv7x
//! ```
//!
//! # Why random 96-bit nonces
//! AES-256-GCM with random nonces of 96 bits may seal 2^32 tokens with one key (SP 800-38D §8.3). XAES-256-GCM lifts that
//! limit, for a key schedule and a GHASH table a token: measured, 310 ns beside the 350 ns of opening 256 bytes with a
//! prepared key. A rotating key ring is there anyway, so the tokens are kept fast and the limit is written down: rotate
//! long before 2^32 tokens, at 100 tokens a second every few months.
//!
//! AES-GCM does not commit to its key: do not put keys into a ring that others chose.
//!
//! # Key files
//! Text that only its owner can read ([the bound of its mode](KeyRing::open_file)), one key a line: `active`, `old`
//! (opens, does not seal) or `revoked` (does neither), then the key's id, then its 32 bytes in base64. One line is `active`.
//! `#` begins a comment line. The key of a `revoked` line may be left out.
//! ```text
//! # December's key seals; November's opens until its last tokens have expired.
//! active  2026-12  kqWz6vXJ1Gq0S1vY6m3hHq7mW1m0m8f3l0n4yqk3c2A
//! old     2026-11  0mYl7n0oVQd2o8cQ2yM1zqXqgkYw0hKXjF5n5n1d9Xk
//! revoked 2026-10
//! ```
//! A file that holds nothing but the base64 of one key is a ring of this one key with the id `default`. Write a new file
//! beside the old one and rename it, then [`reload`](KeyRing::reload).

mod aead;
mod bound;
mod format;
mod keys;
mod login;
mod once;
mod open;
mod opened;
mod primordyx;
mod redeem;
mod sealer;

pub use aead::KEY_BYTES;
pub use bound::{BoundSealer, Unverified};
pub use format::{MAX_PURPOSE_BYTES, MAX_SEALED_TEXT_BYTES, SealedToken};
pub use keys::{Key, KeyId, KeyRing};
#[cfg(feature = "sqlite")]
pub use once::SqliteRedemptions;
pub use once::{
    MemoryRedemptions, Redemption, RedemptionRepository, ReserveOutcome, RevocationList, USED_NUMBERS_MARGIN,
};
pub use opened::{Opened, iso_8601};
pub use primordyx::{MAX_PRIMORDYX_TEXT_BYTES, Primordyx, PrimordyxToken};
pub use sealer::Sealer;

pub use crate::token::TokenUuid;
