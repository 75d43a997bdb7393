//! The second half of clause 2: an outage is an error.

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::repository::{Lookup, NewToken, PageRequest, Replacement};
use crate::token::{NewLimits, TokenId, TokenKey, TokenKinds};

/// Clause 2: unreachable is `Err`, never `None`, whichever method is asked. `cut_off` makes the store unreachable.
///
/// Not on the list of the macros, since only the application knows how to cut its store off: write a test that calls it.
pub async fn an_outage_is_an_error_and_never_none<S: StoreUnderTest>(store: S, cut_off: impl AsyncFnOnce(&S)) {
    let user = member(&store).await;
    let record = insert(&store, &text(1), &user, record(1, hour())).await;
    assert!(is_valid(&store, &text(1), at(1)).await);
    cut_off(&store).await;

    let is_outage = |error: Option<crate::error::Error>| error.is_some_and(|error| error.is_outage());
    for token in [text(1), text(2)] {
        assert!(
            !matches!(store.find_now(TokenKey::new(&token), at(1)), Some(Lookup::NotFound)),
            "find_now does not know, so it must not say that there is no token"
        );
        assert!(is_outage(store.find(TokenKey::new(&token), at(1)).await.err()), "find");
        assert!(is_outage(store.delete(TokenKey::new(&token)).await.err()), "delete");
    }
    let new = NewToken { key: TokenKey::new("another"), user: &user, record: record.clone().with_id(TokenId::new(2)) };
    assert!(is_outage(store.insert(new).await.err()), "insert");
    let (old, new) = (text(1), text(3));
    let replacement = Replacement {
        old: TokenKey::new(&old),
        new: TokenKey::new(&new),
        limits: NewLimits::Keep,
        authenticated_at: None,
        now: at(1),
    };
    assert!(is_outage(store.replace(replacement).await.err()), "replace");
    assert!(is_outage(store.delete_by_id(&user, record.id()).await.err()), "delete_by_id");
    assert!(is_outage(store.touch(&user, record.id(), at(1)).await.err()), "touch");
    assert!(is_outage(store.delete_by_user(&user, TokenKinds::ALL, None).await.err()), "delete_by_user");
    assert!(
        is_outage(store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), at(1)).await.err()),
        "list_by_user"
    );
    assert!(is_outage(store.delete_expired(at(9), 1).await.err()), "delete_expired");
}
