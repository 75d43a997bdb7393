//! Clauses 4 and 5: replace, touch.

use std::sync::Arc;

use time::Duration;

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::error::ErrorKind;
use crate::repository::Replacement;
use crate::token::{Lifetime, NewLimits, TokenKey};

/// Clause 4: the record is the old one, regenerated, and the old token is dead.
pub async fn replace_puts_the_new_token_in_the_old_ones_place<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let old = record(1, hour())
        .with_name("phone")
        .with_code("abc")
        .with_authenticated_at(at(-9))
        .with_last_used_at(Some(at(2)));
    let old = insert(&store, &text(1), &user, old).await;
    let lifetime = Lifetime::hours(2).with_idle_limit(Duration::minutes(10));
    let done = replace(&store, &text(1), &text(2), lifetime, at(50)).await.unwrap().expect("the token was valid");
    assert_eq!(
        (done.user, &done.record),
        (user.clone(), &old.regenerated(at(50), NewLimits::FreshStart(lifetime), None))
    );
    assert!(!is_valid(&store, &text(1), at(50)).await, "the old token is dead");
    let found = find(&store, &text(2), at(50)).await.expect("the new token is valid");
    assert_eq!((found.user(), found.record()), (&user, &done.record));
    assert_eq!(listed(&store, &user, at(50)).await, [done.record.id()]);
    assert!(!is_valid(&store, &text(2), at(650)).await, "the new lifetime holds");
    let again = replace(&store, &text(1), &text(3), lifetime, at(51)).await.unwrap();
    assert_eq!(again, None, "the old token cannot be replaced twice");
}

/// Clause 4: a new time of authentication is stored, and nothing else changes because of it.
pub async fn replace_renews_the_time_of_authentication_if_it_is_given<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let mut before = insert(&store, &text(0), &user, record(1, hour()).with_authenticated_at(at(-9))).await;
    for (number, given, stored) in [(1, Some(at(50)), at(50)), (2, None, at(50)), (3, Some(at(20)), at(20))] {
        let (old, new) = (text(number - 1), text(number));
        let (old, new) = (TokenKey::new(&old), TokenKey::new(&new));
        let replacement = Replacement { old, new, limits: NewLimits::Keep, authenticated_at: given, now: at(60) };
        let done = store.replace(replacement).await.unwrap().expect("the token was valid");
        assert_eq!(done.record, before.regenerated(at(60), NewLimits::Keep, Some(stored)));
        let found = find(&store, &text(number), at(60)).await.expect("the new token is valid");
        assert_eq!(*found.record(), done.record);
        before = done.record;
    }
}

/// Clause 4: neither limit becomes looser, unless a fresh start is asked for.
pub async fn replace_loosens_neither_limit<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = |seconds| Duration::seconds(seconds);
    let both = Lifetime::seconds(900).with_idle_limit(idle(300));
    let longer = Lifetime::hours(24).with_idle_limit(idle(3_600));
    let cases = [
        (both, NewLimits::Keep, Some(900), Some(300)),
        (both, NewLimits::AtMost(Lifetime::hours(24)), Some(900), Some(300)),
        (both, NewLimits::AtMost(longer), Some(900), Some(300)),
        (both, NewLimits::AtMost(Lifetime::never_expires()), Some(900), Some(300)),
        (both, NewLimits::AtMost(Lifetime::seconds(60).with_idle_limit(idle(30))), Some(260), Some(30)),
        (both, NewLimits::FreshStart(longer), Some(86_600), Some(3_600)),
        (both, NewLimits::FreshStart(Lifetime::never_expires()), None, None),
        (Lifetime::seconds(900), NewLimits::Keep, Some(900), None),
        (Lifetime::seconds(900), NewLimits::AtMost(longer), Some(900), Some(3_600)),
        (Lifetime::never_expires(), NewLimits::Keep, None, None),
        (Lifetime::never_expires(), NewLimits::AtMost(longer), Some(86_600), Some(3_600)),
        (Lifetime::never_expires().with_idle_limit(idle(300)), NewLimits::Keep, None, Some(300)),
    ];
    for (number, (lifetime, limits, end, idle_seconds)) in cases.into_iter().enumerate() {
        let (old, new) = (text(2 * number), text(2 * number + 1));
        let before = insert(&store, &old, &user, record(number as i64 + 1, lifetime)).await;
        let done = replace_with(&store, &old, &new, limits, at(200)).await.unwrap().expect("the token was valid");
        assert_eq!(done.record, before.regenerated(at(200), limits, None));
        let found = find(&store, &new, at(200)).await.expect("the new token is valid");
        assert_eq!(*found.record(), done.record, "{lifetime:?}, {limits:?}");
        let found = (found.record().absolute_expiry().at(), found.record().idle_limit());
        assert_eq!(found, (end.map(at), idle_seconds.map(idle)), "{lifetime:?}, {limits:?}");
        for limit in end.into_iter().chain(idle_seconds.map(|limit| 200 + limit)) {
            assert!(!is_valid(&store, &new, at(limit)).await, "{lifetime:?}, {limits:?} ends by {limit}");
        }
    }
}

