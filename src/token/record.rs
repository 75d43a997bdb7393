//! The data of a token in a store, without the secret.

use arrayvec::ArrayString;
use time::Duration;

use crate::clock::{CLOCK_TOLERANCE, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::text::Text;
use crate::token::rare::Rare;
use crate::token::{Abilities, Expiry, Lifetime, NewLimits, Token, TokenId, TokenKind};

/// The data of a token in a store: its id, kind, times, name and abilities. Never its text or digest.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
///
/// let born = Timestamp::from_unix_seconds(1_000);
/// let lifetime = Lifetime::hours(24).with_idle_limit(Duration::hours(1));
/// let record = TokenRecord::new(TokenId::new(7), born, lifetime).with_name("phone");
/// assert_eq!(record.name(), Some("phone"));
/// assert!(!record.is_expired(born + Duration::minutes(59)));
/// assert!(record.is_expired(born + Duration::hours(1)), "idle for an hour");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub(super) id: TokenId,
    pub(super) kind: TokenKind,
    pub(super) family: Option<TokenId>,
    pub(super) created_at: Timestamp,
    pub(super) authenticated_at: Timestamp,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) absolute_expiry: Expiry,
    pub(super) idle_limit: Option<Duration>,
    pub(super) rare: Rare,
}

impl TokenRecord {
    /// The longest name that a store keeps, in bytes. Our choice: every browser's `User-Agent` fits, and so do those of
    /// applications that embed a browser; a name is read at each look-up.
    pub const MAX_NAME_BYTES: usize = 512;

    /// The longest code that a store keeps, in bytes. Our choice: room for a UUID and a word.
    pub const MAX_CODE_BYTES: usize = 64;

    /// The record of a token that is created at `created_at`, just after its user proved who they are.
    #[must_use]
    pub fn new(id: TokenId, created_at: Timestamp, lifetime: Lifetime) -> Self {
        Self {
            id,
            kind: TokenKind::Login,
            family: None,
            created_at,
            authenticated_at: created_at,
            last_used_at: None,
            absolute_expiry: lifetime.ends_at(created_at),
            idle_limit: lifetime.idle_limit(),
            rare: Rare::NONE,
        }
    }

    /// Sets the id, for a store that numbers its rows itself.
    #[must_use]
    pub fn with_id(mut self, id: TokenId) -> Self {
        self.id = id;
        self
    }

    /// Sets what the token is for. Default: [`TokenKind::Login`].
    #[must_use]
    pub fn with_kind(mut self, kind: TokenKind) -> Self {
        self.kind = kind;
        self
    }

    /// Makes the token a part of what the token with this id stands for: it ends when that one is ended. Default: it
    /// stands for itself.
    #[must_use]
    pub fn with_family(mut self, head: TokenId) -> Self {
        self.family = Some(head);
        self
    }

    /// Sets what the token may be used for. Default: everything.
    #[must_use]
    pub fn with_abilities(mut self, abilities: Abilities) -> Self {
        if abilities != *self.abilities() {
            self.rare.get_mut().abilities = abilities;
        }
        self
    }

    /// Keeps the last four characters of the token's text, by which its owner recognizes it. Default: none.
    ///
    /// # Security
    /// Of a text whose last characters are its only secret this gives four away. Those of an API token are check digits,
    /// which leave 154 of the 178 bits of its secret unknown.
    #[must_use]
    pub fn with_last_four_of(mut self, token: &Token) -> Self {
        let text = token.expose_secret();
        self.rare.get_mut().last_four =
            text.get(text.len().saturating_sub(4)..).and_then(|end| ArrayString::from(end).ok());
        self
    }

