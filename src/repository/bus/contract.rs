//! [`ChangeBus`]: the contract between a cache and what carries changes to it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Error;
use crate::repository::bus::notice::{Notice, Subject};

/// How often a node asks a bus that brings changes by itself for a sign of life. Our choice: two questions a second cost a
/// server nothing, and a bus that is dead is found out in one and a half.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Carries changes of tokens and users to the caches of all nodes.
///
/// Every store of this crate on a database has one of its own (see
/// [`change_bus`](crate::repository::TokenRepository::change_bus)): there each change is announced in the transaction that
/// makes it, whoever makes it. Implement this trait for another system, and give it to
/// [`Cache::with_bus`](crate::repository::Cache::with_bus).
///
/// 1. What [`announce`](Self::announce) gave to the bus before it returned is given to every subscription that was made before.
/// 2. A subscription gives notices in the order in which the bus got them. It loses none; where the bus may have lost one,
///    because a connection broke or a queue ran over, it fails, and gives nothing more.
/// 3. The answer to a heartbeat comes after every notice that the bus got before the heartbeat was sent. It travels the
///    same way as notices do: an answer that is made up on this side of the network proves nothing.
/// 4. A notice may be given twice, and to whoever announced it.
///
/// Each clause is a test of the conformance suite (feature `conformance`).
///
/// # Security
/// Whoever can send on the bus can empty caches, which makes an application slower and no token valid. Whoever can read it
/// sees ids of users and digests of tokens.
#[async_trait]
pub trait ChangeBus: fmt::Debug + Send + Sync + 'static {
    /// Subscribes. The subscription gives every change that is announced, or committed, after this returned.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) or [`TimedOut`](crate::error::ErrorKind::TimedOut) when the bus does
    /// not answer. It is called again after a pause.
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error>;

    /// Announces that something about this subject has been changed, or is about to be.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe). Then it may have been announced.
    async fn announce(&self, subject: &Subject) -> Result<(), Error>;

    /// How long a node waits between two heartbeats. A bus that is polled is polled this often. Default: 500 milliseconds.
    fn heartbeat_interval(&self) -> Duration {
        HEARTBEAT
    }
}

/// What one node receives from a bus.
#[async_trait]
pub trait ChangeSubscription: Send + 'static {
    /// Waits for the next notice.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) when a notice may have been lost. The subscription is dropped then,
    /// and another one is made.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, no notice is lost.
    async fn next(&mut self) -> Result<Notice, Error>;

    /// Sends a heartbeat through the bus. [`next`](Self::next) gives [`Notice::Heartbeat`] with this number when it has arrived.
    /// A bus that is polled asks for changes here.
    ///
    /// # Errors
    /// As [`next`](Self::next). If the future is dropped before it is ready, so is the subscription.
    async fn heartbeat(&mut self, number: u64) -> Result<(), Error>;
}
