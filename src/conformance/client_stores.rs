//! The clauses of [`TokenStore`]: what a client keeps between two runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{SecretText, StoreLock, StoredTokens, TokenStore};
use crate::clock::Timestamp;
use crate::conformance::helpers::RACERS;

/// Opens the stores under test: each call gives another store of the account with this name, as another process would have
/// it. What one of them saves all of them load.
pub struct ClientStoresUnderTest<S>(Arc<dyn Fn(&str) -> S + Send + Sync>);

impl<S: TokenStore> ClientStoresUnderTest<S> {
    /// Stores that `open` opens. It is called with any text as the name of an account, and more than once with the same.
    pub fn new(open: impl Fn(&str) -> S + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    fn open(&self, account: &str) -> S {
        (self.0)(account)
    }
}

impl<S> fmt::Debug for ClientStoresUnderTest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStoresUnderTest").finish_non_exhaustive()
    }
}

/// A store that is not done after this long hangs. Nothing waits for it to pass.
const HANGS: Duration = Duration::from_secs(60);

async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(HANGS, work).await.unwrap_or_else(|_| panic!("{what} does not return"))
}

async fn load<S: TokenStore>(store: &S) -> Option<StoredTokens> {
    bounded("load", store.load()).await.expect("the store answers")
}

async fn save<S: TokenStore>(store: &S, tokens: &StoredTokens) {
    bounded("save", store.save(tokens)).await.expect("the store takes tokens");
}

async fn clear<S: TokenStore>(store: &S) {
    bounded("clear", store.clear()).await.expect("the store forgets");
}

async fn lock<S: TokenStore>(store: &S) -> StoreLock {
    bounded("lock", store.lock()).await.expect("the store can be locked")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

/// Tokens of which each part is of number `n`.
fn tokens(n: i64) -> StoredTokens {
    StoredTokens::new(format!("access-{n}"))
        .with_access_expiry(at(1_800_000_000 + n))
        .with_refresh_token(format!("refresh-{n}"))
        .with_refresh_expiry(at(1_900_000_000 + n))
}

/// The number of [`tokens`], if each part is of the same number.
fn number(tokens: &StoredTokens) -> Option<i64> {
    let end = tokens.access_expires_at()?.unix_seconds();
    let number = end.checked_sub(1_800_000_000)?;
    (*tokens == self::tokens(number)).then_some(number)
}

/// Clause 1: without a save there are no tokens, and forgetting them is no error.
pub async fn a_new_store_is_empty<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let store = stores.open("ann");
    assert_eq!(load(&store).await, None);
    clear(&store).await;
    assert_eq!(load(&store).await, None);
}

/// Clause 1: `load` gives each part as it was saved, whatever the texts are and wherever the times lie.
pub async fn what_was_saved_is_loaded<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let store = stores.open("ann");
    let first = Timestamp::from_unix_seconds(i64::MIN);
    let last = Timestamp::from_unix_seconds(i64::MAX);
    for saved in [
        StoredTokens::new("a"),
        tokens(1),
        StoredTokens::new("a").with_access_expiry(at(0)),
        StoredTokens::new("a").with_refresh_token("r"),
        StoredTokens::new("a").with_refresh_expiry(at(-1)),
        StoredTokens::new("a").with_refresh_token("r").with_refresh_expiry(last).with_access_expiry(first),
        StoredTokens::new("eyJhbGciOiJIUzI1NiJ9.e30.-_").with_refresh_token("cmVmcmVzaC0x/+=="),
        StoredTokens::new("\"quoted\" \\ {}\u{0}\n\t\u{7f}").with_refresh_token("Λάθος 🎫"),
        StoredTokens::new("x".repeat(8_000)).with_refresh_token("y".repeat(8_000)),
    ] {
        save(&store, &saved).await;
        assert_eq!(load(&store).await.as_ref(), Some(&saved));
    }
}

/// Clause 1: nothing of the former tokens is left, not a part that the new ones do not have.
pub async fn a_save_replaces_all_that_was_there<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let store = stores.open("ann");
    save(&store, &tokens(1)).await;
    save(&store, &tokens(2)).await;
    assert_eq!(load(&store).await, Some(tokens(2)));
    let bare = StoredTokens::new("bare");
    save(&store, &bare).await;
    assert_eq!(load(&store).await, Some(bare), "the former refresh token and the former ends are gone");
}

/// Clause 1: after `clear` there are no tokens, and others can be saved.
pub async fn what_is_cleared_is_gone<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let store = stores.open("ann");
    save(&store, &tokens(1)).await;
    clear(&store).await;
    assert_eq!(load(&store).await, None);
    assert_eq!(load(&stores.open("ann")).await, None, "in every store of the account");
    clear(&store).await;
    save(&store, &tokens(2)).await;
    assert_eq!(load(&store).await, Some(tokens(2)));
}

/// Clauses 1 and 2: what one store of an account saves or clears all others see, also such as are opened later.
pub async fn every_store_of_an_account_sees_the_same<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let [one, other] = [stores.open("ann"), stores.open("ann")];
    save(&one, &tokens(1)).await;
    assert_eq!(load(&other).await, Some(tokens(1)));
    save(&other, &tokens(2)).await;
    assert_eq!(load(&one).await, Some(tokens(2)));
    drop((one, other));
    let later = stores.open("ann");
    assert_eq!(load(&later).await, Some(tokens(2)), "it outlives the store that saved it");
    clear(&stores.open("ann")).await;
    assert_eq!(load(&later).await, None);
}