    /// Names the token for its owner: `Firefox on Linux`, `backup script`. Default: no name.
    ///
    /// A name of any length is accepted here, so that names in a foreign table can be read.
    /// [`check_bounds`](Self::check_bounds) refuses a long name before it is stored.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.rare.get_mut().name = Some(Text::new(name));
        self
    }

    /// Marks the token with an application's own code (Trongate: up to 3 characters). Default: no code.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        self.rare.get_mut().code = Some(Text::new(code));
        self
    }

    /// Sets when the user last proved who they are. Default: when the token was created.
    #[must_use]
    pub fn with_authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = at;
        self
    }

    /// Sets when the token was last used. Default: never.
    #[must_use]
    pub fn with_last_used_at(mut self, at: Option<Timestamp>) -> Self {
        self.last_used_at = at;
        self
    }

    /// Sets the absolute end, which activity does not move.
    #[must_use]
    pub fn with_absolute_expiry(mut self, expiry: Expiry) -> Self {
        self.absolute_expiry = expiry;
        self
    }

    /// The record after regeneration: the same id, kind, abilities, name and code, a new time of creation, and the old limits as
    /// `limits` changes them. The user proved who they are at `authenticated_at`; `None` keeps the old time.
    #[must_use]
    pub fn regenerated(self, now: Timestamp, limits: NewLimits, authenticated_at: Option<Timestamp>) -> Self {
        let (absolute_expiry, idle_limit) = match limits {
            NewLimits::Keep => (self.absolute_expiry, self.idle_limit),
            NewLimits::AtMost(most) => {
                let shorter = self.idle_limit.into_iter().chain(most.idle_limit()).min();
                (self.absolute_expiry.min(most.ends_at(now)), shorter)
            }
            NewLimits::FreshStart(lifetime) => (lifetime.ends_at(now), lifetime.idle_limit()),
        };
        let authenticated_at = authenticated_at.unwrap_or(self.authenticated_at);
        Self { created_at: now, authenticated_at, last_used_at: None, absolute_expiry, idle_limit, ..self }
    }

    /// Whether a store may keep this record: its name has at most [`MAX_NAME_BYTES`](Self::MAX_NAME_BYTES), its code at most
    /// [`MAX_CODE_BYTES`](Self::MAX_CODE_BYTES), its abilities at most [`Abilities::MAX_BYTES`]. For [`insert`](crate::repository::TokenRepository::insert).
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) otherwise; the source says which field is too long.
    pub fn check_bounds(&self) -> Result<(), Error> {
        let fields = [
            ("name", self.name(), Self::MAX_NAME_BYTES),
            ("code", self.code(), Self::MAX_CODE_BYTES),
            ("abilities", self.abilities().as_stored(), Abilities::MAX_BYTES),
        ];
        for (field, text, most) in fields {
            let length = text.map_or(0, str::len);
            if length > most {
                let source = format!("the {field} of a token has at most {most} bytes, not {length}");
                return Err(Error::with_source(ErrorKind::InvalidInput, source));
            }
        }
        Ok(())
    }

    /// The record's number.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// What the token is for.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The id of the token with which this one ends, if it does not stand for itself: the refresh token of an access token, the
    /// API token that replaces this one, or the token [within](crate::lifecycle::Generate::within) which it was generated.
    #[must_use]
    pub const fn family(&self) -> Option<TokenId> {
        self.family
    }

    /// The id by which a log-out ends this token: that of its pair for an access token, otherwise its own.
    #[must_use]
    pub fn log_out_id(&self) -> TokenId {
        self.family.filter(|_| self.kind == TokenKind::Access).unwrap_or(self.id)
    }

    /// What the token may be used for.
    #[must_use]
    pub fn abilities(&self) -> &Abilities {
        &self.rare.get().abilities
    }

    /// The last four characters of the token's text, if they are kept: those of an API token are.
    #[must_use]
    pub fn last_four(&self) -> Option<&str> {
        self.rare.get().last_four.as_ref().map(ArrayString::as_str)
    }

    /// When this token was created (or last regenerated).
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the user last proved who they are.
    #[must_use]
    pub const fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at
    }

    /// When the token was last seen in use, or `None` if it never was. Up to a minute behind, see
    /// [`Tokens::with_touch_interval`](crate::lifecycle::Tokens::with_touch_interval).
    #[must_use]
    pub const fn last_used_at(&self) -> Option<Timestamp> {
        self.last_used_at
    }

    /// When the token was last used, or when it was created if it never was.
    pub(crate) fn last_active(&self) -> Timestamp {
        self.last_used_at.unwrap_or(self.created_at)
    }

    /// When the token ends: the earlier of its absolute end and, if it has an idle limit, that limit after the last use.
    #[must_use]
    #[inline]
    pub fn expires_at(&self) -> Expiry {
        end(self.absolute_expiry, self.idle_limit, self.last_active())
    }

    /// The absolute end, which activity does not move.
    #[must_use]
    pub const fn absolute_expiry(&self) -> Expiry {
        self.absolute_expiry
    }

    /// How long the token may stay unused, in whole seconds, or `None` if there is no limit.
    #[must_use]
    pub const fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    /// The absolute end of an API token that is reached within this time from `now`: its owner should
    /// [rotate](crate::lifecycle::Tokens::rotate_api_token) it. `None` for other kinds, whose user logs in again.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp, within: Duration) -> Option<Timestamp> {
        let end = self.absolute_expiry.at().filter(|_| self.kind == TokenKind::Api)?;
        (now < end && end - now <= within).then_some(end)
    }

    /// Whether the token has ended: `now >= expires_at`.
    #[must_use]
    #[inline]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().has_passed(now)
    }

    /// Whether the token is valid at `now`: it has not ended, and if it has an idle limit, its last use (or creation)
    /// is no further ahead of `now` than [`CLOCK_TOLERANCE`](crate::clock::CLOCK_TOLERANCE) and the limit allow.
    /// Otherwise a use by a clock that was a day fast would keep an idle token valid for a day.
    #[must_use]
    #[inline]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        !self.is_expired(now) && now >= self.valid_from()
    }

    /// The earliest time at which the last use of a token with an idle limit is not too far ahead.
    #[inline]
    pub(crate) fn valid_from(&self) -> Timestamp {
        start(self.idle_limit, self.last_active())
    }

    /// The name that its owner gave it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.rare.get().name.as_ref().map(Text::as_str)
    }

    /// The application's own code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.rare.get().code.as_ref().map(Text::as_str)
    }
}

/// The earlier of a token's two ends.
#[inline]
pub(super) fn end(absolute: Expiry, idle_limit: Option<Duration>, last_active: Timestamp) -> Expiry {
    absolute.min(idle_limit.map(|limit| last_active + limit).into())
}

/// From when on a token is valid.
#[inline]
pub(super) fn start(idle_limit: Option<Duration>, last_active: Timestamp) -> Timestamp {
    last_active - idle_limit.map_or(Duration::MAX, |limit| limit.min(CLOCK_TOLERANCE))
}
