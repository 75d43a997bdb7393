//! Random interleavings of everything a store does, against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{
    Ended, Lookup, MemoryRepository, NewToken, PRUNING_MARGIN, PageRequest, Replacement, SqliteRepository,
    TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

const LEVELS: [&str; 2] = ["member", "admin"];

/// What a test does to a store. Users, tokens and records are few, so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    CreateUser { user: u8, level: u8 },
    DeleteUser { user: u8 },
    Disable { user: u8, disabled: bool },
    ChangeLevel { user: u8, level: u8 },
    Insert { token: u8, user: u8, id: i64, lifetime: Lifetime },
    Delete { token: u8 },
    DeleteById { user: u8, id: i64 },
    Replace { old: u8, new: u8, limits: NewLimits },
    Touch { user: u8, id: i64 },
    DeleteByUser { user: u8, keep: Option<i64> },
    DeleteExpired { limit: u32 },
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    let absolute = prop_oneof![Just(None), (0_i64..40).prop_map(Some)];
    let idle = prop_oneof![Just(None), (0_i64..15).prop_map(Some)];
    (absolute, idle).prop_map(|(absolute, idle)| {
        let lifetime = absolute.map_or(Lifetime::never_expires(), |seconds| Duration::seconds(seconds).into());
        idle.map_or(lifetime, |seconds| lifetime.with_idle_limit(Duration::seconds(seconds)))
    })
}

