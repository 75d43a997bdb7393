//! What all lines together come to.

use std::collections::{BTreeMap, HashMap};

use tower_tokens::clock::Timestamp;
use tower_tokens::repository::Found;
use tower_tokens::token::{TokenId, TokenKinds, TokenRecord};
use tower_tokens::user::{UserId, UserLevel};

use super::lines::{Line, Row};

#[derive(Default)]
pub(super) struct State {
    members: BTreeMap<i64, Member>,
    /// In the order of their first member: a level's place is its number.
    levels: Vec<String>,
    last_member: i64,
    tokens: HashMap<String, Row>,
}

struct Member {
    level: String,
    disabled: bool,
}

impl State {
    /// The only place where anything changes: a line that is read changes the same as one that is written.
    pub(super) fn apply(&mut self, line: Line) {
        match line {
            Line::Member { id, level, disabled } => {
                if !self.levels.contains(&level) {
                    self.levels.push(level.clone());
                }
                self.last_member = self.last_member.max(id);
                self.members.insert(id, Member { level, disabled });
            }
            Line::MemberGone { id } => {
                self.members.remove(&id);
                self.tokens.retain(|_, row| row.user != id);
            }
            Line::Token(row) => {
                self.tokens.insert(row.digest.clone(), row);
            }
            Line::Replaced { old, new } => {
                self.tokens.remove(&old);
                self.tokens.insert(new.digest.clone(), new);
            }
            Line::Ended { digests } => {
                for digest in digests {
                    self.tokens.remove(&digest);
                }
            }
        }
    }

    pub(super) fn next_member(&self) -> i64 {
        self.last_member + 1
    }

    /// The number of this user, if they are a member.
    pub(super) fn member(&self, user: &UserId) -> Option<i64> {
        user.as_integer().filter(|id| self.members.contains_key(id))
    }

    pub(super) fn level_of(&self, id: i64) -> Option<&str> {
        self.members.get(&id).map(|member| member.level.as_str())
    }

    pub(super) fn is_disabled(&self, id: i64) -> bool {
        self.members.get(&id).is_some_and(|member| member.disabled)
    }

    pub(super) fn token(&self, digest: &str) -> Option<&Row> {
        self.tokens.get(digest)
    }

    /// Clauses 2 and 10: a token that is there, has not ended, and belongs to a member who may come in.
    pub(super) fn valid(&self, digest: &str, now: Timestamp) -> Option<&Row> {
        let row = self.token(digest)?;
        (row.record.is_valid_at(now) && !self.members.get(&row.user)?.disabled).then_some(row)
    }

    /// The user whose valid token this is, at the level that they have now.
    pub(super) fn find(&self, digest: &str, now: Timestamp) -> Option<Found> {
        let row = self.valid(digest, now)?;
        let title = self.level_of(row.user)?;
        let number = self.levels.iter().position(|level| level == title)?;
        let level = UserLevel::new(number as i64 + 1, title);
        Some(Found::new(row.user, level, row.record.clone()))
    }

    pub(super) fn by_id(&self, id: TokenId) -> Option<&Row> {
        self.tokens.values().find(|row| row.record.id() == id)
    }

    pub(super) fn of_user(&self, user: &UserId) -> impl Iterator<Item = &Row> {
        self.tokens.values().filter(move |row| user.as_integer() == Some(row.user))
    }

    /// Newest first.
    pub(super) fn live_records_of(&self, user: &UserId, kinds: TokenKinds, now: Timestamp) -> Vec<TokenRecord> {
        let records = self.of_user(user).map(|row| row.record.clone());
        let mut records: Vec<_> =
            records.filter(|record| kinds.contains(record.kind()) && !record.is_expired(now)).collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.created_at(), record.id())));
        records
    }

    pub(super) fn ended_by(&self, end: Timestamp) -> impl Iterator<Item = &Row> {
        self.tokens.values().filter(move |row| row.record.is_expired(end))
    }
}
