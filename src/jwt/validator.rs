//! Validates tokens by their signature and claims.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::jwt::compact::Compact;
use crate::jwt::keys::find;
use crate::jwt::mapping::Mapping;
use crate::jwt::{JwtClaims, JwtKeys};
use crate::log::log_debug;
use crate::respond::{SetTokenCookie, TokenCookie};
use crate::source::TokenSource;
use crate::token::{Expiry, Lifetime, MAX_TOKEN_BYTES, TokenId, TokenKey, TokenKind, TokenRecord, TokenUuid};
use crate::user::{CurrentUser, Issuer};
use crate::validator::{TokenValidator, Validation};

/// Validates the JSON Web Tokens of one issuer, without a store and without waiting. Cheap to clone; created by
/// [`JwtValidator::builder`].
///
/// A token is valid if all of this holds:
/// - It has three parts, and its header has no critical extensions (`crit`).
/// - Its `kid` names a key of the set, and its `alg` is the algorithm of that key. See [`JwtKeys`].
/// - Its signature is the key's.
/// - `typ` is the expected type, `iss` the issuer, and one `aud` the audience.
/// - `exp` is there and after now, and `nbf`, if there is one, is not. Now is read from the [`Clock`], in whole seconds.
/// - The claims give a user, a level and abilities.
///
/// The [`CurrentUser`] is [self-contained](crate::user::Credential::SelfContained): its number is `jti`, if that is a
/// UUID; otherwise the beginning of the SHA-256 of `jti` or, without `jti`, of the signed part. It was created at `iat`
/// and authenticated at `auth_time`; a time that the token does not say reads as 1970, so that no rule takes it for recent.
///
/// # Security
/// Nothing can end such a token before `exp`: a level that changes, or a user who is disabled, changes nothing until
/// then. Why a token was refused is in the log (level `debug`) and in the error of [`open`](Self::open), and never in a
/// response.
///
/// # Source
/// RFC 7519 §7.2, RFC 8725 (best current practices), RFC 9068 (access tokens).
///
/// # Example
/// See [the module](crate::jwt).
#[derive(Clone)]
pub struct JwtValidator(pub(super) Arc<Settings>);

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) keys: JwtKeys,
    pub(super) issuer: Box<str>,
    pub(super) issuer_mark: Issuer,
    /// Empty: any audience.
    pub(super) audiences: Vec<String>,
    pub(super) token_type: Box<str>,
    pub(super) leeway: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) mapping: Mapping,
    pub(super) cookie: Option<TokenCookie>,
}

impl JwtValidator {
    /// The user of a token.
    ///
    /// # Errors
    /// [`ErrorKind::Expired`] for a token that is valid except that it has expired, [`ErrorKind::InvalidToken`] for any
    /// other that is not valid. The source says why, for your logs; it does not repeat the token.
    pub fn open(&self, text: &str) -> Result<CurrentUser, Error> {
        let compact = Compact::split(text.as_bytes()).ok_or_else(|| invalid("it does not have two dots"))?;
        self.open_compact(&compact)
    }

    fn open_compact(&self, compact: &Compact<'_>) -> Result<CurrentUser, Error> {
        if compact.length() > MAX_TOKEN_BYTES {
            return Err(invalid("a token is at most 4096 bytes long"));
        }
        let claims: JwtClaims = self.verified_claims(compact).map_err(invalid)?.parse()?;
        self.user(&claims, compact.signed)
    }

