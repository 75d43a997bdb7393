//! The second half of clause 2: an outage is an error.

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::error::Error;
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

    for token in [text(1), text(2)] {
        assert!(
            !matches!(store.find_now(TokenKey::new(&token), at(1)), Some(Lookup::NotFound)),
            "find_now does not know, so it must not say that there is no token"
        );
    }
    let (old, other, new) = (text(1), text(2), text(3));
    let insertion =
        NewToken { key: TokenKey::new("another"), user: &user, record: record.clone().with_id(TokenId::new(2)) };
    let replacement = Replacement {
        old: TokenKey::new(&old),
        new: TokenKey::new(&new),
        limits: NewLimits::Keep,
        authenticated_at: None,
        now: at(1),
    };
    // At once: a store may wait seconds for each.
    tokio::join!(
        is_outage("find", store.find(TokenKey::new(&old), at(1))),
        is_outage("find", store.find(TokenKey::new(&other), at(1))),
        is_outage("delete", store.delete(TokenKey::new(&old))),
        is_outage("delete", store.delete(TokenKey::new(&other))),
        is_outage("insert", store.insert(insertion)),
        is_outage("replace", store.replace(replacement)),
        is_outage("delete_by_id", store.delete_by_id(&user, record.id())),
        is_outage("touch", store.touch(&user, record.id(), at(1))),
        is_outage("delete_by_user", store.delete_by_user(&user, TokenKinds::ALL, None)),
        is_outage("list_by_user", store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), at(1))),
        is_outage("delete_expired", store.delete_expired(at(9), 1)),
    );
    is_outage("find, of a store that has noticed", store.find(TokenKey::new(&old), at(1))).await;
}

async fn is_outage<T>(method: &str, call: impl Future<Output = Result<T, Error>>) {
    assert!(call.await.is_err_and(|error| error.is_outage()), "{method}");
}
