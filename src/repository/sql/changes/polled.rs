//! [`Polled`]: a subscription over a table that is polled.

use std::collections::{HashSet, VecDeque};
use std::future::pending;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind};
use crate::repository::{ChangeSubscription, Notice, Subject};

/// How many notices wait at most; more become one about everything. Our choice: few enough to take no memory worth
/// mentioning, and more than the users who change in one interval, unless a program changes them all.
const MOST: usize = 10_000;

/// The table of changes, as one subscription reads it.
pub(crate) trait ChangeLog: Send + 'static {
    /// What has come in since the last call. After an error it is not called again.
    fn poll(&mut self) -> impl Future<Output = Result<Vec<Notice>, Error>> + Send;
}

/// A subscription that asks for changes at each heartbeat.
pub(crate) struct Polled<L> {
    log: L,
    queue: VecDeque<Notice>,
    /// A poll that failed or was abandoned may have lost what it read.
    has_failed: bool,
}

impl<L: ChangeLog> Polled<L> {
    /// A subscription that gives these notices first.
    pub(crate) fn new(log: L, first: Vec<Notice>) -> Self {
        let mut polled = Self { log, queue: VecDeque::new(), has_failed: false };
        polled.add(first);
        polled
    }

    /// Notices wait once each, and not without bound.
    fn add(&mut self, notices: Vec<Notice>) {
        let mut known = HashSet::new();
        self.queue.extend(notices.into_iter().filter(|notice| known.insert(notice.clone())));
        if self.queue.len() <= MOST {
            return;
        }
        let is_heartbeat = |notice: &Notice| matches!(notice, Notice::Heartbeat(_));
        let heartbeats: Vec<_> = self.queue.iter().filter(|notice| is_heartbeat(notice)).cloned().collect();
        let is_pending = self.queue.iter().any(|notice| matches!(notice, Notice::Changing(_)));
        self.queue = VecDeque::from([Notice::Changed(Subject::Everything)]);
        self.queue.extend(is_pending.then_some(Notice::Changing(Subject::Everything)));
        self.queue.extend(heartbeats);
    }
}

#[async_trait]
impl<L: ChangeLog> ChangeSubscription for Polled<L> {
    async fn next(&mut self) -> Result<Notice, Error> {
        if self.has_failed {
            return Err(Error::with_source(ErrorKind::Unavailable, "the subscription has failed"));
        }
        match self.queue.pop_front() {
            Some(notice) => Ok(notice),
            None => pending().await,
        }
    }

    async fn heartbeat(&mut self, number: u64) -> Result<(), Error> {
        if std::mem::replace(&mut self.has_failed, true) {
            return Err(Error::with_source(ErrorKind::Unavailable, "the subscription has failed"));
        }
        let notices = self.log.poll().await?;
        self.add(notices);
        self.queue.push_back(Notice::Heartbeat(number));
        self.has_failed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Gives these answers, and then waits forever.
    struct Fake(Vec<Result<Vec<Notice>, Error>>);

    impl ChangeLog for Fake {
        async fn poll(&mut self) -> Result<Vec<Notice>, Error> {
            if self.0.is_empty() { pending().await } else { self.0.remove(0) }
        }
    }

    fn changed(user: &str) -> Notice {
        Notice::Changed(Subject::User(user.to_owned()))
    }

    fn waiting<L: ChangeLog>(polled: &mut Polled<L>) -> Vec<Notice> {
        std::iter::from_fn(|| polled.next().now_or_never().map(Result::unwrap)).collect()
    }

    #[tokio::test]
    async fn a_heartbeat_comes_after_what_its_poll_found() {
        let polls = vec![Ok(vec![changed("a"), changed("a"), changed("b")]), Ok(Vec::new())];
        let mut polled = Polled::new(Fake(polls), vec![changed("first")]);
        polled.heartbeat(7).await.unwrap();
        polled.heartbeat(8).await.unwrap();
        let expected = [changed("first"), changed("a"), changed("b"), Notice::Heartbeat(7), Notice::Heartbeat(8)];
        assert_eq!(waiting(&mut polled), expected);
    }

    #[tokio::test]
    async fn after_an_error_or_an_abandoned_poll_it_gives_nothing_more() {
        let mut failed = Polled::new(Fake(vec![Err(ErrorKind::Unavailable.into())]), vec![changed("a")]);
        let mut abandoned = Polled::new(Fake(Vec::new()), vec![changed("a")]);
        assert!(failed.heartbeat(1).await.is_err());
        assert!(abandoned.heartbeat(1).now_or_never().is_none());
        for polled in [&mut failed, &mut abandoned] {
            assert!(polled.next().await.is_err());
            assert!(polled.heartbeat(2).await.is_err());
        }
    }

    #[tokio::test]
    async fn too_many_notices_become_one_about_everything() {
        let many: Vec<_> = (0..MOST).map(|user| changed(&user.to_string())).collect();
        let changing = Notice::Changing(Subject::User("a".to_owned()));
        let mut polled = Polled::new(Fake(vec![Ok(many.clone()), Ok(vec![changing])]), Vec::new());
        polled.heartbeat(1).await.unwrap();
        assert_eq!(polled.queue.len(), MOST + 1);
        polled.heartbeat(2).await.unwrap();
        let everything = [Notice::Changed(Subject::Everything), Notice::Changing(Subject::Everything)];
        let heartbeats = [Notice::Heartbeat(1), Notice::Heartbeat(2)];
        assert_eq!(waiting(&mut polled), [everything, heartbeats].concat());
    }
}
