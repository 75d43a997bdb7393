//! A search for a stale answer, over random orders of the steps of readers and changers.

use crate::clock::Timestamp;
use crate::repository::Found;
use crate::repository::cache::changes::{Changes, Ticket};
use crate::repository::cache::entries::Entries;
use crate::repository::cache::settings::Cache;
use crate::repository::keyed_hash::{HashKey, LookupHash};
use crate::token::{Lifetime, TokenDigest, TokenId, TokenKey, TokenRecord};
use crate::user::{UserId, UserLevel};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const SEEDS: u64 = 100_000;
const STEPS: usize = 40;

/// When a reader takes the number of the last change.
#[derive(Clone, Copy, PartialEq)]
enum TakeTicket {
    BeforeTheRead,
    AfterTheRead,
}

/// Where a reader is.
#[derive(Clone, Copy)]
enum Reader {
    Begins,
    HasTicket { acknowledged: i64, ticket: Ticket },
    HasRead { acknowledged: i64, ticket: Option<Ticket>, level: i64 },
}

/// Where a changer is.
#[derive(Clone, Copy)]
enum Changer {
    Begins,
    HasCommitted(i64),
    HasRecorded(i64),
}

struct World {
    changes: Changes,
    entries: Entries,
    user: UserId,
    token: LookupHash,
    digest: TokenDigest,
    /// The user's level in the store, which only grows, and the highest that a changer has acknowledged.
    level: i64,
    acknowledged: i64,
    take_ticket: TakeTicket,
}

impl World {
    fn new(key: &HashKey, take_ticket: TakeTicket) -> Self {
        Self {
            changes: Changes::new(),
            entries: Entries::new(&Cache::for_one_process()),
            user: UserId::from(7),
            token: key.hash(TokenKey::new("a-token")),
            digest: TokenDigest::of("a-token"),
            level: 0,
            acknowledged: 0,
            take_ticket,
        }
    }

    fn found(&self, level: i64) -> Found {
        let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::days(1));
        Found::new(&self.user, UserLevel::new(level, "a level"), record)
    }

    /// Gives the next state, and whether an answer is older than what had been acknowledged when its reader began.
    fn read(&mut self, reader: Reader) -> (Reader, bool) {
        match reader {
            Reader::Begins => {
                let acknowledged = self.acknowledged;
                if let Some(found) = self.entries.get(self.token, &self.changes, NOW) {
                    return (Reader::Begins, found.level().id() < acknowledged);
                }
                match self.take_ticket {
                    TakeTicket::BeforeTheRead => {
                        (Reader::HasTicket { acknowledged, ticket: self.changes.ticket() }, false)
                    }
                    TakeTicket::AfterTheRead => {
                        (Reader::HasRead { acknowledged, ticket: None, level: self.level }, false)
                    }
                }
            }
            Reader::HasTicket { acknowledged, ticket } => {
                (Reader::HasRead { acknowledged, ticket: Some(ticket), level: self.level }, false)
            }
            Reader::HasRead { acknowledged, ticket, level } => {
                let ticket = ticket.unwrap_or_else(|| self.changes.ticket());
                let slots = [self.changes.user(&self.user), self.changes.token(&self.digest)];
                self.entries.put(self.token, &self.found(level), slots, ticket, NOW);
                (Reader::Begins, level < acknowledged)
            }
        }
    }

    fn change(&mut self, changer: Changer, concerns_token: bool) -> Changer {
        match changer {
            Changer::Begins => {
                self.level += 1;
                Changer::HasCommitted(self.level)
            }
            Changer::HasCommitted(level) => {
                let slot =
                    if concerns_token { self.changes.token(&self.digest) } else { self.changes.user(&self.user) };
                self.changes.record(&[slot]);
                Changer::HasRecorded(level)
            }
            Changer::HasRecorded(level) => {
                self.acknowledged = self.acknowledged.max(level);
                Changer::Begins
            }
        }
    }
}

/// The first seed whose order of steps gives a stale answer.
fn first_fault(take_ticket: TakeTicket) -> Option<u64> {
    let key = HashKey::generate().unwrap();
    (1..=SEEDS).find(|seed| {
        let mut world = World::new(&key, take_ticket);
        let (mut readers, mut changers) = ([Reader::Begins; 3], [Changer::Begins; 2]);
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..STEPS).any(|_| {
            // Xorshift (Marsaglia, 2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            match usize::try_from(random >> 33).unwrap() % 5 {
                who @ 0..3 => {
                    let is_stale;
                    (readers[who], is_stale) = world.read(readers[who]);
                    is_stale
                }
                who => {
                    changers[who - 3] = world.change(changers[who - 3], who == 3);
                    false
                }
            }
        })
    })
}

#[test]
fn no_order_of_steps_gives_a_stale_answer() {
    assert_eq!(first_fault(TakeTicket::BeforeTheRead), None);
}

#[test]
fn the_search_finds_the_fault_of_a_cache_without_the_protection() {
    let fault = first_fault(TakeTicket::AfterTheRead);
    assert!(fault.is_some_and(|seed| seed < 1_000), "{fault:?}");
}
