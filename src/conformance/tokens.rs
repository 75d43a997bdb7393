//! Clauses 1 to 3: insert, find, delete.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use time::Duration;

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::error::ErrorKind;
use crate::repository::{Ended, Lookup};
use crate::token::{Abilities, Lifetime, Token, TokenId, TokenKey, TokenKind, TokenRecord};
use crate::user::UserId;

/// Clause 1: the record comes back as it was handed in, but for an id that the store may have put itself.
pub async fn insert_gives_the_record_back<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let record = record(1, hour()).with_name("phone").with_code("abc");
    let stored = insert(&store, &text(1), &user, record.clone()).await;
    assert_eq!(stored, record.with_id(stored.id()));
}

/// Clause 1: a token that is there already is refused.
pub async fn insert_refuses_a_token_that_is_there<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    let first = insert(&store, &text(1), &user, record(1, hour()).with_name("first")).await;
    let error = try_insert(&store, &text(1), &other, record(2, hour())).await.expect_err("the token is there");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let found = find(&store, &text(1), at(1)).await.expect("the first token stays");
    assert_eq!((found.user(), found.record()), (&user, &first));
    assert_eq!(listed(&store, &other, at(1)).await, [], "the refused token is nowhere");
}

/// Clause 1: a name and a code have a bound, for they are read at each look-up.
pub async fn insert_refuses_a_name_or_code_that_is_too_long<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let long = |bytes: usize| "é".repeat(bytes / 2) + &"x".repeat(bytes % 2);
    let name = long(TokenRecord::MAX_NAME_BYTES);
    let longest = insert(&store, &text(1), &user, record(1, hour()).with_name(&name)).await;
    let found = find(&store, &text(1), at(1)).await.expect("the token is valid");
    assert_eq!(*found.record(), longest, "what is not too long is kept as it is");
    for record in [
        record(2, hour()).with_name(&long(TokenRecord::MAX_NAME_BYTES + 1)),
        record(2, hour()).with_code(&long(TokenRecord::MAX_CODE_BYTES + 1)),
        record(2, hour()).with_name(&long(400_000)),
        record(2, hour()).with_code(&long(400_000)),
    ] {
        let error = try_insert(&store, &text(2), &user, record).await.expect_err("that is too long");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!is_valid(&store, &text(2), at(1)).await);
    }
    assert_eq!(listed(&store, &user, at(1)).await, [longest.id()], "a refused token is nowhere");
}

/// Clause 1: a record id is never two tokens'. The store refuses it, or numbers its rows itself.
pub async fn insert_never_gives_one_record_id_to_two_tokens<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let first = insert(&store, &text(1), &user, record(1, hour())).await;
    match try_insert(&store, &text(2), &user, record(1, hour())).await {
        Ok(second) => assert_ne!(second.id(), first.id()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(!is_valid(&store, &text(2), at(1)).await, "the refused token is not valid");
        }
    }
    assert!(is_valid(&store, &text(1), at(1)).await);
}

/// Clause 1: a user who does not exist gets no token.
pub async fn insert_refuses_a_user_who_does_not_exist<S: StoreUnderTest>(store: S) {
    let error = try_insert(&store, &text(1), &store.absent_user(), record(1, hour())).await.expect_err("no such user");
    assert_eq!(error.kind(), ErrorKind::UserNotFound);
    let removed = member(&store).await;
    store.remove_user(&removed).await.unwrap();
    let error = try_insert(&store, &text(1), &removed, record(1, hour())).await.expect_err("the user is gone");
    assert_eq!(error.kind(), ErrorKind::UserNotFound);
    assert!(!is_valid(&store, &text(1), at(1)).await);
}

/// Clause 1: of racing inserts of one token exactly one wins.
pub async fn of_racing_inserts_of_one_token_exactly_one_wins<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let store = Arc::new(store);
    let results = race(&store, |store, number| {
        let user = user.clone();
        async move { try_insert(&store, &text(1), &user, record(number as i64 + 1, hour())).await }
    })
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(listed(&*store, &user, at(1)).await.len(), 1);
}

