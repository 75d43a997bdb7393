//! The settings of the cookie that carries a token.

use std::sync::Arc;

use cookie::Cookie;
use time::{Duration, OffsetDateTime};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::respond::SetTokenCookie;
use crate::token::{Expiry, Token};

/// The longest `Max-Age`: 400 days, the limit of browsers (RFC 6265bis §5.5).
pub const MAX_COOKIE_AGE: Duration = Duration::days(400);

/// The cookie that carries a token: name, path, domain and protection. Cheap to clone.
///
/// The default is `trongatetoken` with `HttpOnly; Secure; SameSite=Lax; Path=/`, and no `Domain`, so that browsers send
/// it only to the host that set it.
///
/// # Security
/// Any other host of your domain can set a cookie of the default name for your host, and so log a visitor in as a
/// different user. A name that begins with `__Host-` prevents that: a new site should use one.
///
/// # Source
/// RFC 6265bis; the name is Trongate's.
///
/// # Example
/// ```
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::respond::TokenCookie;
/// use tower_tokens::token::{Expiry, Token};
///
/// let cookie = TokenCookie::builder("__Host-token").build()?;
/// let token = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x")?;
/// assert_eq!(
///     cookie.set_session(&token).header_value(),
///     "__Host-token=pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x; HttpOnly; SameSite=Lax; Secure; Path=/"
/// );
/// let now = Timestamp::from_unix_seconds(0);
/// let end = Expiry::At(Timestamp::from_unix_seconds(60));
/// assert_eq!(
///     cookie.set_until(&token, end, now).header_value(),
///     "__Host-token=pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60; \
///      Expires=Thu, 01 Jan 1970 00:01:00 GMT"
/// );
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TokenCookie(Arc<TokenCookieBuilder>);

/// The requests of other sites that carry the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SameSite {
    /// No request: even a visitor who follows a link from another site arrives logged out.
    Strict,
    /// Requests that open a page, with a safe method.
    Lax,
}

impl TokenCookie {
    /// The name by default, which is Trongate's.
    pub const DEFAULT_NAME: &'static str = "trongatetoken";

    /// Settings for a cookie of this name, all others at their defaults.
    pub fn builder(name: impl Into<String>) -> TokenCookieBuilder {
        TokenCookieBuilder {
            name: name.into(),
            path: "/".to_owned(),
            domain: None,
            same_site: cookie::SameSite::Lax,
            secure: true,
            http_only: true,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Keeps the token in the browser until it is closed: a session cookie, without `Expires`.
    pub fn set_session(&self, token: &Token) -> SetTokenCookie {
        SetTokenCookie::new(&self.cookie(token.expose_secret()))
    }

    /// Keeps the token in the browser until the token ends, or for [`MAX_COOKIE_AGE`] if that is sooner: "remember me".
    ///
    /// `Max-Age` counts from `now`; `Expires` is the same second, for clients that do not support `Max-Age`.
    pub fn set_until(&self, token: &Token, expires_at: Expiry, now: Timestamp) -> SetTokenCookie {
        let latest = now + MAX_COOKIE_AGE;
        let end = expires_at.at().map_or(latest, |end| end.min(latest));
        let mut cookie = self.cookie(token.expose_secret());
        cookie.set_max_age((end - now).max(Duration::ZERO));
        cookie.set_expires(OffsetDateTime::from(end));
        SetTokenCookie::new(&cookie)
    }

    /// Removes the token from the browser. It repeats name, path, domain and `Secure`, because browsers keep the cookie
    /// otherwise.
    pub fn removal(&self) -> SetTokenCookie {
        let mut cookie = self.cookie("");
        cookie.set_max_age(Duration::ZERO);
        cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
        SetTokenCookie::new(&cookie)
    }

    fn cookie<'c>(&'c self, value: &'c str) -> Cookie<'c> {
        let settings = &*self.0;
        let mut cookie = Cookie::new(settings.name.as_str(), value);
        cookie.set_http_only(settings.http_only);
        cookie.set_same_site(settings.same_site);
        cookie.set_secure(settings.secure);
        cookie.set_path(settings.path.as_str());
        if let Some(domain) = &settings.domain {
            cookie.set_domain(domain.as_str());
        }
        cookie
    }
}

/// [`DEFAULT_NAME`](TokenCookie::DEFAULT_NAME) with default settings.
impl Default for TokenCookie {
    fn default() -> Self {
        Self(Arc::new(Self::builder(Self::DEFAULT_NAME)))
    }
}

/// Settings of a [`TokenCookie`] that are not checked yet. Created by [`TokenCookie::builder`].
#[derive(Debug, Clone)]
#[must_use = "settings do nothing until they are built"]
pub struct TokenCookieBuilder {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: cookie::SameSite,
    secure: bool,
    http_only: bool,
}

impl TokenCookieBuilder {
    /// Sends the cookie only to this path and the paths below it. Default: `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sends the cookie to this domain and every host below it. Default: no domain; only the host that set it gets the
    /// cookie.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets which requests of other sites carry it. Default: [`SameSite::Lax`].
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = match same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::Lax => cookie::SameSite::Lax,
        };
        self
    }

    /// Sends it with every request that any site causes (`SameSite=None`).
    pub fn insecure_sent_by_other_sites(mut self) -> Self {
        self.same_site = cookie::SameSite::None;
        self
    }

    /// Sends it over plain HTTP too, where anyone on the network path can read it. Most browsers treat `http://localhost` as
    /// secure, so that a test on this machine does not need it; Safari does not.
    pub fn insecure_without_secure(mut self) -> Self {
        self.secure = false;
        self
    }

    /// Allows scripts to read it, and so every attacker who injects a script into a page.
    pub fn insecure_readable_by_scripts(mut self) -> Self {
        self.http_only = false;
        self
    }

    /// Checks the settings.
    ///
    /// # Source
    /// RFC 6265bis §4.1.1 for the characters, §4.1.3 for the prefixes. Browsers ignore the prefix's case.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the name, path or domain has characters that a cookie cannot contain; if the
    /// name begins with `__Host-` and the cookie has a domain, a path other than `/` or no `Secure`; if it begins with
    /// `__Secure-` and has no `Secure`; if other sites send it and it has no `Secure`.
    pub fn build(self) -> Result<TokenCookie, Error> {
        match self.fault() {
            Some(fault) => Err(Error::with_source(ErrorKind::Configuration, fault)),
            None => Ok(TokenCookie(Arc::new(self))),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        if self.name.is_empty() || !self.name.bytes().all(is_token_byte) {
            return Some("a cookie name is one or more of the characters of RFC 9110 \"token\"");
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b';') {
            return Some("a cookie path starts with / and is visible ASCII without ;");
        }
        if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            return Some("a cookie domain is labels of letters, digits and - with dots between");
        }
        let is_host = has_prefix(&self.name, "__Host-");
        if is_host && (self.path != "/" || self.domain.is_some()) {
            return Some("a __Host- cookie has the path / and no domain");
        }
        if (is_host || has_prefix(&self.name, "__Secure-")) && !self.secure {
            return Some("a __Host- or __Secure- cookie is Secure");
        }
        if self.same_site == cookie::SameSite::None && !self.secure {
            return Some("a cookie that other sites send is Secure, or browsers drop it");
        }
        None
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    domain
        .split('.')
        .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}
