//! The log line of an event.

use crate::lifecycle::events::{TokenAction, TokenEvent};
use crate::log::{log_debug, log_warn};

impl TokenEvent<'_> {
    /// Logs the event: a warning for reuse, debug otherwise. A use and a refusal have the line of the layer that presented the
    /// token. The name is left out, because it is text from outside.
    pub(in crate::lifecycle) fn log(&self) {
        let (_action, _user, _token) = (self.action(), self.user(), self.token_id());
        match self.action() {
            TokenAction::Validated | TokenAction::Refused(_) => {}
            TokenAction::ReuseDetected => {
                log_warn!(
                    user = _user.map(tracing::field::display),
                    family = _token.map(tracing::field::display),
                    "a superseded refresh token was presented: its pair has ended"
                );
            }
            _ => {
                log_debug!(
                    action = _action.as_str(),
                    user = _user.map(tracing::field::display),
                    token = _token.map(tracing::field::display),
                    kind = self.kind().map(|kind| kind.as_str()),
                    count = self.count(),
                    "a token changed"
                );
            }
        }
    }
}
