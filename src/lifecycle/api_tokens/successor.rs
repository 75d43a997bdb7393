//! The record of the token that takes another one's place.

use crate::clock::Timestamp;
use crate::token::{Lifetime, TokenId, TokenKind, TokenRecord};

/// The record of the API token that takes the place of `old` at `now`: the same name, code, abilities and time of
/// authentication. It lives as long as the old one was to live when it was created, or for `lifetime`.
pub(super) fn successor(old: &TokenRecord, id: TokenId, now: Timestamp, lifetime: Option<Lifetime>) -> TokenRecord {
    let mut record = TokenRecord::new(id, now, lifetime.unwrap_or_else(|| lifetime_of(old)))
        .with_kind(TokenKind::Api)
        .with_authenticated_at(old.authenticated_at())
        .with_abilities(old.abilities().clone());
    if let Some(name) = old.name() {
        record = record.with_name(name);
    }
    if let Some(code) = old.code() {
        record = record.with_code(code);
    }
    record
}

/// How long this token was to live when it was created.
fn lifetime_of(record: &TokenRecord) -> Lifetime {
    let end = record.absolute_expiry().at();
    let lifetime = end.map_or(Lifetime::never_expires(), |end| Lifetime::from(end - record.created_at()));
    record.idle_limit().map_or(lifetime, |limit| lifetime.with_idle_limit(limit))
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::token::{Abilities, Expiry};

    const BORN: Timestamp = Timestamp::from_unix_seconds(1_000);
    const LATER: Timestamp = Timestamp::from_unix_seconds(5_000);

    fn old(lifetime: Lifetime) -> TokenRecord {
        TokenRecord::new(TokenId::new(1), BORN, lifetime).with_kind(TokenKind::Api)
    }

    #[test]
    fn a_successor_lives_as_long_as_its_predecessor_was_to_live() {
        let idle = Lifetime::days(90).with_idle_limit(Duration::days(7));
        for lifetime in [Lifetime::days(30), idle, Lifetime::never_expires()] {
            let used = old(lifetime).with_last_used_at(Some(LATER));
            let new = successor(&used, TokenId::new(2), LATER, None);
            assert_eq!(new.absolute_expiry(), lifetime.ends_at(LATER), "{lifetime:?}");
            assert_eq!(new.idle_limit(), lifetime.idle_limit(), "{lifetime:?}");
            assert_eq!((new.created_at(), new.last_used_at()), (LATER, None));
        }
        let shorter = successor(&old(Lifetime::days(30)), TokenId::new(2), LATER, Some(Lifetime::hours(1)));
        assert_eq!(shorter.absolute_expiry(), Expiry::At(LATER + Duration::hours(1)));
    }

    #[test]
    fn a_successor_has_the_name_and_the_abilities_and_an_id_of_its_own() {
        let abilities = Abilities::new(["read"]).unwrap();
        let proved = BORN - Duration::hours(1);
        let old = old(Lifetime::days(1)).with_name("backup").with_code("b").with_abilities(abilities.clone());
        let new = successor(&old.with_authenticated_at(proved), TokenId::new(2), LATER, None);
        assert_eq!((new.id(), new.family(), new.kind()), (TokenId::new(2), None, TokenKind::Api));
        assert_eq!((new.name(), new.code(), new.abilities()), (Some("backup"), Some("b"), &abilities));
        assert_eq!(new.authenticated_at(), proved, "a rotation is no proof of who the user is");
    }
}
