//! Clauses 3, 6 and 7: kinds of tokens, and tokens that end with another one.

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::{at, hour, insert, is_valid, listed, member, record, text};
use crate::repository::PageRequest;
use crate::token::{TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};

/// A record of each kind, with the ids 1 to 4; the access token belongs to the refresh token.
fn one_of_each() -> [TokenRecord; 4] {
    let of = |id, kind| record(id, hour()).with_kind(kind);
    [
        of(1, TokenKind::Login),
        of(2, TokenKind::Api),
        of(3, TokenKind::Refresh),
        of(4, TokenKind::Access).with_family(TokenId::new(3)),
    ]
}

/// Clause 6.
pub async fn delete_by_user_ends_tokens_of_the_kinds_that_are_named<S: StoreUnderTest>(store: S) {
    for kinds in [TokenKinds::LOGINS, TokenKinds::API, TokenKinds::PAIRS, TokenKinds::ALL.without(TokenKinds::API)] {
        let user = member(&store).await;
        for (place, record) in one_of_each().into_iter().enumerate() {
            insert(&store, &text(place + 1), &user, record).await;
        }
        let named = TokenKind::ALL.into_iter().filter(|kind| kinds.contains(*kind)).count();
        assert_eq!(store.delete_by_user(&user, kinds, None).await.unwrap(), named as u64, "{kinds:?}");
        for (place, record) in one_of_each().iter().enumerate() {
            let there = is_valid(&store, &text(place + 1), at(1)).await;
            assert_eq!(there, !kinds.contains(record.kind()), "{kinds:?}, {}", record.kind());
        }
        store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap();
        assert_eq!(listed(&store, &user, at(1)).await, []);
    }
}

/// Clause 6: the token to keep, and what ends with it.
pub async fn delete_by_user_keeps_the_family_of_the_one_to_keep<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for (place, record) in one_of_each().into_iter().enumerate() {
        insert(&store, &text(place + 1), &user, record).await;
    }
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, Some(TokenId::new(3))).await.unwrap(), 2);
    assert_eq!(listed(&store, &user, at(1)).await, [TokenId::new(4), TokenId::new(3)]);
}

/// Clause 3.
pub async fn delete_by_id_ends_the_family_too<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    for (place, record) in one_of_each().into_iter().enumerate() {
        insert(&store, &text(place + 1), &user, record).await;
    }
    assert!(!store.delete_by_id(&other, TokenId::new(3)).await.unwrap(), "not this user's");
    let foreign = record(5, hour()).with_family(TokenId::new(3));
    insert(&store, &text(5), &other, foreign).await;
    assert!(store.delete_by_id(&user, TokenId::new(4)).await.unwrap(), "a part of a family can end alone");
    assert!(is_valid(&store, &text(3), at(1)).await);
    let again = record(6, hour()).with_kind(TokenKind::Access).with_family(TokenId::new(3));
    insert(&store, &text(6), &user, again).await;
    assert!(store.delete_by_id(&user, TokenId::new(3)).await.unwrap());
    for number in [3, 6] {
        assert!(!is_valid(&store, &text(number), at(1)).await, "{number}");
    }
    assert!(is_valid(&store, &text(5), at(1)).await, "another user's token is in no family of this user's");
    assert_eq!(listed(&store, &user, at(1)).await, [TokenId::new(2), TokenId::new(1)]);
}

/// Clause 3: who ends a token by its text learns its family, which lives on.
pub async fn delete_names_the_family_and_ends_the_token_alone<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for (place, record) in one_of_each().into_iter().enumerate() {
        insert(&store, &text(place + 1), &user, record).await;
    }
    let ended = store.delete(TokenKey::new(&text(4))).await.unwrap().expect("it was there");
    let expected = (user.clone(), TokenId::new(4), TokenKind::Access, Some(TokenId::new(3)));
    assert_eq!((ended.user, ended.id, ended.kind, ended.family), expected);
    assert!(is_valid(&store, &text(3), at(1)).await);
    let ended = store.delete(TokenKey::new(&text(3))).await.unwrap().expect("it was there");
    assert_eq!((ended.id, ended.family), (TokenId::new(3), None));
}

/// Clause 7: pages are pages of what is asked for.
pub async fn list_by_user_gives_the_kinds_that_are_named<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for number in 0..20 {
        let kind = TokenKind::ALL[number % 4];
        insert(&store, &text(number), &user, record(number as i64 + 1, hour()).with_kind(kind)).await;
    }
    for kinds in [TokenKinds::API, TokenKinds::PAIRS, TokenKinds::ALL] {
        let (mut request, mut ids) = (PageRequest::first(3), Vec::new());
        loop {
            let page = store.list_by_user(&user, kinds, request, at(1)).await.unwrap();
            assert!(page.items.iter().all(|record| kinds.contains(record.kind())), "{kinds:?}");
            ids.extend(page.items.iter().map(TokenRecord::id));
            match page.next {
                Some(next) => request = next,
                None => break,
            }
        }
        let wanted = (0..20).rev().filter(|number| kinds.contains(TokenKind::ALL[number % 4]));
        assert_eq!(ids, wanted.map(|number| TokenId::new(number as i64 + 1)).collect::<Vec<_>>(), "{kinds:?}");
    }
}
