//! A search for an answer that is too old, over random orders of the steps of nodes, of a bus that fails and of a clock.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::repository::Found;
use crate::repository::cache::changes::{Changes, Ticket};
use crate::repository::cache::entries::Entries;
use crate::repository::cache::lease::Lease;
use crate::repository::cache::settings::Cache;
use crate::repository::keyed_hash::{HashKey, LookupHash};
use crate::token::{Lifetime, TokenDigest, TokenId, TokenKey, TokenRecord};
use crate::user::{UserId, UserLevel};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const SEEDS: u64 = 100_000;
const STEPS: usize = 150;
const NODES: usize = 3;

/// What the configuration promises, in milliseconds.
const LEASE: u64 = 1_000;

/// What is taken out of the protection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Without {
    Nothing,
    /// What is kept is used whether heartbeats come back or not.
    Lease,
    /// The lease counts from the arrival of a heartbeat.
    SendingTime,
    /// What was kept before an interruption is used after it.
    Drop,
    /// A look-up takes its number after its answer.
    EarlyTicket,
}

/// What travels from the bus to a node.
enum Message {
    Changed,
    Heartbeat { sent: u64 },
}

/// Where the reader of a node is.
#[derive(Clone, Copy)]
enum Reader {
    Begins,
    HasTicket { began: u64, ticket: Ticket },
    HasRead { began: u64, ticket: Option<Ticket>, level: usize },
}

struct Node {
    changes: Changes,
    entries: Entries,
    lease: Lease,
    inbox: VecDeque<Message>,
    /// Whether what is sent to it arrives.
    is_connected: bool,
    reader: Reader,
    /// A change that it has committed, until it has acknowledged it.
    commits: Option<usize>,
}

struct World {
    now: u64,
    nodes: Vec<Node>,
    user: UserId,
    token: LookupHash,
    digest: TokenDigest,
    level: usize,
    /// When which node acknowledged each level that has been committed.
    acknowledged: Vec<Option<(u64, usize)>>,
    without: Without,
}

impl World {
    fn new(key: &HashKey, without: Without) -> Self {
        let node = || Node {
            changes: Changes::new(),
            entries: Entries::new(&Cache::new()),
            lease: Lease::of(Duration::from_millis(LEASE), 0),
            inbox: VecDeque::new(),
            is_connected: true,
            reader: Reader::Begins,
            commits: None,
        };
        Self {
            now: 0,
            nodes: (0..NODES).map(|_| node()).collect(),
            user: UserId::from(7),
            token: key.hash(TokenKey::new("a-token")),
            digest: TokenDigest::of("a-token"),
            level: 0,
            acknowledged: vec![None],
            without,
        }
    }

    /// Whether a validation that began then, on this node, may not give this level any more.
    fn is_too_old(&self, level: usize, began: u64, node: usize) -> bool {
        self.acknowledged.iter().skip(level + 1).flatten().any(|(at, by)| {
            let bound = if *by == node { 0 } else { LEASE };
            at + bound < began
        })
    }

    fn found(&self, level: usize) -> Found {
        let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::days(1));
        Found::new(&self.user, UserLevel::new(i64::try_from(level).unwrap(), "a level"), record)
    }

    /// One step of a reader. Gives whether its answer is too old.
    fn read(&mut self, who: usize) -> bool {
        let node = &self.nodes[who];
        let (reader, answer) = match node.reader {
            Reader::Begins => {
                let is_used = node.lease.is_held_at(self.now) || self.without == Without::Lease;
                let kept = node.entries.get(self.token, &node.changes, NOW).filter(|_| is_used);
                match kept {
                    Some(found) => (Reader::Begins, Some((usize::try_from(found.level().id()).unwrap(), self.now))),
                    None if self.without == Without::EarlyTicket => {
                        (Reader::HasRead { began: self.now, ticket: None, level: self.level }, None)
                    }
                    None => (Reader::HasTicket { began: self.now, ticket: node.changes.ticket() }, None),
                }
            }
            Reader::HasTicket { began, ticket } => {
                (Reader::HasRead { began, ticket: Some(ticket), level: self.level }, None)
            }
            Reader::HasRead { began, ticket, level } => {
                let ticket = ticket.unwrap_or_else(|| node.changes.ticket());
                let slots = [node.changes.user(&self.user), node.changes.token(&self.digest)];
                node.entries.put(self.token, &self.found(level), slots, ticket, NOW);
                (Reader::Begins, Some((level, began)))
            }
        };
        self.nodes[who].reader = reader;
        answer.is_some_and(|(level, began)| self.is_too_old(level, began, who))
    }

    /// One step of a node that changes the user.
    fn change(&mut self, who: usize) {
        let slot = self.nodes[who].changes.user(&self.user);
        match self.nodes[who].commits.take() {
            None => {
                self.level += 1;
                self.acknowledged.push(None);
                self.nodes[who].commits = Some(self.level);
                for node in self.nodes.iter_mut().filter(|node| node.is_connected) {
                    node.inbox.push_back(Message::Changed);
                }
            }
            Some(level) => {
                self.nodes[who].changes.record(&[slot]);
                self.acknowledged[level] = Some((self.now, who));
            }
        }
    }

    /// The next message of a node, if there is one.
    fn receive(&mut self, who: usize) {
        let (now, node) = (self.now, &mut self.nodes[who]);
        match node.inbox.pop_front() {
            None => {}
            Some(Message::Changed) => {
                let slot = node.changes.user(&self.user);
                node.changes.record(&[slot]);
            }
            Some(Message::Heartbeat { sent }) => {
                let sent = if self.without == Without::SendingTime { now } else { sent };
                node.lease.extend(sent, now);
            }
        }
    }

    fn send_heartbeat(&mut self, who: usize) {
        let (now, node) = (self.now, &mut self.nodes[who]);
        if node.is_connected {
            node.inbox.push_back(Message::Heartbeat { sent: now });
        }
    }

    /// The node notices that its connection broke, or that heartbeats do not come back, and subscribes again.
    fn subscribe_again(&mut self, who: usize) {
        let (now, node) = (self.now, &mut self.nodes[who]);
        node.lease.end(now);
        node.inbox.clear();
        node.is_connected = true;
        if self.without != Without::Drop {
            node.changes.record_all();
            node.entries.clear();
        }
    }
}

/// The first seed whose order of steps gives an answer that is too old.
fn first_fault(without: Without, seeds: u64) -> Option<u64> {
    let key = HashKey::generate().unwrap();
    (1..=seeds).find(|seed| {
        let mut world = World::new(&key, without);
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..STEPS).any(|_| {
            // Xorshift (Marsaglia, 2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let who = usize::try_from(random >> 8).unwrap() % NODES;
            match (random >> 40) % 32 {
                0..=11 => return world.read(who),
                12..=18 => world.receive(who),
                19..=22 => world.send_heartbeat(who),
                23..=25 => world.change(who),
                26..=29 => world.now += (random >> 20) % 400,
                // What is sent to it is swallowed from now on.
                30 => world.nodes[who].is_connected = false,
                _ => world.subscribe_again(who),
            }
            false
        })
    })
}

#[test]
fn no_order_of_steps_gives_an_answer_that_is_too_old() {
    assert_eq!(first_fault(Without::Nothing, SEEDS), None);
}

#[test]
fn the_search_finds_the_fault_when_a_part_of_the_protection_is_taken_out() {
    for without in [Without::Lease, Without::SendingTime, Without::Drop, Without::EarlyTicket] {
        let fault = first_fault(without, SEEDS);
        assert!(fault.is_some_and(|seed| seed < SEEDS / 2), "{without:?}: {fault:?}");
    }
}
