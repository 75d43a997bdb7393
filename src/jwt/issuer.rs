//! Issues tokens with the keys of this application.

use std::fmt;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::jwt::issue::{Issue, IssuerSettings, NOTHING_SIGNS};
use crate::jwt::mapping;
use crate::jwt::settings::ACCESS_TOKEN;
use crate::jwt::{JwtKey, JwtKeys, JwtValidator, JwtValidatorBuilder};
use crate::respond::TokenCookie;
use crate::user::{UserId, UserLevel};

/// Issues JSON Web Tokens that carry a user, their level and their abilities. Cheap to clone; created by
/// [`JwtIssuer::builder`].
///
/// [`validator`](Self::validator) gives the settings of the validator for them. Other services verify them with
/// [`JwtKeys::to_jwks`].
///
/// # Security
/// Nothing can end such a token before it expires. Use [`Tokens`](crate::lifecycle::Tokens) for logins, and this for
/// services that cannot reach its store.
///
/// # Example
/// See [the module](crate::jwt).
#[derive(Clone)]
pub struct JwtIssuer(Arc<IssuerSettings>);

impl JwtIssuer {
    /// Settings for tokens that the first key with a private part signs. The [issuer](JwtIssuerBuilder::issuer) and the
    /// [audience](JwtIssuerBuilder::audience) must be set.
    pub fn builder(keys: JwtKeys) -> JwtIssuerBuilder {
        JwtIssuerBuilder(IssuerSettings {
            keys,
            issuer: String::new(),
            audiences: Vec::new(),
            token_type: ACCESS_TOKEN.to_owned(),
            clock: Arc::new(SystemClock),
            cookie: TokenCookie::default(),
        })
    }

    /// A new token of this user at this level. Set what else it says, then [`sign`](Issue::sign) it.
    ///
    /// `sub` is the text of the id. An id that is an integer is in the claim `uid` too, so that
    /// [`validator`](Self::validator) gives back an integer.
    pub fn issue(&self, user: impl Into<UserId>, level: &UserLevel) -> Issue<'_> {
        Issue::new(&self.0, user.into(), level.clone())
    }

    /// The settings of a validator for these tokens, with the same keys, issuer, audiences, type, clock and cookie. User,
    /// level and abilities are read as this issuer writes them.
    pub fn validator(&self) -> JwtValidatorBuilder {
        let settings = &*self.0;
        let mut builder = JwtValidator::builder(settings.keys.clone())
            .issuer(settings.issuer.as_str())
            .token_type(settings.token_type.as_str())
            .shared_clock(Arc::clone(&settings.clock))
            .cookie(settings.cookie.clone())
            .user_from(mapping::own_user)
            .level_from(mapping::own_level)
            .abilities_from(mapping::own_abilities);
        for audience in &settings.audiences {
            builder = builder.audience(audience.as_str());
        }
        builder
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &JwtKeys {
        &self.0.keys
    }
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Settings of a [`JwtIssuer`] that are not checked yet. Created by [`JwtIssuer::builder`].
#[derive(Debug, Clone)]
#[must_use = "settings do nothing until they are built"]
pub struct JwtIssuerBuilder(IssuerSettings);

impl JwtIssuerBuilder {
    /// Sets the name of this application as the issuer, `iss`: usually its URL. Required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.0.issuer = issuer.into();
        self
    }

    /// Adds the name of a service that accepts the tokens, `aud`: usually its URL. One is required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.audiences.push(audience.into());
        self
    }

    /// Sets the type, `typ`. Default: `at+jwt`, an access token (RFC 9068 §2.1).
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.0.token_type = token_type.into();
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// Sets the cookie that carries the tokens. Default: `trongatetoken`, as [`TokenCookie::default`].
    pub fn cookie(mut self, cookie: TokenCookie) -> Self {
        self.0.cookie = cookie;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no issuer or no audience, if one of the texts is empty, and if no key has
    /// a private part. The source says which.
    pub fn build(self) -> Result<JwtIssuer, Error> {
        let fault = |why: &'static str| Err(Error::with_source(ErrorKind::Configuration, why));
        let settings = self.0;
        if settings.issuer.is_empty() {
            return fault("the issuer of the tokens is missing");
        }
        if settings.audiences.is_empty() || settings.audiences.iter().any(String::is_empty) {
            return fault("the audience of the tokens is missing");
        }
        if settings.token_type.is_empty() {
            return fault("the type of the tokens is empty");
        }
        if !settings.keys.load().iter().any(JwtKey::signs) {
            return fault(NOTHING_SIGNS);
        }
        Ok(JwtIssuer(Arc::new(settings)))
    }
}
