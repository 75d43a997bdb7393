//! What all services of one layer share, and which requests pass.

use crate::request::RequestHead;
use crate::source::SameOrigin;
use crate::user::{CurrentUser, SourceKind};

/// The settings that all services of one layer share, so that cloning a service increments a single counter.
#[derive(Debug)]
pub(super) struct Shared<R> {
    pub(super) settings: Settings,
    pub(super) respond: R,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) rule: SameOrigin,
    pub(super) bypassed: Vec<String>,
}

impl Settings {
    pub(super) fn allows(&self, head: &RequestHead<'_>) -> bool {
        self.rule.lets_pass(head)
            || self.bypassed.iter().any(|path| path == head.uri.path())
            || has_explicit_credential(head)
    }
}

/// Whether the user was found by a token that a form of another site cannot send. A user that the application itself
/// put there (`Direct`) is no evidence about the request.
fn has_explicit_credential(head: &RequestHead<'_>) -> bool {
    let source = head.extensions.get::<CurrentUser>().map(CurrentUser::source);
    source.is_some_and(|source| !source.is_ambient() && source != SourceKind::Direct)
}
