//! The credentials of a request, in the order of the sources, each once.

use std::iter::Enumerate;
use std::slice;

use arrayvec::ArrayVec;

use crate::request::RequestHead;
use crate::source::authorization::basic_password;
use crate::source::claimed::ClaimedToken;
use crate::source::values::{Value, Values};
use crate::source::{SameOrigin, TokenSession, TokenSource};
use crate::token::{Token, TokenKey, is_token_text};
use crate::user::{Reason, SourceKind};

/// The most tokens of one request that are looked up. Our choice: more than any honest client sends, and a limit on the
/// load that a hostile client can put on the store.
const MAX_CANDIDATES: usize = 8;

/// One credential of a request, and its source.
pub(crate) struct Candidate<'r> {
    pub(crate) kind: SourceKind,
    /// The number of its source: candidates of one source must agree on the user.
    pub(crate) source: usize,
    pub(crate) credential: Credential<'r>,
}

pub(crate) enum Credential<'r> {
    /// Text that could be a token.
    Text(TokenKey<'r>),
    /// Text that could be a token, decoded or copied.
    Owned(Token),
    /// Text that could be a token, and counts only if it belongs to the user whom the request names beside it.
    Claimed(Box<ClaimedToken>),
    /// A session, which may hold a token. If it is ambient and the request is cross-site, it is read only to see
    /// whether it holds one.
    Session { session: Box<dyn TokenSession>, is_cross_site: bool },
    /// Must not be looked up.
    Unusable(Unusable),
}

/// Why a credential is not looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is malformed, ambiguous or cross-site.
    Refused(Reason),
    /// The same text came before.
    Repeated,
    /// It could be a token, but [`MAX_CANDIDATES`] others came before it.
    OverLimit,
}

impl Candidate<'_> {
    /// The text to look up, if it is in the request itself.
    #[inline]
    pub(crate) fn key(&self) -> Option<TokenKey<'_>> {
        match &self.credential {
            Credential::Text(key) => Some(*key),
            Credential::Owned(token) => Some(token.key()),
            Credential::Claimed(claimed) => Some(claimed.token.key()),
            Credential::Session { .. } | Credential::Unusable(_) => None,
        }
    }

    /// The user whom the request names beside it.
    #[inline(always)]
    pub(crate) fn claimed(&self) -> Option<&ClaimedToken> {
        match &self.credential {
            Credential::Claimed(claimed) => Some(claimed),
            _ => None,
        }
    }

    /// Whether it is unusable for the same reason as this earlier credential of the same source.
    pub(crate) fn repeats(&self, earlier: &Candidate<'_>) -> bool {
        let is_same = match (&self.credential, &earlier.credential) {
            (Credential::Unusable(this), Credential::Unusable(earlier)) => this == earlier,
            _ => false,
        };
        is_same && self.source == earlier.source
    }

    /// A copy that outlives the request.
    pub(crate) fn into_owned(self) -> Candidate<'static> {
        let credential = match self.credential {
            Credential::Text(text) => Credential::Owned(Token::from_checked(text.expose_secret().to_owned())),
            Credential::Owned(token) => Credential::Owned(token),
            Credential::Claimed(claimed) => Credential::Claimed(claimed),
            Credential::Session { session, is_cross_site } => Credential::Session { session, is_cross_site },
            Credential::Unusable(why) => Credential::Unusable(why),
        };
        Candidate { kind: self.kind, source: self.source, credential }
    }
}

/// Yields the credentials of a request, in the order of the sources. Lazy: a source is read when its turn comes.
pub(crate) struct Candidates<'a, 'r> {
    head: &'a RequestHead<'r>,
    same_origin: &'a SameOrigin,
    sources: Enumerate<slice::Iter<'a, TokenSource>>,
    /// The number and kind of the source that is being read.
    source: usize,
    kind: SourceKind,
    values: Values<'a, 'r>,
    allows_ambient: Option<bool>,
    texts: ArrayVec<TokenKey<'r>, MAX_CANDIDATES>,
    /// Tokens that are not in the request verbatim, such as the password of Basic credentials.
    decoded: Vec<Token>,
    /// How many more credentials may be looked up.
    remaining: usize,
}

impl<'a, 'r> Candidates<'a, 'r> {
    #[inline]
    pub(crate) fn new(sources: &'a [TokenSource], same_origin: &'a SameOrigin, head: &'a RequestHead<'r>) -> Self {
        Self {
            head,
            same_origin,
            sources: sources.iter().enumerate(),
            source: 0,
            kind: SourceKind::Direct,
            values: Values::Empty,
            allows_ambient: None,
            texts: ArrayVec::new(),
            decoded: Vec::new(),
            remaining: MAX_CANDIDATES,
        }
    }

    /// The same with a different limit on look-ups.
    pub(crate) const fn with_limit(mut self, limit: usize) -> Self {
        self.remaining = limit;
        self
    }

