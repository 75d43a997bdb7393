//! A place in a request where a token may be.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::request::RequestHead;
use crate::source::TokenSession;
use crate::user::SourceKind;

/// The name of Trongate's token cookie, session key and header.
pub const DEFAULT_NAME: &str = "trongatetoken";

/// A place in a request where a token may be. `TokenAuthLayer` tries its sources in order; see
/// [`source`](crate::source).
///
/// # Security
/// There is no source for the query or the path: addresses end up in logs, histories and `Referer` (RFC 6750 §5.3). For one
/// route that must accept a token there, see [`QueryTokenLayer`](crate::source::QueryTokenLayer).
///
/// # Example
/// ```
/// use tower_tokens::source::TokenSource;
/// use tower_tokens::user::SourceKind;
///
/// let sources = [TokenSource::header("trongatetoken"), TokenSource::bearer(), TokenSource::cookie("trongatetoken")];
/// assert_eq!(sources[1].kind(), SourceKind::Bearer);
/// ```
#[derive(Debug, Clone)]
pub struct TokenSource(pub(super) Place);

#[derive(Clone)]
pub(super) enum Place {
    Cookie(Arc<str>),
    Session(Arc<FindSession>),
    #[cfg(feature = "php-session")]
    Sessions(Arc<FindSessions>),
    Bearer,
    BareAuthorization,
    Header(HeaderName),
    HeaderPair(Arc<HeaderPair>),
    Basic,
    Function(SourceKind, Arc<ReadText>),
}

/// A header for the token, and one for the id of its user.
pub(super) struct HeaderPair {
    pub(super) token: HeaderName,
    pub(super) user: HeaderName,
}

