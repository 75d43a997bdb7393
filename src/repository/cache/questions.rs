//! The look-ups that are on their way.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::error::Error;
use crate::repository::Found;
use crate::repository::cache::changes::Ticket;
use crate::repository::keyed_hash::{LookupHash, PassThroughHasher};

/// What the store answered, for all who wait.
#[derive(Clone)]
pub(super) enum Answer {
    Found(Option<Found>),
    Failed(Arc<Error>),
}

#[derive(Clone)]
pub(super) struct Question {
    pub(super) ticket: Ticket,
    pub(super) answer: watch::Receiver<Option<Answer>>,
}

#[derive(Default)]
pub(super) struct Questions(Mutex<HashMap<LookupHash, Question, BuildHasherDefault<PassThroughHasher>>>);

impl Questions {
    pub(super) fn open(&self) -> MutexGuard<'_, HashMap<LookupHash, Question, BuildHasherDefault<PassThroughHasher>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions").field("open", &self.open().len()).finish_non_exhaustive()
    }
}
