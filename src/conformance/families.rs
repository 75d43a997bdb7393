//! Clauses 11 and 12: tokens that overlap with their successors, and rotation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use time::Duration;

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::{at, find, hour, insert, is_valid, listed, member, race, record, text, try_insert};
use crate::repository::{Rotation, Supersession, TokenRepository};
use crate::token::{Expiry, Lifetime, TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};
use crate::user::UserId;

/// How often an end is raced against rotations. Our choice: enough for each order of their steps.
const ROUNDS: usize = 12;

/// Puts token `id` behind `successor`, until second `until`, at second `now`.
async fn supersede<S: TokenRepository>(
    store: &S,
    user: &UserId,
    id: i64,
    successor: i64,
    until: i64,
    now: i64,
) -> bool {
    let (id, successor) = (TokenId::new(id), TokenId::new(successor));
    let supersession = Supersession { user, id, successor, until: at(until), now: at(now) };
    store.supersede(supersession).await.expect("the store answers")
}

async fn rotate<S>(store: &S, text: &str, expected: Option<&str>, next: &str, used: &TokenRecord) -> bool
where
    S: TokenRepository,
{
    let now = used.last_used_at().expect("a rotation is a use");
    let rotation = Rotation { token: TokenKey::new(text), expected, next, used, now };
    store.rotate(rotation).await.expect("the store answers")
}

/// Clause 11: both work until the end of the overlap, and the older one ends with the newer one.
pub async fn a_superseded_token_lives_until_its_new_end<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, Lifetime::never_expires()).with_kind(TokenKind::Api).with_name("backup"))
        .await;
    insert(&store, &text(2), &user, record(2, hour()).with_kind(TokenKind::Api)).await;
    assert!(supersede(&store, &user, 1, 2, 60, 1).await);
    let found = find(&store, &text(1), at(59)).await.expect("it overlaps");
    let expected = (Some(TokenId::new(2)), Expiry::At(at(60)), Some("backup"));
    assert_eq!((found.record().family(), found.record().expires_at(), found.record().name()), expected);
    assert!(!is_valid(&store, &text(1), at(60)).await);
    assert!(is_valid(&store, &text(2), at(60)).await);
    assert!(store.delete_by_id(&user, TokenId::new(2)).await.unwrap());
    assert!(!is_valid(&store, &text(1), at(2)).await, "it ends with its successor");
}

/// Clause 11.
pub async fn supersede_never_moves_an_end_to_a_later_time<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = Lifetime::hours(24).with_idle_limit(Duration::seconds(30));
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(20))).await;
    insert(&store, &text(2), &user, record(2, idle)).await;
    insert(&store, &text(3), &user, record(3, hour())).await;
    for number in [1, 2] {
        assert!(supersede(&store, &user, number, 3, 3_000, 1).await);
    }
    assert!(is_valid(&store, &text(1), at(19)).await && !is_valid(&store, &text(1), at(20)).await);
    assert!(is_valid(&store, &text(2), at(29)).await && !is_valid(&store, &text(2), at(30)).await);
    assert!(store.touch(&user, TokenId::new(2), at(29)).await.unwrap());
    assert!(is_valid(&store, &text(2), at(58)).await, "its idle limit counts on");
    insert(&store, &text(4), &user, record(4, hour())).await;
    assert!(supersede(&store, &user, 4, 3, 5, 5).await, "no overlap");
    assert!(!is_valid(&store, &text(4), at(5)).await);
}

/// Clause 11.
pub async fn only_a_valid_token_of_this_user_is_superseded_and_only_once<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(20))).await;
    insert(&store, &text(2), &user, record(2, hour())).await;
    assert!(!supersede(&store, &other, 1, 2, 10, 1).await, "not this user's");
    assert!(!supersede(&store, &user, 1, 2, 30, 20).await, "it has ended");
    assert!(!supersede(&store, &user, 9, 2, 30, 1).await, "it is not there");
    store.shut_out_user(&user, true).await.unwrap();
    assert!(!supersede(&store, &user, 1, 2, 10, 1).await, "the user is disabled");
    store.shut_out_user(&user, false).await.unwrap();
    let found = find(&store, &text(1), at(1)).await.expect("nothing was done");
    assert_eq!((found.record().family(), found.record().expires_at()), (None, Expiry::At(at(20))));
    assert!(supersede(&store, &user, 1, 2, 10, 1).await);
    assert!(!supersede(&store, &user, 1, 2, 10, 1).await, "it has a successor");
}

/// Clause 11: two generations at most.
pub async fn what_a_superseded_token_had_superseded_ends<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for number in 1..=3 {
        insert(&store, &text(number), &user, record(number as i64, hour())).await;
    }
    assert!(supersede(&store, &user, 1, 2, 600, 1).await);
    assert!(supersede(&store, &user, 2, 3, 600, 2).await);
    assert_eq!(listed(&store, &user, at(3)).await, [TokenId::new(3), TokenId::new(2)]);
}

/// Clause 11.
pub async fn of_racing_supersessions_exactly_one_wins<S: StoreUnderTest>(store: S) {
    let store = Arc::new(store);
    let user = member(&*store).await;
    insert(&*store, &text(1), &user, record(1, hour())).await;
    let results = race(&store, |store, number| {
        let user = user.clone();
        async move { supersede(&*store, &user, 1, 100 + number as i64, 60, 1).await }
    })
    .await;
    assert_eq!(results.iter().filter(|won| **won).count(), 1);
}

/// A refresh token with an idle limit of a minute.
fn refresh(id: i64) -> TokenRecord {
    record(id, Lifetime::hours(1).with_idle_limit(Duration::minutes(1))).with_kind(TokenKind::Refresh)
}

