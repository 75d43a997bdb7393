//! What a request offers, in the order of the sources, each thing once.

use std::ops::ControlFlow;

use arrayvec::ArrayVec;

use crate::head::RequestHead;
use crate::source::authorization::{Authorization, authorization, basic_password};
use crate::source::cookie::CookieValues;
use crate::source::token_source::Place;
use crate::source::{SameOrigin, TokenSession, TokenSource};
use crate::token::{Token, TokenKey, is_token_text};
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
    Text(TokenKey<'r>),
    /// The same, decoded or copied.
    Owned(Token),
    /// A session, which may hold a token. An ambient one on a cross-site request may only be looked into.
    Session { session: Box<dyn TokenSession>, is_cross_site: bool },
    /// Nothing to look up.
    Nothing(Nothing),
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
    /// Whether it offers nothing, in the same way as one before it of the same source.
    pub(crate) fn adds_nothing_to(&self, before: &Candidate<'_>) -> bool {
        let is_same = match (&self.offer, &before.offer) {
            (Offer::Nothing(this), Offer::Nothing(before)) => this == before,
            _ => false,
        };
        is_same && self.source == before.source
    }

    /// The same, outliving its request.
    pub(crate) fn into_owned(self) -> Candidate<'static> {
        let offer = match self.offer {
            Offer::Text(text) => Offer::Owned(Token::from_checked(text.expose_secret().to_owned())),
            Offer::Owned(token) => Offer::Owned(token),
            Offer::Session { session, is_cross_site } => Offer::Session { session, is_cross_site },
            Offer::Nothing(nothing) => Offer::Nothing(nothing),
        };
        Candidate { kind: self.kind, source: self.source, offer }
    }
}

/// What a request offered before.
#[derive(Debug, Default)]
pub(crate) struct Seen<'r> {
    texts: ArrayVec<TokenKey<'r>, MAX_CANDIDATES>,
    /// The password of Basic credentials, which stands nowhere in the request as it is.
    basic: Option<Token>,
}

impl Seen<'_> {
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(TokenKey::expose_secret).chain(self.basic.as_ref().map(Token::expose_secret))
    }

    #[inline(always)]
    fn contains(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|seen| seen.as_bytes() == text)
            || self.basic.as_ref().is_some_and(|basic| basic.key().as_bytes() == text)
    }
}

/// Where to go after a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// To the next one.
    GoOn,
    /// To the next one of this source, and to none of another.
    EndWithThisSource,
    /// Nowhere.
    Stop,
}

/// Tells `hear` the candidates of a request one after the other, and what came before each. Reads lazily: the last source
/// costs nothing if the first one settles it.
#[inline]
pub(crate) fn read_candidates<'r>(
    sources: &[TokenSource],
    same_origin: &SameOrigin,
    head: &RequestHead<'r>,
    hear: impl FnMut(Candidate<'r>, &Seen<'r>) -> Then,
) {
    let reader = Reader {
        head,
        same_origin,
        allows_ambient: None,
        seen: Seen::default(),
        budget: MAX_CANDIDATES,
        kind: SourceKind::Direct,
        source: 0,
        is_last_source: false,
        hear,
    };
    // Broken off or read to the end: nothing more is to be told.
    let _ = reader.read(sources);
}

struct Reader<'a, 'r, H> {
    head: &'a RequestHead<'r>,
    same_origin: &'a SameOrigin,
    allows_ambient: Option<bool>,
    seen: Seen<'r>,
    /// How many more may be looked up.
    budget: usize,
    kind: SourceKind,
    source: usize,
    is_last_source: bool,
    hear: H,
}