/// Clause 4: however often a token is replaced, its absolute end stays where it was.
pub async fn a_chain_of_replacements_ends_with_its_first_token<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let lifetime = Lifetime::seconds(900).with_idle_limit(Duration::seconds(300));
    insert(&store, &text(0), &user, record(1, lifetime)).await;
    for number in 1..=8 {
        let (old, new, now) = (text(number - 1), text(number), at(number as i64 * 110));
        let done = replace_with(&store, &old, &new, NewLimits::Keep, now).await.unwrap();
        assert!(done.is_some(), "replacement {number}");
    }
    assert!(is_valid(&store, &text(8), at(899)).await);
    assert!(!is_valid(&store, &text(8), at(900)).await);
}

/// Clause 4: of racing replacements of one token exactly one wins.
pub async fn of_racing_replacements_exactly_one_wins<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let store = Arc::new(store);
    insert(&*store, &text(0), &user, record(1, hour())).await;
    let results = race(&store, |store, number| async move {
        let replaced = replace(&*store, &text(0), &text(number + 1), hour(), at(1)).await.unwrap();
        let old_is_dead = !is_valid(&*store, &text(0), at(1)).await;
        (replaced.is_some(), old_is_dead)
    })
    .await;
    assert_eq!(results.iter().filter(|(won, _)| *won).count(), 1, "{results:?}");
    for (number, (won, old_is_dead)) in results.iter().enumerate() {
        assert!(old_is_dead, "the old token is dead when any of the calls returns");
        assert_eq!(is_valid(&*store, &text(number + 1), at(1)).await, *won, "only the winner's token is valid");
    }
    assert_eq!(listed(&*store, &user, at(1)).await.len(), 1);
}

/// Clause 4: an expired token cannot be replaced.
pub async fn an_expired_token_cannot_be_replaced<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(60))).await;
    insert(&store, &text(2), &user, record(2, hour().with_idle_limit(Duration::seconds(60)))).await;
    for old in [text(1), text(2)] {
        assert_eq!(replace(&store, &old, &text(3), hour(), at(60)).await.unwrap(), None);
        assert!(!is_valid(&store, &text(3), at(60)).await);
    }
    assert!(replace(&store, &text(1), &text(3), hour(), at(59)).await.unwrap().is_some(), "a second earlier it can");
}

/// Clause 4: a token that is not valid cannot be replaced.
pub async fn only_a_token_that_finds_its_user_can_be_replaced<S: StoreUnderTest>(store: S) {
    let (user, removed) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, hour())).await;
    insert(&store, &text(2), &removed, record(2, hour())).await;
    store.remove_user(&removed).await.unwrap();
    assert_eq!(replace(&store, &text(2), &text(9), hour(), at(1)).await.unwrap(), None, "the user is gone");
    assert_eq!(replace(&store, &text(3), &text(9), hour(), at(1)).await.unwrap(), None, "there is no such token");
    store.shut_out_user(&user, true).await.unwrap();
    assert_eq!(replace(&store, &text(1), &text(9), hour(), at(1)).await.unwrap(), None, "the user is disabled");
    store.shut_out_user(&user, false).await.unwrap();
    assert!(is_valid(&store, &text(1), at(1)).await, "a refused replacement does nothing");
    store.delete(TokenKey::new(&text(1))).await.unwrap();
    assert_eq!(replace(&store, &text(1), &text(9), hour(), at(1)).await.unwrap(), None, "the token was deleted");
    assert!(!is_valid(&store, &text(9), at(1)).await);
}

/// Clause 4: a new token never takes another one's place, nor its own.
pub async fn replace_refuses_a_new_token_that_is_there<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, hour())).await;
    insert(&store, &text(2), &other, record(2, hour())).await;
    for taken in [text(2), text(1)] {
        let error = replace(&store, &text(1), &taken, hour(), at(1)).await.expect_err("the new token is there");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(*find(&store, &text(1), at(1)).await.expect("nothing was done").user(), user);
    assert_eq!(*find(&store, &text(2), at(1)).await.expect("nothing was done").user(), other);
}

/// Clause 5: a use is recorded, and moves the idle end but not the absolute one.
pub async fn touch_moves_the_idle_end_only<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = Duration::seconds(60);
    let both = insert(&store, &text(1), &user, record(1, Lifetime::seconds(100).with_idle_limit(idle))).await;
    let idle_only = Lifetime::never_expires().with_idle_limit(idle);
    let idle_only = insert(&store, &text(2), &user, record(2, idle_only)).await;
    let plain = insert(&store, &text(3), &user, record(3, Lifetime::seconds(100))).await;
    for (number, before) in [both, idle_only, plain].into_iter().enumerate() {
        assert!(store.touch(&user, before.id(), at(50)).await.unwrap());
        let after = find(&store, &text(number + 1), at(51)).await.expect("the token is valid");
        assert_eq!(*after.record(), before.with_last_used_at(Some(at(50))), "nothing else changes");
    }
    assert!(is_valid(&store, &text(1), at(99)).await, "the idle end has moved from 60 to 110");
    assert!(!is_valid(&store, &text(1), at(100)).await, "the absolute end has not moved");
    assert!(is_valid(&store, &text(2), at(109)).await);
    assert!(!is_valid(&store, &text(2), at(110)).await);
    assert!(!is_valid(&store, &text(3), at(100)).await, "without an idle limit no end moves");
}

