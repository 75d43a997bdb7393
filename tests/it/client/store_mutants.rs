//! The suite fails on stores that are broken on purpose, each in one way.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tower_tokens::client::{ClientError, StoreLock, StoredTokens, TokenStore};
use tower_tokens::conformance::{self, ClientStoresUnderTest};

/// What is wrong with a [`Mutant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    StartsWithTokens,
    LosesTheRefreshExpiry,
    TrimsTexts,
    CutsLongTexts,
    KeepsTheFormerRefreshToken,
    ClearForgets,
    SavesOnlyForItself,
    LosesAllWhenClosed,
    IgnoresCase,
    ClearsEveryAccount,
    SavesInTwoSteps,
    EmptiesBeforeItSaves,
    LocksNothing,
    LocksForEver,
    AbandonedWaitsLock,
    LocksEveryAccount,
    SaveEndsTheLock,
    DebugShowsTokens,
}

type Entry = Arc<Mutex<Option<StoredTokens>>>;
type Lock = Arc<tokio::sync::Mutex<()>>;
type Held = Arc<Mutex<Option<tokio::sync::OwnedMutexGuard<()>>>>;

/// Where all mutants of a test keep their tokens.
#[derive(Default)]
struct Disk {
    entries: Mutex<HashMap<String, Entry>>,
    locks: Mutex<HashMap<String, Lock>>,
    open: Mutex<HashMap<String, usize>>,
    /// The lock that was given out last, for a flaw that ends it.
    held: Mutex<Option<Held>>,
}

struct Mutant {
    flaw: Flaw,
    disk: Arc<Disk>,
    account: String,
    own: Entry,
}

impl Mutant {
    fn open(flaw: Flaw, disk: &Arc<Disk>, account: &str) -> Self {
        let account = if flaw == Flaw::IgnoresCase { account.to_lowercase() } else { account.to_owned() };
        *disk.open.lock().unwrap().entry(account.clone()).or_default() += 1;
        let tokens = (flaw == Flaw::StartsWithTokens).then(|| StoredTokens::new("surprise"));
        Self { flaw, disk: Arc::clone(disk), account, own: Arc::new(Mutex::new(tokens)) }
    }

    fn entry(&self) -> Entry {
        if matches!(self.flaw, Flaw::SavesOnlyForItself | Flaw::StartsWithTokens) {
            return Arc::clone(&self.own);
        }
        Arc::clone(self.disk.entries.lock().unwrap().entry(self.account.clone()).or_default())
    }

    fn set(entry: &Entry, tokens: Option<StoredTokens>) {
        *Self::get(entry) = tokens;
    }

    fn get(entry: &Entry) -> MutexGuard<'_, Option<StoredTokens>> {
        entry.lock().unwrap()
    }
}

impl Drop for Mutant {
    fn drop(&mut self) {
        let mut open = self.disk.open.lock().unwrap();
        let count = open.entry(self.account.clone()).or_default();
        *count -= 1;
        if self.flaw == Flaw::LosesAllWhenClosed && *count == 0 {
            self.disk.entries.lock().unwrap().clear();
        }
    }
}

impl std::fmt::Debug for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.flaw {
            Flaw::DebugShowsTokens => {
                let tokens = Self::get(&self.entry()).clone();
                f.write_str(tokens.as_ref().map_or("", |tokens| tokens.access_token().expose_secret()))
            }
            _ => f.write_str("Mutant"),
        }
    }
}

/// The tokens with other texts.
fn changed(tokens: &StoredTokens, change: impl Fn(&str) -> String) -> StoredTokens {
    let copy = StoredTokens::new(change(tokens.access_token().expose_secret()))
        .with_access_expiry(tokens.access_expires_at())
        .with_refresh_expiry(tokens.refresh_expires_at());
    match tokens.refresh_token() {
        Some(text) => copy.with_refresh_token(change(text.expose_secret())),
        None => copy,
    }
}

#[async_trait]
impl TokenStore for Mutant {
    async fn load(&self) -> Result<Option<StoredTokens>, ClientError> {
        Ok(Self::get(&self.entry()).clone())
    }

    async fn save(&self, tokens: &StoredTokens) -> Result<(), ClientError> {
        let entry = self.entry();
        let former = Self::get(&entry).clone();
        let saved = match self.flaw {
            Flaw::LosesTheRefreshExpiry => tokens.clone().with_refresh_expiry(None),
            Flaw::TrimsTexts => changed(tokens, |text| text.trim_end_matches(['=', '\u{7f}']).to_owned()),
            Flaw::CutsLongTexts => changed(tokens, |text| text.chars().take(4_096).collect()),
            Flaw::KeepsTheFormerRefreshToken if tokens.refresh_token().is_none() => {
                let former = former.and_then(|former| former.refresh_token().cloned());
                former.map_or(tokens.clone(), |former| tokens.clone().with_refresh_token(former.expose_secret()))
            }
            Flaw::SavesInTwoSteps if former.is_some() => {
                let half = changed(tokens, str::to_owned).with_refresh_token("the former");
                Self::set(&entry, Some(half));
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                tokens.clone()
            }
            Flaw::EmptiesBeforeItSaves => {
                Self::set(&entry, None);
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                tokens.clone()
            }
            Flaw::SaveEndsTheLock => {
                if let Some(held) = self.disk.held.lock().unwrap().take() {
                    held.lock().unwrap().take();
                }
                tokens.clone()
            }
            _ => tokens.clone(),
        };
        Self::set(&entry, Some(saved));
        Ok(())
    }

