//! The settings of a validator, before they are checked.

use std::fmt;
use std::sync::Arc;

use time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::jwt::mapping::{self, Mapping, Read};
use crate::jwt::validator::Settings;
use crate::jwt::{JwtClaims, JwtKeys, JwtValidator};
use crate::respond::TokenCookie;
use crate::token::Abilities;
use crate::user::{Issuer, UserId, UserLevel};

/// The type of an access token (RFC 9068 §2.1).
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

/// The longest leeway: RFC 4120 §8.2, the acceptable clock skew of Kerberos.
const MAX_LEEWAY: Duration = Duration::minutes(5);

impl JwtValidator {
    /// Settings for the tokens that these keys verify. The [issuer](JwtValidatorBuilder::issuer), the
    /// [audience](JwtValidatorBuilder::audience) and a level must be set.
    pub fn builder(keys: JwtKeys) -> JwtValidatorBuilder {
        JwtValidatorBuilder {
            keys,
            issuer: None,
            audiences: Vec::new(),
            any_audience: false,
            token_type: ACCESS_TOKEN.to_owned(),
            leeway: Duration::ZERO,
            clock: Arc::new(SystemClock),
            user: Arc::new(mapping::text_subject),
            level: None,
            abilities: Arc::new(mapping::scope),
            cookie: None,
        }
    }
}

/// Settings of a [`JwtValidator`] that are not checked yet. Created by [`JwtValidator::builder`].
#[derive(Clone)]
#[must_use = "settings do nothing until they are built"]
pub struct JwtValidatorBuilder {
    keys: JwtKeys,
    issuer: Option<String>,
    audiences: Vec<String>,
    any_audience: bool,
    token_type: String,
    leeway: Duration,
    clock: Arc<dyn Clock>,
    user: Read<UserId>,
    level: Option<Read<UserLevel>>,
    abilities: Read<Abilities>,
    cookie: Option<TokenCookie>,
}