/// Clause 5: of the uses of one second one is recorded, and time does not run back.
pub async fn touch_never_goes_back<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let record = insert(&store, &text(1), &user, record(1, hour())).await;
    assert!(store.touch(&user, record.id(), at(50)).await.unwrap());
    assert!(!store.touch(&user, record.id(), at(50)).await.unwrap(), "recorded already");
    assert!(!store.touch(&user, record.id(), at(49)).await.unwrap(), "a later use is recorded already");
    assert!(store.touch(&user, record.id(), at(51)).await.unwrap());
    let found = find(&store, &text(1), at(51)).await.expect("the token is valid");
    assert_eq!(found.record().last_used_at(), Some(at(51)));
}

/// Clause 5: a use before the token was made, by a clock that is behind, is not recorded: it would end the token early.
pub async fn touch_ends_no_token_early<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = hour().with_idle_limit(Duration::seconds(60));
    let record = insert(&store, &text(1), &user, record(1, idle)).await;
    assert!(!store.touch(&user, record.id(), at(-50)).await.unwrap(), "before it was made");
    assert!(!store.touch(&user, record.id(), at(-1)).await.unwrap(), "before it was made");
    let found = find(&store, &text(1), at(59)).await.expect("the token is valid until its idle end");
    assert_eq!(*found.record(), record, "nothing was recorded");
    assert!(store.touch(&user, record.id(), at(0)).await.unwrap(), "the second of its birth is early enough");
    assert!(!store.touch(&user, record.id(), at(-1)).await.unwrap());
    assert!(is_valid(&store, &text(1), at(59)).await);
}

/// Clause 5: only a token that is valid at that time, and only its user's.
pub async fn touch_is_for_valid_tokens_of_this_user<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    let idle = hour().with_idle_limit(Duration::seconds(60));
    let record = insert(&store, &text(1), &user, record(1, idle)).await;
    assert!(!store.touch(&other, record.id(), at(1)).await.unwrap(), "it is not theirs");
    assert!(!store.touch(&user, record.id(), at(60)).await.unwrap(), "it is expired");
    assert!(!is_valid(&store, &text(1), at(60)).await, "and stays so");
    store.shut_out_user(&user, true).await.unwrap();
    assert!(!store.touch(&user, record.id(), at(1)).await.unwrap(), "its user is disabled");
    store.shut_out_user(&user, false).await.unwrap();
    let found = find(&store, &text(1), at(1)).await.expect("the token is valid");
    assert_eq!(*found.record(), record, "nothing was recorded");
    store.remove_user(&user).await.unwrap();
    assert!(!store.touch(&user, record.id(), at(1)).await.unwrap(), "its user is gone");
}

/// Clause 5: recording a use never brings a deleted token back, also in a race.
pub async fn touch_never_brings_a_deleted_token_back<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let store = Arc::new(store);
    for round in 1..=10 {
        let record = insert(&*store, &text(round), &user, record(round as i64, hour())).await;
        let deleted = race(&store, |store, number| {
            let (user, id) = (user.clone(), record.id());
            async move {
                if number == RACERS / 2 {
                    store.delete(TokenKey::new(&text(round))).await.unwrap().is_some()
                } else {
                    store.touch(&user, id, at(number as i64 + 1)).await.unwrap();
                    false
                }
            }
        })
        .await;
        assert!(deleted.contains(&true), "the token was there to be deleted");
        assert!(!is_valid(&*store, &text(round), at(1)).await, "round {round}: deleted is deleted");
        assert!(!store.touch(&user, record.id(), at(500)).await.unwrap());
        assert!(!is_valid(&*store, &text(round), at(500)).await);
        assert_eq!(listed(&*store, &user, at(500)).await, []);
    }
}

/// Clause 5: after a replacement no use of the old token is recorded, but those of the new one are.
pub async fn touch_follows_a_replacement<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = hour().with_idle_limit(Duration::seconds(60));
    insert(&store, &text(1), &user, record(1, idle)).await;
    let record = replace(&store, &text(1), &text(2), idle, at(10)).await.unwrap().expect("it was valid").record;
    assert!(store.touch(&user, record.id(), at(20)).await.unwrap());
    assert!(!is_valid(&store, &text(1), at(20)).await, "the old token stays dead");
    assert!(is_valid(&store, &text(2), at(79)).await, "the new one's idle end has moved");
    assert!(!is_valid(&store, &text(2), at(80)).await);
}
