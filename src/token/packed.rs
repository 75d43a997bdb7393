//! A record in 33 bytes, for what is kept by the million.

use std::sync::Arc;

use arrayvec::ArrayString;
use time::Duration;

use crate::clock::{PackedTime, Timestamp};
use crate::text::Text;
use crate::token::rare::{Rare, RareFields};
use crate::token::record::{end, start};
use crate::token::{Abilities, Expiry, TokenId, TokenKind, TokenRecord};

/// A [`TokenRecord`] without the fields that few records have. Of bytes only, so that no place is lost beside it.
#[derive(Debug, Clone)]
pub(crate) struct PackedRecord {
    id: [u8; 8],
    created_at: PackedTime,
    authenticated_at: PackedTime,
    last_used_at: PackedTime,
    absolute_end: PackedTime,
    /// Seconds, or one of the two numbers below.
    idle_limit: [u8; 4],
    kind: TokenKind,
}

const NO_LIMIT: u32 = u32::MAX;
/// The limit is among the rare fields.
const RARE_LIMIT: u32 = u32::MAX - 1;

/// The fields that not every record has: a name, and others that are rarer still.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackedFields {
    name: Option<Arc<str>>,
    others: Option<Box<OtherFields>>,
}

#[derive(Debug, Clone)]
struct OtherFields {
    family: Option<TokenId>,
    code: Option<Text>,
    abilities: Abilities,
    last_four: Option<ArrayString<4>>,
    /// A limit that is no number of seconds, or one of more than a century.
    idle_limit: Option<Duration>,
}

impl PackedRecord {
    pub(crate) fn new(record: &TokenRecord) -> Self {
        Self {
            id: record.id.get().to_le_bytes(),
            created_at: record.created_at.into(),
            authenticated_at: record.authenticated_at.into(),
            last_used_at: record.last_used_at.into(),
            absolute_end: record.absolute_expiry.at().into(),
            idle_limit: seconds(record.idle_limit).to_le_bytes(),
            kind: record.kind,
        }
    }

    /// The whole record. The rare fields are those of the same record.
    #[inline(always)]
    pub(crate) fn record(&self, rare: Option<&PackedFields>) -> TokenRecord {
        TokenRecord {
            id: TokenId::new(i64::from_le_bytes(self.id)),
            kind: self.kind,
            family: rare.and_then(PackedFields::family),
            created_at: self.created_at.time(),
            authenticated_at: self.authenticated_at.time(),
            last_used_at: self.last_used_at.get(),
            absolute_expiry: self.absolute_expiry(),
            idle_limit: self.idle_limit(rare),
            rare: rare.map_or(Rare::NONE, PackedFields::unpacked),
        }
    }

    pub(crate) const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// As [`TokenRecord::expires_at`].
    #[inline]
    pub(crate) fn expires_at(&self, rare: Option<&PackedFields>) -> Expiry {
        end(self.absolute_expiry(), self.idle_limit(rare), self.last_active())
    }

    /// As [`TokenRecord::valid_from`].
    #[inline]
    pub(crate) fn valid_from(&self, rare: Option<&PackedFields>) -> Timestamp {
        start(self.idle_limit(rare), self.last_active())
    }

    #[inline]
    fn absolute_expiry(&self) -> Expiry {
        self.absolute_end.get().into()
    }

    #[inline]
    fn last_active(&self) -> Timestamp {
        self.last_used_at.get().unwrap_or_else(|| self.created_at.time())
    }

    #[inline]
    fn idle_limit(&self, rare: Option<&PackedFields>) -> Option<Duration> {
        match u32::from_le_bytes(self.idle_limit) {
            NO_LIMIT => None,
            RARE_LIMIT => rare?.others.as_ref()?.idle_limit,
            seconds => Some(Duration::seconds(i64::from(seconds))),
        }
    }
}

impl PackedFields {
    pub(crate) fn new(record: &TokenRecord) -> Self {
        let TokenRecord { family, idle_limit, rare, .. } = record;
        let RareFields { name, code, abilities, last_four } = rare.get();
        let idle_limit = idle_limit.filter(|limit| seconds(Some(*limit)) == RARE_LIMIT);
        let has_others =
            family.is_some() || code.is_some() || !abilities.are_all() || last_four.is_some() || idle_limit.is_some();
        let others = || OtherFields {
            family: *family,
            code: code.clone(),
            abilities: abilities.clone(),
            last_four: *last_four,
            idle_limit,
        };
        Self { name: name.as_ref().map(Text::to_shared), others: has_others.then(|| Box::new(others())) }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.name.is_none() && self.others.is_none()
    }

