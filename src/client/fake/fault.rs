//! Faults on command.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::client::ClientError;

/// What goes wrong with a call of a fake.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FakeFault {
    /// It fails with this error, and does nothing.
    Error(ClientError),
    /// It does its work after this wait, by tokio's clock.
    Delay(Duration),
    /// It does nothing until the fake heals.
    Hang,
    /// It does its work, and then hangs: the answer is lost.
    HangAfterwards,
    /// It panics.
    Panic,
}

/// The faults of a fake with these kinds of calls, and how many calls there were.
#[derive(Debug)]
pub(super) struct Faults<C> {
    state: Mutex<State<C>>,
    healed: watch::Sender<u64>,
}

#[derive(Debug)]
struct State<C> {
    once: HashMap<C, VecDeque<FakeFault>>,
    always: HashMap<C, FakeFault>,
    calls: HashMap<C, u64>,
}

impl<C: Copy + Eq + Hash> Faults<C> {
    pub(super) fn new() -> Self {
        let state = State { once: HashMap::new(), always: HashMap::new(), calls: HashMap::new() };
        Self { state: Mutex::new(state), healed: watch::Sender::new(0) }
    }

    pub(super) fn once(&self, call: C, fault: FakeFault) {
        self.state().once.entry(call).or_default().push_back(fault);
    }

    pub(super) fn always(&self, call: C, fault: FakeFault) {
        self.state().always.insert(call, fault);
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.once.clear();
        state.always.clear();
        self.healed.send_modify(|count| *count += 1);
    }

    pub(super) fn calls(&self, call: C) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or(0)
    }

    /// Counts a call, and does `work` around the fault that strikes it.
    pub(super) async fn strike<T>(
        &self,
        call: C,
        work: impl AsyncFnOnce() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut healed = self.healed.subscribe();
        let fault = {
            let mut state = self.state();
            *state.calls.entry(call).or_insert(0) += 1;
            let once = state.once.get_mut(&call).and_then(VecDeque::pop_front);
            once.or_else(|| state.always.get(&call).cloned())
        };
        match fault {
            None => work().await,
            Some(FakeFault::Error(error)) => Err(error),
            Some(FakeFault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                work().await
            }
            // The sender is a field of `self`, so it outlives these waits.
            Some(FakeFault::Hang) => {
                _ = healed.changed().await;
                work().await
            }
            Some(FakeFault::HangAfterwards) => {
                let result = work().await;
                _ = healed.changed().await;
                result
            }
            Some(FakeFault::Panic) => panic!("a fake panics, as it was set to"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
