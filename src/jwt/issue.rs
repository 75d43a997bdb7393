//! A token that is being issued, and the issued one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::jwt::JwtKeys;
use crate::jwt::mapping::{ALL, INTEGER_ID, LEVEL, LEVEL_ID, SCOPE};
use crate::random;
use crate::respond::{SetTokenCookie, TokenCookie};
use crate::token::{Abilities, Expiry, Lifetime, Token, TokenUuid};
use crate::user::{UserId, UserLevel};

/// How long a token lives by default. Our choice: nothing can end it earlier, and its client can get another.
const DEFAULT_LIFETIME: Lifetime = Lifetime::seconds(15 * 60);

/// The claims that the issuer writes itself.
const OWN_CLAIMS: [&str; 13] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", INTEGER_ID, LEVEL, LEVEL_ID, SCOPE, "scp"];

/// The settings of an issuer.
#[derive(Debug, Clone)]
pub(super) struct IssuerSettings {
    pub(super) keys: JwtKeys,
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) token_type: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cookie: TokenCookie,
}

/// Why nothing is signed.
pub(super) const NOTHING_SIGNS: &str = "no key of the set has a private part, which signing needs";

/// A token that is being issued. Created by [`JwtIssuer::issue`](super::JwtIssuer::issue).
#[derive(Debug)]
#[must_use = "nothing is issued until it is signed"]
pub struct Issue<'a> {
    settings: &'a IssuerSettings,
    user: UserId,
    level: UserLevel,
    abilities: Abilities,
    lifetime: Lifetime,
    authenticated_at: Option<Timestamp>,
    claims: Map<String, Value>,
    fault: Option<&'static str>,
}

impl<'a> Issue<'a> {
    pub(super) fn new(settings: &'a IssuerSettings, user: UserId, level: UserLevel) -> Self {
        let (claims, lifetime, abilities) = (Map::new(), DEFAULT_LIFETIME, Abilities::all());
        Self { settings, user, level, abilities, lifetime, authenticated_at: None, claims, fault: None }
    }

    /// Sets how long the token lives. Default: 15 minutes.
    pub fn lifetime(mut self, lifetime: impl Into<Lifetime>) -> Self {
        self.lifetime = lifetime.into();
        self
    }

    /// Sets what the token may be used for, `scope`. Default: [`Abilities::all`], written as `*`. For
    /// [`Abilities::none`] there is no `scope`.
    pub fn abilities(mut self, abilities: Abilities) -> Self {
        self.abilities = abilities;
        self
    }

    /// Sets when the user last proved who they are, `auth_time`. Default: now.
    pub fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = Some(at);
        self
    }

    /// Adds a claim of the application, such as `client_id`, which RFC 9068 §2.2 asks for. A claim of the same name that
    /// was added before is replaced.
    pub fn claim(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let name = name.into();
        match serde_json::to_value(value) {
            _ if OWN_CLAIMS.contains(&name.as_str()) => self.fault = Some("the issuer writes this claim itself"),
            Ok(value) => drop(self.claims.insert(name, value)),
            Err(_) => self.fault = Some("the claim cannot be written as JSON"),
        }
        self
    }

    /// Signs the token with the first key that has a private part.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a lifetime of less than a second, without an end or with an idle limit, for a
    /// [claim](Self::claim) that the issuer writes itself or that cannot be written as JSON, and for a token of more than 4,096
    /// bytes. [`ErrorKind::Configuration`] if no key signs any more. [`ErrorKind::Unavailable`] if the operating system
    /// gives no random bytes.
    pub fn sign(mut self) -> Result<IssuedJwt, Error> {
        let refused = |why: &'static str| Err(Error::with_source(ErrorKind::InvalidInput, why));
        if let Some(fault) = self.fault {
            return refused(fault);
        }
        let lives = self.lifetime.absolute_limit().is_some_and(|limit| limit.whole_seconds() >= 1);
        if !lives || self.lifetime.idle_limit().is_some() {
            return refused("a JWT lives for a second at least, has an end, and no idle limit");
        }
        let keys = self.settings.keys.load();
        let key = keys.iter().find(|key| key.signs());
        let key = key.ok_or_else(|| Error::with_source(ErrorKind::Configuration, NOTHING_SIGNS))?;
        let header = self.header(key.id(), key.algorithm().as_str());
        let mut random = [0; 16];
        random::fill(&mut random)?;
        let id = TokenUuid::from_random_bytes(random);
        let issued_at = self.settings.clock.now();
        let expires_at = self.lifetime.ends_at(issued_at);
        self.write_claims(id, issued_at, expires_at);

        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = format!("{}.{}", part(&header), part(&Value::Object(std::mem::take(&mut self.claims))));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes())?);
        text.push('.');
        text.push_str(&signature);
        let Ok(token) = Token::parse(text) else { return refused("a JWT is at most 4096 bytes long") };
        Ok(IssuedJwt { token, id, user: self.user, issued_at, expires_at, cookie: self.settings.cookie.clone() })
    }

    fn header(&self, kid: Option<&str>, algorithm: &str) -> Value {
        let mut header = json!({"typ": self.settings.token_type, "alg": algorithm});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        header
    }

    fn write_claims(&mut self, id: TokenUuid, issued_at: Timestamp, expires_at: Expiry) {
        let settings = self.settings;
        let audience = match settings.audiences.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        let authenticated_at = self.authenticated_at.unwrap_or(issued_at);
        let own = [
            ("iss", json!(settings.issuer)),
            ("sub", json!(self.user.to_string())),
            ("aud", audience),
            ("exp", json!(expires_at.at().map(Timestamp::unix_seconds))),
            ("iat", json!(issued_at.unix_seconds())),
            ("auth_time", json!(authenticated_at.unix_seconds())),
            ("jti", json!(id.to_string())),
            (LEVEL, json!(self.level.title())),
            (LEVEL_ID, json!(self.level.id())),
        ];
        self.claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let scope = self.abilities.as_stored().unwrap_or(ALL);
        if !scope.is_empty() {
            self.claims.insert(SCOPE.to_owned(), json!(scope));
        }
        if let Some(integer) = self.user.as_integer() {
            self.claims.insert(INTEGER_ID.to_owned(), json!(integer));
        }
    }
}

/// An issued token, and the cookies that carry it. Only this value has its text.
#[derive(Debug)]
#[must_use = "a token is of no use until a client gets it"]
pub struct IssuedJwt {
    token: Token,
    id: TokenUuid,
    user: UserId,
    issued_at: Timestamp,
    expires_at: Expiry,
    cookie: TokenCookie,
}

impl IssuedJwt {
    /// The token.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Its number, `jti`, which [`Credential::SelfContained`](crate::user::Credential::SelfContained) shows later.
    #[must_use]
    pub const fn id(&self) -> TokenUuid {
        self.id
    }

    /// The id of its user.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user
    }

    /// When it ends, `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> Expiry {
        self.expires_at
    }

    /// How long it lives from the second it was issued: the `expires_in` of an OAuth response.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.expires_at.at().map_or(Duration::ZERO, |end| end - self.issued_at)
    }

    /// A cookie that the browser forgets when it is closed: no `Expires`, no `Max-Age`. The token's own end stays the same.
    pub fn session_cookie(&self) -> SetTokenCookie {
        self.cookie.set_session(&self.token)
    }

    /// A cookie that the browser keeps until the token's end, at most 400 days.
    pub fn remember_me(&self) -> SetTokenCookie {
        self.cookie.set_until(&self.token, self.expires_at, self.issued_at)
    }
}
