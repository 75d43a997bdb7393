//! [`Window`]: which numbers of the table of changes may still be committed.
//!
//! MySQL gives a row its number when it is inserted, and shows it to others when its transaction is committed: a higher number
//! may be committed before a lower one, and a transaction may take minutes. So a dirty read looks for rows that are
//! inserted, and a second one, of committed rows alone, says which of them are in force.
//!
//! | a number that | is |
//! |---|---|
//! | both reads show | committed: it is given as changed, once |
//! | the dirty read alone shows | pending: it is given as changing, again and again, until it is committed or gone |
//! | neither shows, below one that was shown | missing: it was rolled back, or is about to be inserted; looked for during 10 seconds |

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::repository::{Notice, Subject};

/// How long a missing number is looked for. Our choice: a server takes microseconds from the number to the row.
const MISSING: Duration = Duration::from_secs(10);

/// How often a pending change is given. Our choice: less than half of the 10 seconds for which a notice counts.
const AGAIN: Duration = Duration::from_secs(4);

/// How many numbers are watched at most. Our choice: their list is part of each question.
const MOST: usize = 10_000;

/// At the start, a number that is missing below a row of this age in seconds is not looked for.
const OLD: i64 = 20;

/// A row that a dirty read shows.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) subject: Subject,
    /// In seconds, by the server's clock.
    pub(super) age: i64,
}

/// What one read covered and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    /// The first number that it did not look at, and the last that it did.
    pub(super) after: i64,
    pub(super) to: i64,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

#[derive(Debug)]
struct Pending {
    subject: Subject,
    given: Instant,
}

/// Missing numbers from the key of the map on.
#[derive(Debug, Clone, Copy)]
struct Gap {
    last: i64,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Window {
    last_seen: i64,
    last_committed: i64,
    pending: BTreeMap<i64, Pending>,
    gaps: BTreeMap<i64, Gap>,
    /// Whether what is read was there before the subscription.
    is_first: bool,
}

impl Window {
    /// A window on a table whose smallest number is `first`.
    pub(super) const fn new(first: i64) -> Self {
        let before = first.saturating_sub(1);
        Self {
            last_seen: before,
            last_committed: before,
            pending: BTreeMap::new(),
            gaps: BTreeMap::new(),
            is_first: true,
        }
    }

    /// The first reads are done.
    pub(super) fn begin(&mut self) {
        self.is_first = false;
    }

    /// Whether a table with this largest number, committed or not, is the one that was read before.
    pub(super) fn check_largest(&self, largest: Option<i64>) -> Result<(), Error> {
        self.check(largest.is_some_and(|largest| largest >= self.last_committed))
    }

    /// Whether a table whose smallest committed number this is can have lost a row that this window has not seen.
    ///
    /// The row that was committed last is there, or an older one: those who prune keep one that is older than they may delete.
    pub(super) fn check_smallest(&self, smallest: Option<i64>) -> Result<(), Error> {
        self.check(smallest.is_some_and(|smallest| smallest <= self.last_committed))
    }

    fn check(&self, is_whole: bool) -> Result<(), Error> {
        if self.is_first || is_whole {
            return Ok(());
        }
        let why = "rows of the table of changes were deleted before they were read";
        Err(Error::with_source(ErrorKind::Unavailable, why))
    }

    /// A condition in SQL on `number`: those that are new, and those that are watched.
    pub(super) fn condition(&self) -> String {
        let mut condition = format!("(number > {}", self.last_seen);
        if !self.pending.is_empty() {
            let numbers: Vec<_> = self.pending.keys().map(i64::to_string).collect();
            condition += &format!(" OR number IN ({})", numbers.join(", "));
        }
        for (first, gap) in &self.gaps {
            condition += &format!(" OR number BETWEEN {first} AND {}", gap.last);
        }
        condition + ")"
    }

    /// The number below which nothing can come in any more.
    pub(super) fn settled(&self) -> i64 {
        let open = self.pending.keys().chain(self.gaps.keys()).min();
        open.map_or(self.last_seen, |open| open - 1)
    }