/// Clause 4: what happens to the tokens of one account changes no other, however alike their names are.
pub async fn accounts_see_only_their_own_tokens<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let names = ["ann", "Ann", "ann ", "ann/..", "ann-", "", "bob"];
    let accounts: Vec<_> = names.iter().map(|name| stores.open(name)).collect();
    save(&accounts[0], &tokens(0)).await;
    for store in &accounts[1..] {
        assert_eq!(load(store).await, None);
    }
    for (n, store) in (0..).zip(&accounts) {
        save(store, &tokens(n)).await;
    }
    clear(&accounts[0]).await;
    assert_eq!(load(&accounts[0]).await, None);
    for (n, store) in (0..).zip(&accounts).skip(1) {
        assert_eq!(load(store).await, Some(tokens(n)), "{:?}", names[n as usize]);
    }
}

/// Clause 1: a load that races with saves gives one of them whole.
pub async fn a_load_beside_saves_is_whole<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    const SAVES: i64 = 60;
    let writer = stores.open("ann");
    save(&writer, &tokens(0)).await;
    let line = Arc::new(Barrier::new(3));
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        let (line, reader) = (Arc::clone(&line), stores.open("ann"));
        readers.spawn(async move {
            line.wait().await;
            let mut last = 0;
            while last < SAVES {
                let tokens = load(&reader).await.expect("there are tokens at any moment");
                let number = number(&tokens).expect("the parts belong together");
                assert!(number >= last, "a load goes back: {number} after {last}");
                last = number;
                tokio::task::yield_now().await;
            }
        });
    }
    line.wait().await;
    for n in 1..=SAVES {
        save(&writer, &tokens(n)).await;
        tokio::task::yield_now().await;
    }
    while let Some(reader) = bounded("a reader", readers.join_next()).await {
        reader.expect("a reader sees whole tokens until the last");
    }
}

/// Clauses 1 and 3: whoever has the lock loads what the last holder saved. So of many who read, count and save under the lock
/// no one is lost.
pub async fn a_load_under_the_lock_sees_the_last_save<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    const ROUNDS: i64 = 4;
    let line = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (line, store) = (Arc::clone(&line), stores.open("ann"));
        racers.spawn(async move {
            line.wait().await;
            for _ in 0..ROUNDS {
                let held = lock(&store).await;
                let former = load(&store).await;
                let former = former.map_or(0, |tokens| number(&tokens).expect("the parts belong together"));
                tokio::task::yield_now().await;
                save(&store, &tokens(former + 1)).await;
                drop(held);
            }
        });
    }
    while let Some(racer) = racers.join_next().await {
        racer.expect("a racer gets the lock");
    }
    let last = load(&stores.open("ann")).await;
    assert_eq!(last, Some(tokens(RACERS as i64 * ROUNDS)), "a save under the lock was lost");
}

/// Clause 3: while one store has the lock, another one waits for it, and gets it afterwards.
pub async fn one_at_a_time_has_the_lock<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let [one, other] = [stores.open("ann"), stores.open("ann")];
    let held = lock(&one).await;
    let mut waiting = Box::pin(other.lock());
    assert!(timeout(BRIEFLY, &mut waiting).await.is_err(), "two have the lock at once");
    // Loading and saving need no lock, and do not wait for one.
    save(&one, &tokens(1)).await;
    assert_eq!(load(&one).await, Some(tokens(1)));
    assert!(timeout(BRIEFLY, &mut waiting).await.is_err(), "a save ends the lock");
    drop(held);
    bounded("lock", waiting).await.expect("the lock is free");
}

/// How long a lock is waited for that must not come. A store that is slower passes, and a right one never fails.
const BRIEFLY: Duration = Duration::from_millis(40);

/// Clause 3: a lock ends when it is dropped, also by a task that panics or is aborted.
pub async fn a_lock_is_free_when_it_is_dropped<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let store = Arc::new(stores.open("ann"));
    for _ in 0..3 {
        drop(lock(&*store).await);
    }
    let line = Arc::new(Barrier::new(2));
    let (holder, holders_line) = (Arc::clone(&store), Arc::clone(&line));
    let holder = tokio::spawn(async move {
        let _held = lock(&*holder).await;
        holders_line.wait().await;
        std::future::pending::<()>().await;
    });
    line.wait().await;
    holder.abort();
    drop(lock(&stores.open("ann")).await);
}

/// Clause 3: a wait for the lock that is given up leaves no lock behind.
pub async fn an_abandoned_wait_keeps_no_lock<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let [one, other] = [stores.open("ann"), stores.open("ann")];
    let held = lock(&one).await;
    for wait in [Duration::ZERO, Duration::from_millis(1), BRIEFLY] {
        assert!(timeout(wait, other.lock()).await.is_err(), "two have the lock at once");
    }
    drop(held);
    drop(lock(&one).await);
    // Given up at any moment, also when the lock is free.
    for wait in 0..20 {
        drop(timeout(Duration::from_micros(wait * 50), other.lock()).await);
        drop(lock(&one).await);
    }
}

/// Clause 4: the lock of one account keeps no other waiting.
pub async fn the_lock_of_an_account_locks_no_other<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let [ann, bob] = [stores.open("ann"), stores.open("bob")];
    let held = lock(&ann).await;
    drop(lock(&bob).await);
    save(&bob, &tokens(1)).await;
    drop(held);
}

/// `Debug` shows no token, and no lock does.
pub async fn debug_shows_no_token<S: TokenStore>(stores: ClientStoresUnderTest<S>) {
    let store = stores.open("ann");
    let secret = StoredTokens::new("the-access-token").with_refresh_token(SecretText::new("the-refresh-token"));
    save(&store, &secret).await;
    let held = lock(&store).await;
    let loaded = load(&store).await;
    let shown = format!("{store:?} {store:#?} {held:?} {loaded:?} {stores:?}");
    assert!(!shown.contains("the-access") && !shown.contains("the-refresh"), "{shown}");
}