impl JwtValidatorBuilder {
    /// Sets who issues the tokens: the exact text of `iss`. Required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Adds a name of this application: the exact text of one `aud`. A token is valid for any of the names that are added.
    /// One is required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens for any audience, and tokens without `aud`.
    ///
    /// # Security
    /// Every other service that gets a token of this issuer's users can use it here. Some issuers write no `aud` into
    /// their tokens; check another claim of theirs in [`level_from`](Self::level_from) then, such as `client_id`.
    pub fn insecure_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Sets the type that the header names as `typ`. It is compared without regard to case, and `application/` may be left
    /// out. Default: `at+jwt`, an access token.
    ///
    /// The type `JWT` stands for tokens without `typ` too.
    ///
    /// # Security
    /// ID tokens of OpenID Connect are of the type `JWT` and are not for an API. Their audience is the client's id: make
    /// sure that [`audience`](Self::audience) is not.
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.token_type = token_type.into();
        self
    }

    /// Accepts a token for this long after `exp` and before `nbf`, because the clocks of two machines differ: whole seconds, 0 to
    /// 5 minutes. Default: 0; a token ends at the second of `exp`.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    pub fn clock(self, clock: impl Clock) -> Self {
        self.shared_clock(Arc::new(clock))
    }

    pub(super) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Names the cookie that carries the tokens, for [`sources`](crate::validator::TokenValidator::sources) and for a
    /// log-out. Default: none.
    pub fn cookie(mut self, cookie: TokenCookie) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Reads the user's id from `sub` as the decimal text of an integer. Default: `sub` as a text.
    pub fn integer_subject(self) -> Self {
        self.user_from(mapping::integer_subject)
    }

    /// Reads the user's id from the claims. A token for which `read` gives an error is not valid. Default: `sub` as a text.
    ///
    /// # Example
    /// ```
    /// # use tower_tokens::jwt::{JwtKey, JwtKeys, JwtValidator};
    /// # let keys = JwtKeys::new([JwtKey::hs256([7; 32])?])?;
    /// JwtValidator::builder(keys).user_from(|claims| Ok(claims.required_integer("user_id")?.into()));
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    pub fn user_from<F>(mut self, read: F) -> Self
    where
        F: Fn(&JwtClaims) -> Result<UserId, Error> + Send + Sync + 'static,
    {
        self.user = Arc::new(read);
        self
    }

    /// Gives this level to the user of every token.
    pub fn level(self, level: UserLevel) -> Self {
        self.level_from(move |_| Ok(level.clone()))
    }

    /// Reads the level from a claim: its text is the title of one of these levels. A token with another text, or without
    /// this claim, is not valid.
    pub fn level_claim(self, claim: impl Into<String>, levels: impl IntoIterator<Item = UserLevel>) -> Self {
        let (claim, levels) = (claim.into(), levels.into_iter().collect::<Vec<_>>());
        self.level_from(move |claims| mapping::level_of(claims, &claim, &levels))
    }

    /// Reads the level from the claims. A token for which `read` gives an error is not valid.
    ///
    /// # Example
    /// Roles in a claim in a claim, as Keycloak writes them:
    /// ```
    /// # use tower_tokens::error::{Error, ErrorKind};
    /// # use tower_tokens::jwt::{JwtKey, JwtKeys, JwtValidator};
    /// # use tower_tokens::user::UserLevel;
    /// # let keys = JwtKeys::new([JwtKey::hs256([7; 32])?])?;
    /// #[derive(serde::Deserialize)]
    /// struct Claims {
    ///     realm_access: RealmAccess,
    /// }
    /// #[derive(serde::Deserialize)]
    /// struct RealmAccess {
    ///     roles: Vec<String>,
    /// }
    ///
    /// JwtValidator::builder(keys).level_from(|claims| {
    ///     let claims: Claims = claims.parse_as()?;
    ///     let is_admin = claims.realm_access.roles.iter().any(|role| role == "admin");
    ///     Ok(if is_admin { UserLevel::new(1, "admin") } else { UserLevel::new(2, "member") })
    /// });
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    pub fn level_from<F>(mut self, read: F) -> Self
    where
        F: Fn(&JwtClaims) -> Result<UserLevel, Error> + Send + Sync + 'static,
    {
        self.level = Some(Arc::new(read));
        self
    }

    /// Gives these abilities to every token, whatever its `scope` says.
    pub fn abilities(self, abilities: Abilities) -> Self {
        self.abilities_from(move |_| Ok(abilities.clone()))
    }

    /// Reads the abilities from the claims. A token for which `read` gives an error is not valid.
    ///
    /// Default: the words of `scope` or, without it, of `scp`; each may be one text or a list. A word that cannot be the
    /// [name of an ability](Abilities::new) is left out, such as a single `*`. A token without a scope has no ability.
    ///
    /// # Source
    /// RFC 9068 §2.2.3 for `scope`; `scp` is what Entra ID and Okta write.
    pub fn abilities_from<F>(mut self, read: F) -> Self
    where
        F: Fn(&JwtClaims) -> Result<Abilities, Error> + Send + Sync + 'static,
    {
        self.abilities = Arc::new(read);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no issuer, no audience or no level, if one of these texts is empty, and if
    /// the leeway is not between 0 and 5 minutes. The source says which.
    pub fn build(self) -> Result<JwtValidator, Error> {
        let fault = |why: &'static str| Error::with_source(ErrorKind::Configuration, why);
        let issuer = self.issuer.filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or_else(|| fault("the issuer of the tokens is missing"))?;
        if self.any_audience != self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(fault("an audience is missing; or set insecure_any_audience, and no audience"));
        }
        if self.token_type.is_empty() {
            return Err(fault("the type of the tokens is empty"));
        }
        if !(Duration::ZERO..=MAX_LEEWAY).contains(&self.leeway) {
            return Err(fault("the leeway is 0 to 5 minutes"));
        }
        let level = self.level.ok_or_else(|| fault("the level of the users is missing"))?;
        Ok(JwtValidator(Arc::new(Settings {
            keys: self.keys,
            issuer_mark: Issuer::new(&format!("jwt {issuer}")),
            issuer: issuer.into(),
            audiences: self.audiences,
            token_type: self.token_type.into(),
            leeway: self.leeway,
            clock: self.clock,
            mapping: Mapping { user: self.user, level, abilities: self.abilities },
            cookie: self.cookie,
        })))
    }
}

impl fmt::Debug for JwtValidatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtValidatorBuilder")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("token_type", &self.token_type)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