    /// Takes the rows that a dirty read shows, and which of them a later read shows as committed.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if more numbers are to be watched than can be.
    pub(super) fn apply(&mut self, read: Read, rows: Vec<Row>, committed: &HashSet<i64>) -> Result<Vec<Notice>, Error> {
        let mut notices = Vec::new();
        let shown: HashSet<_> = rows.iter().map(|row| row.number).collect();
        // What was there and is gone was rolled back.
        let is_covered = |number: i64| (read.after < number) && number <= read.to;
        self.pending.retain(|number, _| !is_covered(*number) || shown.contains(number));
        let oldest =
            if self.is_first { rows.iter().rev().find(|row| row.age >= OLD).map(|row| row.number) } else { None };
        for row in rows {
            self.close_gap(row.number, read.answered);
            if committed.contains(&row.number) {
                self.pending.remove(&row.number);
                self.last_committed = self.last_committed.max(row.number);
                if !self.is_first {
                    notices.push(Notice::Changed(row.subject));
                }
                continue;
            }
            let known = self.pending.get(&row.number);
            if known.is_none_or(|known| read.answered - known.given >= AGAIN) {
                notices.push(Notice::Changing(row.subject.clone()));
                self.pending.insert(row.number, Pending { subject: row.subject, given: read.answered });
            }
        }
        self.gaps.retain(|_, gap| {
            let is_old = oldest.is_some_and(|oldest| gap.last < oldest);
            !is_old && read.sent.saturating_duration_since(gap.since) <= MISSING
        });
        if self.pending.len() + self.gaps.len() > MOST {
            let why = "too many changes are in transactions that are not committed";
            return Err(Error::with_source(ErrorKind::Unavailable, why));
        }
        Ok(notices)
    }

    /// What was pending when the subscription began.
    pub(super) fn pending(&self) -> Vec<Notice> {
        self.pending.values().map(|pending| Notice::Changing(pending.subject.clone())).collect()
    }