    /// The JSON of the claims, if the header is right and the signature genuine.
    fn verified_claims(&self, compact: &Compact<'_>) -> Result<String, &'static str> {
        let header = compact.header()?;
        if !is_type(&self.0.token_type, header.typ.as_deref()) {
            return Err("typ is not the expected type");
        }
        let keys = self.0.keys.load();
        let key = find(&keys, header.kid.as_deref(), &header.alg)?;
        if !key.verifies(compact.signed, &compact.signature()?) {
            return Err("the signature is not the key's");
        }
        compact.claims()
    }

    fn user(&self, claims: &JwtClaims, signed: &[u8]) -> Result<CurrentUser, Error> {
        let settings = &*self.0;
        if claims.required_text("iss")? != &*settings.issuer {
            return Err(invalid("iss is not the issuer"));
        }
        let audiences = claims.texts("aud")?;
        if !settings.audiences.is_empty() && !settings.audiences.iter().any(|own| audiences.contains(&own.as_str())) {
            return Err(invalid("aud is not the audience"));
        }
        let now = settings.clock.now();
        if claims.time("nbf", f64::ceil)?.is_some_and(|from| from - settings.leeway > now) {
            return Err(invalid("nbf is not reached"));
        }
        let exp = claims.time("exp", f64::floor)?.ok_or_else(|| invalid("the claim exp is missing"))?;
        let end = exp + settings.leeway;
        let issued_at = claims.time("iat", f64::floor)?.unwrap_or(UNKNOWN);
        let authenticated_at = claims.time("auth_time", f64::floor)?.unwrap_or(UNKNOWN);
        let uuid = uuid(claims.text("jti")?, signed);
        let mapping = &settings.mapping;
        let user = (mapping.user)(claims)?;
        let level = (mapping.level)(claims)?;
        let abilities = (mapping.abilities)(claims)?;
        if now >= end {
            return Err(ErrorKind::Expired.into());
        }
        let record = TokenRecord::new(record_id(uuid), issued_at, Lifetime::never_expires())
            .with_kind(TokenKind::Access)
            .with_abilities(abilities)
            .with_absolute_expiry(Expiry::At(end))
            .with_authenticated_at(authenticated_at);
        Ok(CurrentUser::new(user, level, record, now).with_self_contained(uuid, settings.issuer_mark))
    }
}

#[async_trait]
impl TokenValidator for JwtValidator {
    fn validate_now(&self, token: TokenKey<'_>) -> Option<Validation> {
        // A token of another validator is refused by this alone, and not logged.
        let Some(compact) = Compact::split(token.as_bytes()) else { return Some(Validation::Invalid) };
        Some(match self.open_compact(&compact) {
            Ok(user) => Validation::Valid(user),
            Err(error) => {
                log_refusal(&error);
                Validation::Invalid
            }
        })
    }

    async fn validate(&self, token: TokenKey<'_>) -> Validation {
        self.validate_now(token).unwrap_or(Validation::Invalid)
    }

    fn removal_cookie(&self) -> Option<SetTokenCookie> {
        self.0.cookie.as_ref().map(TokenCookie::removal)
    }

    fn sources(&self) -> Vec<TokenSource> {
        match &self.0.cookie {
            Some(cookie) => TokenSource::defaults_with_cookie(cookie.name()),
            None => TokenSource::defaults(),
        }
    }
}

impl fmt::Debug for JwtValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtValidator")
            .field("issuer", &self.0.issuer)
            .field("audiences", &self.0.audiences)
            .field("token_type", &self.0.token_type)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}

/// A time that a token does not say.
const UNKNOWN: Timestamp = Timestamp::from_unix_seconds(0);

fn invalid(why: &'static str) -> Error {
    Error::with_source(ErrorKind::InvalidToken, why)
}

#[cold]
fn log_refusal(error: &Error) {
    let _ = error;
    log_debug!(error = ?error, "a JWT is not valid");
}

/// Whether a header's `typ` is this type: without regard to case, and `application/` may be left out (RFC 7515 §4.1.9).
/// A token without `typ` is of the type `JWT`.
fn is_type(expected: &str, found: Option<&str>) -> bool {
    let short = |name: &str| match name.split_at_checked(APPLICATION.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(APPLICATION) && !rest.contains('/') => rest.to_owned(),
        _ => name.to_owned(),
    };
    short(expected).eq_ignore_ascii_case(&short(found.unwrap_or("JWT")))
}

const APPLICATION: &str = "application/";

/// The number of a token. Without `jti` it is of the signed part alone, because for ECDSA a second signature of the same
/// token can be computed without the key.
fn uuid(jti: Option<&str>, signed: &[u8]) -> TokenUuid {
    if let Some(uuid) = jti.and_then(|jti| jti.parse().ok()) {
        return uuid;
    }
    let digest: [u8; 32] = Sha256::digest(jti.map_or(signed, str::as_bytes)).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    TokenUuid::from_bytes(bytes)
}

/// A positive number out of the last 63 bits of the UUID.
fn record_id(uuid: TokenUuid) -> TokenId {
    let [.., a, b, c, d, e, f, g, h] = *uuid.as_bytes();
    TokenId::new(i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_may_leave_out_application_and_is_compared_in_any_case() {
        for (expected, found) in [
            ("at+jwt", Some("at+jwt")),
            ("at+jwt", Some("AT+JWT")),
            ("at+jwt", Some("application/at+jwt")),
            ("application/at+jwt", Some("at+jwt")),
            ("JWT", Some("jwt")),
            ("jwt", None),
        ] {
            assert!(is_type(expected, found), "{expected} {found:?}");
        }
        for (expected, found) in [
            ("at+jwt", None),
            ("at+jwt", Some("")),
            ("at+jwt", Some("jwt")),
            ("at+jwt", Some("application/")),
            ("at+jwt", Some("application/x/at+jwt")),
            ("at+jwt", Some("text/at+jwt")),
            ("JWT", Some("at+jwt")),
            ("JWT", Some("")),
        ] {
            assert!(!is_type(expected, found), "{expected} {found:?}");
        }
    }
}
