//! The store: ten methods that decide which line to write, and whom to answer what.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{
    Ended, Found, Lookup, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, prunable_end,
};
use tower_tokens::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use super::lines::{Line, Log, Row, hex};
use super::state::State;

/// Tokens and members in a file of JSON lines. For one process, and for as many tokens as fit into its memory.
#[derive(Clone)]
pub(super) struct JsonLinesRepository(Arc<Inner>);

struct Inner {
    /// Who holds it may change something. Held while a line is written to disk.
    log: Mutex<Log>,
    /// Held for moments, so that readers never wait for a disk.
    state: RwLock<State>,
}

impl JsonLinesRepository {
    /// Opens the file at `path`, or creates it.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut state = State::default();
        let log = Log::open(path, |line| state.apply(line)).map_err(failure)?;
        Ok(Self(Arc::new(Inner { log: Mutex::new(log), state: RwLock::new(state) })))
    }

    /// Adds a member at this level.
    pub(super) async fn add_member(&self, level: &str) -> Result<UserId, Error> {
        let level = level.to_owned();
        self.change(move |state| {
            let id = state.next_member();
            Ok((Some(Line::Member { id, level, disabled: false }), UserId::from(id)))
        })
        .await
    }

    /// Moves a member to this level.
    pub(super) async fn move_member(&self, member: &UserId, level: &str) -> Result<(), Error> {
        let (member, level) = (member.clone(), level.to_owned());
        self.change(move |state| {
            let id = state.member(&member).ok_or(ErrorKind::UserNotFound)?;
            Ok((Some(Line::Member { id, level, disabled: state.is_disabled(id) }), ()))
        })
        .await
    }

    /// Shuts a member out, or lets them in again.
    pub(super) async fn shut_out_member(&self, member: &UserId, disabled: bool) -> Result<(), Error> {
        let member = member.clone();
        self.change(move |state| {
            let id = state.member(&member).ok_or(ErrorKind::UserNotFound)?;
            let level = state.level_of(id).unwrap_or_default().to_owned();
            Ok((Some(Line::Member { id, level, disabled }), ()))
        })
        .await
    }

    /// Removes a member and their tokens.
    pub(super) async fn remove_member(&self, member: &UserId) -> Result<(), Error> {
        let member = member.clone();
        self.change(move |state| Ok((state.member(&member).map(|id| Line::MemberGone { id }), ()))).await
    }

    /// The one way to change something: `decide` what to write and what to answer, write it, then let readers see it.
    ///
    /// On a thread of its own, because a disk makes its callers wait; and so it runs to its end even if the caller is
    /// dropped: a change happens as a whole or not at all.
    async fn change<T, F>(&self, decide: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&State) -> Result<(Option<Line>, T), Error> + Send + 'static,
    {
        let store = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let mut log = store.log.lock().unwrap_or_else(PoisonError::into_inner);
            let (line, answer) = decide(&store.state.read().unwrap_or_else(PoisonError::into_inner))?;
            if let Some(line) = line {
                log.append(&line).map_err(failure)?;
                store.state.write().unwrap_or_else(PoisonError::into_inner).apply(line);
            }
            Ok(answer)
        });
        done.await.map_err(|panic| Error::with_source(ErrorKind::Unavailable, panic))?
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait::async_trait]
impl TokenRepository for JsonLinesRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let (digest, user, record) = (token.key.digest(), token.user.clone(), token.record);
        record.check_bounds()?;
        self.change(move |state| {
            let user = state.member(&user).ok_or(ErrorKind::UserNotFound)?;
            if state.token(&hex(&digest)).is_some() || state.by_id(record.id()).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            Ok((Some(Line::Token(Row { digest: hex(&digest), user, record: record.clone() })), record))
        })
        .await
    }

    // The answer is in this process's memory, so the synchronous method gives it too.
    fn find_now(&self, token: TokenKey<'_>, now: Timestamp) -> Option<Lookup> {
        Some(self.read(|state| state.find(&hex(&token.digest()), now)).into())
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        Ok(self.read(|state| state.find(&hex(&token.digest()), now)))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let digest = hex(&token.digest());
        self.change(move |state| {
            let row = state.token(&digest);
            let whose = row.map(|row| Ended::new(row.user, &row.record));
            Ok((ended(row.map(|row| row.digest.clone())).0, whose))
        })
        .await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let user = user.clone();
        let done = self.change(move |state| {
            let is_there = state.of_user(&user).any(|row| row.record.id() == id);
            let rows = state.of_user(&user).filter(|row| is_there && is_part_of(&row.record, id));
            Ok(ended(rows.map(|row| row.digest.clone())))
        });
        done.await.map(|ended| ended > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        let (old, new) = (hex(&old.digest()), new.digest());
        self.change(move |state| {
            let Some(row) = state.valid(&old, now) else { return Ok((None, None)) };
            if state.token(&hex(&new)).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            let (user, record) = (row.user, row.record.clone().regenerated(now, limits, authenticated_at));
            let line = Line::Replaced { old, new: Row { digest: hex(&new), user, record: record.clone() } };
            Ok((Some(line), Some(Regenerated { user: UserId::from(user), record })))
        })
        .await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let user = user.clone();
        self.change(move |state| {
            let row = state.of_user(&user).find(|row| row.record.id() == id);
            let due = row.and_then(|row| state.valid(&row.digest, now)).filter(|row| is_news(&row.record, now));
            let line = due
                .map(|row| Line::Token(Row { record: row.record.clone().with_last_used_at(Some(now)), ..row.clone() }));
            let is_due = line.is_some();
            Ok((line, is_due))
        })
        .await
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        let user = user.clone();
        self.change(move |state| {
            let rows = state.of_user(&user).filter(|row| kinds.contains(row.record.kind()));
            let rows = rows.filter(|row| keep.is_none_or(|keep| !is_part_of(&row.record, keep)));
            Ok(ended(rows.map(|row| row.digest.clone())))
        })
        .await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        let records =
            self.read(|state| state.live_records_of(user, kinds, now)).into_iter().skip(page.offset() as usize);
        Ok(Page::from_limit_plus_one(records.take(page.limit() as usize + 1).collect(), page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.change(move |state| {
            Ok(ended(state.ended_by(prunable_end(now)).take(limit as usize).map(|row| row.digest.clone())))
        })
        .await
    }
}

/// Whether this is the token with this id, or ends with it.
fn is_part_of(record: &TokenRecord, id: TokenId) -> bool {
    record.id() == id || record.family() == Some(id)
}

impl fmt::Debug for JsonLinesRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesRepository").finish_non_exhaustive()
    }
}

/// Clause 5: whether a use at `now` is later than the last one that is noted, and no earlier than the token itself.
fn is_news(record: &TokenRecord, now: Timestamp) -> bool {
    let last = record.last_used_at();
    last.map_or(record.created_at() <= now, |last| last < now)
}

/// The line that ends these tokens, if there are any, and how many they are.
fn ended(digests: impl IntoIterator<Item = String>) -> (Option<Line>, u64) {
    let digests: Vec<_> = digests.into_iter().collect();
    let count = digests.len() as u64;
    ((count > 0).then_some(Line::Ended { digests }), count)
}

/// What cannot be read is corrupt, what cannot be reached is an outage, and neither is ever "no such token".
fn failure(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    };
    Error::with_source(kind, error)
}
