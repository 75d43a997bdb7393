//! The public face of the floor: an access token whenever one is needed.

use std::sync::Arc;
use std::time::Duration;

use crate::client::core::{Core, Way};
use crate::client::renewal::{start_log_out, start_renewal};
use crate::client::{AccessToken, ClientError, ClientErrorKind, ManagerStatistics, TokenEndpoint, TokenStore};
use crate::clock::Clock;

/// How long one call of the endpoint may take. Our choice: longer than a slow login, shorter than people wait.
const TIME_OUT: Duration = Duration::from_secs(10);
const TIME_OUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);

/// Flights that one caller waits for, one after the other. More than one happens when a log-out or the end of a runtime
/// comes between.
const ROUNDS: u32 = 4;

/// Keeps the tokens of one account at one API, and gives a fresh access token to every caller. Clones share everything.
///
/// | the access token is | a caller |
/// |---|---|
/// | fresh | gets it, without a lock and without waiting |
/// | near its end: the last fifth of its lifetime, at most 225 seconds, at random up to half of that | gets it, and a task renews it |
/// | expired, unknown, or refused by the API | waits for the renewal, which is one for all callers |
///
/// A renewal takes what another process has saved, else it refreshes, and if the refresh token is refused or expired it
/// logs in. If the login is refused, the stored tokens are cleared. An endpoint that does not answer, 429 and 5xx clear
/// nothing, and a token that still lives goes on serving. After every fifth refresh in a row that failed, though it was not
/// refused, a login is tried, too; if it fails, the refresh token stays.
///
/// After a failure there is no request for a wait that doubles: from 1 second up to a minute, after a refused login
/// from 5 seconds up to 5 minutes, and at least as long as `Retry-After` says, up to an hour. Callers in that time get the
/// same error at once.
///
/// The lifetime of an issued token counts from its receipt, on the monotonic clock. The wall clock judges only what
/// comes out of a store. On Linux the monotonic clock stands still while the machine is suspended: the API refuses a
/// token that expired meanwhile, and that renews it.
///
/// # Panics
/// Its methods need a Tokio runtime with its timers enabled, as `#[tokio::main]` has. Without a runtime they return
/// [`Configuration`](ClientErrorKind::Configuration); without timers, Tokio panics.
///
/// # Cancel safety
/// A caller that is dropped while it waits takes nothing away from the others: the renewal is a task of its own.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use async_trait::async_trait;
/// use tower_tokens::client::{
///     ClientError, IssuedTokens, MemoryTokenStore, StoredTokens, TokenEndpoint, TokenManager,
/// };
///
/// #[derive(Debug)]
/// struct Partner;
///
/// #[async_trait]
/// impl TokenEndpoint for Partner {
///     async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
///         Ok(IssuedTokens::new("first").expires_in(Duration::from_secs(600)))
///     }
///
///     async fn refresh(&self, _stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
///         Ok(IssuedTokens::new("next").expires_in(Duration::from_secs(600)))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let manager = TokenManager::new(Partner, MemoryTokenStore::new());
/// let (one, two) = tokio::join!(manager.access_token(), manager.access_token());
/// assert_eq!(one?, two?);
/// assert_eq!(manager.statistics().logins(), 1);
/// # Ok::<(), ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TokenManager {
    core: Arc<Core>,
}

impl TokenManager {
    /// A manager of the account that `endpoint` has the credentials of. It does nothing until it is asked.
    pub fn new(endpoint: impl TokenEndpoint, store: impl TokenStore) -> Self {
        Self { core: Arc::new(Core::new(endpoint, store, TIME_OUT)) }
    }

    /// Sets how long one call of the endpoint may take, for all clones. Default: 10 seconds; the nearer end of 1 millisecond to
    /// 10 minutes if it is outside.
    #[must_use]
    pub fn with_time_out(self, time_out: Duration) -> Self {
        self.core.state().settings.time_out = time_out.clamp(*TIME_OUTS.start(), *TIME_OUTS.end());
        self
    }

