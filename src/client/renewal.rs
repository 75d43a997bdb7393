//! The work of one flight: lock the store, look what is there, adopt, refresh or log in, save, publish.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::client::backoff::{between_attempts, chance};
use crate::client::core::{Core, Memory, Outcome, Settings};
use crate::client::decision::{Step, Unusable, next_step};
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

/// Flights in a row whose refresh failed, though it was not refused, after which a flight tries a login, too, and so does every
/// fifth after it. Our choice: about
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
    let step = next_step(held.as_ref(), &unusable, Instant::now());
    let renewal = Renewal { core, settings, is_first: failures == 0, loaded };
    match (step, held) {
        (Step::Adopt, Some(held)) => renewal.adopt(held),
        (Step::Refresh, Some(held)) => {
            let error = match renewal.refresh(&held).await {
                Err(error) => error,
                renewed => return renewed,
            };
            if error.kind() == ClientErrorKind::Refused {
                match renewal.saved_meanwhile(&held).await {
                    Some(saved) => renewal.adopt(saved),
                    None => renewal.clear_if_refused(renewal.log_in(Some(&held)).await, Some(&held)).await,
                }
            } else if (failures + 1).is_multiple_of(REFRESHES_BEFORE_LOGIN) && error.wait().is_none() {
                crate::log::log_debug!(error = ?error, "refreshes fail again and again: log in");
                // The refresh token was not refused, so it stays, whatever becomes of this login.
                renewal.log_in(Some(&held)).await.or(Err(error))
            } else {
                Err(error)
            }
        }
        (_, held) => {
            let error = match renewal.log_in(held.as_ref()).await {
                Err(error) if error.kind() == ClientErrorKind::Refused => error,
                result => return result,
            };
            // A refresh token that was not tried because it has expired: by a clock that may be wrong.
            let is_last_way =
                |held: &&Held| !core.endpoint.has_credentials() && has_untried_refresh_token(held, &unusable);
            if let Some(held) = held.as_ref().filter(is_last_way) {
                match renewal.refresh(held).await {
                    Ok(renewed) => return Ok(renewed),
                    Err(refresh_error) if refresh_error.kind() != ClientErrorKind::Refused => return Err(error),
                    Err(_refused_too) => {}
                }
            }
            renewal.clear_if_refused(Err(error), held.as_ref()).await
        }
    }
}

fn has_untried_refresh_token(held: &Held, unusable: &Unusable) -> bool {
    held.stored.refresh_token().is_some_and(|refresh| unusable.refresh.as_ref() != Some(refresh))
}

/// One renewal, under the lock of the store.
struct Renewal<'a> {
    core: &'a Core,
    settings: Settings,
    /// After a success, so that the endpoint may be called more than once.
    is_first: bool,
    /// What the store had.
    loaded: Option<StoredTokens>,
}

impl Renewal<'_> {
    fn adopt(&self, held: Held) -> Outcome {
        self.core.counters.adoptions.count();
        self.core.publish(held, None)
    }

    /// Refreshes. A refresh token that is refused is not sent again.
    async fn refresh(&self, held: &Held) -> Outcome {
        match self.attempts(|| self.core.endpoint.refresh(&held.stored)).await {
            Ok(issued) => {
                self.core.counters.refreshes.count();
                self.save(held.refreshed(&issued, self.settings.wall(), Instant::now())?).await
            }
            Err(error) => {
                if error.kind() == ClientErrorKind::Refused {
                    crate::log::log_debug!(error = ?error, "a refresh token was refused");
                    self.core.state().unusable_refresh = held.stored.refresh_token().cloned();
                }
                Err(error)
            }
        }
    }

    /// Good tokens that somebody else has saved since `used` was loaded: a store whose lock does nothing lets two processes
    /// use one refresh token, and the second is refused.
    async fn saved_meanwhile(&self, used: &Held) -> Option<Held> {
        let stored = within(STORE_TIME_OUT, self.core, self.core.store.load()).await.ok()??;
        let saved = Some(Held::loaded(stored, self.settings.wall(), Instant::now()));
        let unusable = self.core.state().unusable();
        let is_good = saved.as_ref().is_some_and(|saved| !used.has_same_tokens(&saved.stored))
            && next_step(saved.as_ref(), &unusable, Instant::now()) == Step::Adopt;
        saved.filter(|_| is_good)
    }

    async fn log_in(&self, former: Option<&Held>) -> Outcome {
        let issued = self.attempts(|| self.core.endpoint.log_in()).await?;
        self.core.counters.logins.count();
        let former = former.map(|held| &held.stored);
        self.save(Held::of_login(former, &issued, self.settings.wall(), Instant::now())?).await
    }

    /// Credentials that are refused end what is stored, too.
    async fn clear_if_refused(&self, result: Outcome, former: Option<&Held>) -> Outcome {
        if result.as_ref().is_err_and(|error| error.kind() == ClientErrorKind::Refused) {
            self.core.forget(former.map(|held| &held.stored));
            if let Err(_error) = within(STORE_TIME_OUT, self.core, self.core.store.clear()).await {
                crate::log::log_warn!(error = ?_error, "tokens that were refused stay in their store");
            }
        }
        result
    }

    /// Saves and publishes. Tokens that cannot be saved serve from memory.
    async fn save(&self, held: Held) -> Outcome {
        let unsaved_over = match within(STORE_TIME_OUT, self.core, self.core.store.save(&held.stored)).await {
            Ok(()) => None,
            Err(_error) => {
                crate::log::log_warn!(error = ?_error, "new tokens of a client are only in memory");
                Some(self.loaded.clone())
            }
        };
        self.core.publish(held, unsaved_over)
    }

    /// Calls the endpoint, in the first renewal up to [`ATTEMPTS`] times while it is unavailable.
    async fn attempts<F>(&self, call: impl Fn() -> F) -> Result<IssuedTokens, ClientError>
    where
        F: Future<Output = Result<IssuedTokens, ClientError>>,
    {
        let start = Instant::now();
        let mut failed = 0;
        loop {
            let error = match within(self.settings.time_out, self.core, call()).await {
                Ok(issued) => return Ok(issued),
                Err(error) => error,
            };
            failed += 1;
            let pause = between_attempts(failed, chance()).max(error.wait().unwrap_or_default());
            let is_soon = start.elapsed().saturating_add(pause) < ATTEMPTS_WITHIN;
            if !self.is_first || error.kind() != ClientErrorKind::Unavailable || failed == ATTEMPTS || !is_soon {
                return Err(error);
            }
            sleep(pause).await;
        }
    }
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
