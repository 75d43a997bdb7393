//! What all clones of a manager share, and the decision between an answer, a wait and a new flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::client::backoff::{after_failure, after_rejections, chance};
use crate::client::decision::Unusable;
use crate::client::flight::Flight;
use crate::client::held::{Current, Held};
use crate::client::statistics::Counters;
use crate::client::{AccessToken, ClientError, ClientErrorKind, SecretText, StoredTokens, TokenEndpoint, TokenStore};
use crate::clock::{Clock, SystemClock, Timestamp};

/// A row of renewals whose tokens the API refused counts as over after this long without another.
const REJECTIONS_FORGOTTEN: Duration = Duration::from_secs(300);

/// The result of a flight: an access token, or `None` after a log-out.
pub(super) type Outcome = Result<Option<AccessToken>, ClientError>;

#[derive(Debug)]
pub(super) struct Core {
    pub(super) endpoint: Box<dyn TokenEndpoint>,
    pub(super) store: Box<dyn TokenStore>,
    pub(super) current: ArcSwapOption<Current>,
    pub(super) counters: Counters,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) memory: Option<Memory>,
    pub(super) unusable_access: Option<AccessToken>,
    pub(super) unusable_refresh: Option<SecretText>,
    /// The one that the last log-out ended.
    logged_out: Option<AccessToken>,
    flight: Option<Flight<Outcome>>,
    /// The token that the running flight replaces.
    replaced: Option<AccessToken>,
    failure: Option<Failure>,
    rejections: Rejections,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) time_out: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

/// The tokens that this manager has, and, if they could not be saved, what the store had then.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) held: Held,
    pub(super) unsaved_over: Option<Option<StoredTokens>>,
}

#[derive(Debug)]
struct Failure {
    error: ClientError,
    count: u32,
    until: Instant,
}

/// Renewals in a row that the API's refusals caused.
#[derive(Debug, Default)]
struct Rejections {
    count: u32,
    last: Option<Instant>,
    not_before: Option<Instant>,
}

/// How a caller gets an access token.
#[derive(Debug)]
pub(super) enum Way {
    Ready(AccessToken),
    /// `is_for_this` if the flight replaces the token that the caller saw refused, so that its result is the last word.
    Wait {
        flight: Flight<Outcome>,
        is_for_this: bool,
    },
}

