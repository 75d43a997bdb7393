//! What the store in memory and a cache keep of a token: in few bytes, because they keep millions.

use std::sync::{Arc, OnceLock};

use crate::clock::Timestamp;
use crate::repository::Found;
use crate::token::{Expiry, PackedFields, PackedRecord, TokenKind, TokenRecord};
use crate::user::{UserData, UserId, UserLevel};

/// A token's user, their level, the record and the data. Each request gets a [`Found`] of its own, so that threads do not
/// count the clones of one.
///
/// The owner of a packed token keeps a mark of its own in it, where it takes the place that alignment leaves free.
#[derive(Debug, Clone)]
pub(super) struct Packed<M> {
    /// Without a meaning if the id is a text.
    user: i64,
    rest: Option<Box<Rest>>,
    record: PackedRecord,
    /// Without a meaning if the rest has a level.
    level: u8,
    pub(super) mark: M,
}

/// What not every token has.
#[derive(Debug, Clone)]
struct Rest {
    user: Option<Arc<str>>,
    level: Option<Box<UserLevel>>,
    fields: PackedFields,
    data: Option<UserData>,
}

impl<M> Packed<M> {
    pub(super) fn new(
        levels: &Levels,
        user: &UserId,
        level: &UserLevel,
        record: &TokenRecord,
        data: Option<&UserData>,
        mark: M,
    ) -> Self {
        let number = levels.number(level);
        let rest = Rest {
            user: user.to_shared(),
            level: number.is_none().then(|| Box::new(level.clone())),
            fields: PackedFields::new(record),
            data: data.cloned(),
        };
        Self {
            user: user.as_integer().unwrap_or_default(),
            rest: (!rest.is_empty()).then(|| Box::new(rest)),
            record: PackedRecord::new(record),
            level: number.unwrap_or_default(),
            mark,
        }
    }

    /// The answer for a request at `now`. `None` with the levels of another store alone.
    #[inline]
    pub(super) fn found(&self, levels: &Levels, now: Timestamp) -> Option<Found> {
        match &self.rest {
            None => Some(Found::at(now, self.user, levels.get(self.level)?.clone(), self.record.record(None))),
            Some(rest) => self.found_with(rest, levels, now),
        }
    }

    fn found_with(&self, rest: &Rest, levels: &Levels, now: Timestamp) -> Option<Found> {
        let level = rest.level.as_deref().or_else(|| levels.get(self.level))?;
        let found = Found::at(now, self.user(), level.clone(), self.record());
        Some(match &rest.data {
            None => found,
            Some(data) => found.with_data(data.clone()),
        })
    }

    pub(super) fn user(&self) -> UserId {
        let text = self.rest.as_ref().and_then(|rest| rest.user.as_ref());
        text.map_or_else(|| UserId::from(self.user), UserId::from_shared)
    }

    pub(super) fn record(&self) -> TokenRecord {
        self.record.record(self.fields())
    }

    pub(super) const fn kind(&self) -> TokenKind {
        self.record.kind()
    }

    /// As [`TokenRecord::expires_at`].
    #[inline]
    pub(super) fn expires_at(&self) -> Expiry {
        self.record.expires_at(self.fields())
    }

    /// As [`TokenRecord::valid_from`].
    #[inline]
    pub(super) fn valid_from(&self) -> Timestamp {
        self.record.valid_from(self.fields())
    }

    #[inline]
    fn fields(&self) -> Option<&PackedFields> {
        self.rest.as_ref().map(|rest| &rest.fields)
    }
}

impl Rest {
    const fn is_empty(&self) -> bool {
        self.user.is_none() && self.level.is_none() && self.fields.is_empty() && self.data.is_none()
    }
}

/// How many levels are kept once for all tokens. Our choice: few sites have more than ten. A token with another level keeps
/// its own copy, so that levels without number take no more than their tokens.
const LEVELS: usize = 64;

/// The levels of the tokens, read without a lock.
#[derive(Debug)]
pub(super) struct Levels(Box<[OnceLock<UserLevel>; LEVELS]>);

impl Levels {
    pub(super) fn new() -> Self {
        Self(Box::new([const { OnceLock::new() }; LEVELS]))
    }

    /// The number by which this level is kept. `None`: there are too many.
    fn number(&self, level: &UserLevel) -> Option<u8> {
        let number = self.0.iter().position(|kept| kept.get_or_init(|| level.clone()) == level)?;
        u8::try_from(number).ok()
    }

    #[inline]
    fn get(&self, number: u8) -> Option<&UserLevel> {
        self.0.get(usize::from(number))?.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Lifetime, TokenId};

    const BORN: Timestamp = Timestamp::from_unix_seconds(1_000);

    fn record() -> TokenRecord {
        TokenRecord::new(TokenId::new(7), BORN, Lifetime::AAL2)
    }

    fn is_kept(levels: &Levels, found: &Found) -> bool {
        let packed = Packed::new(levels, found.user(), found.level(), found.record(), found.data(), ());
        packed.found(levels, BORN).as_ref() == Some(found)
            && (packed.user(), packed.record()) == (found.user().clone(), found.record().clone())
            && (packed.expires_at(), packed.valid_from()) == (found.record().expires_at(), found.record().valid_from())
    }

    #[test]
    fn what_is_found_comes_back_as_it_was() {
        let levels = Levels::new();
        let long = "x".repeat(100);
        let users =
            [UserId::from(i64::MIN), UserId::from(7), UserId::from(""), UserId::from("anna"), UserId::from(long)];
        for user in users {
            for record in [record(), record().with_name("phone"), record().with_family(TokenId::new(1))] {
                let found = Found::new(user.clone(), UserLevel::new(1, "member"), record);
                assert!(is_kept(&levels, &found), "{found:?}");
                assert!(is_kept(&levels, &found.clone().with_data(UserData::new("data"))), "{found:?}");
            }
        }
    }

    #[test]
    fn levels_without_number_are_kept_and_do_not_fill_the_table() {
        let levels = Levels::new();
        for number in (0..1_000).chain(0..1_000) {
            let found = Found::new(7, UserLevel::new(number, &format!("level {number}")), record());
            assert!(is_kept(&levels, &found), "{number}");
        }
        assert_eq!(levels.number(&UserLevel::new(0, "level 0")), Some(0));
        assert_eq!(levels.number(&UserLevel::new(0, "another title")), None);
    }

    #[test]
    fn a_token_without_rare_fields_is_one_allocation_of_few_bytes() {
        let levels = Levels::new();
        let (user, level) = (UserId::from(7), UserLevel::new(1, "member"));
        assert!(Packed::new(&levels, &user, &level, &record(), None, ()).rest.is_none());
        assert_eq!((size_of::<Packed<bool>>(), size_of::<Packed<[u16; 11]>>()), (56, 72));
    }
}
