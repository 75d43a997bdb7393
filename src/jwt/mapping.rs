//! Claims as a user, a level and abilities.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::jwt::JwtClaims;
use crate::token::Abilities;
use crate::user::{UserId, UserLevel};

pub(super) type Read<T> = Arc<dyn Fn(&JwtClaims) -> Result<T, Error> + Send + Sync>;

/// How the claims of one issuer become a user.
#[derive(Clone)]
pub(super) struct Mapping {
    pub(super) user: Read<UserId>,
    pub(super) level: Read<UserLevel>,
    pub(super) abilities: Read<Abilities>,
}

/// The user from `sub`, a text.
pub(super) fn text_subject(claims: &JwtClaims) -> Result<UserId, Error> {
    claims.required_text("sub").map(UserId::from)
}

/// The names of the claims in which [`JwtIssuer`](super::JwtIssuer) writes what RFC 7519 has no name for.
pub(super) const INTEGER_ID: &str = "uid";
pub(super) const LEVEL: &str = "level";
pub(super) const LEVEL_ID: &str = "level_id";
pub(super) const SCOPE: &str = "scope";

/// What a token of [`JwtIssuer`](super::JwtIssuer) says for all abilities.
pub(super) const ALL: &str = "*";

/// The user of a token of [`JwtIssuer`](super::JwtIssuer): an integer from `uid`, or the text of `sub`.
pub(super) fn own_user(claims: &JwtClaims) -> Result<UserId, Error> {
    match claims.integer(INTEGER_ID)? {
        Some(id) => Ok(id.into()),
        None => text_subject(claims),
    }
}

/// The level of a token of [`JwtIssuer`](super::JwtIssuer).
pub(super) fn own_level(claims: &JwtClaims) -> Result<UserLevel, Error> {
    Ok(UserLevel::new(claims.required_integer(LEVEL_ID)?, claims.required_text(LEVEL)?))
}

/// The integer that `sub` is the decimal text of, as `Display` writes it.
pub(super) fn integer_subject(claims: &JwtClaims) -> Result<UserId, Error> {
    let text = claims.required_text("sub")?;
    let id = text.parse::<i64>().ok().filter(|id| id.to_string() == text);
    let why = "the claim sub is not the decimal text of an integer";
    id.map(UserId::from).ok_or_else(|| Error::with_source(ErrorKind::InvalidToken, why))
}

/// The level whose title is the text of this claim.
pub(super) fn level_of(claims: &JwtClaims, claim: &str, levels: &[UserLevel]) -> Result<UserLevel, Error> {
    let title = claims.required_text(claim)?;
    let why = || format!("the claim {claim} is not the title of a level");
    let level = levels.iter().find(|level| level.title() == title);
    level.cloned().ok_or_else(|| Error::with_source(ErrorKind::InvalidToken, why()))
}

/// The abilities in `scope`, or in `scp` if there is no `scope`: a text with spaces between the names, or a list. What
/// cannot be the name of an ability is left out, because no rule can ask for it.
pub(super) fn scope(claims: &JwtClaims) -> Result<Abilities, Error> {
    let has_scope = claims.contains(SCOPE);
    let texts = claims.texts(if has_scope { SCOPE } else { "scp" })?;
    let names = texts.iter().flat_map(|text| text.split(' ')).filter(|name| Abilities::new([*name]).is_ok());
    Abilities::new(names)
}

/// The abilities of a token of [`JwtIssuer`](super::JwtIssuer), which writes a `*` for all of them.
pub(super) fn own_abilities(claims: &JwtClaims) -> Result<Abilities, Error> {
    if claims.text(SCOPE)? == Some(ALL) { Ok(Abilities::all()) } else { scope(claims) }
}
