//! A user for a test of a handler.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::token::{Abilities, Lifetime, TokenId, TokenRecord};
use crate::user::{CheckAgain, CheckFuture, CurrentUser, UserId, UserLevel};

/// For tests, with the feature `test-util`. The guide has a chapter,
/// [Testing a handler](crate::guide::testing_a_handler).
impl CurrentUser {
    /// A user for a test, with this id and level, who has just logged in with a token of the default lifetime and without a
    /// name. The number of the level is 1, the id of the token record is 1; no store holds it.
    ///
    /// The rule [`checked_now`](crate::policy::checked_now) finds it valid. Pass it to a handler, or put it into a request with [`insert_into`](Self::insert_into); `fake` makes no other
    /// user valid.
    ///
    /// # Example
    /// ```
    /// use http::Request;
    /// use tower_tokens::user::{CurrentUser, SourceKind, UserLevel};
    ///
    /// let mut request = Request::get("/admin").body(()).unwrap();
    /// CurrentUser::fake(7, "admin").with_source(SourceKind::Cookie).insert_into(request.extensions_mut());
    /// assert_eq!(request.extensions().get::<UserLevel>().unwrap().title(), "admin");
    /// ```
    #[must_use]
    pub fn fake(id: impl Into<UserId>, level: &str) -> Self {
        Self::fake_at(id, level, SystemClock.now())
    }

    /// As [`fake`](Self::fake), but at this time: the token is created, the user authenticated and the request made at `now`.
    #[must_use]
    pub fn fake_at(id: impl Into<UserId>, level: &str, now: Timestamp) -> Self {
        let record = TokenRecord::new(TokenId::new(1), now, Lifetime::default());
        Self::new(id, UserLevel::new(1, level), record, now).with_check(Arc::new(AlwaysValid))
    }

    /// Sets when the user last proved who they are, for rules such as
    /// [`authenticated_within`](crate::policy::authenticated_within). Default: now.
    ///
    /// # Example
    /// ```
    /// use time::Duration;
    /// use tower_tokens::user::CurrentUser;
    ///
    /// let user = CurrentUser::fake(7, "admin");
    /// let an_hour_ago = user.checked_at() - Duration::hours(1);
    /// assert_eq!(user.with_authenticated_at(an_hour_ago).authenticated_at(), an_hour_ago);
    /// ```
    #[must_use]
    pub fn with_authenticated_at(self, at: Timestamp) -> Self {
        let token = self.token().clone().with_authenticated_at(at);
        self.with_token(token)
    }

    /// Sets what the token may be used for, as [`Generate::abilities`](crate::lifecycle::Generate::abilities) does. Default:
    /// everything.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::token::Abilities;
    /// use tower_tokens::user::CurrentUser;
    ///
    /// let script = CurrentUser::fake(7, "admin").with_abilities(Abilities::new(["read"])?);
    /// assert!(script.has_ability("read") && !script.has_ability("write"));
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    #[must_use]
    pub fn with_abilities(self, abilities: Abilities) -> Self {
        let token = self.token().clone().with_abilities(abilities);
        self.with_token(token)
    }

    /// Names the token, as [`Generate::name`](crate::lifecycle::Generate::name) does. Default: no name.
    #[must_use]
    pub fn with_token_name(self, name: &str) -> Self {
        let token = self.token().clone().with_name(name);
        self.with_token(token)
    }
}

/// No store has a fake user, and none says that their token has ended.
struct AlwaysValid;

impl CheckAgain for AlwaysValid {
    fn check<'a>(&'a self, user: &'a CurrentUser) -> CheckFuture<'a> {
        Box::pin(std::future::ready(Ok(Some(user.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use http::Extensions;
    use time::Duration;

    use super::*;
    use crate::user::SourceKind;

    #[test]
    fn a_fake_user_is_as_a_user_who_has_just_logged_in() {
        let now = Timestamp::from_unix_seconds(1_800_000_000);
        let user = CurrentUser::fake_at("anna", "admin", now);
        assert_eq!((user.id(), user.level().title()), (&UserId::from("anna"), "admin"));
        assert_eq!((user.checked_at(), user.authenticated_at()), (now, now));
        assert!(user.token().is_valid_at(now) && !user.token().is_valid_at(now + Duration::DAY));
        let age = SystemClock.now() - CurrentUser::fake(7, "member").checked_at();
        assert!(age < Duration::MINUTE, "{age}");
    }

    #[test]
    fn each_setter_changes_one_thing() {
        let now = Timestamp::from_unix_seconds(1_800_000_000);
        let user = CurrentUser::fake_at(7, "admin", now);
        let other = user
            .clone()
            .with_token_name("phone")
            .with_source(SourceKind::Bearer)
            .with_authenticated_at(now + -Duration::HOUR);
        assert_eq!((other.token().name(), other.source()), (Some("phone"), SourceKind::Bearer));
        assert_eq!(other.authenticated_at(), user.authenticated_at() - Duration::HOUR);
        assert_eq!((other.id(), other.level(), other.checked_at()), (user.id(), user.level(), user.checked_at()));
        assert_eq!((user.token().name(), user.source()), (None, SourceKind::Direct), "the first user is unchanged");
        let mut extensions = Extensions::new();
        other.insert_into(&mut extensions);
        assert_eq!(extensions.get::<UserLevel>(), Some(user.level()));
    }
}
