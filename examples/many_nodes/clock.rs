//! A clock that is wrong, to try what such a node does.

use time::Duration;
use tower_tokens::clock::{Clock, SystemClock, Timestamp};

/// The clock of the system, ahead by a time, or behind by a negative one.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockAhead(pub(super) Duration);

impl Clock for ClockAhead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}
