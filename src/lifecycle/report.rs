//! Reports what happened to a token: a log line, and the listener that is set.

use std::sync::Arc;

use time::Duration;

use crate::clock::Timestamp;
use crate::lifecycle::Tokens;
use crate::lifecycle::events::{RefusedToken, TokenAction, TokenEvent, TokenEvents};
use crate::repository::Found;
use crate::token::{TokenId, TokenRecord};
use crate::user::{CurrentUser, UserId};

impl Tokens {
    /// Who gets the events of these tokens, for an audit log. A second listener replaces the first. Default: none; the log
    /// lines are written without it.
    ///
    /// A valid token whose use is not recorded is no event, and costs nothing.
    #[must_use]
    pub fn with_events(self, listener: impl TokenEvents) -> Self {
        self.with(|inner| inner.events = Some(Arc::new(listener)))
    }

    /// From how long before its end the use of an API token is an [event](TokenAction::ExpiresSoon), once a day, or `None` for
    /// never. Default: 7 days; our choice, time to rotate it before it ends.
    ///
    /// It is noticed when the [last use is recorded](Self::with_touch_interval). The client itself is warned by an
    /// [`ExpiryWarningLayer`](crate::respond::ExpiryWarningLayer).
    #[must_use]
    pub fn with_expiry_warning(self, within: Option<Duration>) -> Self {
        self.with(|inner| inner.expiry_warning = within)
    }

    pub(super) fn report(&self, event: &TokenEvent<'_>) {
        event.log();
        if let Some(listener) = &self.inner().events {
            listener.on_event(event);
        }
    }

    pub(super) fn report_record(&self, action: TokenAction, user: &UserId, record: &TokenRecord) {
        self.report(&TokenEvent::of_record(action, self.now(), user, record));
    }

    /// Reports that this token has ended, if it has.
    pub(super) fn report_revoked(&self, user: &UserId, id: TokenId, has_ended: bool) {
        if has_ended {
            self.report(&TokenEvent::of_user(TokenAction::Revoked, self.now(), user, Some(id)));
        }
    }

    #[inline]
    pub(super) fn report_refused(&self, why: RefusedToken, now: Timestamp) {
        if let Some(listener) = &self.inner().events {
            listener.on_event(&TokenEvent::refused(why, now));
        }
    }

    /// Reports a refresh token that was presented as the credential of a request.
    #[cold]
    pub(super) fn report_refused_refresh_token(&self, found: &Found, now: Timestamp) {
        let action = TokenAction::Refused(RefusedToken::RefreshToken);
        self.report(&TokenEvent::of_record(action, now, found.user(), found.record()));
    }

    /// Reports a use that is about to be recorded, and whether the token ends soon.
    pub(super) fn report_use(&self, user: &CurrentUser) {
        let (record, now) = (user.token(), user.checked_at());
        self.report(&TokenEvent::of_record(TokenAction::Validated, now, user.id(), record));
        if let Some(within) = self.inner().expiry_warning
            && let Some(at) = is_first_use_of_its_day(record, now, within)
        {
            self.report(&TokenEvent::of_record(TokenAction::ExpiresSoon { at }, now, user.id(), record));
        }
    }
}

/// The end of an API token that ends soon, if this is its first recorded use on this day, or the first of all within the
/// time. Days are counted back from the end.
fn is_first_use_of_its_day(record: &TokenRecord, now: Timestamp, within: Duration) -> Option<Timestamp> {
    let at = record.ends_soon(now, within)?;
    let day_of = |time: Timestamp| (at - time - Duration::SECOND).whole_days();
    let used_before = record.last_active();
    (at - used_before > within || day_of(used_before) != day_of(now)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Lifetime, TokenKind};

    #[test]
    fn a_token_that_ends_soon_is_reported_at_the_first_use_of_each_day() {
        let born = Timestamp::from_unix_seconds(0);
        let mut record = TokenRecord::new(TokenId::new(1), born, Lifetime::days(30)).with_kind(TokenKind::Api);
        let mut reported = Vec::new();
        for hour in 1..30 * 24 {
            let now = born + Duration::hours(hour);
            if is_first_use_of_its_day(&record, now, Duration::days(7)).is_some() {
                reported.push(hour);
            }
            record = record.with_last_used_at(Some(now));
        }
        let expected: Vec<_> = (23..30).map(|day| day * 24).collect();
        assert_eq!(reported, expected, "from seven days before the end, to the second");
        let rare = record.with_last_used_at(None);
        assert!(is_first_use_of_its_day(&rare, born + Duration::days(26), Duration::days(7)).is_some());
        assert!(is_first_use_of_its_day(&rare, born + Duration::days(20), Duration::days(7)).is_none());
    }
}