fn limits() -> impl Strategy<Value = NewLimits> {
    prop_oneof![
        Just(NewLimits::Keep),
        lifetime().prop_map(NewLimits::AtMost),
        lifetime().prop_map(NewLimits::FreshStart),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (user, level, token, id) = (0_u8..4, 0_u8..2, 0_u8..6, 0_i64..6);
    prop_oneof![
        3 => (-3_i64..15).prop_map(Step::Wait),
        2 => (user.clone(), level.clone()).prop_map(|(user, level)| Step::CreateUser { user, level }),
        1 => user.clone().prop_map(|user| Step::DeleteUser { user }),
        2 => (user.clone(), any::<bool>()).prop_map(|(user, disabled)| Step::Disable { user, disabled }),
        1 => (user.clone(), level).prop_map(|(user, level)| Step::ChangeLevel { user, level }),
        6 => (token.clone(), user.clone(), id.clone(), lifetime())
            .prop_map(|(token, user, id, lifetime)| Step::Insert { token, user, id, lifetime }),
        1 => token.clone().prop_map(|token| Step::Delete { token }),
        1 => (user.clone(), id.clone()).prop_map(|(user, id)| Step::DeleteById { user, id }),
        3 => (token.clone(), token, limits()).prop_map(|(old, new, limits)| Step::Replace { old, new, limits }),
        4 => (user.clone(), id.clone()).prop_map(|(user, id)| Step::Touch { user, id }),
        1 => (user, proptest::option::of(id)).prop_map(|(user, keep)| Step::DeleteByUser { user, keep }),
        1 => (0_u32..3).prop_map(|limit| Step::DeleteExpired { limit }),
    ]
}

/// Users 0 and 2 are integers, 1 and 3 the same as text.
fn user_id(user: u8) -> UserId {
    if user.is_multiple_of(2) { UserId::from(i64::from(user)) } else { UserId::from((user - 1).to_string()) }
}

/// The first time at which pruning may remove what has ended at `end`.
fn margin_after(end: Timestamp) -> Timestamp {
    end + PRUNING_MARGIN
}

fn text(token: u8) -> String {
    format!("token-{token}")
}

#[derive(Debug, Default)]
struct Model {
    /// By user: level and whether disabled.
    users: BTreeMap<u8, (u8, bool)>,
    /// By token: whose it is, and its record.
    tokens: BTreeMap<u8, (u8, TokenRecord)>,
}

impl Model {
    fn is_valid(&self, token: u8, now: Timestamp) -> bool {
        self.tokens.get(&token).is_some_and(|(user, record)| {
            record.is_valid_at(now) && self.users.get(user).is_some_and(|(_, disabled)| !disabled)
        })
    }

    fn by_id(&self, user: u8, id: i64) -> Option<u8> {
        let is_it = |(_, (owner, record)): &(&u8, &(u8, TokenRecord))| *owner == user && record.id().get() == id;
        self.tokens.iter().find(is_it).map(|(token, _)| *token)
    }

    fn remove_where(&mut self, is_to_go: impl Fn(u8, &TokenRecord) -> bool) -> u64 {
        let before = self.tokens.len();
        self.tokens.retain(|_, (user, record)| !is_to_go(*user, record));
        (before - self.tokens.len()) as u64
    }
}

/// Takes one step on both sides, and compares what they say.
async fn take<R>(store: &R, model: &mut Model, now: &mut Timestamp, step: Step) -> Result<(), TestCaseError>
where
    R: TokenRepository + UserRepository,
{
    match step {
        Step::Wait(seconds) => *now = *now + Duration::seconds(seconds),
        Step::CreateUser { user, level } => {
            let done = store.create_user(Some(user_id(user)), LEVELS[usize::from(level)]).await;
            let expected =
                if model.users.contains_key(&user) { Err(ErrorKind::AlreadyExists) } else { Ok(user_id(user)) };
            prop_assert_eq!(done.map_err(|error| error.kind()), expected);
            model.users.entry(user).or_insert((level, false));
        }
        Step::DeleteUser { user } => {
            let deleted = store.delete_user(&user_id(user)).await.unwrap();
            prop_assert_eq!(deleted, model.users.remove(&user).is_some());
            model.remove_where(|owner, _| owner == user);
        }
        Step::Disable { user, disabled } => {
            let done = store.set_disabled(&user_id(user), disabled).await.is_ok();
            prop_assert_eq!(done, model.users.contains_key(&user));
            model.users.entry(user).and_modify(|account| account.1 = disabled);
        }
        Step::ChangeLevel { user, level } => {
            let done = store.change_level(&user_id(user), LEVELS[usize::from(level)]).await.is_ok();
            prop_assert_eq!(done, model.users.contains_key(&user));
            model.users.entry(user).and_modify(|account| account.0 = level);
        }
        Step::Insert { token, user, id, lifetime } => {
            let record = TokenRecord::new(TokenId::new(id), *now, lifetime);
            let (text, owner) = (text(token), user_id(user));
            let new = NewToken { key: TokenKey::new(&text), user: &owner, record: record.clone() };
            let done = store.insert(new).await.map_err(|error| error.kind());
            let is_taken = model.tokens.contains_key(&token) || model.tokens.values().any(|(_, r)| r.id().get() == id);
            let expected = match (model.users.contains_key(&user), is_taken) {
                (false, _) => Err(ErrorKind::UserNotFound),
                (true, true) => Err(ErrorKind::AlreadyExists),
                (true, false) => Ok(record),
            };
            prop_assert_eq!(&done, &expected);
            if let Ok(record) = expected {
                model.tokens.insert(token, (user, record));
            }
        }
        Step::Delete { token } => {
            let deleted = store.delete(TokenKey::new(&text(token))).await.unwrap();
            let expected = model.tokens.remove(&token);
            let expected = expected.map(|(user, record)| Ended::new(user_id(user), &record));
            prop_assert_eq!(deleted, expected);
        }
        Step::DeleteById { user, id } => {
            let deleted = store.delete_by_id(&user_id(user), TokenId::new(id)).await.unwrap();
            let token = model.by_id(user, id);
            prop_assert_eq!(deleted, token.is_some_and(|token| model.tokens.remove(&token).is_some()));
        }
        Step::Replace { old, new, limits } => {
            let (old_text, new_text) = (text(old), text(new));
            let (old_key, new_key) = (TokenKey::new(&old_text), TokenKey::new(&new_text));
            let authenticated_at = new.is_multiple_of(2).then_some(*now);
            let done =
                store.replace(Replacement { old: old_key, new: new_key, limits, authenticated_at, now: *now }).await;
            let done = done.map(|done| done.map(|done| (done.user, done.record))).map_err(|error| error.kind());
            let expected = match (model.is_valid(old, *now), model.tokens.contains_key(&new)) {
                (false, _) => Ok(None),
                (true, true) => Err(ErrorKind::AlreadyExists),
                (true, false) => {
                    let (user, record) = model.tokens.remove(&old).unwrap();
                    let record = record.regenerated(*now, limits, authenticated_at);
                    model.tokens.insert(new, (user, record.clone()));
                    Ok(Some((user_id(user), record)))
                }
            };
            prop_assert_eq!(done, expected);
        }
        Step::Touch { user, id } => {
            let done = store.touch(&user_id(user), TokenId::new(id), *now).await.unwrap();
            // One whose last use lies ahead has one that is later than this.
            let token = model.by_id(user, id).filter(|token| model.is_valid(*token, *now));
            let entry = token.and_then(|token| model.tokens.get_mut(&token));
            let entry = entry.filter(|(_, record)| {
                let last = record.last_used_at();
                last.map_or(record.created_at() <= *now, |last| last < *now)
            });
            prop_assert_eq!(done, entry.is_some());
            if let Some((_, record)) = entry {
                *record = record.clone().with_last_used_at(Some(*now));
            }
        }
        Step::DeleteByUser { user, keep } => {
            let keep = keep.map(TokenId::new);
            let deleted = store.delete_by_user(&user_id(user), TokenKinds::ALL, keep).await.unwrap();
            let expected = model.remove_where(|owner, record| owner == user && Some(record.id()) != keep);
            prop_assert_eq!(deleted, expected);
        }
        Step::DeleteExpired { limit } => {
            // As it is now, the margin keeps all there is; when it is over, those that have ended by now go.
            let early = margin_after(*now - Duration::SECOND * 100);
            let ended_early = |record: &TokenRecord| record.is_expired(*now - Duration::SECOND * 100);
            if !model.tokens.values().any(|(_, record)| ended_early(record)) {
                prop_assert_eq!(store.delete_expired(early, limit).await.unwrap(), 0, "the margin is not over");
            }
            let deleted = store.delete_expired(margin_after(*now), limit).await.unwrap();
            let expired = model.tokens.values().filter(|(_, record)| record.is_expired(*now)).count() as u64;
            prop_assert_eq!(deleted, expired.min(u64::from(limit)));
            // Which of them go is the store's choice: the model follows it, for an old token is seen by an old clock.
            let mut gone = Vec::new();
            for (token, (_, record)) in model.tokens.iter().filter(|(_, (_, record))| record.is_expired(*now)) {
                let birth = record.created_at();
                let found = store
                    .list_by_user(&user_id(model.tokens[token].0), TokenKinds::ALL, PageRequest::default(), birth)
                    .await;
                let can_be_seen = !record.is_expired(birth);
                if !can_be_seen || !found.unwrap().items.contains(record) {
                    gone.push(*token);
                }
            }
            if gone.len() as u64 == deleted {
                gone.iter().for_each(|token| _ = model.tokens.remove(token));
            } else {
                // Some have a lifetime of zero and are never seen: remove all the expired on both sides.
                store.delete_expired(margin_after(*now), 1_000).await.unwrap();
                model.remove_where(|_, record| record.is_expired(*now));
            }
        }
    }
    Ok(())
}

/// Compares everything that can be seen.
async fn compare<R>(store: &R, model: &Model, now: Timestamp) -> Result<(), TestCaseError>
where
    R: TokenRepository + UserRepository,
{
    for token in 0..6 {
        let text = text(token);
        let found = store.find(TokenKey::new(&text), now).await.unwrap();
        let seen =
            found.clone().map(|found| (found.user().clone(), found.level().title().to_owned(), found.record().clone()));
        let expected = model.tokens.get(&token).filter(|_| model.is_valid(token, now)).map(|(user, record)| {
            (user_id(*user), LEVELS[usize::from(model.users[user].0)].to_owned(), record.clone())
        });
        prop_assert_eq!(&seen, &expected);
        if let Some(at_once) = store.find_now(TokenKey::new(&text), now) {
            prop_assert_eq!(at_once, Lookup::from(found));
        }
    }
    for user in 0..4 {
        let page = store.list_by_user(&user_id(user), TokenKinds::ALL, PageRequest::default(), now).await.unwrap();
        let theirs = model.tokens.values().filter(|(owner, record)| *owner == user && !record.is_expired(now));
        let mut expected: Vec<_> = theirs.map(|(_, record)| record.clone()).collect();
        expected.sort_by_key(|record| std::cmp::Reverse((record.created_at(), record.id())));
        prop_assert_eq!(page.items, expected);
        let known = store.user(&user_id(user)).await.unwrap().map(|known| known.disabled);
        prop_assert_eq!(known, model.users.get(&user).map(|(_, disabled)| *disabled));
    }
    Ok(())
}

async fn follow<R: TokenRepository + UserRepository>(store: R, steps: Vec<Step>) -> Result<(), TestCaseError> {
    for level in LEVELS {
        store.create_level(level).await.unwrap();
    }
    let (mut model, mut now) = (Model::default(), Timestamp::from_unix_seconds(1_000));
    for user in 0..3 {
        take(&store, &mut model, &mut now, Step::CreateUser { user, level: user % 2 }).await?;
    }
    for step in steps {
        take(&store, &mut model, &mut now, step).await?;
        compare(&store, &model, now).await?;
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]
    #[test]
    fn memory_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(MemoryRepository::new(), steps))?;
    }
}

proptest! {
    #![proptest_config(config(24))]
    #[test]
    fn sqlite_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
            follow(store, steps).await
        })?;
    }
}
