//! A listener to events.

use crate::lifecycle::events::TokenEvent;

/// Gets each event of a [`Tokens`](crate::lifecycle::Tokens): for an audit log. Every closure of the right type is one.
///
/// It is called where the event happens, after the store has done its work and before the caller gets the result. So it
/// must not wait or block: send the event to a task that writes it. A dropped future, or a crash, between the two is a change
/// without an event: an audit that must have no gaps is a table that the database itself writes.
///
/// Its calls come from several threads at once, and not always in the order of the changes.
///
/// # Example
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use tower_tokens::lifecycle::{TokenEvent, Tokens};
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let user_id = repository.create_user(None, "member").await?;
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let lines = Arc::clone(&log);
/// let tokens = Tokens::new(repository).with_events(move |event: &TokenEvent<'_>| {
///     let user = event.user().map(ToString::to_string).unwrap_or_default();
///     lines.lock().unwrap().push(format!("{} {user} {}", event.action(), event.name().unwrap_or("-")));
/// });
///
/// let phone = tokens.generate(&user_id).name("phone").await?;
/// tokens.destroy(phone.token()).await?;
/// tokens.validate(phone.token()).await?;
/// assert_eq!(*log.lock().unwrap(), [format!("issued {user_id} phone"), format!("revoked {user_id} -"), "refused  -".to_owned()]);
/// # Ok::<(), tower_tokens::error::Error>(())
/// # }).unwrap();
/// ```
pub trait TokenEvents: Send + Sync + 'static {
    /// Something happened to a token. It must neither block nor panic.
    fn on_event(&self, event: &TokenEvent<'_>);
}

impl<F: Fn(&TokenEvent<'_>) + Send + Sync + 'static> TokenEvents for F {
    fn on_event(&self, event: &TokenEvent<'_>) {
        self(event);
    }
}
