//! The values of one source in a request, before they are checked.

use http::header::{HeaderValue, ValueIter};

use crate::request::RequestHead;
use crate::source::authorization::{Authorization, authorization, bare_authorization};
use crate::source::cookie::CookieValues;
use crate::source::token_source::{HeaderPair, Place};
use crate::source::{TokenSession, TokenSource};

/// Yields the values of one source.
pub(super) enum Values<'a, 'r> {
    Empty,
    Cookies(CookieValues<'r, 'a>),
    Headers(ValueIter<'r, HeaderValue>),
    One(Value<'r>),
    #[cfg(feature = "php-session")]
    Sessions(std::vec::IntoIter<Box<dyn TokenSession>>),
}

/// One value of a source, before it is checked.
pub(crate) enum Value<'r> {
    /// The text of a credential.
    Text(&'r [u8]),
    /// The text of a credential that is not in the request verbatim.
    Decoded(String),
    /// The text after `Basic` in `Authorization`.
    Basic(&'r [u8]),
    /// A session, which may hold a token.
    Session(Box<dyn TokenSession>),
    /// The text of a credential, and the user whom the request claims to be.
    Claimed { token: &'r [u8], user: &'r [u8] },
    /// A credential without the user that has to be named beside it.
    Unclaimed,
    /// Two headers where one is allowed.
    TwoHeaders,
}

impl TokenSource {
    /// Writes the values of this source in the request. Add an arm here for a new kind of source.
    #[inline(always)]
    pub(super) fn read<'a, 'r>(&'a self, head: &RequestHead<'r>, values: &mut Values<'a, 'r>) {
        *values = match &self.0 {
            // Most requests have theirs here. Written where they stay, they are not copied.
            Place::Cookie(name) => return *values = Values::Cookies(CookieValues::new(head.headers, name)),
            Place::Header(name) => Values::Headers(head.headers.get_all(name).iter()),
            Place::Bearer => of_authorization(authorization(head.headers, "Bearer"), Value::Text),
            Place::Basic => of_authorization(authorization(head.headers, "Basic"), Value::Basic),
            Place::BareAuthorization => of_authorization(bare_authorization(head.headers), Value::Text),
            Place::HeaderPair(pair) => of_pair(head, pair),
            Place::Session(find) => find(*head).map_or(Values::Empty, |session| Values::One(Value::Session(session))),
            #[cfg(feature = "php-session")]
            Place::Sessions(find) => Values::Sessions(find(*head).into_iter()),
            Place::Function(_, read) => read(*head).map_or(Values::Empty, |text| Values::One(Value::Decoded(text))),
        };
    }
}

#[inline]
fn of_authorization<'a, 'r>(found: Authorization<'r>, value: fn(&'r [u8]) -> Value<'r>) -> Values<'a, 'r> {
    match found {
        Authorization::Absent => Values::Empty,
        Authorization::Ambiguous => Values::One(Value::TwoHeaders),
        Authorization::Credentials(text) => Values::One(value(text)),
    }
}

/// A user without a token is no credential.
#[cold]
fn of_pair<'a, 'r>(head: &RequestHead<'r>, pair: &HeaderPair) -> Values<'a, 'r> {
    let mut tokens = head.headers.get_all(&pair.token).iter();
    let Some(token) = tokens.next() else { return Values::Empty };
    let mut users = head.headers.get_all(&pair.user).iter();
    let user = users.next();
    Values::One(match user {
        _ if tokens.next().is_some() || users.next().is_some() => Value::TwoHeaders,
        Some(user) => Value::Claimed { token: token.as_bytes(), user: user.as_bytes() },
        None => Value::Unclaimed,
    })
}

impl<'r> Iterator for Values<'_, 'r> {
    type Item = Value<'r>;

    #[inline(always)]
    fn next(&mut self) -> Option<Value<'r>> {
        match self {
            Self::Cookies(values) => values.next().map(Value::Text),
            Self::Headers(values) => values.next().map(|value| Value::Text(value.as_bytes())),
            #[cfg(feature = "php-session")]
            Self::Sessions(sessions) => sessions.next().map(Value::Session),
            Self::Empty => None,
            Self::One(_) => match std::mem::replace(self, Self::Empty) {
                Self::One(value) => Some(value),
                _ => None,
            },
        }
    }
}
