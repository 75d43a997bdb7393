//! The work of one flight: lock the store, look what is there, adopt, refresh or log in, save, publish.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::client::backoff::{between_attempts, chance};
use crate::client::core::{Core, Memory, Outcome, Settings};
use crate::client::decision::{Step, next_step};
use crate::client::flight::Flight;
use crate::client::held::Held;
use crate::client::{ClientError, ClientErrorKind, IssuedTokens, StoreLock, StoredTokens};

/// How long the store may take to load, save or clear.
///
/// # Source
/// As the stores of a server's tokens: shorter than people wait for a page.
const STORE_TIME_OUT: Duration = Duration::from_secs(5);

/// Attempts in one flight if the endpoint is unavailable, as long as they begin within [`ATTEMPTS_WITHIN`]: callers
/// wait, and one answer of 500 makes none of their requests fail.
const ATTEMPTS: u32 = 3;
const ATTEMPTS_WITHIN: Duration = Duration::from_secs(5);

/// Flights in a row whose refresh failed, though it was not refused, after which a flight tries a login, too. Our choice: about
/// half a minute. Some servers answer 500 to a refresh token that they do not know any more, and would do so for ever.
const REFRESHES_BEFORE_LOGIN: u32 = 5;

/// Starts a renewal in a task of its own.
pub(super) fn start_renewal(core: &Arc<Core>) -> Result<Flight<Outcome>, ClientError> {
    let (working, panicked) = (Arc::clone(core), Arc::clone(core));
    Flight::start(
        async move {
            let result = renew(&working).await;
            result.or_else(|error| working.fail(error))
        },
        move || panicked.fail(ClientError::new(ClientErrorKind::Unavailable, "the endpoint or the store panicked")),
    )
}

/// Starts a log-out in a task of its own. Until it is over, nothing is renewed.
pub(super) fn start_log_out(core: &Arc<Core>) -> Result<Flight<Outcome>, ClientError> {
    let (working, panicked) = (Arc::clone(core), Arc::clone(core));
    Flight::start(async move { log_out(&working).await.map(|()| None) }, move || {
        panicked.forget_logged_out(None);
        Err(ClientError::new(ClientErrorKind::Unavailable, "the endpoint or the store panicked"))
    })
}

async fn renew(core: &Core) -> Outcome {
    let (settings, memory, unusable, failures) = {
        let state = core.state();
        (state.settings.clone(), state.memory.clone(), state.unusable(), state.failures())
    };
    let is_first = failures == 0;
    let _lock = lock(core, &settings).await?;
    let loaded = match within(STORE_TIME_OUT, core, core.store.load()).await {
        Ok(loaded) => loaded,
        // What is in memory is newer than what the store would have given, or the same.
        Err(_error) if memory.is_some() => {
            crate::log::log_warn!(error = ?_error, "the store of a client's tokens is passed over");
            memory.as_ref().map(|memory| memory.held.stored.clone())
        }
        Err(error) => return Err(error),
    };
    let held = newest(loaded.clone(), memory, &settings);
    match (next_step(held.as_ref(), &unusable, Instant::now()), held) {
        (Step::Adopt, Some(held)) => {
            core.counters.adoptions.count();
            core.publish(held, None)
        }
        (Step::Refresh, Some(held)) => {
            let call = || core.endpoint.refresh(&held.stored);
            match attempts(core, &settings, is_first, call).await {
                Ok(issued) => {
                    core.counters.refreshes.count();
                    let refreshed = held.refreshed(&issued, settings.wall(), Instant::now())?;
                    save(core, refreshed, loaded).await
                }
                Err(error) if error.kind() == ClientErrorKind::Refused => {
                    crate::log::log_debug!(error = ?error, "a refresh token was refused");
                    core.state().unusable_refresh = held.stored.refresh_token().cloned();
                    match saved_meanwhile(core, &held, &settings).await {
                        Some(saved) => {
                            core.counters.adoptions.count();
                            core.publish(saved, None)
                        }
                        None => log_in(core, &settings, is_first, loaded, Some(&held.stored)).await,
                    }
                }
                Err(error) if failures + 1 >= REFRESHES_BEFORE_LOGIN && error.wait().is_none() => {
                    crate::log::log_debug!(error = ?error, "refreshes fail again and again: log in");
                    log_in(core, &settings, is_first, loaded, Some(&held.stored)).await
                }
                Err(error) => Err(error),
            }
        }
        (_, held) => {
            let former = held.as_ref().map(|held| &held.stored);
            log_in(core, &settings, is_first, loaded, former).await
        }
    }
}

