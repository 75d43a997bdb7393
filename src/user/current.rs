//! The user of this request.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Extensions;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::token::{Abilities, Expiry, TokenRecord, TokenUuid};
use crate::user::{Credential, Issuer, SourceKind, UserData, UserId, UserLevel};

/// The user of this request: their id, their present level, and the record of the token that proves it.
///
/// `TokenAuthLayer` puts it into the request extensions, with a [`UserLevel`] beside it. With axum it is an extractor;
/// without axum, use `request.extensions().get::<CurrentUser>()`. It carries no secret, and cloning it copies two
/// machine words.
///
/// Guards and extractors read the level from this value only. A middleware that replaces the user (an administrator who
/// views the site as a member) calls [`insert_into`](Self::insert_into), which replaces the `UserLevel` in the
/// extensions too.
///
/// # Example
/// ```
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
/// use tower_tokens::user::{CurrentUser, UserLevel};
///
/// let now = Timestamp::from_unix_seconds(1_000);
/// let record = TokenRecord::new(TokenId::new(7), now, Lifetime::default());
/// let user = CurrentUser::new(42, UserLevel::new(1, "admin"), record, now);
/// assert_eq!(format!("user {} ({})", user.id(), user.level()), "user 42 (admin)");
/// ```
#[derive(Clone)]
pub struct CurrentUser {
    /// Used by this request alone, so that counting its clones does not contend with other threads.
    details: Arc<Details>,
    /// Outside of the details, so that setting it does not have to ask whether they are shared.
    source: SourceKind,
}

#[derive(Clone)]
struct Details {
    id: UserId,
    level: UserLevel,
    token: TokenRecord,
    checked_at: Timestamp,
    data: Option<UserData>,
    check: Option<Arc<dyn CheckAgain>>,
    /// Set for a token that is in no store. Boxed, because the details of most requests are written without it.
    self_contained: Option<Box<(TokenUuid, Issuer)>>,
}

/// Asks the store past every cache for the token of a request that was made a while ago.
pub(crate) trait CheckAgain: Send + Sync {
    /// The user of this token now. `None`: it is not valid any more, or it is another user's.
    fn check<'a>(&'a self, user: &'a CurrentUser) -> CheckFuture<'a>;
}

pub(crate) type CheckFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<CurrentUser>, Error>> + Send + 'a>>;

impl CurrentUser {
    /// The user whose token was found valid at `checked_at`.
    #[must_use]
    #[inline]
    pub fn new(id: impl Into<UserId>, level: UserLevel, token: TokenRecord, checked_at: Timestamp) -> Self {
        let id = id.into();
        let details = Details { id, level, token, checked_at, data: None, check: None, self_contained: None };
        Self { details: Arc::new(details), source: SourceKind::Direct }
    }

    /// Marks the token as one that is in no store, for a validator of self-contained tokens. Default: a store holds it.
    #[must_use]
    pub fn with_self_contained(mut self, id: TokenUuid, issuer: Issuer) -> Self {
        Arc::make_mut(&mut self.details).self_contained = Some(Box::new((id, issuer)));
        self
    }

    /// Adds the application's own data, which [`data`](Self::data) gives back. Default: none.
    #[must_use]
    pub fn with_data(mut self, data: UserData) -> Self {
        Arc::make_mut(&mut self.details).data = Some(data);
        self
    }

    /// Sets when the token was found valid.
    /// It costs no copy while this is the only clone.
    #[inline]
    pub(super) fn with_checked_at(mut self, checked_at: Timestamp) -> Self {
        // Most often it is the time at which a cache was asked, which it has written already.
        if self.checked_at() == checked_at {
            return self;
        }
        match Arc::get_mut(&mut self.details) {
            Some(details) => details.checked_at = checked_at,
            None => self.details = Arc::new(Details { checked_at, ..Details::clone(&self.details) }),
        }
        self
    }

    /// Adds what asks for this user again.
    pub(crate) fn with_check(mut self, check: Arc<dyn CheckAgain>) -> Self {
        Arc::make_mut(&mut self.details).check = Some(check);
        self
    }

    /// This user as the store has them at this moment, past every cache. `None`: the token has ended.
    pub(crate) async fn check_now(&self) -> Result<Option<Self>, Error> {
        let Some(check) = &self.details.check else {
            let fault = "the rule `checked_now` cannot ask for this user: put `checkable()` on the TokenAuthLayer";
            return Err(Error::with_source(ErrorKind::Configuration, fault));
        };
        Ok(check.check(self).await?.map(|found| found.with_source(self.source()).with_check(Arc::clone(check))))
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn with_token(mut self, token: TokenRecord) -> Self {
        Arc::make_mut(&mut self.details).token = token;
        self
    }

    /// Sets where in the request the token was. Default: [`SourceKind::Direct`].
    #[must_use]
    #[inline]
    pub const fn with_source(mut self, source: SourceKind) -> Self {
        self.source = source;
        self
    }

    /// The user's id.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.details.id
    }

    /// The user's level at this request.
    #[must_use]
    pub fn level(&self) -> &UserLevel {
        &self.details.level
    }