    fn family(&self) -> Option<TokenId> {
        self.others.as_ref()?.family
    }

    fn unpacked(&self) -> Rare {
        let name = self.name.as_ref().map(Text::from_shared);
        let fields = match &self.others {
            None => RareFields { name, code: None, abilities: Abilities::all(), last_four: None },
            Some(others) => RareFields {
                name,
                code: others.code.clone(),
                abilities: others.abilities.clone(),
                last_four: others.last_four,
            },
        };
        fields.into()
    }
}

/// A limit as a number.
fn seconds(limit: Option<Duration>) -> u32 {
    let Some(limit) = limit else { return NO_LIMIT };
    match u32::try_from(limit.whole_seconds()) {
        Ok(seconds) if seconds < RARE_LIMIT && limit.subsec_nanoseconds() == 0 => seconds,
        _ => RARE_LIMIT,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::token::{Lifetime, Token};

    fn timestamp() -> impl Strategy<Value = Timestamp> {
        prop_oneof![any::<i64>(), Just(0), Just(-1), 0..i64::from(u32::MAX)].prop_map(Timestamp::from_unix_seconds)
    }

    fn duration() -> impl Strategy<Value = Duration> {
        let seconds = prop_oneof![any::<i64>(), 0_i64..1_000_000, i64::from(RARE_LIMIT) - 2..i64::from(NO_LIMIT) + 2];
        let nanoseconds = prop_oneof![Just(0), any::<i32>()];
        (seconds, nanoseconds).prop_map(|(seconds, nanoseconds)| {
            Duration::seconds(seconds).saturating_add(Duration::nanoseconds(i64::from(nanoseconds)))
        })
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(prop_oneof![".{0,5}", ".{30,60}"])
    }

    fn record() -> impl Strategy<Value = TokenRecord> {
        let times = (timestamp(), timestamp(), proptest::option::of(timestamp()), proptest::option::of(timestamp()));
        let kind = prop::sample::select(&TokenKind::ALL[..]);
        let names = proptest::option::of(proptest::collection::vec("[a-z]{1,20}", 0..4));
        let rare = (text(), text(), names, proptest::option::of(any::<i64>()), any::<bool>());
        (any::<i64>(), kind, times, proptest::option::of(duration()), rare).prop_map(
            |(id, kind, (created, authenticated, used, end), limit, (name, code, names, family, has_last_four))| {
                let lifetime = Lifetime::never_expires();
                let lifetime = limit.map_or(lifetime, |limit| lifetime.with_idle_limit(limit));
                let mut record = TokenRecord::new(TokenId::new(id), created, lifetime)
                    .with_kind(kind)
                    .with_authenticated_at(authenticated)
                    .with_last_used_at(used)
                    .with_absolute_expiry(end.into());
                record.family = family.map(TokenId::new);
                if let Some(name) = &name {
                    record = record.with_name(name);
                }
                if let Some(code) = &code {
                    record = record.with_code(code);
                }
                if let Some(names) = names {
                    record = record.with_abilities(Abilities::new(names.iter().map(String::as_str)).unwrap());
                }
                let token = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x").unwrap();
                if has_last_four { record.with_last_four_of(&token) } else { record }
            },
        )
    }

    proptest! {
        #[test]
        fn every_record_comes_back_as_it_was(record in record()) {
            let (packed, rare) = (PackedRecord::new(&record), PackedFields::new(&record));
            let rare = (!rare.is_empty()).then_some(&rare);
            prop_assert_eq!(packed.record(rare), record.clone());
            prop_assert_eq!(packed.expires_at(rare), record.expires_at());
            prop_assert_eq!(packed.valid_from(rare), record.valid_from());
        }
    }

    #[test]
    fn a_login_without_a_name_has_no_rare_fields() {
        let record = TokenRecord::new(TokenId::new(-1), Timestamp::from_unix_seconds(1), Lifetime::AAL2);
        assert!(PackedFields::new(&record).is_empty());
        assert_eq!((size_of::<PackedRecord>(), align_of::<PackedRecord>()), (33, 1));
    }
}
