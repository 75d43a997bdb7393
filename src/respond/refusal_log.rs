//! The log line of a refusal: an error if an operator must act, debug if a visitor caused it.

use std::error::Error as StdError;
use std::fmt;

use crate::log::{log_debug, log_error, log_warn};
use crate::respond::{Refusal, RefusalKind};
use crate::user::CurrentUser;

/// Logs the refused user and the reason, once for each refusal. A 5xx is logged with all its causes; a refusal that a
/// visitor caused is logged at debug level.
pub(crate) fn log_refusal(refusal: &mut Refusal) {
    if refusal.is_logged() {
        return;
    }
    refusal.mark_logged();
    let (_user, _cause) = (refusal.user().map(CurrentUser::id), Causes(refusal));
    match refusal.kind() {
        RefusalKind::Misconfigured => {
            log_error!(cause = %_cause, user = ?_user, "a request was refused because the application is misconfigured");
        }
        RefusalKind::Unavailable => {
            log_warn!(cause = %_cause, user = ?_user, "a request was refused because nothing is known");
        }
        _ => {
            log_debug!(cause = %_cause, user = ?_user, "a request was refused");
        }
    }
}

/// An error and what caused it, in one line, each text once.
struct Causes<'e>(&'e (dyn StdError + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.to_string();
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
            next = cause.source();
        }
        f.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::{Error, ErrorKind};

    #[test]
    fn every_cause_is_logged_once() {
        let error = Error::with_source(ErrorKind::Unavailable, io::Error::other("connection refused"));
        let refusal = Refusal::from(error).with_scenario("members area");
        assert_eq!(
            Causes(&refusal).to_string(),
            "\"members area\": the token store does not answer: connection refused"
        );
        assert_eq!(Causes(&Refusal::new(RefusalKind::Denied)).to_string(), "not allowed");
    }
}