/// Clause 12.
pub async fn rotate_exchanges_the_state_that_is_expected<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let first = insert(&store, &text(1), &user, refresh(1)).await;
    insert(&store, &text(2), &user, refresh(2)).await;
    let state = async |number| store.rotation(TokenKey::new(&text(number))).await.unwrap();
    assert_eq!(state(1).await, None);
    assert_eq!(state(3).await, None, "it is not there");
    let longest = "x".repeat(Rotation::MAX_STATE_BYTES);
    let used = first.with_last_used_at(Some(at(50)));
    assert!(!rotate(&store, &text(1), Some("one"), "two", &used).await, "there is no state");
    assert!(rotate(&store, &text(1), None, "one", &used).await);
    assert!(!rotate(&store, &text(1), None, "two", &used).await, "there is one now");
    assert!(!rotate(&store, &text(1), Some("On"), "two", &used).await, "another one");
    assert!(!rotate(&store, &text(1), Some("ONE"), "two", &used).await, "bytes count");
    assert_eq!(state(1).await.as_deref(), Some("one"));
    let used = used.with_last_used_at(Some(at(100)));
    assert!(rotate(&store, &text(1), Some("one"), &longest, &used).await);
    assert_eq!(state(1).await, Some(longest));
    assert_eq!(state(2).await, None, "others keep theirs");
    let found = find(&store, &text(1), at(159)).await.expect("the use has moved the idle end");
    assert_eq!(found.record(), &used);
    assert!(!is_valid(&store, &text(1), at(160)).await);
}

/// Clause 12.
pub async fn only_a_valid_token_is_rotated<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let record = insert(&store, &text(1), &user, refresh(1)).await;
    let used = |now| record.clone().with_last_used_at(Some(at(now)));
    assert!(!rotate(&store, &text(1), None, "one", &used(60)).await, "it has ended");
    store.shut_out_user(&user, true).await.unwrap();
    assert!(!rotate(&store, &text(1), None, "one", &used(1)).await, "its user is disabled");
    store.shut_out_user(&user, false).await.unwrap();
    assert!(store.delete_by_id(&user, TokenId::new(1)).await.unwrap());
    assert!(!rotate(&store, &text(1), None, "one", &used(1)).await, "it is gone");
    assert_eq!(store.rotation(TokenKey::new(&text(1))).await.unwrap(), None);
    insert(&store, &text(1), &user, refresh(2)).await;
    assert_eq!(store.rotation(TokenKey::new(&text(1))).await.unwrap(), None, "a new token has no state");
}

/// Clause 12.
pub async fn of_racing_rotations_exactly_one_wins<S: StoreUnderTest>(store: S) {
    let store = Arc::new(store);
    let user = member(&*store).await;
    let record = insert(&*store, &text(1), &user, refresh(1)).await.with_last_used_at(Some(at(1)));
    let results = race(&store, |store, number| {
        let record = record.clone();
        async move { rotate(&*store, &text(1), None, &format!("state {number}"), &record).await }
    })
    .await;
    assert_eq!(results.iter().filter(|won| **won).count(), 1);
    let winner = results.iter().position(|won| *won).expect("one has won");
    assert_eq!(store.rotation(TokenKey::new(&text(1))).await.unwrap(), Some(format!("state {winner}")));
}

/// Rotates until it is stopped, as a client does that refreshes without end: each time it inserts an access token, and
/// gives that one out only if the rotation succeeds. Gives what it gave out.
async fn refresh_without_end<S: StoreUnderTest>(
    store: Arc<S>,
    user: UserId,
    round: usize,
    is_over: Arc<AtomicBool>,
) -> Vec<String> {
    let (head, mut given_out) = (round as i64 + 1, Vec::new());
    let (family, mut state) = (format!("family {round}"), None);
    let used = refresh(head).with_last_used_at(Some(at(1)));
    for number in 0.. {
        if is_over.load(Ordering::SeqCst) && number > 0 {
            break;
        }
        let (access, next) = (format!("access {round}, {number}"), format!("state {number}"));
        let id = 1_000_000 * (round as i64 + 1) + number;
        let record = record(id, hour()).with_kind(TokenKind::Access).with_family(TokenId::new(head));
        try_insert(&*store, &access, &user, record).await.expect("the user is there");
        if rotate(&*store, &family, state.as_deref(), &next, &used).await {
            given_out.push(access);
            state = Some(next);
        } else {
            store.delete(TokenKey::new(&access)).await.expect("the store answers");
        }
        tokio::task::yield_now().await;
    }
    given_out
}

/// Clauses 3, 6 and 12: an end reaches what a rotation adds at the same moment.
pub async fn an_end_reaches_what_a_rotation_adds<S: StoreUnderTest>(store: S) {
    let store = Arc::new(store);
    for round in 0..ROUNDS {
        let user = member(&*store).await;
        insert(&*store, &format!("family {round}"), &user, refresh(round as i64 + 1)).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let client = tokio::spawn(refresh_without_end(Arc::clone(&store), user.clone(), round, Arc::clone(&is_over)));
        while listed(&*store, &user, at(1)).await.len() < 2 + round % 4 {
            tokio::task::yield_now().await;
        }
        if round % 2 == 0 {
            assert!(store.delete_by_id(&user, TokenId::new(round as i64 + 1)).await.unwrap());
        } else {
            assert!(store.delete_by_user(&user, TokenKinds::PAIRS, None).await.unwrap() > 0);
        }
        is_over.store(true, Ordering::SeqCst);
        for access in client.await.expect("the client comes to an end") {
            assert!(!is_valid(&*store, &access, at(2)).await, "round {round}: {access} has outlived its end");
        }
    }
}
