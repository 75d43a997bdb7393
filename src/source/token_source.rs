//! One place in a request where a token may be.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::head::RequestHead;
use crate::source::TokenSession;
use crate::user::SourceKind;

/// The name of Trongate's token cookie, session key and header.
pub const DEFAULT_NAME: &str = "trongatetoken";

/// A place in a request where a token may be. `TokenAuthLayer` tries its sources in order.
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
    Bearer,
    Header(HeaderName),
    Basic,
}

pub(super) type FindSession = dyn Fn(RequestHead<'_>) -> Option<Box<dyn TokenSession>> + Send + Sync;

impl TokenSource {
    /// The cookie `trongatetoken`, then the session (if the feature `tower-sessions` is on and the request has one),
    /// then `Authorization: Bearer`.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        Self::defaults_with_cookie(DEFAULT_NAME)
    }

    /// The defaults, with this name of the cookie.
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

    /// The session of type `S` that a session middleware left in the request extensions. The middleware must stand
    /// outside of `TokenAuthLayer`.
    #[must_use]
    pub fn session<S: TokenSession + Clone + 'static>() -> Self {
        Self::session_from(|head| head.extensions.get::<S>().cloned())
    }

    /// The tower-sessions session, key `trongatetoken`. A session that has no id yet holds nothing and costs nothing.
    ///
    /// # Security
    /// The `Debug` of a tower-sessions `Session` shows all that it holds, the token too: do not log one. Its own log lines
    /// and spans hold neither values nor ids.
    #[cfg(feature = "tower-sessions")]
    #[must_use]
    pub fn tower_session() -> Self {
        Self::session_from(|head| {
            head.extensions.get::<tower_sessions::Session>().filter(|session| session.id().is_some()).cloned()
        })
    }

    /// A session that `find` finds in the request. `find` must not block; the reading is the session's.
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

    /// A header whose whole value is the token. Trongate's JavaScript and MX send `trongatetoken`.
    ///
    /// # Panics
    /// If `name` is not a header name in lower case.
    #[must_use]
    pub const fn header(name: &'static str) -> Self {
        Self(Place::Header(HeaderName::from_static(name)))
    }

    /// `Authorization: Basic`, the token being the password; the user name is not looked at.
    ///
    /// # Security
    /// A browser that was once given Basic credentials repeats them by itself, so the same-origin rule holds for them
    /// as for a cookie.
    ///
    /// # Source
    /// RFC 7617 §2.
    #[must_use]
    pub const fn basic() -> Self {
        Self(Place::Basic)
    }

    /// What kind of place it is.
    #[must_use]
    pub const fn kind(&self) -> SourceKind {
        match self.0 {
            Place::Cookie(_) => SourceKind::Cookie,
            Place::Session(_) => SourceKind::Session,
            Place::Bearer => SourceKind::Bearer,
            Place::Header(_) => SourceKind::Header,
            Place::Basic => SourceKind::Basic,
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(name) => f.debug_tuple("Cookie").field(name).finish(),
            Self::Session(_) => f.write_str("Session"),
            Self::Bearer => f.write_str("Bearer"),
            Self::Header(name) => f.debug_tuple("Header").field(name).finish(),
            Self::Basic => f.write_str("Basic"),
        }
    }
}