    /// The next value, before it is checked; with `of_this_source` only if the previous one came from the same source.
    #[inline(always)]
    pub(crate) fn next_value(&mut self, of_this_source: bool) -> Option<Value<'r>> {
        loop {
            if let Some(value) = self.values.next() {
                return Some(value);
            }
            if of_this_source {
                return None;
            }
            let (number, source) = self.sources.next()?;
            self.source = number;
            self.kind = source.kind();
            source.read(self.head, &mut self.values);
        }
    }

    /// The kind and number of the source that the previous value came from.
    #[inline]
    pub(crate) const fn source(&self) -> (SourceKind, usize) {
        (self.kind, self.source)
    }

    /// The credential that this value of the present source is. Apart from the path of a text, which stays short without it.
    #[cold]
    #[inline(never)]
    pub(crate) fn candidate(&mut self, value: Value<'r>) -> Candidate<'r> {
        let credential = self.credential(value);
        Candidate { kind: self.kind, source: self.source, credential }
    }

    /// The next credential of the source that the previous one came from.
    pub(crate) fn next_of_this_source(&mut self) -> Option<Candidate<'r>> {
        let value = self.next_value(true)?;
        Some(self.candidate(value))
    }

    /// The text as one that is looked up, or why it is not.
    #[inline(always)]
    pub(crate) fn usable(&mut self, text: &'r [u8]) -> Result<TokenKey<'r>, Unusable> {
        if let Some(unusable) = self.unusable(text) {
            return Err(unusable);
        }
        let text = TokenKey::from_checked(text);
        // This remembers as many texts as may be looked up. Beyond them, texts may repeat.
        let _ = self.texts.try_push(text);
        Ok(text)
    }

    /// The texts that were yielded before this one.
    pub(crate) fn texts_before(&self, key: Option<TokenKey<'_>>) -> impl Iterator<Item = &str> {
        let all = self.texts.iter().copied().chain(self.decoded.iter().map(Token::key));
        let others = all.filter(move |text| key.is_none_or(|key| key.as_bytes() != text.as_bytes()));
        others.map(|text| text.expose_secret())
    }

    fn credential(&mut self, value: Value<'r>) -> Credential<'r> {
        match value {
            Value::Text(text) => self.usable(text).map_or_else(Credential::Unusable, Credential::Text),
            Value::Decoded(text) => self.decoded(text.as_bytes(), || Token::from_checked(text.clone())),
            Value::Basic(_) if !self.allows_ambient() => Credential::Unusable(Unusable::Refused(Reason::CrossSite)),
            Value::Basic(credentials) => match basic_password(credentials) {
                Some(token) => self.decoded(token.key().as_bytes(), || token.clone()),
                None => Credential::Unusable(Unusable::Refused(Reason::Malformed)),
            },
            Value::Session(_) if !self.take_one() => Credential::Unusable(Unusable::OverLimit),
            Value::Session(session) => Credential::Session { session, is_cross_site: !self.allows_ambient() },
            Value::Claimed { token, user } => match self.unusable(token) {
                Some(unusable) => Credential::Unusable(unusable),
                // Not remembered: the same text in a later source counts, whoever is claimed here.
                None => {
                    let token = Token::from_checked(TokenKey::from_checked(token).expose_secret().to_owned());
                    Credential::Claimed(Box::new(ClaimedToken::new(token, user)))
                }
            },
            Value::Unclaimed => Credential::Unusable(Unusable::Refused(Reason::Invalid)),
            Value::TwoHeaders => Credential::Unusable(Unusable::Refused(Reason::Ambiguous)),
        }
    }

    fn decoded(&mut self, text: &[u8], token: impl Fn() -> Token) -> Credential<'r> {
        if let Some(unusable) = self.unusable(text) {
            return Credential::Unusable(unusable);
        }
        self.decoded.push(token());
        Credential::Owned(token())
    }

    /// Why this text is not looked up. `None` if it is looked up, and counts.
    #[inline(always)]
    fn unusable(&mut self, text: &[u8]) -> Option<Unusable> {
        if self.kind.is_ambient() && !self.allows_ambient() {
            Some(Unusable::Refused(Reason::CrossSite))
        } else if !is_token_text(text) {
            Some(Unusable::Refused(Reason::Malformed))
        } else if self.came_before(text) {
            Some(Unusable::Repeated)
        } else if !self.take_one() {
            Some(Unusable::OverLimit)
        } else {
            None
        }
    }

    #[inline(always)]
    fn came_before(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|before| before.as_bytes() == text)
            || self.decoded.iter().any(|before| before.key().as_bytes() == text)
    }

    #[inline(always)]
    fn allows_ambient(&mut self) -> bool {
        *self.allows_ambient.get_or_insert_with(|| self.same_origin.lets_pass(self.head))
    }

    /// Whether one more credential may be looked up.
    #[inline(always)]
    fn take_one(&mut self) -> bool {
        let left = self.remaining.checked_sub(1);
        self.remaining = left.unwrap_or(0);
        left.is_some()
    }
}

impl<'r> Iterator for Candidates<'_, 'r> {
    type Item = Candidate<'r>;

    fn next(&mut self) -> Option<Candidate<'r>> {
        let value = self.next_value(false)?;
        Some(self.candidate(value))
    }
}
