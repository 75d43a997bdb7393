//! What a request offers, in the order of the sources, each thing once.

use std::slice;

use arrayvec::ArrayVec;
use http::HeaderValue;
use http::header::ValueIter;

use crate::head::RequestHead;
use crate::source::authorization::{Authorization, authorization, basic_password};
use crate::source::cookie::CookieValues;
use crate::source::token_source::Place;
use crate::source::{SameOrigin, TokenSession, TokenSource};
use crate::token::{Token, is_token_text};
use crate::user::{Reason, SourceKind};

/// The most tokens of one request that are looked up. Our choice: more than any honest client sends, and a bound on what
/// a dishonest one can make the store do.
const MAX_CANDIDATES: usize = 8;

/// One thing that a request offers as a credential.
pub(crate) struct Candidate<'r> {
    pub(crate) kind: SourceKind,
    /// Which source it is from: candidates of one source must agree on the user.
    pub(crate) source: usize,
    pub(crate) offer: Offer<'r>,
}

pub(crate) enum Offer<'r> {
    /// Text that could be a token.
    Text(&'r str),
    /// The same, decoded or copied.
    Owned(Token),
    /// A session, which may hold a token. An ambient one on a cross-site request may only be looked into.
    Session { session: Box<dyn TokenSession>, is_cross_site: bool },
    /// Nothing to look up.
    Nothing(Nothing),
}

impl Offer<'_> {
    const fn refused(reason: Reason) -> Self {
        Self::Nothing(Nothing::Refused(reason))
    }
}

/// Why there is nothing to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// For this reason: malformed, ambiguous or cross-site.
    Refused(Reason),
    /// The text was offered before.
    Repeated,
    /// It could be a token, but too many came before it.
    Uncounted,
}

impl Candidate<'_> {
    /// Whether it says the same as the one before it.
    pub(crate) fn adds_nothing_to(&self, last: &Candidate<'_>) -> bool {
        let is_same = match (&self.offer, &last.offer) {
            (Offer::Nothing(this), Offer::Nothing(last)) => this == last,
            _ => false,
        };
        is_same && self.source == last.source
    }

    /// The same, outliving its request.
    pub(crate) fn into_owned(self) -> Candidate<'static> {
        let offer = match self.offer {
            Offer::Text(text) => Offer::Owned(Token::from_checked(text.to_owned())),
            Offer::Owned(token) => Offer::Owned(token),
            Offer::Session { session, is_cross_site } => Offer::Session { session, is_cross_site },
            Offer::Nothing(nothing) => Offer::Nothing(nothing),
        };
        Candidate { kind: self.kind, source: self.source, offer }
    }
}

/// The candidates of a request, read lazily: the last source costs nothing if the first one settles it.
pub(crate) struct Candidates<'a, 'r> {
    head: RequestHead<'r>,
    same_origin: &'a SameOrigin,
    allows_ambient: Option<bool>,
    sources: slice::Iter<'a, TokenSource>,
    source: usize,
    kind: SourceKind,
    values: Values<'a, 'r>,
    tried: ArrayVec<&'r str, MAX_CANDIDATES>,
    /// The password of Basic credentials, which stands nowhere in the request as it is.
    basic: Option<Token>,
    /// How many more may be looked up.
    budget: usize,
}