    /// How the credential of this request is kept, and therefore who can end it.
    #[must_use]
    pub fn credential(&self) -> Credential<'_> {
        match self.details.self_contained.as_deref() {
            None => Credential::Stored(self.token()),
            Some(&(id, issuer)) => Credential::SelfContained { id, issuer, expires_at: self.expires_at() },
        }
    }

    /// The record of the token of this request. For a [self-contained](Credential::SelfContained) token it holds the
    /// token's own data, and its id is in no store.
    #[must_use]
    pub fn token(&self) -> &TokenRecord {
        &self.details.token
    }

    /// What the token of this request may be used for. A login of a browser has every ability. For a
    /// [self-contained](Credential::SelfContained) token its validator sets them, in the record
    /// ([`TokenRecord::with_abilities`]); by default it has every ability too.
    #[must_use]
    pub fn abilities(&self) -> &Abilities {
        self.token().abilities()
    }

    /// Whether the token of this request has this ability. It says nothing of what the user's level allows; the rule
    /// [`ability`](crate::policy::ability) combines with a level.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::clock::Timestamp;
    /// use tower_tokens::token::{Abilities, Lifetime, TokenId, TokenRecord};
    /// use tower_tokens::user::{CurrentUser, UserLevel};
    ///
    /// let now = Timestamp::from_unix_seconds(1_000);
    /// let login = TokenRecord::new(TokenId::new(7), now, Lifetime::default());
    /// let limited = login.clone().with_abilities(Abilities::new(["devices:*"])?);
    /// for (record, writes) in [(login, true), (limited, false)] {
    ///     let user = CurrentUser::new(42, UserLevel::new(1, "member"), record, now);
    ///     assert!(user.has_ability("devices:read"));
    ///     assert_eq!(user.has_ability("posts:write"), writes);
    /// }
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    #[must_use]
    pub fn has_ability(&self, ability: &str) -> bool {
        self.abilities().allow(ability)
    }

    /// The application's own data of this user, which came along with the look-up: the columns that
    /// [`UserTable::data`](crate::repository::UserTable::data) named. `None` if there is none of this type. With axum,
    /// [`User`](crate::extract::User) extracts it.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.details.data.as_ref()?.get()
    }

    /// The application's own data of this user, of any type.
    #[must_use]
    pub fn user_data(&self) -> Option<&UserData> {
        self.details.data.as_ref()
    }

    /// Where in the request the token was.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.source
    }

    /// When the token expires.
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        self.token().expires_at()
    }

    /// When the user last proved who they are.
    #[must_use]
    pub fn authenticated_at(&self) -> Timestamp {
        self.token().authenticated_at()
    }

    /// Puts this user and their level into the extensions of a request, and replaces another user and level there.
    ///
    /// A middleware that inserts a `CurrentUser` without this function leaves the previous user's `UserLevel` beside
    /// it. Guards and extractors do not read that value; they correct it if they find it.
    ///
    /// # Example
    /// ```
    /// use http::Extensions;
    /// use tower_tokens::clock::Timestamp;
    /// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
    /// use tower_tokens::user::{CurrentUser, UserLevel};
    ///
    /// let now = Timestamp::from_unix_seconds(1_000);
    /// let record = TokenRecord::new(TokenId::new(7), now, Lifetime::default());
    /// let member = CurrentUser::new(42, UserLevel::new(2, "member"), record, now);
    /// let mut extensions = Extensions::new();
    /// member.insert_into(&mut extensions);
    /// assert_eq!(extensions.get::<UserLevel>(), Some(&UserLevel::new(2, "member")));
    /// ```
    #[inline]
    pub fn insert_into(self, extensions: &mut Extensions) {
        let level = self.level().clone();
        extensions.insert(self);
        extensions.insert(level);
    }

    /// Makes the `UserLevel` in the extensions match the user in them.
    #[inline]
    pub(crate) fn correct_level_in(extensions: &mut Extensions) {
        let user = extensions.get::<Self>();
        if !Self::is_level_of(user, extensions) {
            let level = user.map(Self::level).cloned();
            write_level(level, extensions);
        }
    }

    /// Whether the `UserLevel` in the extensions is that of this user, who is there too.
    #[inline]
    pub(crate) fn is_level_of(user: Option<&Self>, extensions: &Extensions) -> bool {
        extensions.get::<UserLevel>() == user.map(Self::level)
    }

    /// When the token was found valid, by the clock of the validator: the "now" of every rule that depends on the time.
    #[must_use]
    pub fn checked_at(&self) -> Timestamp {
        self.details.checked_at
    }
}

#[cold]
fn write_level(level: Option<UserLevel>, extensions: &mut Extensions) {
    match level {
        Some(level) => extensions.insert(level),
        None => extensions.remove::<UserLevel>(),
    };
}

impl fmt::Debug for CurrentUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentUser")
            .field("id", self.id())
            .field("level", self.level())
            .field("token", self.token())
            .field("checked_at", &self.checked_at())
            .field("source", &self.source())
            .field("self_contained", &self.details.self_contained)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Lifetime, TokenId};

    #[test]
    fn one_of_two_clones_can_have_another_source() {
        let now = Timestamp::from_unix_seconds(1_000);
        let record = TokenRecord::new(TokenId::new(1), now, Lifetime::hours(1));
        let user = CurrentUser::new(1, UserLevel::new(1, "member"), record, now);
        let other = user.clone().with_source(SourceKind::Bearer);
        assert_eq!((user.source(), other.source()), (SourceKind::Direct, SourceKind::Bearer));
    }
}