    /// Sets the wall clock, for all clones. It judges what comes out of the store. Default: the system's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.core.state().settings.clock = Arc::new(clock);
        self
    }

    /// A fresh access token.
    ///
    /// # Errors
    /// Why there is none, of any [kind](ClientErrorKind): [`Refused`](ClientErrorKind::Refused) if the credentials are wrong.
    pub async fn access_token(&self) -> Result<AccessToken, ClientError> {
        match self.core.fresh() {
            Some(token) => Ok(token),
            None => self.wait(None).await,
        }
    }

    /// A fresh access token, if there is one without waiting. If not, [`access_token`](Self::access_token) has to be asked.
    pub(super) fn access_token_now(&self) -> Option<AccessToken> {
        self.core.fresh()
    }

    /// A fresh access token, after the API refused `rejected` with 401.
    ///
    /// If another is there already, it is that one. Otherwise there is one renewal for all callers. The same token comes
    /// back if the endpoint issues it again, or if it issued new tokens before and the API refused all of them: then
    /// repeating the request is of no use, and there is no renewal for a wait that grows up to a minute.
    /// [`accepted`](Self::accepted) ends that wait.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token).
    pub async fn access_token_after_rejection(&self, rejected: &AccessToken) -> Result<AccessToken, ClientError> {
        self.wait(Some(rejected)).await
    }

    /// Says that the API took `token` from [`access_token_after_rejection`](Self::access_token_after_rejection): the repeated
    /// request was not answered 401. The next refusal is renewed at once.
    pub fn accepted(&self, token: &AccessToken) {
        self.core.accept(token);
    }

    /// Revokes the tokens at the server, and then forgets them, in the store too. The next
    /// [`access_token`](Self::access_token) logs in again; [`access_token_after_rejection`](Self::access_token_after_rejection) of
    /// the token that was logged out does not.
    ///
    /// # Errors
    /// What the endpoint or the store says. Even then this manager has forgotten the tokens and does not use them again.
    pub async fn log_out(&self) -> Result<(), ClientError> {
        for _ in 0..ROUNDS {
            let (flight, limit, is_log_out) = {
                let mut state = self.core.state();
                let limit = state.settings.flight_limit();
                match state.running() {
                    Some(flight) => (flight, limit, false),
                    None => (state.begin(None, || start_log_out(&self.core))?, limit, true),
                }
            };
            match flight.clone().result(limit).await {
                Some(result) if is_log_out => return result.map(drop),
                // Another caller's log-out.
                Some(Ok(None)) => return Ok(()),
                _ => self.give_up(&flight)?,
            }
        }
        Err(ended())
    }

    /// Waits until no renewal is going on. Call it before a program ends: a renewal in the background that does not come to its end may
    /// have used up the refresh token without saving the new one.
    pub async fn finish(&self) {
        let (flight, limit) = {
            let state = self.core.state();
            (state.running(), state.settings.flight_limit())
        };
        if let Some(flight) = flight {
            _ = flight.result(limit).await;
        }
    }

    /// What this manager has done so far.
    #[must_use]
    pub fn statistics(&self) -> ManagerStatistics {
        self.core.counters.read()
    }

    async fn wait(&self, rejected: Option<&AccessToken>) -> Result<AccessToken, ClientError> {
        for _ in 0..ROUNDS {
            let (flight, is_for_this) = match self.core.way(rejected, || start_renewal(&self.core))? {
                Way::Ready(token) => return Ok(token),
                Way::Wait { flight, is_for_this } => (flight, is_for_this),
            };
            let limit = self.core.state().settings.flight_limit();
            match flight.clone().result(limit).await {
                Some(Ok(Some(token))) if is_for_this || Some(&token) != rejected => return Ok(token),
                // A log-out, or a renewal that began before the API refused its token.
                Some(Ok(_)) => {}
                Some(Err(error)) => return self.core.alive(rejected).ok_or(error),
                None => self.give_up(&flight)?,
            }
        }
        Err(ended())
    }

    /// After a flight without a result: another may start. An error if this one still goes on.
    fn give_up(&self, flight: &crate::client::flight::Flight<crate::client::core::Outcome>) -> Result<(), ClientError> {
        if flight.is_running() {
            self.core.state().abandon();
            return Err(ClientError::new(ClientErrorKind::Unavailable, "a renewal does not come to an end"));
        }
        Ok(())
    }
}

fn ended() -> ClientError {
    ClientError::new(ClientErrorKind::Unavailable, "the runtime of the renewal was shut down")
}