/// Clause 2: every field of the record survives, and the user is the token's own.
pub async fn find_gives_the_record_and_its_user<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, store.add_user("admin").await.unwrap());
    let full = record(1, Lifetime::AAL2)
        .with_name("Firefox « à la maison »")
        .with_code("abc")
        .with_authenticated_at(at(-500))
        .with_last_used_at(Some(at(7)))
        .with_kind(TokenKind::Api)
        .with_family(TokenId::new(9_000_000_000))
        .with_abilities(Abilities::new(["read", "devices:*"]).unwrap())
        .with_last_four_of(&Token::parse("conformance-Last").unwrap());
    let full = insert(&store, &text(1), &user, full).await;
    let bare = insert(&store, &text(2), &other, record(2, Lifetime::never_expires())).await;

    let found = find(&store, &text(1), at(9)).await.expect("the token is valid");
    assert_eq!((found.user(), found.level().title(), found.record()), (&user, "member", &full));
    assert_eq!(found.record().idle_limit(), Some(Duration::hours(1)));
    let found = find(&store, &text(2), at(9)).await.expect("the token is valid");
    assert_eq!((found.user(), found.level().title(), found.record()), (&other, "admin", &bare));
    assert_eq!((found.record().name(), found.record().code()), (None, None), "nothing is not an empty text");
    assert!(found.record().abilities().are_all());
    let limited = record(3, hour()).with_abilities(Abilities::none());
    let limited = insert(&store, &text(3), &other, limited).await;
    let found = find(&store, &text(3), at(9)).await.expect("the token is valid");
    assert_eq!(found.record(), &limited, "no ability is not every ability");
}

/// Clause 2: the level is the one that the user has now.
pub async fn find_gives_the_present_level<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, hour())).await;
    let before = find(&store, &text(1), at(1)).await.expect("the token is valid");
    assert_eq!(before.level().title(), "member");
    store.move_user(&user, "admin").await.unwrap();
    let after = find(&store, &text(1), at(1)).await.expect("the token stays valid");
    assert_eq!(after.level().title(), "admin");
    assert_ne!(after.level().id(), before.level().id());
    insert(&store, &text(2), &user, record(2, hour())).await;
    let later = find(&store, &text(2), at(1)).await.expect("the token is valid");
    assert_eq!(later.level(), after.level(), "a later token has the new level too");
}

/// Clause 2: an unknown token is not valid. Tokens are compared byte for byte.
pub async fn find_gives_no_user_for_an_unknown_token<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let known = text(1);
    insert(&store, &known, &user, record(1, hour())).await;
    assert!(is_valid(&store, &known, at(1)).await);
    let longer = format!("{known}0");
    for unknown in
        [&text(2), &known.to_lowercase(), &known.to_uppercase(), &known[1..], &known[..known.len() - 1], &longer]
    {
        assert!(!is_valid(&store, unknown, at(1)).await, "{unknown} was never inserted");
    }
}

/// Clause 2: an expired token is not valid.
pub async fn find_gives_no_user_for_an_expired_token<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(60))).await;
    insert(&store, &text(2), &user, record(2, hour().with_idle_limit(Duration::seconds(60)))).await;
    for token in [text(1), text(2)] {
        assert!(is_valid(&store, &token, at(30)).await);
        assert!(!is_valid(&store, &token, at(3_000)).await);
    }
}

/// Clause 2: a disabled user's tokens are not valid, and are valid again if the user is enabled in time.
pub async fn find_gives_no_user_while_the_user_is_disabled<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, hour())).await;
    insert(&store, &text(2), &other, record(2, hour())).await;
    store.shut_out_user(&user, true).await.unwrap();
    assert!(!is_valid(&store, &text(1), at(1)).await);
    assert!(is_valid(&store, &text(2), at(1)).await, "others are not shut out");
    insert(&store, &text(3), &user, record(3, hour())).await;
    assert!(!is_valid(&store, &text(3), at(1)).await, "a token that is generated meanwhile is not valid either");
    store.shut_out_user(&user, false).await.unwrap();
    assert!(is_valid(&store, &text(1), at(1)).await);
    assert!(is_valid(&store, &text(3), at(1)).await);
    assert!(!is_valid(&store, &text(1), at(3_600)).await, "its end was not moved");
}

