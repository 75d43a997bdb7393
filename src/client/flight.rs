//! Single flight: one task does the work, and everybody who wants its result waits for it.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::client::{ClientError, ClientErrorKind};

/// Work in a task of its own. A caller that goes away while it waits ends neither the work nor the wait of the others.
#[derive(Debug, Clone)]
pub(super) struct Flight<T> {
    result: watch::Receiver<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Starts `work`. If it panics, its result is that of `after_panic`.
    pub(super) fn start(
        work: impl Future<Output = T> + Send + 'static,
        after_panic: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Self, ClientError> {
        let runtime = Handle::try_current().map_err(|error| ClientError::new(ClientErrorKind::Configuration, error))?;
        let (sender, result) = watch::channel(None);
        runtime.spawn(async move {
            let mut landing = Landing { sender, after_panic: Some(after_panic) };
            let result = work.await;
            landing.after_panic = None;
            landing.sender.send_replace(Some(result));
        });
        Ok(Self { result })
    }

    /// Whether the work goes on.
    pub(super) fn is_running(&self) -> bool {
        self.result.has_changed().is_ok() && self.result.borrow().is_none()
    }

    /// The result. `None` if there will be none: its runtime was shut down, or `limit` has passed.
    pub(super) async fn result(mut self, limit: Duration) -> Option<T> {
        let result = tokio::time::timeout(limit, self.result.wait_for(Option::is_some)).await.ok()?.ok()?;
        result.clone()
    }
}

/// Sends a result when the work unwinds.
struct Landing<T, F: FnOnce() -> T> {
    sender: watch::Sender<Option<T>>,
    after_panic: Option<F>,
}

impl<T, F: FnOnce() -> T> Drop for Landing<T, F> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(after_panic) = self.after_panic.take()
        {
            self.sender.send_replace(Some(after_panic()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_ends_nothing() {
        let ends = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&ends);
        let work = async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            counter.fetch_add(1, Ordering::SeqCst) + 7
        };
        let flight = Flight::start(work, || 0).unwrap();
        let leaving = tokio::time::timeout(Duration::from_millis(10), flight.clone().result(LIMIT)).await;
        assert!(leaving.is_err() && flight.is_running());
        assert_eq!(flight.clone().result(LIMIT).await, Some(7));
        assert_eq!((flight.result(LIMIT).await, ends.load(Ordering::SeqCst)), (Some(7), 1));
    }

    #[tokio::test]
    async fn a_panic_is_a_result() {
        let flight = Flight::start(async { panic!("a test of panics") }, || 13).unwrap();
        assert_eq!(flight.clone().result(LIMIT).await, Some(13));
        tokio::task::yield_now().await;
        assert!(!flight.is_running());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_a_limit() {
        let flight: Flight<u8> = Flight::start(std::future::pending(), || 0).unwrap();
        assert_eq!(flight.clone().result(LIMIT).await, None);
        assert!(flight.is_running());
    }

    #[test]
    fn a_runtime_that_is_shut_down_leaves_no_result() {
        let first = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let flight: Flight<u8> = first.block_on(async { Flight::start(std::future::pending(), || 0).unwrap() });
        drop(first);
        assert!(!flight.is_running());
        let second = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(second.block_on(flight.result(LIMIT)), None);
    }

    #[test]
    fn outside_of_a_runtime_there_is_an_error_and_no_panic() {
        let error = Flight::start(async {}, || ()).unwrap_err();
        assert_eq!(error.kind(), ClientErrorKind::Configuration);
    }
}
