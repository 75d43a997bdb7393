//! A clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::Duration;

use crate::clock::{Clock, Timestamp};

/// A clock that stands still until a test moves it. Clones share one time.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::clock::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::at(Timestamp::from_unix_seconds(1_000));
/// clock.advance(Duration::hours(1));
/// assert_eq!(clock.now(), Timestamp::from_unix_seconds(4_600));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    seconds: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that starts at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { seconds: Arc::new(start.unix_seconds().into()) }
    }

    /// Moves the clock by `duration`, whole seconds; a negative one moves it back.
    pub fn advance(&self, duration: Duration) {
        self.seconds.fetch_add(duration.whole_seconds(), Ordering::SeqCst);
    }

    /// Sets the clock to `time`.
    pub fn set(&self, time: Timestamp) {
        self.seconds.store(time.unix_seconds(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.seconds.load(Ordering::SeqCst))
    }
}
