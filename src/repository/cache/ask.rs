//! One look-up for all that ask for the same token.
//!
//! The first that asks does the look-up, the others wait for its answer. If the first goes away, the next one does it. An
//! answer is for those who asked before the look-up began, and for those who asked later if nothing that it depends on has
//! changed since it began. Whether anything has changed is known only while changes are seen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::repository::cache::changes::Ticket;
use crate::repository::cache::questions::{Answer, Question};
use crate::repository::cache::shared::Shared;
use crate::repository::keyed_hash::LookupHash;
use crate::repository::{Found, TokenRepository};
use crate::token::TokenKey;

/// Asks the store, or waits for an answer that is on its way.
pub(super) async fn ask<R: TokenRepository>(
    shared: &Shared<R>,
    token: TokenKey<'_>,
    hash: LookupHash,
    now: Timestamp,
) -> Result<Option<Found>, Error> {
    // A question that is open now began earlier. One that is open later began after this request.
    let mut began_earlier = true;
    loop {
        let mut question = match join_or_begin(shared, hash) {
            Role::Asks(task) => return look_up(shared, token, now, task).await,
            Role::Waits(question) => question,
        };
        // Before the numbers of changes are compared: what it says holds for all that were made before this request began.
        let sees_changes = shared.sees_changes();
        let is_as_asked = !began_earlier || sees_changes && shared.changes.is_latest(question.ticket);
        shared.counters.joined.fetch_add(1, Ordering::Relaxed);
        let answer = question.answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        began_earlier = false;
        match answer {
            // Whoever asked has gone away.
            None => {}
            Some(Answer::Failed(cause)) => return Err(Error::with_source(cause.kind(), Cause(cause))),
            Some(Answer::Found(found)) => {
                let is_present = match &found {
                    _ if is_as_asked => true,
                    // It does not say whose change could have made it valid.
                    None => false,
                    Some(found) => {
                        let slots = shared.slots(found.user(), &token.digest());
                        sees_changes && slots.iter().all(|slot| shared.changes.is_current(*slot, question.ticket))
                    }
                };
                if is_present {
                    return Ok(found.filter(|found| found.record().is_valid_at(now)));
                }
            }
        }
    }
}

/// Asks the store, whatever is kept or on its way, and keeps the answer.
pub(super) async fn ask_store<R: TokenRepository>(
    shared: &Shared<R>,
    token: TokenKey<'_>,
    hash: LookupHash,
    now: Timestamp,
) -> Result<Option<Found>, Error> {
    shared.counters.look_ups.fetch_add(1, Ordering::Relaxed);
    let ticket = shared.changes.ticket();
    let found = shared.repository.find_in_store(token, now).await;
    match &found {
        Ok(Some(found)) => shared.keep(hash, &token.digest(), found, ticket, now),
        Ok(None) => shared.forget(hash),
        Err(_) => {}
    }
    found
}

/// What a request does for its answer.
enum Role<'a, R> {
    Asks(Task<'a, R>),
    Waits(Question),
}

fn join_or_begin<R>(shared: &Shared<R>, hash: LookupHash) -> Role<'_, R> {
    let mut open = shared.questions.open();
    if let Some(question) = open.get(&hash) {
        return Role::Waits(question.clone());
    }
    let (sender, answer) = watch::channel(None);
    let ticket = shared.changes.ticket();
    open.insert(hash, Question { ticket, answer });
    Role::Asks(Task { shared, hash, ticket, sender })
}

async fn look_up<R: TokenRepository>(
    shared: &Shared<R>,
    token: TokenKey<'_>,
    now: Timestamp,
    task: Task<'_, R>,
) -> Result<Option<Found>, Error> {
    shared.counters.look_ups.fetch_add(1, Ordering::Relaxed);
    let found = shared.repository.find(token, now).await;
    if let Ok(Some(found)) = &found {
        shared.keep(task.hash, &token.digest(), found, task.ticket, now);
    }
    task.answer(found)
}

/// A look-up that is on its way. When it ends in any way, others can begin.
struct Task<'a, R> {
    shared: &'a Shared<R>,
    hash: LookupHash,
    ticket: Ticket,
    sender: watch::Sender<Option<Answer>>,
}

impl<R> Task<'_, R> {
    /// Tells those who wait. Whoever comes from here on asks anew, or finds the entry.
    fn answer(self, found: Result<Option<Found>, Error>) -> Result<Option<Found>, Error> {
        self.shared.questions.open().remove(&self.hash);
        if self.sender.receiver_count() == 0 {
            return found;
        }
        match found {
            Ok(found) => {
                self.sender.send_replace(Some(Answer::Found(found.clone())));
                Ok(found)
            }
            Err(error) => {
                let cause = Arc::new(error);
                self.sender.send_replace(Some(Answer::Failed(Arc::clone(&cause))));
                Err(Error::with_source(cause.kind(), Cause(cause)))
            }
        }
    }
}

impl<R> Drop for Task<'_, R> {
    fn drop(&mut self) {
        let mut open = self.shared.questions.open();
        // After an answer another one may have taken its place.
        if open.get(&self.hash).is_some_and(|question| question.answer.same_channel(&self.sender.subscribe())) {
            open.remove(&self.hash);
        }
    }
}

/// An error that several requests have in common.
#[derive(Debug)]
struct Cause(Arc<Error>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}