impl<'r, H: FnMut(Candidate<'r>, &Seen<'r>) -> Then> Reader<'_, 'r, H> {
    #[inline(always)]
    fn read(mut self, sources: &[TokenSource]) -> ControlFlow<()> {
        for (number, source) in sources.iter().enumerate() {
            self.source = number;
            self.kind = source.kind();
            match &source.0 {
                Place::Cookie(name) => {
                    for value in CookieValues::new(self.head.headers, name) {
                        self.text(value)?;
                    }
                }
                Place::Header(name) => {
                    for value in self.head.headers.get_all(name) {
                        self.explicit_text(value.as_bytes())?;
                    }
                }
                Place::Session(find) => {
                    if let Some(session) = find(*self.head)
                        && self.spend()
                    {
                        let is_cross_site = !self.allows_ambient();
                        self.offer(Offer::Session { session, is_cross_site })?;
                    }
                }
                Place::Bearer => match authorization(self.head.headers, "Bearer") {
                    Authorization::Absent => {}
                    Authorization::Ambiguous => self.refuse(Reason::Ambiguous)?,
                    Authorization::Credentials(text) => self.explicit_text(text)?,
                },
                Place::Basic => match authorization(self.head.headers, "Basic") {
                    Authorization::Absent => {}
                    Authorization::Ambiguous => self.refuse(Reason::Ambiguous)?,
                    Authorization::Credentials(text) => self.basic(text)?,
                },
            }
            if self.is_last_source {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    /// Apart, so that a cookie's way through [`text`](Self::text) has no call.
    #[inline(never)]
    fn explicit_text(&mut self, text: &'r [u8]) -> ControlFlow<()> {
        self.text(text)
    }

    #[inline(always)]
    fn text(&mut self, text: &'r [u8]) -> ControlFlow<()> {
        if self.kind.is_ambient() && !self.allows_ambient() {
            return self.refuse(Reason::CrossSite);
        }
        if !is_token_text(text) {
            return self.refuse(Reason::Malformed);
        }
        if self.seen.contains(text) {
            return self.offer(Offer::Nothing(Nothing::Repeated));
        }
        if !self.spend() {
            return self.offer(Offer::Nothing(Nothing::Uncounted));
        }
        let text = TokenKey::from_checked(text);
        let then =
            (self.hear)(Candidate { kind: self.kind, source: self.source, offer: Offer::Text(text) }, &self.seen);
        // There is room: the budget is as large.
        let _ = self.seen.texts.try_push(text);
        self.go(then)
    }

    #[cold]
    fn basic(&mut self, credentials: &[u8]) -> ControlFlow<()> {
        if !self.allows_ambient() {
            return self.refuse(Reason::CrossSite);
        }
        let Some(token) = basic_password(credentials) else { return self.refuse(Reason::Malformed) };
        if self.seen.contains(token.key().as_bytes()) {
            return self.offer(Offer::Nothing(Nothing::Repeated));
        }
        if self.spend() {
            self.offer(Offer::Owned(token.clone()))?;
            self.seen.basic = Some(token);
        }
        ControlFlow::Continue(())
    }

    #[cold]
    fn refuse(&mut self, reason: Reason) -> ControlFlow<()> {
        self.offer(Offer::Nothing(Nothing::Refused(reason)))
    }

    /// Apart from the text that most requests offer, so that its way stays short.
    #[cold]
    #[inline(never)]
    fn offer(&mut self, offer: Offer<'r>) -> ControlFlow<()> {
        let then = (self.hear)(Candidate { kind: self.kind, source: self.source, offer }, &self.seen);
        self.go(then)
    }

    #[inline(always)]
    fn go(&mut self, then: Then) -> ControlFlow<()> {
        match then {
            Then::GoOn => ControlFlow::Continue(()),
            Then::EndWithThisSource => {
                self.is_last_source = true;
                ControlFlow::Continue(())
            }
            Then::Stop => ControlFlow::Break(()),
        }
    }

    fn allows_ambient(&mut self) -> bool {
        *self.allows_ambient.get_or_insert_with(|| self.same_origin.lets_pass(self.head))
    }

    /// Whether one more may be looked up.
    fn spend(&mut self) -> bool {
        let left = self.budget.checked_sub(1);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }
}