enum Values<'a, 'r> {
    None,
    Cookies(CookieValues<'r, 'a>),
    Header(ValueIter<'r, HeaderValue>),
    One(&'r [u8]),
}

impl<'a, 'r> Candidates<'a, 'r> {
    pub(crate) fn new(sources: &'a [TokenSource], same_origin: &'a SameOrigin, head: RequestHead<'r>) -> Self {
        Self {
            head,
            same_origin,
            allows_ambient: None,
            sources: sources.iter(),
            source: 0,
            kind: SourceKind::Direct,
            values: Values::None,
            tried: ArrayVec::new(),
            basic: None,
            budget: MAX_CANDIDATES,
        }
    }

    /// Ends with the source that is being read: what comes after it cannot change anything.
    pub(crate) fn end_with_this_source(&mut self) {
        self.sources = [].iter();
    }

    /// The texts that were offered before the last offer, which is `last`.
    pub(crate) fn tried_before(&self, last: &Candidate<'_>) -> impl Iterator<Item = &str> {
        let texts = match last.offer {
            Offer::Text(_) => self.tried.split_last().map_or(&[][..], |(_, before)| before),
            _ => &self.tried,
        };
        let basic = self.basic.as_ref().filter(|_| !matches!(last.offer, Offer::Owned(_)));
        texts.iter().copied().chain(basic.map(Token::expose_secret))
    }

    /// Goes to a source; gives what is not a text right away.
    fn enter(&mut self, source: &'a TokenSource) -> Option<Offer<'r>> {
        self.source += 1;
        self.kind = source.kind();
        match &source.0 {
            Place::Cookie(name) => self.values = Values::Cookies(CookieValues::new(self.head.headers, name)),
            Place::Header(name) => self.values = Values::Header(self.head.headers.get_all(name).iter()),
            Place::Session(find) => {
                let session = find(self.head)?;
                self.spend()?;
                return Some(Offer::Session { session, is_cross_site: !self.allows_ambient() });
            }
            Place::Bearer => match authorization(self.head.headers, "Bearer") {
                Authorization::Absent => {}
                Authorization::Ambiguous => return Some(Offer::refused(Reason::Ambiguous)),
                Authorization::Credentials(text) => self.values = Values::One(text),
            },
            Place::Basic => match authorization(self.head.headers, "Basic") {
                Authorization::Absent => {}
                Authorization::Ambiguous => return Some(Offer::refused(Reason::Ambiguous)),
                Authorization::Credentials(_) if !self.allows_ambient() => {
                    return Some(Offer::refused(Reason::CrossSite));
                }
                Authorization::Credentials(text) => {
                    let Some(token) = basic_password(text) else { return Some(Offer::refused(Reason::Malformed)) };
                    if self.is_known(token.expose_secret()) {
                        return Some(Offer::Nothing(Nothing::Repeated));
                    }
                    self.spend()?;
                    self.basic = Some(token.clone());
                    return Some(Offer::Owned(token));
                }
            },
        }
        None
    }

    fn allows_ambient(&mut self) -> bool {
        *self.allows_ambient.get_or_insert_with(|| self.same_origin.allows(self.head))
    }

    fn offer(&mut self, text: &'r [u8]) -> Offer<'r> {
        if self.kind.is_ambient() && !self.allows_ambient() {
            return Offer::refused(Reason::CrossSite);
        }
        let Some(text) = std::str::from_utf8(text).ok().filter(|text| is_token_text(text.as_bytes())) else {
            return Offer::refused(Reason::Malformed);
        };
        if self.is_known(text) {
            return Offer::Nothing(Nothing::Repeated);
        }
        if self.spend().is_none() || self.tried.try_push(text).is_err() {
            return Offer::Nothing(Nothing::Uncounted);
        }
        Offer::Text(text)
    }

    fn is_known(&self, text: &str) -> bool {
        self.tried.contains(&text) || self.basic.as_ref().is_some_and(|basic| basic.expose_secret() == text)
    }

    /// `None`: this request has been looked up often enough.
    fn spend(&mut self) -> Option<()> {
        self.budget = self.budget.checked_sub(1)?;
        Some(())
    }
}

impl<'r> Iterator for Candidates<'_, 'r> {
    type Item = Candidate<'r>;

    fn next(&mut self) -> Option<Candidate<'r>> {
        loop {
            let text = match &mut self.values {
                Values::None => None,
                Values::Cookies(values) => values.next(),
                Values::Header(values) => values.next().map(HeaderValue::as_bytes),
                Values::One(text) => {
                    let text = *text;
                    self.values = Values::None;
                    Some(text)
                }
            };
            let offer = match text {
                Some(text) => Some(self.offer(text)),
                None => {
                    self.values = Values::None;
                    let source = self.sources.next()?;
                    self.enter(source)
                }
            };
            if let Some(offer) = offer {
                return Some(Candidate { kind: self.kind, source: self.source, offer });
            }
        }
    }
}
