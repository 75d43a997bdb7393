//! The log lines of outages, at most one in a minute for each kind of source.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
#[cfg(feature = "tracing")]
use crate::log::{log_debug, log_warn};
use crate::user::SourceKind;

/// The shortest time between two warnings about the same kind of source. Our choice.
const INTERVAL: Duration = Duration::from_secs(60);

/// Logs that tokens could not be looked up. A store that is down, or a session that cannot be read, fails at each
/// request: the first failure in a minute is a warning, which says how many were left out before it; the others are
/// logged at debug level.
#[derive(Debug, Default)]
pub(super) struct OutageLog(Mutex<Vec<LastWarning>>);

#[derive(Debug)]
struct LastWarning {
    kind: SourceKind,
    at: Instant,
    left_out: u64,
}

impl OutageLog {
    #[cold]
    pub(super) fn report(&self, kind: SourceKind, _error: &Error) {
        let _left_out = self.left_out_before(kind, Instant::now());
        #[cfg(feature = "tracing")]
        match _left_out {
            Some(left_out) => {
                log_warn!(
                    error = _error as &dyn std::error::Error,
                    source = kind.as_str(),
                    left_out,
                    "a token was not looked up"
                );
            }
            None => {
                log_debug!(
                    error = _error as &dyn std::error::Error,
                    source = kind.as_str(),
                    "a token was not looked up"
                );
            }
        }
    }

    /// How many warnings were left out since the last one, if one may be written now.
    fn left_out_before(&self, kind: SourceKind, now: Instant) -> Option<u64> {
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = warnings.iter_mut().find(|last| last.kind == kind) else {
            warnings.push(LastWarning { kind, at: now, left_out: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(last.at) < INTERVAL {
            last.left_out += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_a_minute_and_kind_says_how_many_were_left_out() {
        let log = OutageLog::default();
        let start = Instant::now();
        let at = |kind, seconds| log.left_out_before(kind, start + Duration::from_secs(seconds));
        assert_eq!(at(SourceKind::Session, 0), Some(0));
        for second in 1..60 {
            assert_eq!(at(SourceKind::Session, second), None);
        }
        assert_eq!(at(SourceKind::Cookie, 59), Some(0), "another source");
        assert_eq!(at(SourceKind::Session, 60), Some(59));
        assert_eq!(at(SourceKind::Session, 119), None);
        assert_eq!(at(SourceKind::Session, 200), Some(1));
        assert_eq!(at(SourceKind::Session, 300), Some(0));
    }
}
