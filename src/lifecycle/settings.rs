//! [`Tokens`] and its settings.

use std::fmt;
use std::sync::Arc;

use time::Duration;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::lifecycle::events::TokenEvents;
use crate::lifecycle::usage_recorder::UsageRecorder;
use crate::repository::{PRUNING_MARGIN, TokenRepository};
use crate::respond::{EXPIRY_WARNING, SetTokenCookie, TokenCookie};
use crate::token::{ApiTokenFormat, Lifetime};

/// How many tokens one user has at most. Our choice: many times the devices and scripts of an honest user, and a limit
/// for a script that logs in repeatedly.
const MAX_TOKENS_PER_USER: u32 = 1_000;

/// How long an API token lives if its generation sets no lifetime. GitHub's default for a fine-grained token.
const API_TOKEN_LIFETIME: Lifetime = Lifetime::days(30);

/// The life cycle of the tokens in one store. Cheap to clone; clones share one store.
///
/// It does not check passwords: the application decides that a user is legitimate, and then generates a token here.
///
/// # Example
/// See the [module](crate::lifecycle).
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

#[derive(Clone)]
pub(super) struct Inner {
    pub(super) repository: Arc<dyn TokenRepository>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lifetime: Lifetime,
    pub(super) cookie: TokenCookie,
    pub(super) api_format: Option<ApiTokenFormat>,
    pub(super) api_token_lifetime: Lifetime,
    /// In seconds; `i64::MAX` for never.
    pub(super) touch_seconds: i64,
    pub(super) usage_recorder: Arc<UsageRecorder>,
    /// In addition to the margin that every store keeps.
    pub(super) longer_pruning_margin: Duration,
    pub(super) max_tokens_per_user: Option<u32>,
    pub(super) events: Option<Arc<dyn TokenEvents>>,
    pub(super) expiry_warning: Option<Duration>,
    #[cfg(feature = "pairs")]
    pub(super) pairs: crate::lifecycle::PairSettings,
}

impl Tokens {
    /// Manages tokens in this store, with the defaults that the setters name.
    #[must_use]
    pub fn new(repository: impl TokenRepository) -> Self {
        Self(Arc::new(Inner {
            repository: Arc::new(repository),
            clock: Arc::new(SystemClock),
            lifetime: Lifetime::default(),
            cookie: TokenCookie::default(),
            api_format: None,
            api_token_lifetime: API_TOKEN_LIFETIME,
            touch_seconds: 60,
            usage_recorder: Arc::default(),
            longer_pruning_margin: Duration::ZERO,
            max_tokens_per_user: Some(MAX_TOKENS_PER_USER),
            events: None,
            expiry_warning: Some(EXPIRY_WARNING),
            #[cfg(feature = "pairs")]
            pairs: crate::lifecycle::PairSettings::new(),
        }))
    }

    /// The clock for "now". Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|inner| inner.clock = Arc::new(clock))
    }

    /// How long a login lives if its generation sets no lifetime. Default: 86,400 seconds, Trongate's. API tokens have a
    /// [default of their own](Self::with_api_token_lifetime).
    #[must_use]
    pub fn with_lifetime(self, lifetime: impl Into<Lifetime>) -> Self {
        self.with(|inner| inner.lifetime = lifetime.into())
    }

    /// The cookie that carries tokens to browsers. A `TokenAuthLayer` on this service reads the cookie of the same
    /// name. Default: [`TokenCookie::default`], named `trongatetoken`.
    #[must_use]
    pub fn with_cookie(self, cookie: TokenCookie) -> Self {
        self.with(|inner| inner.cookie = cookie)
    }

    /// The format of [API tokens](super::Generate::api_token). A token with its prefix and wrong check digits is
    /// refused without a look-up. Default: no such format.
    #[must_use]
    pub fn with_api_tokens(self, format: ApiTokenFormat) -> Self {
        self.with(|inner| inner.api_format = Some(format))
    }

    /// How long an [API token](super::Generate::api_token) lives if its generation sets no lifetime. Default: 30 days, because
    /// a token that was forgotten should not work for ever.
    ///
    /// A token without an end has to be written out: [`Lifetime::never_expires`], here or at its generation.
    ///
    /// # Source
    /// The default of GitHub for a fine-grained token.
    #[must_use]
    pub fn with_api_token_lifetime(self, lifetime: impl Into<Lifetime>) -> Self {
        self.with(|inner| inner.api_token_lifetime = lifetime.into())
    }

    /// How often the last use of one token is written at most, in whole seconds and never more than once a second, or
    /// `None` for never. Default: 60 seconds; our choice, because a write on every request would overload the store.
    ///
    /// A task of the Tokio runtime that the request runs on writes it; outside of a runtime it is not written.
    ///
    /// A token with an idle limit is written as often as its limit needs: at least four times within it, even with
    /// `None`.
    #[must_use]
    pub fn with_touch_interval(self, interval: Option<Duration>) -> Self {
        self.with(|inner| inner.touch_seconds = interval.map_or(i64::MAX, Duration::whole_seconds))
    }

    /// How long a token stays in the store after its end, in whole seconds. A store keeps it for at least
    /// [`PRUNING_MARGIN`], even if a shorter time is set. Default: [`PRUNING_MARGIN`], 48 hours.
    ///
    /// A node whose clock is wrong by more than this prunes tokens that are valid on other nodes.
    #[must_use]
    pub fn with_pruning_margin(self, margin: Duration) -> Self {
        self.with(|inner| inner.longer_pruning_margin = (margin - PRUNING_MARGIN).max(Duration::ZERO))
    }

    /// How many tokens one user has at most (1 at least), or `None` for any number. Default: 1,000; our choice, many times
    /// the devices and scripts of an honest user. API tokens are counted by themselves: a user may have that many of them, and
    /// that many other tokens.
    ///
    /// If a new login exceeds the limit, the one that would expire first is ended, so that no user is locked out, and
    /// a script that logs in repeatedly cannot fill the store. A login that never expires is not ended for another one:
    /// a new one that never expires is refused if all the others never expire either
    /// ([`TooManyTokens`](crate::error::ErrorKind::TooManyTokens)).
    ///
    /// A new API token that exceeds the limit is refused in the same way, and no other one is ended: a script that works must
    /// not stop because of another one. A token that was [rotated](Self::rotate_api_token) and still works is not counted.
    ///
    /// The limit is enforced after each generation, not by a lock: concurrent generations of logins may leave a few more
    /// until the next one, and of API tokens that exceed the limit together several or all may be refused. A user with that many
    /// logins that never expire can have one other beside them.
    #[must_use]
    pub fn with_max_tokens_per_user(self, most: Option<u32>) -> Self {
        self.with(|inner| inner.max_tokens_per_user = most.map(|most| most.max(1)))
    }

    /// The settings of the cookie.
    #[must_use]
    pub fn cookie(&self) -> &TokenCookie {
        &self.0.cookie
    }

    /// The cookie that removes the token from the browser: send it at logout.
    pub fn removal_cookie(&self) -> SetTokenCookie {
        self.0.cookie.removal()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("repository", &self.0.repository).finish_non_exhaustive()
    }
}