    /// This number is shown: it is missing no longer, and all below it that are not shown are.
    fn close_gap(&mut self, number: i64, now: Instant) {
        if number > self.last_seen {
            if number > self.last_seen + 1 {
                self.gaps.insert(self.last_seen + 1, Gap { last: number - 1, since: now });
            }
            self.last_seen = number;
            return;
        }
        let Some((first, gap)) = self.gaps.range(..=number).next_back().map(|(first, gap)| (*first, *gap)) else {
            return;
        };
        if gap.last < number {
            return;
        }
        self.gaps.remove(&first);
        if first < number {
            self.gaps.insert(first, Gap { last: number - 1, ..gap });
        }
        if number < gap.last {
            self.gaps.insert(number + 1, gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a table of which these numbers are inserted and these committed.
    fn read(window: &mut Window, inserted: &[i64], committed: &[i64]) -> Vec<Notice> {
        read_at(window, Instant::now(), inserted, committed)
    }

    fn read_at(window: &mut Window, now: Instant, inserted: &[i64], committed: &[i64]) -> Vec<Notice> {
        let watched = |window: &Window, number: i64| {
            let in_gap = window.gaps.iter().any(|(first, gap)| (*first..=gap.last).contains(&number));
            number > window.last_seen || window.pending.contains_key(&number) || in_gap
        };
        let row = |number: i64| Row { number, subject: user(number), age: 0 };
        let rows = inserted.iter().copied().filter(|number| watched(window, *number)).map(row).collect();
        let read = Read { after: 0, to: i64::MAX, sent: now, answered: now };
        window.apply(read, rows, &committed.iter().copied().collect()).unwrap()
    }

    fn user(number: i64) -> Subject {
        Subject::User(number.to_string())
    }

    fn changed(number: i64) -> Notice {
        Notice::Changed(user(number))
    }

    fn changing(number: i64) -> Notice {
        Notice::Changing(user(number))
    }

    fn begun(first: &[i64]) -> Window {
        let mut window = Window::new(1);
        assert_eq!(read(&mut window, first, first), []);
        window.begin();
        window
    }

    #[tokio::test(start_paused = true)]
    async fn a_lower_number_that_is_committed_later_is_given() {
        let mut window = begun(&[1]);
        assert_eq!(read(&mut window, &[1, 2, 3], &[1, 3]), [changing(2), changed(3)]);
        assert_eq!(window.settled(), 1);
        assert_eq!(read(&mut window, &[1, 2, 3], &[1, 3]), []);
        assert_eq!(read(&mut window, &[1, 2, 3], &[1, 2, 3]), [changed(2)]);
        assert_eq!(read(&mut window, &[1, 2, 3], &[1, 2, 3]), []);
        assert_eq!((window.settled(), window.condition()), (3, "(number > 3)".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_rolled_back_is_not_given_and_holds_nothing_up() {
        let mut window = begun(&[1]);
        read(&mut window, &[1, 2, 3], &[1, 3]);
        assert_eq!(read(&mut window, &[1, 3], &[1, 3]), []);
        assert_eq!(window.settled(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pending_change_is_given_again_every_few_seconds() {
        let mut window = begun(&[1]);
        assert_eq!(read(&mut window, &[1, 2], &[1]), [changing(2)]);
        let mut given = 0;
        for _ in 0..240 {
            tokio::time::advance(Duration::from_millis(250)).await;
            given += read(&mut window, &[1, 2], &[1]).len();
        }
        assert_eq!(given, 15, "in a minute");
        assert_eq!(read(&mut window, &[1, 2], &[1, 2]), [changed(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_number_is_looked_for_during_ten_seconds() {
        let mut window = begun(&[1]);
        assert_eq!(read(&mut window, &[1, 9], &[1, 9]), [changed(9)]);
        tokio::time::advance(MISSING).await;
        assert_eq!(read(&mut window, &[1, 5, 9], &[1, 5, 9]), [changed(5)]);
        assert_eq!(window.settled(), 1);
        assert_eq!(window.condition(), "(number > 9 OR number BETWEEN 2 AND 4 OR number BETWEEN 6 AND 8)");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(read(&mut window, &[1, 5, 9], &[1, 5, 9]), []);
        assert_eq!(window.settled(), 9);
    }

    /// A process that stood still between the question and the answer has not looked for it.
    #[tokio::test(start_paused = true)]
    async fn a_missing_number_is_looked_for_again_after_a_long_pause() {
        let mut window = begun(&[1]);
        let sent = Instant::now();
        tokio::time::advance(MISSING * 2).await;
        let row = Row { number: 3, subject: user(3), age: 0 };
        let read_3 = Read { after: 0, to: i64::MAX, sent, answered: Instant::now() };
        window.apply(read_3, vec![row], &HashSet::from([3])).unwrap();
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(read(&mut window, &[1, 2, 3], &[1, 2, 3]), [changed(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_pending_at_the_start_is_given() {
        let mut window = Window::new(5);
        let row = |number, age| Row { number, subject: user(number), age };
        let now = Instant::now();
        let first = Read { after: 0, to: i64::MAX, sent: now, answered: now };
        let rows = vec![row(5, 600), row(6, 500), row(8, OLD), row(10, OLD - 1), row(12, 0)];
        window.apply(first, rows, &HashSet::from([5, 8, 10, 12])).unwrap();
        assert_eq!(window.pending(), [changing(6)]);
        window.begin();
        assert_eq!(
            window.condition(),
            "(number > 12 OR number IN (6) OR number BETWEEN 9 AND 9 OR number BETWEEN 11 AND 11)"
        );
        assert_eq!(read(&mut window, &[5, 6, 8, 9, 10, 12], &[5, 6, 8, 9, 10, 12]), [changed(6), changed(9)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_in_parts_does_not_take_what_it_has_not_looked_at_for_gone() {
        let mut window = begun(&[1]);
        read(&mut window, &[1, 2, 8], &[1]);
        let now = Instant::now();
        let part = Read { after: 0, to: 5, sent: now, answered: now };
        let row = Row { number: 2, subject: user(2), age: 0 };
        assert_eq!(window.apply(part, vec![row], &HashSet::from([2])).unwrap(), [changed(2)]);
        assert!(window.pending.contains_key(&8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_lost_what_was_not_read_is_an_error() {
        let window = begun(&[1, 2, 3]);
        for (smallest, largest) in [(1, 3), (3, 3), (2, 9)] {
            assert!(window.check_smallest(Some(smallest)).is_ok() && window.check_largest(Some(largest)).is_ok());
        }
        for smallest in [Some(4), None] {
            assert_eq!(window.check_smallest(smallest).unwrap_err().kind(), ErrorKind::Unavailable);
        }
        for largest in [Some(2), None] {
            assert_eq!(window.check_largest(largest).unwrap_err().kind(), ErrorKind::Unavailable);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_open_numbers_are_an_error() {
        let mut window = begun(&[1]);
        let row = |number| Row { number, subject: user(number), age: 0 };
        let now = Instant::now();
        let whole = Read { after: 0, to: i64::MAX, sent: now, answered: now };
        let rows = (2..).take(MOST + 1).map(row).collect();
        assert!(window.apply(whole, rows, &HashSet::new()).is_err());
    }
}
