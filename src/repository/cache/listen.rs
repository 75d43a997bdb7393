//! Receives changes from a bus, and proves again and again that they come.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::call_timeout::within_call_timeout;
use crate::clock::monotonic_milliseconds;
use crate::error::{Error, ErrorKind};
use crate::log::log_warn;
#[cfg(feature = "metrics")]
use crate::repository::cache::metrics::{Reports, report};
use crate::repository::cache::shared::Shared;
use crate::repository::{ChangeBus, ChangeSubscription, Notice, TokenRepository};

/// The pauses between two attempts to subscribe. Our choice.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Begins to listen to the bus, unless the cache may be used and so the bus is listened to. For the slow path.
pub(super) fn ensure_listening<R: TokenRepository>(cache: &Arc<Shared<R>>) {
    let Some(link) = cache.link().filter(|_| !cache.sees_changes()) else { return };
    link.ensure(|| listen(Arc::downgrade(cache), Arc::clone(&link.bus), link.interval, link.lease));
}

/// Subscribes until it works, listens until it does not, and begins again.
async fn listen<R: TokenRepository>(
    cache: Weak<Shared<R>>,
    bus: Arc<dyn ChangeBus>,
    interval: Duration,
    lease: Duration,
) {
    let mut pause = FIRST_PAUSE;
    let mut is_logged = false;
    loop {
        let subscribed = within_call_timeout(bus.subscribe()).await;
        let end = match subscribed {
            Err(error) => error,
            Ok(subscription) => {
                match cache.upgrade() {
                    // What was read before may be older than a change that did not come.
                    Some(cache) => {
                        cache.drop_all();
                        drop(tokio::task::spawn_blocking(move || cache.clear()));
                    }
                    None => return,
                }
                let mut heartbeats = Heartbeats::default();
                let end = receive(&cache, subscription, interval, lease, &mut heartbeats).await;
                let Some(cache) = cache.upgrade() else { return };
                cache.interrupted();
                #[cfg(feature = "metrics")]
                report(&cache.statistics());
                if heartbeats.has_arrived {
                    (pause, is_logged) = (FIRST_PAUSE, false);
                }
                end
            }
        };
        if !is_logged {
            log_warn!(error = ?end, "changes of tokens do not come: the cache is not used until they do");
            is_logged = true;
        }
        // Without the feature `tracing` it is not logged.
        drop(end);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Heartbeats that have not come back: their numbers, and when they were sent.
#[derive(Default)]
struct Heartbeats {
    last: u64,
    sent: VecDeque<(u64, u64)>,
    has_arrived: bool,
}

impl Heartbeats {
    fn send(&mut self) -> u64 {
        self.last += 1;
        self.sent.push_back((self.last, monotonic_milliseconds()));
        self.last
    }

    /// When this one was sent. Older ones need not come any more.
    fn arrived(&mut self, number: u64) -> Option<u64> {
        while let Some((oldest, sent)) = self.sent.front().copied() {
            if oldest > number {
                break;
            }
            self.sent.pop_front();
            if oldest == number {
                self.has_arrived = true;
                return Some(sent);
            }
        }
        None
    }
}

/// Gives why it ended.
async fn receive<R: TokenRepository>(
    cache: &Weak<Shared<R>>,
    mut subscription: Box<dyn ChangeSubscription>,
    every: Duration,
    lease: Duration,
    heartbeats: &mut Heartbeats,
) -> Error {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until = Instant::now() + lease;
    #[cfg(feature = "metrics")]
    let mut reports = Reports::default();
    loop {
        let notice = tokio::select! {
            notice = subscription.next() => notice,
            () = sleep_until(until) => return Error::with_source(ErrorKind::TimedOut, "heartbeats do not come back"),
            _ = ticks.tick() => {
                let number = heartbeats.send();
                match timeout(lease, subscription.heartbeat(number)).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => return error,
                    Err(_elapsed) => return Error::with_source(ErrorKind::TimedOut, "a heartbeat cannot be sent"),
                }
            }
        };
        let Some(cache) = cache.upgrade() else { return ErrorKind::Unavailable.into() };
        match notice {
            Err(error) => return error,
            Ok(Notice::Changed(subject)) => cache.announced(&subject),
            Ok(Notice::Changing(subject)) => cache.being_changed(&subject),
            Ok(Notice::Heartbeat(number)) => {
                if let Some(sent) = heartbeats.arrived(number) {
                    let passed = cache.proven(sent);
                    #[cfg(feature = "metrics")]
                    reports.report(|| cache.statistics());
                    until = Instant::now() + lease.saturating_sub(passed);
                }
            }
        }
    }
}