/// Good tokens that somebody else has saved since `used` was loaded: a store whose lock does nothing lets two processes use
/// one refresh token, and the second is refused.
async fn saved_meanwhile(core: &Core, used: &Held, settings: &Settings) -> Option<Held> {
    let stored = within(STORE_TIME_OUT, core, core.store.load()).await.ok()??;
    let saved = Some(Held::loaded(stored, settings.wall(), Instant::now()));
    let unusable = core.state().unusable();
    let is_good = saved.as_ref().is_some_and(|saved| !used.has_same_tokens(&saved.stored))
        && next_step(saved.as_ref(), &unusable, Instant::now()) == Step::Adopt;
    saved.filter(|_| is_good)
}

/// Logs in. Credentials that are refused end what is stored, too.
async fn log_in(
    core: &Core,
    settings: &Settings,
    is_first: bool,
    loaded: Option<StoredTokens>,
    former: Option<&StoredTokens>,
) -> Outcome {
    match attempts(core, settings, is_first, || core.endpoint.log_in()).await {
        Ok(issued) => {
            core.counters.logins.count();
            let held = Held::of_login(former, &issued, settings.wall(), Instant::now())?;
            save(core, held, loaded).await
        }
        Err(error) => {
            if error.kind() == ClientErrorKind::Refused {
                core.forget(former);
                if let Err(_error) = within(STORE_TIME_OUT, core, core.store.clear()).await {
                    crate::log::log_warn!(error = ?_error, "tokens that were refused stay in their store");
                }
            }
            Err(error)
        }
    }
}

/// Saves and publishes. Tokens that cannot be saved serve from memory.
async fn save(core: &Core, held: Held, loaded: Option<StoredTokens>) -> Outcome {
    let unsaved_over = match within(STORE_TIME_OUT, core, core.store.save(&held.stored)).await {
        Ok(()) => None,
        Err(_error) => {
            crate::log::log_warn!(error = ?_error, "new tokens of a client are only in memory");
            Some(loaded)
        }
    };
    core.publish(held, unsaved_over)
}

async fn log_out(core: &Core) -> Result<(), ClientError> {
    let (settings, memory) = {
        let state = core.state();
        (state.settings.clone(), state.memory.clone())
    };
    // No request begins with these any more.
    core.current.store(None);
    let lock = lock(core, &settings).await;
    let loaded = within(STORE_TIME_OUT, core, core.store.load()).await;
    let stored = newest(loaded.clone().ok().flatten(), memory.clone(), &settings).or(memory.map(|memory| memory.held));
    let revoked = match &stored {
        Some(held) => within(settings.time_out, core, core.endpoint.log_out(&held.stored)).await,
        None => Ok(()),
    };
    core.forget_logged_out(stored.as_ref().map(|held| &held.stored));
    let cleared = within(STORE_TIME_OUT, core, core.store.clear()).await;
    // What the server says comes first: its tokens are the ones that others could use.
    revoked.and(cleared).and(lock.map(drop)).and(loaded.map(drop))
}

/// Of what the store has and what is in memory, what counts.
fn newest(loaded: Option<StoredTokens>, memory: Option<Memory>, settings: &Settings) -> Option<Held> {
    if let Some(memory) = memory {
        if memory.unsaved_over.as_ref().is_some_and(|over| *over == loaded) {
            return Some(memory.held);
        }
        if let Some(stored) = loaded.as_ref().filter(|stored| memory.held.has_same_tokens(stored)) {
            return Some(Held { stored: stored.clone(), ..memory.held });
        }
    }
    Some(Held::loaded(loaded?, settings.wall(), Instant::now()))
}

async fn lock(core: &Core, settings: &Settings) -> Result<StoreLock, ClientError> {
    within(settings.lock_limit(), core, core.store.lock()).await
}

/// Calls the endpoint, if `may_repeat` up to [`ATTEMPTS`] times while it is unavailable.
async fn attempts<F>(
    core: &Core,
    settings: &Settings,
    may_repeat: bool,
    call: impl Fn() -> F,
) -> Result<IssuedTokens, ClientError>
where
    F: Future<Output = Result<IssuedTokens, ClientError>>,
{
    let start = Instant::now();
    let mut failed = 0;
    loop {
        let error = match within(settings.time_out, core, call()).await {
            Ok(issued) => return Ok(issued),
            Err(error) => error,
        };
        failed += 1;
        let pause = between_attempts(failed, chance()).max(error.wait().unwrap_or_default());
        let is_soon = start.elapsed().saturating_add(pause) < ATTEMPTS_WITHIN;
        if !may_repeat || error.kind() != ClientErrorKind::Unavailable || failed == ATTEMPTS || !is_soon {
            return Err(error);
        }
        sleep(pause).await;
    }
}

/// The answer of `call`, which counts as unavailable if it does not come within `limit`.
async fn within<T>(
    limit: Duration,
    core: &Core,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let answer = timeout(limit, call).await.unwrap_or_else(|_elapsed| {
        Err(ClientError::new(ClientErrorKind::Unavailable, "no answer within the time-out"))
    });
    if answer.is_err() {
        core.counters.failures.count();
    }
    answer
}