pub(super) type ReadText = dyn Fn(RequestHead<'_>) -> Option<String> + Send + Sync;

/// A request may name several sessions of one kind, as it may have several cookies of one name.
#[cfg(feature = "php-session")]
pub(super) type FindSessions = dyn Fn(RequestHead<'_>) -> Vec<Box<dyn TokenSession>> + Send + Sync;

pub(super) type FindSession = dyn Fn(RequestHead<'_>) -> Option<Box<dyn TokenSession>> + Send + Sync;

impl TokenSource {
    /// The cookie `trongatetoken`, then the session (if the feature `tower-sessions` is on and the request has one),
    /// then `Authorization: Bearer`.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        Self::defaults_with_cookie(DEFAULT_NAME)
    }

    /// The defaults, with this cookie name.
    pub(crate) fn defaults_with_cookie(name: &str) -> Vec<Self> {
        vec![
            Self::cookie(name),
            #[cfg(feature = "tower-sessions")]
            Self::tower_session(),
            Self::bearer(),
        ]
    }

    /// Every cookie of this name, compared byte for byte.
    #[must_use]
    pub fn cookie(name: &str) -> Self {
        Self(Place::Cookie(name.into()))
    }

    /// The session of type `S` that a session middleware put into the request extensions. That middleware must be
    /// outside of `TokenAuthLayer`.
    #[must_use]
    pub fn session<S: TokenSession + Clone + 'static>() -> Self {
        Self::session_from(|head| head.extensions.get::<S>().cloned())
    }

    /// The tower-sessions session, key `trongatetoken`. A session that has no id yet is not read.
    ///
    /// # Security
    /// The `Debug` of a tower-sessions `Session` shows its whole content, including the token: do not log one. Its own
    /// log lines and spans contain neither values nor ids.
    #[cfg(feature = "tower-sessions")]
    #[must_use]
    pub fn tower_session() -> Self {
        Self::session_from(|head| {
            head.extensions.get::<tower_sessions::Session>().filter(|session| session.id().is_some()).cloned()
        })
    }

    /// A session that `find` finds in the request. `find` must not block; reading the session may wait.
    #[must_use]
    pub fn session_from<S, F>(find: F) -> Self
    where
        S: TokenSession + 'static,
        F: Fn(RequestHead<'_>) -> Option<S> + Send + Sync + 'static,
    {
        Self(Place::Session(Arc::new(move |head| find(head).map(|session| Box::new(session) as Box<dyn TokenSession>))))
    }

    /// `Authorization: Bearer`, with the scheme in any case.
    ///
    /// # Source
    /// RFC 6750 §2.1.
    #[must_use]
    pub const fn bearer() -> Self {
        Self(Place::Bearer)
    }

    /// `Authorization` with nothing but the token, without a scheme, as some clients of Lumen and Laravel send it. A value
    /// with a scheme, such as `Bearer x` or `Basic x`, is left to its own source.
    ///
    /// # Source
    /// Our choice, and off by default: RFC 9110 §11.6.2 wants a scheme.
    #[must_use]
    pub const fn bare_authorization() -> Self {
        Self(Place::BareAuthorization)
    }

    /// A header whose whole value is the token, beside another that names its user: `X-TOKEN` and `X-USER` in Lumen
    /// practice. The token is valid only if the second header is the text of its user's id, byte for byte.
    ///
    /// Without the second header, or with another user in it, the credential is invalid. If one of the two is there twice,
    /// the request is ambiguous.
    ///
    /// # Security
    /// The second header proves nothing: whoever has the token can learn its user. It catches clients that have mixed up
    /// their users.
    ///
    /// # Panics
    /// If one of them is not a header name in lower case.
    ///
    /// # Example
    /// ```
    /// use http::Request;
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::request::RequestHead;
    /// use tower_tokens::source::TokenSource;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository);
    /// let issued = tokens.generate(&user).await?;
    /// let layer = TokenAuthLayer::new(tokens).sources([TokenSource::header_with_user("x-token", "x-user")]);
    ///
    /// let ask = |claimed: String| {
    ///     let request = Request::get("/").header("X-TOKEN", issued.token().expose_secret()).header("X-USER", claimed);
    ///     layer.authenticator().authenticate_now(RequestHead::of(&request.body(()).unwrap())).unwrap()
    /// };
    /// assert!(ask(user.to_string()).is_ok());
    /// assert!(ask("999".to_owned()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn header_with_user(token: &'static str, user: &'static str) -> Self {
        let (token, user) = (HeaderName::from_static(token), HeaderName::from_static(user));
        Self(Place::HeaderPair(Arc::new(HeaderPair { token, user })))
    }

    /// A header whose whole value is the token. Trongate's JavaScript and MX send `trongatetoken`.
    ///
    /// # Panics
    /// If `name` is not a header name in lower case.
    #[must_use]
    pub const fn header(name: &'static str) -> Self {
        Self(Place::Header(HeaderName::from_static(name)))
    }

    /// `Authorization: Basic`, with the token as the password: for programs that know no other way. The user name is ignored,
    /// because the token says whose it is: a name, an e-mail address and nothing at all are as good. Every token that is a
    /// credential counts, an API token and a login alike.
    ///
    /// # Security
    /// A browser that was once given Basic credentials repeats them by itself, so the same-origin rule applies to them
    /// as to a cookie.
    ///
    /// # Source
    /// RFC 7617 §2.
    #[must_use]
    pub const fn basic() -> Self {
        Self(Place::Basic)
    }

    /// A source of the application's own: `read` gives the text of the token, or `None` if the request has none there.
    /// The text need not be a token: other text makes the request malformed, as in any source.
    ///
    /// `kind` says whether browsers send it by themselves ([`SourceKind::is_ambient`]), in which case the same-origin
    /// rule applies to it, and gives its name in logs: [`SourceKind::Header`] for a value that a program writes into a
    /// header, [`SourceKind::Cookie`] for a cookie that is read in another way.
    ///
    /// # Security
    /// If browsers send the value by themselves and `kind` is not ambient, other sites can act for the user.
    ///
    /// # Example
    /// A WebSocket's subprotocol, which a page can set on the request that opens the WebSocket:
    /// ```
    /// use http::Request;
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::request::RequestHead;
    /// use tower_tokens::repository::MemoryRepository;
    /// use tower_tokens::source::TokenSource;
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::user::SourceKind;
    ///
    /// let subprotocol = TokenSource::from_fn(SourceKind::Header, |head: RequestHead<'_>| {
    ///     let offered = head.headers.get("sec-websocket-protocol")?.to_str().ok()?;
    ///     offered.split(',').find_map(|protocol| protocol.trim().strip_prefix("token.")).map(str::to_owned)
    /// });
    /// let layer = TokenAuthLayer::new(Tokens::new(MemoryRepository::new())).sources([subprotocol]);
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let request = Request::get("/socket").header("Sec-WebSocket-Protocol", "chat, token.abc").body(())?;
    /// let presented = layer.authenticator().presented_tokens(RequestHead::of(&request)).await?;
    /// assert_eq!(presented[0].expose_secret(), "abc");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn from_fn<F>(kind: SourceKind, read: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<String> + Send + Sync + 'static,
    {
        Self(Place::Function(kind, Arc::new(read)))
    }

    /// The kind of place.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> SourceKind {
        match self.0 {
            Place::Function(kind, _) => kind,
            Place::Cookie(_) => SourceKind::Cookie,
            Place::Session(_) => SourceKind::Session,
            #[cfg(feature = "php-session")]
            Place::Sessions(_) => SourceKind::Session,
            Place::Bearer | Place::BareAuthorization => SourceKind::Bearer,
            Place::Header(_) | Place::HeaderPair(_) => SourceKind::Header,
            Place::Basic => SourceKind::Basic,
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(name) => f.debug_tuple("Cookie").field(name).finish(),
            Self::Session(_) => f.write_str("Session"),
            #[cfg(feature = "php-session")]
            Self::Sessions(_) => f.write_str("Sessions"),
            Self::Bearer => f.write_str("Bearer"),
            Self::BareAuthorization => f.write_str("BareAuthorization"),
            Self::Header(name) => f.debug_tuple("Header").field(name).finish(),
            Self::HeaderPair(pair) => f.debug_tuple("HeaderPair").field(&pair.token).field(&pair.user).finish(),
            Self::Basic => f.write_str("Basic"),
            Self::Function(kind, _) => f.debug_tuple("Function").field(kind).finish(),
        }
    }
}