    async fn clear(&self) -> Result<(), ClientError> {
        match self.flaw {
            Flaw::ClearForgets => {}
            Flaw::ClearsEveryAccount => self.disk.entries.lock().unwrap().clear(),
            _ => Self::set(&self.entry(), None),
        }
        Ok(())
    }

    async fn lock(&self) -> Result<StoreLock, ClientError> {
        let account = if self.flaw == Flaw::LocksEveryAccount { "" } else { &self.account };
        let lock = Arc::clone(self.disk.locks.lock().unwrap().entry(account.to_owned()).or_default());
        match self.flaw {
            Flaw::LocksNothing => Ok(StoreLock::new(())),
            Flaw::LocksForEver => {
                let held = lock.lock_owned().await;
                std::mem::forget(held);
                Ok(StoreLock::new(()))
            }
            Flaw::AbandonedWaitsLock => {
                // Goes on when its waiter is gone, and leaves the lock locked then.
                let (sender, receiver) = tokio::sync::oneshot::channel();
                tokio::spawn(async move {
                    if let Err(held) = sender.send(lock.lock_owned().await) {
                        std::mem::forget(held);
                    }
                });
                Ok(StoreLock::new(
                    receiver
                        .await
                        .map_err(|error| ClientError::new(tower_tokens::client::ClientErrorKind::Store, error))?,
                ))
            }
            _ => {
                let held = Arc::new(Mutex::new(Some(lock.lock_owned().await)));
                *self.disk.held.lock().unwrap() = Some(Arc::clone(&held));
                Ok(StoreLock::new(Releases(held)))
            }
        }
    }
}

/// Unlocks when it is dropped, if the lock was not ended before.
struct Releases(Held);

impl Drop for Releases {
    fn drop(&mut self) {
        self.0.lock().unwrap().take();
    }
}

/// Whether `case` passes on a store without a flaw and fails with this flaw. A case that hangs has failed.
async fn catches<F, R>(case: F, flaw: Flaw) -> bool
where
    F: Fn(ClientStoresUnderTest<Mutant>) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let run = |flaw| {
        let disk = Arc::<Disk>::default();
        let case = case(ClientStoresUnderTest::new(move |account| Mutant::open(flaw, &disk, account)));
        tokio::spawn(tokio::time::timeout(std::time::Duration::from_secs(2), case))
    };
    assert!(matches!(run(Flaw::None).await, Ok(Ok(()))), "the case passes on a store without a flaw");
    !matches!(run(flaw).await, Ok(Ok(())))
}

macro_rules! mutants {
    ($($name:ident: $flaw:ident is caught by $($case:ident),+;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                $(assert!(catches(conformance::$case, Flaw::$flaw).await, stringify!($case));)+
            }
        )+
    };
}

mutants! {
    a_store_that_is_not_empty: StartsWithTokens is caught by a_new_store_is_empty;
    a_save_without_an_end: LosesTheRefreshExpiry is caught by what_was_saved_is_loaded, every_store_of_an_account_sees_the_same;
    a_save_that_trims: TrimsTexts is caught by what_was_saved_is_loaded;
    a_save_that_cuts: CutsLongTexts is caught by what_was_saved_is_loaded;
    a_save_that_mixes: KeepsTheFormerRefreshToken is caught by a_save_replaces_all_that_was_there;
    a_clear_that_does_nothing: ClearForgets is caught by what_is_cleared_is_gone, every_store_of_an_account_sees_the_same;
    a_store_for_itself: SavesOnlyForItself is caught by every_store_of_an_account_sees_the_same;
    a_store_that_ends_with_its_process: LosesAllWhenClosed is caught by every_store_of_an_account_sees_the_same;
    a_store_that_ignores_case: IgnoresCase is caught by accounts_see_only_their_own_tokens;
    a_clear_of_all: ClearsEveryAccount is caught by accounts_see_only_their_own_tokens;
    a_save_in_two_steps: SavesInTwoSteps is caught by a_load_beside_saves_is_whole;
    a_save_that_empties_first: EmptiesBeforeItSaves is caught by a_load_beside_saves_is_whole;
    a_lock_that_locks_nothing: LocksNothing is caught by
        one_at_a_time_has_the_lock, an_abandoned_wait_keeps_no_lock, a_load_under_the_lock_sees_the_last_save;
    a_lock_for_ever: LocksForEver is caught by a_lock_is_free_when_it_is_dropped;
    a_wait_that_goes_on: AbandonedWaitsLock is caught by an_abandoned_wait_keeps_no_lock;
    a_lock_of_all: LocksEveryAccount is caught by the_lock_of_an_account_locks_no_other;
    a_save_that_unlocks: SaveEndsTheLock is caught by one_at_a_time_has_the_lock;
    a_debug_that_shows: DebugShowsTokens is caught by debug_shows_no_token;
}
