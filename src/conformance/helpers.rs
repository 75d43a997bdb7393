//! What the cases have in common.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::Barrier;

use crate::clock::Timestamp;
use crate::conformance::StoreUnderTest;
use crate::error::Error;
use crate::repository::{
    Found, Lookup, NewToken, PRUNING_MARGIN, PageRequest, Regenerated, Replacement, TokenRepository,
};
use crate::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use crate::user::UserId;

/// How many tasks race for one token.
pub(super) const RACERS: usize = 20;

/// The second in which most cases begin. Any will do: stores never ask what time it is.
pub(super) const START: i64 = 1_000_000;

pub(super) fn at(seconds_after_start: i64) -> Timestamp {
    Timestamp::from_unix_seconds(START + seconds_after_start)
}

/// The first time at which pruning may remove what has ended at `end`.
pub(super) fn margin_after(end: Timestamp) -> Timestamp {
    end + PRUNING_MARGIN
}

pub(super) fn hour() -> Lifetime {
    Lifetime::hours(1)
}

/// The text of token number `n`.
pub(super) fn text(n: usize) -> String {
    format!("conformance-Token-{n:04}")
}

/// A record with the id `n` of a token that is born at the start.
pub(super) fn record(n: i64, lifetime: Lifetime) -> TokenRecord {
    TokenRecord::new(TokenId::new(n), at(0), lifetime)
}

pub(super) async fn member<S: StoreUnderTest>(store: &S) -> UserId {
    store.add_user("member").await.expect("a user can be added")
}

pub(super) async fn try_insert<R>(
    store: &R,
    text: &str,
    user: &UserId,
    record: TokenRecord,
) -> Result<TokenRecord, Error>
where
    R: TokenRepository + ?Sized,
{
    store.insert(NewToken { key: TokenKey::new(text), user, record }).await
}

pub(super) async fn insert<R>(store: &R, text: &str, user: &UserId, record: TokenRecord) -> TokenRecord
where
    R: TokenRepository + ?Sized,
{
    try_insert(store, text, user, record).await.expect("a new token can be inserted")
}

/// Calls `find_now` and `find`, which must agree. Not for a race in which the token may end between the two calls.
pub(super) async fn find<R: TokenRepository + ?Sized>(store: &R, text: &str, now: Timestamp) -> Option<Found> {
    let found = store.find(TokenKey::new(text), now).await.expect("the store answers");
    if let Some(at_once) = store.find_now(TokenKey::new(text), now) {
        assert_eq!(at_once, Lookup::from(found.clone()), "`find_now` and `find` agree");
    }
    found
}

pub(super) async fn is_valid<R: TokenRepository + ?Sized>(store: &R, text: &str, now: Timestamp) -> bool {
    find(store, text, now).await.is_some()
}

/// Replaces with a fresh start.
pub(super) async fn replace<R>(
    store: &R,
    old: &str,
    new: &str,
    lifetime: Lifetime,
    now: Timestamp,
) -> Result<Option<Regenerated>, Error>
where
    R: TokenRepository + ?Sized,
{
    let limits = NewLimits::FreshStart(lifetime);
    replace_with(store, old, new, limits, now).await
}

pub(super) async fn replace_with<R>(
    store: &R,
    old: &str,
    new: &str,
    limits: NewLimits,
    now: Timestamp,
) -> Result<Option<Regenerated>, Error>
where
    R: TokenRepository + ?Sized,
{
    let (old, new) = (TokenKey::new(old), TokenKey::new(new));
    store.replace(Replacement { old, new, limits, authenticated_at: None, now }).await
}

/// The ids of one page of a user's tokens.
pub(super) async fn listed<R: TokenRepository + ?Sized>(store: &R, user: &UserId, now: Timestamp) -> Vec<TokenId> {
    let page = store.list_by_user(user, TokenKinds::ALL, PageRequest::default(), now).await.expect("the store answers");
    page.items.iter().map(TokenRecord::id).collect()
}

/// Runs `racer` in [`RACERS`] tasks that all start at once, and gives what each of them said.
pub(super) async fn race<S, F, T>(store: &Arc<S>, racer: impl Fn(Arc<S>, usize) -> F) -> Vec<T>
where
    S: StoreUnderTest,
    F: Future<Output = T> + Send + 'static,
    T: Debug + Send + 'static,
{
    let line = Arc::new(Barrier::new(RACERS));
    let racers: Vec<_> = (0..RACERS)
        .map(|number| {
            let (line, run) = (Arc::clone(&line), racer(Arc::clone(store), number));
            tokio::spawn(async move {
                line.wait().await;
                run.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(RACERS);
    for racer in racers {
        results.push(racer.await.expect("a racer comes home"));
    }
    results
}
