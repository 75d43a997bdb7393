//! The bus of a cache, and the task that listens to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::repository::ChangeBus;

/// A bus, and the task that listens to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) bus: Arc<dyn ChangeBus>,
    /// Between two heartbeats.
    pub(super) interval: Duration,
    /// For how long one heartbeat allows to use the cache.
    pub(super) lease: Duration,
    /// Whether this node announces its changes, because the store does not.
    pub(super) announces: bool,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Link {
    pub(super) fn new(bus: Arc<dyn ChangeBus>, interval: Duration, lease: Duration, announces: bool) -> Self {
        Self { bus, interval, lease, announces, task: Mutex::default() }
    }

    /// Begins the task, if there is none yet, or none any more because its runtime has ended.
    pub(super) fn ensure<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce() -> F) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut present = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if present.as_ref().is_none_or(JoinHandle::is_finished) {
            *present = Some(runtime.spawn(task()));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}