/// Clause 2: the token of a deleted user is not valid.
pub async fn find_gives_no_user_when_the_user_is_deleted<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, hour())).await;
    insert(&store, &text(2), &other, record(2, hour())).await;
    store.remove_user(&user).await.unwrap();
    assert!(!is_valid(&store, &text(1), at(1)).await);
    assert!(is_valid(&store, &text(2), at(1)).await, "others stay");
}

/// Clause 3: a look-up after the end of a token does not find it.
pub async fn no_find_after_delete_sees_the_token<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let mut records = Vec::new();
    for number in 1..=3 {
        records.push(insert(&store, &text(number), &user, record(number as i64, hour())).await);
    }
    assert!(is_valid(&store, &text(1), at(1)).await);
    let ended = Ended::new(&user, &records[0]);
    assert_eq!(store.delete(TokenKey::new(&text(1))).await.unwrap(), Some(ended), "it was there, and was theirs");
    assert!(!is_valid(&store, &text(1), at(1)).await);
    assert_eq!(listed(&store, &user, at(1)).await.len(), 2);
    assert!(is_valid(&store, &text(2), at(1)).await, "other tokens stay");
}

/// Clause 3: the same while many tasks look the token up.
pub async fn no_racing_find_that_starts_after_delete_sees_the_token<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let store = Arc::new(store);
    insert(&*store, &text(1), &user, record(1, hour())).await;
    let deleted = Arc::new(AtomicBool::new(false));
    let sightings = race(&store, |store, number| {
        let deleted = Arc::clone(&deleted);
        async move {
            if number == 0 {
                let was_there = store.delete(TokenKey::new(&text(1))).await.unwrap().is_some();
                deleted.store(true, Ordering::SeqCst);
                assert!(was_there);
                return 0;
            }
            loop {
                let is_late = deleted.load(Ordering::SeqCst);
                // The token may end between the two calls: here they need not agree.
                let text = text(1);
                let found = store.find(TokenKey::new(&text), at(1)).await.expect("the store answers");
                let found_at_once = store.find_now(TokenKey::new(&text), at(1));
                if is_late {
                    return usize::from(found.is_some() || found_at_once.and_then(Lookup::found).is_some());
                }
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    assert_eq!(sightings.iter().sum::<usize>(), 0);
}

/// Clause 3: ending a token that is not there is not an error.
pub async fn deleting_what_is_not_there_is_no_error<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, hour())).await;
    assert_eq!(store.delete(TokenKey::new(&text(2))).await.unwrap(), None);
    assert!(store.delete(TokenKey::new(&text(1))).await.unwrap().is_some());
    assert_eq!(store.delete(TokenKey::new(&text(1))).await.unwrap(), None, "it is gone already");
    assert!(!store.delete_by_id(&user, TokenId::new(77)).await.unwrap());
    assert!(!store.delete_by_id(&store.absent_user(), TokenId::new(77)).await.unwrap());
}

/// Clause 3: a record id ends a token of this user only.
pub async fn delete_by_id_ends_only_this_users_token<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    let record = insert(&store, &text(1), &user, record(1, hour())).await;
    assert!(!store.delete_by_id(&other, record.id()).await.unwrap(), "it is not theirs");
    if let Some(number) = user.as_integer() {
        let namesake = UserId::from(number.to_string());
        assert!(!store.delete_by_id(&namesake, record.id()).await.unwrap(), "1 and \"1\" are two users");
    }
    assert!(is_valid(&store, &text(1), at(1)).await);
    assert!(store.delete_by_id(&user, record.id()).await.unwrap());
    assert!(!is_valid(&store, &text(1), at(1)).await);
}
