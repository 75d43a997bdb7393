//! A connection that goes back to its pool whole, or not at all.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sqlx::database::Database;
use sqlx::pool::{Pool, PoolConnection};
use tokio::runtime::Handle;
use tokio::time::timeout;

pub(in crate::repository) type BoxFuture<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

/// How long the pool may ask a connection whether it is alive before it takes it back. Our choice: many times what it
/// needs, because the connection's place in the pool stays taken meanwhile.
const RETURN: Duration = Duration::from_secs(1);

/// A connection of a pool. Dropped without [`give_back`](Self::give_back) it is closed, and its place is free at once.
///
/// sqlx itself gives a connection back when it is dropped, and asks it first whether it is alive. That waits for as long
/// as TCP does, a quarter of an hour, and the place in the pool waits with it.
pub(super) struct Borrowed<DB: Database>(Option<PoolConnection<DB>>);

impl<DB: Database> Borrowed<DB> {
    pub(super) const fn new(connection: PoolConnection<DB>) -> Self {
        Self(Some(connection))
    }

    pub(super) fn raw(&mut self) -> Option<&mut DB::Connection> {
        self.0.as_deref_mut()
    }

    /// Gives the connection back, or closes it if it does not prove alive in time. Waits for neither.
    pub(super) fn give_back(&mut self) {
        let (Some(mut connection), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        let returned = connection.return_to_pool();
        runtime.spawn(async move { _ = timeout(RETURN, returned).await });
    }
}

impl<DB: Database> Drop for Borrowed<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            close(connection);
        }
    }
}

/// Closes what the pool has idle.
pub(super) fn close_idle<DB: Database>(pool: &Pool<DB>) {
    for _ in 0..pool.num_idle() {
        match pool.try_acquire() {
            Some(connection) => close(connection),
            None => return,
        }
    }
}

/// A raw connection is closed by being dropped: nothing is sent, and nothing waits.
fn close<DB: Database>(connection: PoolConnection<DB>) {
    drop(connection.detach());
}

/// A future that goes on by itself when it is dropped half-way.
///
/// A statement whose caller has left is not abandoned, for that would cost its connection: it comes to its end, or to
/// its time-out. There are never more of these than connections.
pub(super) struct Finish<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Finish<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Finish<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Finish<F> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}
