//! What was asked and answered, and whether an answer was too old.

use std::time::{Duration, Instant};

/// A validation.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) token: usize,
    pub(super) node: usize,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// `None`: refused.
    pub(super) level: Option<String>,
}

/// An end of a token.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) token: usize,
    /// `None`: another program ended it.
    pub(super) node: Option<usize>,
    pub(super) began: Instant,
    /// When the node answered, or the transaction of the other program had committed. `None`: it may have been made, or not.
    pub(super) acknowledged: Option<Instant>,
}

/// A change of the level of all tokens' user.
#[derive(Debug, Clone)]
pub(super) struct LevelChange {
    pub(super) node: usize,
    pub(super) level: &'static str,
    pub(super) began: Instant,
    pub(super) acknowledged: Instant,
}

#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) reads: Vec<Read>,
    pub(super) ends: Vec<End>,
    pub(super) levels: Vec<LevelChange>,
}

impl History {
    /// Every validation that gave an answer which it must not have given.
    pub(super) fn too_old(&self, bound: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        for read in self.reads.iter().filter(|read| read.level.is_some()) {
            for end in self.ends.iter().filter(|end| end.token == read.token) {
                let Some(acknowledged) = end.acknowledged else { continue };
                let bound = if end.node == Some(read.node) { Duration::ZERO } else { bound };
                if read.began > acknowledged + bound {
                    let late = read.began - acknowledged;
                    faults.push(format!(
                        "token {} valid on node {} {late:?} after its end on {:?}",
                        read.token, read.node, end.node
                    ));
                }
            }
        }
        for read in &self.reads {
            let Some(level) = &read.level else { continue };
            let is_possible = self.levels.iter().enumerate().any(|(number, change)| {
                let is_over = self.levels.iter().skip(number + 1).any(|next| {
                    let bound = if next.node == read.node { Duration::ZERO } else { bound };
                    read.began > next.acknowledged + bound
                });
                change.level == level && change.began <= read.ended && !is_over
            });
            if !is_possible {
                faults.push(format!("level {level} on node {} is too old", read.node));
            }
        }
        faults
    }

    /// Every validation that was refused though no end of its token had begun.
    pub(super) fn wrongly_refused(&self) -> Vec<&Read> {
        let had_begun = |read: &Read, end: &End| end.token == read.token && end.began <= read.ended;
        let refused = self.reads.iter().filter(|read| read.level.is_none());
        refused.filter(|read| !self.ends.iter().any(|end| had_begun(read, end))).collect()
    }

    /// For each end, how long after it was acknowledged the last validation began that another node still allowed; in order.
    pub(super) fn delays(&self) -> Vec<Duration> {
        let delay = |end: &End| {
            let acknowledged = end.acknowledged?;
            let allowed = self.reads.iter().filter(|read| read.token == end.token && read.level.is_some());
            let delays = allowed.filter_map(|read| read.began.checked_duration_since(acknowledged));
            Some(delays.max().unwrap_or_default())
        };
        let mut delays: Vec<_> = self.ends.iter().filter_map(delay).collect();
        delays.sort();
        delays
    }
}

/// The delay that this share of all is at most.
pub(super) fn quantile(delays: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small numbers"
    )]
    let place = (delays.len() as f64 * share) as usize;
    delays.get(place.min(delays.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_old_is_found() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let read = |node, began, level: &str| Read {
            token: 1,
            node,
            began: at(began),
            ended: at(began + 1),
            level: Some(level.to_owned()),
        };
        let mut history = History::default();
        history.levels.push(LevelChange { node: 0, level: "member", began: at(0), acknowledged: at(1) });
        history.levels.push(LevelChange { node: 0, level: "admin", began: at(100), acknowledged: at(110) });
        history.ends.push(End { token: 1, node: Some(0), began: at(990), acknowledged: Some(at(1_000)) });
        let bound = Duration::from_millis(500);
        for allowed in [read(0, 50, "member"), read(0, 105, "admin"), read(1, 600, "member"), read(1, 1_500, "admin")] {
            history.reads = vec![allowed];
            assert_eq!(history.too_old(bound), Vec::<String>::new());
        }
        for too_old in
            [read(0, 111, "member"), read(1, 611, "member"), read(0, 1_001, "admin"), read(1, 1_501, "admin")]
        {
            history.reads = vec![too_old];
            assert_eq!(history.too_old(bound).len(), 1, "{history:?}");
        }
    }

    #[test]
    fn a_refusal_before_an_end_is_found() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let refused = |token, ended| Read { token, node: 0, began: start, ended: at(ended), level: None };
        let end = End { token: 1, node: None, began: at(10), acknowledged: Some(at(20)) };
        let mut history = History { ends: vec![end], ..History::default() };
        for (read, is_wrong) in [(refused(1, 15), false), (refused(1, 9), true), (refused(2, 15), true)] {
            history.reads = vec![read];
            assert_eq!(history.wrongly_refused().len(), usize::from(is_wrong), "{history:?}");
        }
    }
}
