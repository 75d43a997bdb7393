//! How long a store server is waited for.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// How long a store server may take for one call, the wait for a connection included. Our choice: shorter than people
/// wait for a page, and longer than a server needs to restart its network.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The answer of `call`, or [`ErrorKind::TimedOut`] when it does not come within [`CALL_TIMEOUT`]: a server that hangs must
/// not make its callers hang.
pub(crate) async fn within_call_timeout<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(ErrorKind::TimedOut.into()),
    }
}
