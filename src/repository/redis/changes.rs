//! The channel on which changes are announced, and its subscriptions.
//!
//! The scripts of the store publish `u` and the [key](user_key) of a user. What else is published on the channel has the text
//! of [`Subject::to_text`], so that an administrator may publish `*`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use redis::ScriptInvocation;

use crate::error::{Error, ErrorKind};
use crate::random;
use crate::redis::{Connection, Messages};
use crate::repository::redis::{scripts, user_key};
use crate::repository::{ChangeBus, ChangeSubscription, Notice, Subject};
use crate::user::UserId;

/// What is on the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The changes of a store in Redis, which it announces while it makes them.
    Changes,
    /// The changes of another store, which are announced before they are made.
    Plans,
}

/// A channel, and the connection on which is published.
#[derive(Clone)]
pub(super) struct Channel {
    connection: Arc<Connection>,
    /// A key that only a master lets be written to.
    key: String,
    name: String,
    content: Content,
}

/// What one node receives, on a connection of its own.
struct Subscription {
    channel: Channel,
    heartbeats: String,
    messages: Messages,
}

impl Channel {
    pub(super) fn new(connection: Arc<Connection>, key: String, name: String, content: Content) -> Self {
        Self { connection, key, name, content }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Publishes, and says how many subscriptions there are on the server that published.
    async fn publish(&self, channel: &str, message: &[u8]) -> Result<u64, Error> {
        let mut script: ScriptInvocation<'_> = scripts::PUBLISH.key(&self.key);
        script.arg(channel).arg(message);
        // What is published twice does no harm.
        self.connection.look_up(&script).await
    }
}

#[async_trait]
impl ChangeBus for Channel {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        let mut name = [0; 16];
        random::fill(&mut name)?;
        let heartbeats = format!("{}:{:032x}", self.name, u128::from_ne_bytes(name));
        let messages = Messages::subscribe(&self.connection, &[&self.name, &heartbeats]).await?;
        Ok(Box::new(Subscription { channel: self.clone(), heartbeats, messages }))
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        self.publish(&self.name, &self.content.message(subject)).await.map(drop)
    }
}

#[async_trait]
impl ChangeSubscription for Subscription {
    async fn next(&mut self) -> Result<Notice, Error> {
        let message = self.messages.next().await?;
        if message.get_channel_name() != self.heartbeats {
            return Ok(self.channel.content.notice(message.get_payload_bytes()));
        }
        let number = std::str::from_utf8(message.get_payload_bytes()).ok().and_then(|text| text.parse().ok());
        number.map(Notice::Heartbeat).ok_or_else(|| ErrorKind::Corrupt.into())
    }

    async fn heartbeat(&mut self, number: u64) -> Result<(), Error> {
        // A replica passes on what its master publishes, but may lose some of it without a sign. So the subscription has to be
        // on the server that takes the changes.
        match self.channel.publish(&self.heartbeats, number.to_string().as_bytes()).await? {
            0 => Err(Error::with_source(ErrorKind::Unavailable, "the subscription ended, or is on another server")),
            _ => Ok(()),
        }
    }
}

impl Content {
    fn message(self, subject: &Subject) -> Vec<u8> {
        match (self, subject) {
            (Self::Changes, Subject::User(id)) => [&b"u"[..], &user_key::of(&UserId::from(&**id))].concat(),
            _ => subject.to_text().into_bytes(),
        }
    }

    fn notice(self, message: &[u8]) -> Notice {
        match self {
            Self::Changes => {
                let user = message.strip_prefix(b"u").and_then(user_key::parse);
                Notice::Changed(user.map_or_else(|| from_text(message), |user| Subject::from(&user)))
            }
            Self::Plans => Notice::Changing(from_text(message)),
        }
    }
}

fn from_text(message: &[u8]) -> Subject {
    std::str::from_utf8(message).map_or(Subject::Everything, Subject::from_text)
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).field("content", &self.content).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::token::TokenDigest;

    proptest! {
        #[test]
        fn a_subject_survives_its_message(id in "[\u{0}-\u{3}]?.*", digest in any::<[u8; 32]>()) {
            for subject in [Subject::User(id.clone()), Subject::Token(TokenDigest::from_bytes(digest)), Subject::Everything] {
                let message = Content::Changes.message(&subject);
                prop_assert_eq!(Content::Changes.notice(&message), Notice::Changed(subject.clone()));
                let message = Content::Plans.message(&subject);
                prop_assert_eq!(Content::Plans.notice(&message), Notice::Changing(subject));
            }
        }

        #[test]
        fn no_message_makes_it_panic(message in any::<Vec<u8>>()) {
            let _ = (Content::Changes.notice(&message), Content::Plans.notice(&message));
        }
    }

    #[test]
    fn the_key_of_a_user_is_read_as_their_id() {
        for id in [UserId::from(42), UserId::from(-1), UserId::from("42"), UserId::from("ann")] {
            let message = [&b"u"[..], &user_key::of(&id)].concat();
            assert_eq!(Content::Changes.notice(&message), Notice::Changed(Subject::from(&id)));
        }
        let typed = Content::Changes.notice(b"u42");
        assert_eq!(typed, Notice::Changed(Subject::User("42".to_owned())), "an administrator typed it");
        for message in [&b"*"[..], b"", b"\xff", b"u\x01\xff", b"x"] {
            assert_eq!(Content::Changes.notice(message), Notice::Changed(Subject::Everything), "{message:?}");
        }
    }
}
