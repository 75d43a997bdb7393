//! A subscription to channels, on a connection of its own.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use redis::Msg;
use redis::aio::PubSubStream;
use tokio::time::timeout;

use crate::call_timeout::CALL_TIMEOUT;
use crate::error::{Error, ErrorKind};
use crate::redis::connection::Connection;
use crate::redis::error::failure;

/// The messages of some channels, in the order in which the server got them. The connection is closed when it is dropped.
pub(crate) struct Messages(PubSubStream);

impl Messages {
    /// Subscribes, with the client of this connection. Every message that is published after this returned is given.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::TimedOut`]; also if the rights do not reach to a channel.
    pub(crate) async fn subscribe(connection: &Connection, channels: &[&str]) -> Result<Self, Error> {
        let subscribe = async {
            let mut connection = connection.client().get_async_pubsub().await?;
            connection.subscribe(channels).await?;
            Ok(Self(connection.into_on_message()))
        };
        match timeout(CALL_TIMEOUT, subscribe).await {
            Ok(subscribed) => subscribed.map_err(failure),
            Err(_elapsed) => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Waits for the next message. Cancel safe.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the connection ended, or the server ended it because messages piled up.
    pub(crate) async fn next(&mut self) -> Result<Msg, Error> {
        let next = poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await;
        next.ok_or_else(|| Error::with_source(ErrorKind::Unavailable, "the subscription's connection to Redis ended"))
    }
}