impl Core {
    pub(super) fn new(endpoint: impl TokenEndpoint, store: impl TokenStore, time_out: Duration) -> Self {
        let settings = Settings { time_out, clock: Arc::new(SystemClock) };
        let state = State {
            settings,
            memory: None,
            unusable_access: None,
            unusable_refresh: None,
            logged_out: None,
            flight: None,
            replaced: None,
            failure: None,
            rejections: Rejections::default(),
        };
        Self {
            endpoint: Box::new(endpoint),
            store: Box::new(store),
            current: ArcSwapOption::empty(),
            counters: Counters::default(),
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access token if it is fresh: one load and one comparison.
    pub(super) fn fresh(&self) -> Option<AccessToken> {
        let current = self.current.load();
        let current = current.as_ref()?;
        current.is_fresh(Instant::now()).then(|| current.token.clone())
    }

    /// The access token if it is alive and not `rejected`.
    pub(super) fn alive(&self, rejected: Option<&AccessToken>) -> Option<AccessToken> {
        let current = self.current.load();
        let current = current.as_ref()?;
        (current.is_alive(Instant::now()) && Some(&current.token) != rejected).then(|| current.token.clone())
    }

    /// How a caller gets an access token, other than `rejected`, if there is a way. `start` starts a flight.
    pub(super) fn way(
        &self,
        rejected: Option<&AccessToken>,
        start: impl FnOnce() -> Result<Flight<Outcome>, ClientError>,
    ) -> Result<Way, ClientError> {
        let mut state = self.state();
        let now = Instant::now();
        let current = self.current.load_full().filter(|current| current.is_alive(now));
        let is_rejected_now = rejected.is_some() && current.as_ref().map(|current| &current.token) == rejected;
        let usable = current.as_ref().filter(|_| !is_rejected_now);
        let is_paused = state.failure.as_ref().is_some_and(|failure| now < failure.until);
        let flight = state.running();

        if let Some(usable) = usable.filter(|usable| !usable.is_rejected()) {
            if flight.is_none() && !is_paused && !usable.is_fresh(now) {
                // In the background. If it cannot start, the token serves as long as it lives.
                _ = state.begin(Some(usable.token.clone()), start);
            }
            return Ok(Way::Ready(usable.token.clone()));
        }
        if let Some(flight) = flight {
            let is_for_this = state.replaced.as_ref() == rejected;
            return Ok(Way::Wait { flight, is_for_this });
        }
        if rejected.is_some() && usable.is_none() && state.logged_out.as_ref() == rejected {
            // A request that was on its way when somebody logged out must not log in again.
            return Err(ClientError::new(ClientErrorKind::Refused, "the access token was logged out"));
        }
        if let Some(failure) = state.failure.as_ref().filter(|_| is_paused) {
            return match usable {
                Some(usable) => Ok(Way::Ready(usable.token.clone())),
                None => Err(failure.error.clone()),
            };
        }
        if let Some(current) = current.as_ref().filter(|_| is_rejected_now) {
            if state.rejections.not_before.is_some_and(|not_before| now < not_before) {
                return Ok(Way::Ready(current.token.clone()));
            }
            state.rejections.count(now);
            self.current.store(Some(Arc::new(current.rejected(now))));
        }
        if let Some(rejected) = rejected {
            state.unusable_access = Some(rejected.clone());
        }
        let replaced = rejected.or(current.as_ref().map(|current| &current.token)).cloned();
        Ok(Way::Wait { flight: state.begin(replaced, start)?, is_for_this: true })
    }

    /// Makes these the tokens that callers get. `unsaved_over` is what the store has instead, if saving failed.
    pub(super) fn publish(&self, held: Held, unsaved_over: Option<Option<StoredTokens>>) -> Outcome {
        let Some(token) = held.access.clone() else {
            return Err(ClientError::new(ClientErrorKind::Malformed, "there is no access token"));
        };
        let mut state = self.state();
        if state.unusable_access.as_ref() == Some(&token) {
            state.unusable_access = None;
        }
        if state.unusable_refresh.as_ref() == held.stored.refresh_token() {
            state.unusable_refresh = None;
        }
        state.failure = None;
        self.current.store(Some(Arc::new(Current::new(token.clone(), held.access_ends, Instant::now(), chance()))));
        state.memory = Some(Memory { held, unsaved_over });
        Ok(Some(token))
    }

    /// Forgets the tokens after a log-out.
    pub(super) fn forget_logged_out(&self, stored: Option<&StoredTokens>) {
        self.forget(stored);
        let mut state = self.state();
        state.logged_out = state.unusable_access.clone();
    }

    /// Forgets the tokens, and never takes these, or those in memory, out of the store again.
    pub(super) fn forget(&self, stored: Option<&StoredTokens>) {
        let mut state = self.state();
        self.current.store(None);
        let memory = state.memory.take();
        if let Some(stored) = stored.or(memory.as_ref().map(|memory| &memory.held.stored)) {
            state.unusable_access = AccessToken::of(stored.access_token()).ok();
            state.unusable_refresh = stored.refresh_token().cloned();
        }
    }

    /// Remembers the failure of a flight: until a growing wait is over, there is no other.
    pub(super) fn fail(&self, error: ClientError) -> Outcome {
        let mut state = self.state();
        let count = state.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
        let wait = after_failure(&error, count, chance());
        if error.kind() == ClientErrorKind::Refused {
            crate::log::log_error!(error = ?error, count, ?wait, "the login of a client was refused");
        } else {
            crate::log::log_warn!(error = ?error, count, ?wait, "the tokens of a client were not renewed");
        }
        let mut until = Instant::now() + wait;
        let living = self.current.load_full().filter(|current| current.is_alive(Instant::now()));
        if let (Some(end), None) = (living.and_then(|current| current.ends()), error.wait()) {
            // Until now callers had a token. The first who has none must not find a wait that began before.
            until = until.min(end);
        }
        state.failure = Some(Failure { error: error.clone(), count, until });
        Err(error)
    }

    /// The API accepted this token.
    pub(super) fn accept(&self, token: &AccessToken) {
        if self.current.load().as_ref().is_some_and(|current| current.token == *token) {
            self.state().rejections = Rejections::default();
        }
    }
}

impl State {
    pub(super) fn running(&self) -> Option<Flight<Outcome>> {
        self.flight.clone().filter(Flight::is_running)
    }

    pub(super) fn begin(
        &mut self,
        replaced: Option<AccessToken>,
        start: impl FnOnce() -> Result<Flight<Outcome>, ClientError>,
    ) -> Result<Flight<Outcome>, ClientError> {
        let flight = start()?;
        self.flight = Some(flight.clone());
        self.replaced = replaced;
        Ok(flight)
    }

    /// Waits for the running flight no longer: the next caller starts another.
    pub(super) fn abandon(&mut self) {
        self.flight = None;
    }

    pub(super) fn unusable(&self) -> Unusable {
        Unusable {
            access: [self.replaced.clone(), self.unusable_access.clone()],
            refresh: self.unusable_refresh.clone(),
        }
    }

    /// How many flights in a row have failed.
    pub(super) fn failures(&self) -> u32 {
        self.failure.as_ref().map_or(0, |failure| failure.count)
    }
}

impl Rejections {
    fn count(&mut self, now: Instant) {
        let is_forgotten = self.last.is_none_or(|last| now.duration_since(last) > REJECTIONS_FORGOTTEN);
        self.count = if is_forgotten { 1 } else { self.count.saturating_add(1) };
        self.last = Some(now);
        self.not_before = Some(now + after_rejections(self.count, chance()));
    }
}

impl Settings {
    pub(super) fn wall(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long the lock of the store is waited for: as long as another process may need for a whole renewal.
    pub(super) fn lock_limit(&self) -> Duration {
        2 * self.time_out + Duration::from_secs(20)
    }

    /// How long a caller waits at most. Every part of a flight has a limit, and this is above their sum.
    pub(super) fn flight_limit(&self) -> Duration {
        self.lock_limit() + 3 * self.time_out + Duration::from_secs(30)
    }
}
