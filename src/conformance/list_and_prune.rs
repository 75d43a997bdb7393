//! Clauses 6 to 10: all of a user, lists, pruning, time.

use time::Duration;

use crate::clock::{CLOCK_TOLERANCE, Timestamp};
use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::repository::PageRequest;
use crate::token::{Lifetime, TokenId, TokenKinds, TokenRecord};
use crate::user::UserId;

/// Clause 6: every token of the user ends, and no token of another user.
pub async fn delete_by_user_ends_every_token_of_a_user<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    for number in 1..=3 {
        insert(&store, &text(number), &user, record(number as i64, hour())).await;
    }
    insert(&store, &text(4), &other, record(4, hour())).await;
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 3);
    for number in 1..=3 {
        assert!(!is_valid(&store, &text(number), at(1)).await);
    }
    assert!(is_valid(&store, &text(4), at(1)).await, "others stay");
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 0, "none are left");
    assert_eq!(store.delete_by_user(&store.absent_user(), TokenKinds::ALL, None).await.unwrap(), 0);
    insert(&store, &text(5), &user, record(5, hour())).await;
    assert!(is_valid(&store, &text(5), at(1)).await, "the user can come again");
}

/// Clause 6: the token that is to be kept stays valid.
pub async fn delete_by_user_can_keep_one_token<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, hour())).await;
    let kept = insert(&store, &text(2), &user, record(2, hour())).await;
    let foreign = insert(&store, &text(3), &other, record(3, hour())).await;
    assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, Some(kept.id())).await.unwrap(), 1);
    assert!(!is_valid(&store, &text(1), at(1)).await);
    assert!(is_valid(&store, &text(2), at(1)).await);
    assert_eq!(
        store.delete_by_user(&user, TokenKinds::ALL, Some(foreign.id())).await.unwrap(),
        1,
        "another user's token keeps none"
    );
    assert!(!is_valid(&store, &text(2), at(1)).await);
    assert!(is_valid(&store, &text(3), at(1)).await);
}

/// Clause 7: newest first; tokens of one second stay in one order.
pub async fn list_by_user_gives_newest_first<S: StoreUnderTest>(store: S) {
    let (user, other) = (member(&store).await, member(&store).await);
    let mut born = Vec::new();
    for (number, second) in [(1, 20), (2, 0), (3, 10), (4, 10)] {
        let record = TokenRecord::new(TokenId::new(number), at(second), hour()).with_name("device");
        born.push(insert(&store, &text(number as usize), &user, record).await);
    }
    insert(&store, &text(5), &other, record(5, hour())).await;
    let page = store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), at(30)).await.unwrap();
    let times: Vec<_> = page.items.iter().map(TokenRecord::created_at).collect();
    assert_eq!(times, [at(20), at(10), at(10), at(0)]);
    assert!(page.items.iter().all(|record| born.contains(record)), "the records are whole");
    assert_eq!(page.next, None);
    let again = store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), at(30)).await.unwrap();
    assert_eq!(again, page, "the order stays");
    assert_eq!(listed(&store, &store.absent_user(), at(30)).await, [], "an unknown user has no tokens");
}

/// Clause 7: the pages of a list hold each token once.
pub async fn list_by_user_gives_pages<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for number in 0..7 {
        let record = TokenRecord::new(TokenId::new(number + 1), at(number / 2), hour());
        insert(&store, &text(number as usize), &user, record).await;
    }
    let whole = listed(&store, &user, at(9)).await;
    assert_eq!(whole.len(), 7);
    let (mut request, mut collected, mut sizes) = (PageRequest::first(3), Vec::new(), Vec::new());
    loop {
        let page = store.list_by_user(&user, TokenKinds::ALL, request, at(9)).await.unwrap();
        sizes.push(page.items.len());
        collected.extend(page.items.iter().map(TokenRecord::id));
        match page.next {
            Some(next) => request = next,
            None => break,
        }
    }
    assert_eq!((sizes, collected), (vec![3, 3, 1], whole), "every record once, in order");
    let page = store.list_by_user(&user, TokenKinds::ALL, PageRequest::first(7), at(9)).await.unwrap();
    assert_eq!(page.next, None, "a page that is full to the brim is the last one");
    let beyond = store.list_by_user(&user, TokenKinds::ALL, PageRequest::first(7).next(), at(9)).await.unwrap();
    assert_eq!((beyond.items.len(), beyond.next), (0, None));
}

/// Clause 7: what has ended is not listed, removed or not.
pub async fn list_by_user_leaves_out_what_has_ended<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(60))).await;
    insert(&store, &text(2), &user, record(2, hour().with_idle_limit(Duration::seconds(60)))).await;
    let live = insert(&store, &text(3), &user, record(3, Lifetime::never_expires())).await;
    assert_eq!(listed(&store, &user, at(59)).await.len(), 3);
    assert_eq!(listed(&store, &user, at(60)).await, [live.id()]);
    let page = store.list_by_user(&user, TokenKinds::ALL, PageRequest::first(1), at(60)).await.unwrap();
    assert_eq!(page.next, None, "what has ended is on no page");
}

/// Clause 8: at most `limit` tokens are removed, and their number is given.
pub async fn delete_expired_is_bounded_and_counts<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for number in 1..=5 {
        insert(&store, &text(number), &user, record(number as i64, Lifetime::seconds(60))).await;
    }
    insert(&store, &text(6), &user, record(6, hour())).await;
    assert_eq!(store.delete_expired(margin_after(at(59)), 100).await.unwrap(), 0, "nothing has ended yet");
    assert_eq!(store.delete_expired(margin_after(at(60)), 0).await.unwrap(), 0);
    assert_eq!(store.delete_expired(margin_after(at(60)), 2).await.unwrap(), 2);
    assert_eq!(
        listed(&store, &user, at(0)).await.len(),
        4,
        "asked about the past, those that were not removed are there"
    );
    assert_eq!(store.delete_expired(margin_after(at(60)), 2).await.unwrap(), 2);
    assert_eq!(store.delete_expired(margin_after(at(60)), 2).await.unwrap(), 1);
    assert_eq!(store.delete_expired(margin_after(at(60)), 2).await.unwrap(), 0);
    assert!(is_valid(&store, &text(6), at(60)).await, "what is valid stays");
    assert_eq!(store.delete_expired(margin_after(at(3_600)), u32::MAX).await.unwrap(), 1);
}

/// Clause 8: what has ended stays for a while, since the clock that says so may run ahead.
pub async fn delete_expired_keeps_a_margin<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(60))).await;
    insert(&store, &text(2), &user, record(2, hour().with_idle_limit(Duration::seconds(60)))).await;
    let early = margin_after(at(60)) - Duration::SECOND;
    for fast in [at(60), at(3_600), at(60) + Duration::days(1), early] {
        assert_eq!(store.delete_expired(fast, 100).await.unwrap(), 0, "within the margin");
        for token in [text(1), text(2)] {
            assert!(is_valid(&store, &token, at(59)).await, "valid by a clock that is right");
            assert!(!is_valid(&store, &token, fast).await, "and by this one it is not, pruned or not");
        }
    }
    assert_eq!(store.delete_expired(margin_after(at(60)), 100).await.unwrap(), 2, "the margin is over");
    assert!(!is_valid(&store, &text(1), at(59)).await, "it is removed");
}

/// Clause 8: the end that applies decides, absolute or idle.
pub async fn delete_expired_removes_only_what_has_ended<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = Duration::seconds(60);
    insert(&store, &text(1), &user, record(1, Lifetime::never_expires())).await;
    insert(&store, &text(2), &user, record(2, hour().with_idle_limit(idle))).await;
    let used = insert(&store, &text(3), &user, record(3, hour().with_idle_limit(idle))).await;
    insert(&store, &text(4), &user, record(4, Lifetime::seconds(60))).await;
    assert!(replace(&store, &text(4), &text(5), hour(), at(1)).await.unwrap().is_some());
    assert!(store.touch(&user, used.id(), at(30)).await.unwrap());
    assert_eq!(store.delete_expired(margin_after(at(60)), 100).await.unwrap(), 1, "the idle one alone has ended");
    assert!(!is_valid(&store, &text(2), at(0)).await, "it is removed");
    assert!(is_valid(&store, &text(3), at(60)).await, "the other was used meanwhile");
    assert!(is_valid(&store, &text(5), at(60)).await, "the end of a token that was replaced counts no more");
    assert_eq!(store.delete_expired(margin_after(at(90)), 100).await.unwrap(), 1);
    assert_eq!(store.delete_expired(Timestamp::from_unix_seconds(i64::MAX), 100).await.unwrap(), 1);
    assert!(is_valid(&store, &text(1), Timestamp::from_unix_seconds(i64::MAX)).await, "never is never");
}

/// Clause 9: long ago and far ahead are times like any other.
pub async fn time_is_the_callers<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    for (number, birth) in [-1_000_000_000, 0, 1_000, 32_503_680_000].into_iter().enumerate() {
        let birth = Timestamp::from_unix_seconds(birth);
        let token = text(number);
        let born = TokenRecord::new(TokenId::new(number as i64 + 1), birth, Lifetime::seconds(60));
        let born = insert(&store, &token, &user, born).await;
        assert_eq!(*find(&store, &token, birth).await.expect("valid from its birth").record(), born);
        assert!(store.touch(&user, born.id(), birth + Duration::seconds(5)).await.unwrap());
        assert!(is_valid(&store, &token, birth + Duration::seconds(59)).await);
        assert!(!is_valid(&store, &token, birth + Duration::seconds(60)).await);
        assert!(is_valid(&store, &token, birth + Duration::seconds(10)).await, "and the clock may go back");
        assert_eq!(store.delete_expired(margin_after(birth + Duration::seconds(60)), 10).await.unwrap(), 1);
    }
}

/// Clause 9: arithmetic stops at the ends of time.
pub async fn limits_beyond_the_end_of_time_do_no_harm<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let last = Timestamp::from_unix_seconds(i64::MAX);
    let idle = Duration::seconds(i64::MAX);
    let longest = [Lifetime::from(Duration::MAX), Lifetime::never_expires()].map(|limit| limit.with_idle_limit(idle));
    for (number, lifetime) in longest.into_iter().enumerate() {
        let token = text(number);
        let record = insert(&store, &token, &user, record(number as i64 + 1, lifetime)).await;
        assert!(is_valid(&store, &token, at(1)).await);
        assert!(store.touch(&user, record.id(), at(10)).await.unwrap());
        let found = find(&store, &token, at(11)).await.expect("the token is valid");
        assert_eq!(*found.record(), record.with_last_used_at(Some(at(10))));
        assert!(!is_valid(&store, &token, last).await, "it ends when time does");
        assert_eq!(store.delete_expired(last, 10).await.unwrap(), 0, "and time ends before the margin after it");
    }
}

/// Clause 10: `now >= expires_at`, whoever asks.
pub async fn a_token_is_expired_at_its_edge<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let lifetimes = [Lifetime::seconds(60), hour().with_idle_limit(Duration::seconds(60))];
    for (number, lifetime) in lifetimes.into_iter().enumerate() {
        let token = text(number);
        let record = insert(&store, &token, &user, record(number as i64 + 1, lifetime)).await;
        assert!(is_valid(&store, &token, at(59)).await, "find, a second before");
        assert!(!is_valid(&store, &token, at(60)).await, "find, at the edge");
        assert!(!is_valid(&store, &token, at(61)).await, "find, a second after");
        assert_eq!(listed(&store, &user, at(59)).await, [record.id()], "list, a second before");
        assert_eq!(listed(&store, &user, at(60)).await, [], "list, at the edge");
        assert!(!store.touch(&user, record.id(), at(60)).await.unwrap(), "touch, at the edge");
        assert_eq!(replace(&store, &token, &text(9), hour(), at(60)).await.unwrap(), None, "replace, at the edge");
        assert_eq!(store.delete_expired(margin_after(at(59)), 10).await.unwrap(), 0, "delete_expired, a second before");
        assert_eq!(store.delete_expired(margin_after(at(60)), 10).await.unwrap(), 1, "delete_expired, at the edge");
    }
}

/// Clause 10: a token with a lifetime of zero has ended at once.
pub async fn a_lifetime_of_zero_is_over_at_once<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    insert(&store, &text(1), &user, record(1, Lifetime::seconds(0))).await;
    assert!(!is_valid(&store, &text(1), at(0)).await);
    assert_eq!(listed(&store, &user, at(0)).await, []);
    assert_eq!(store.delete_expired(margin_after(at(0)), 10).await.unwrap(), 1);
}

/// Clause 10: a last use that lies far ahead, by a clock that was wrong, keeps no idle token alive until then.
pub async fn a_use_in_the_future_keeps_no_idle_token_alive<S: StoreUnderTest>(store: S) {
    let user = member(&store).await;
    let idle = Lifetime::from(Duration::days(30)).with_idle_limit(Duration::minutes(15));
    let short = Lifetime::from(Duration::days(30)).with_idle_limit(Duration::seconds(60));
    for (number, lifetime, tolerance) in [(1, idle, CLOCK_TOLERANCE), (2, short, Duration::seconds(60))] {
        let token = text(number);
        let birth = at(86_400);
        let born = TokenRecord::new(TokenId::new(number as i64), birth, lifetime);
        let born = insert(&store, &token, &user, born).await;
        for (now, is_near) in [
            (birth, true),
            (birth - tolerance, true),
            (birth - tolerance - Duration::SECOND, false),
            (birth - Duration::hours(23), false),
        ] {
            assert_eq!(is_valid(&store, &token, now).await, is_near, "born {} ahead", birth - now);
            if !is_near {
                assert_eq!(
                    replace(&store, &token, &text(9), hour(), now).await.unwrap(),
                    None,
                    "nor can it be replaced"
                );
            }
        }
        let used = birth + Duration::seconds(30);
        assert!(store.touch(&user, born.id(), used).await.unwrap());
        assert!(is_valid(&store, &token, used - tolerance).await);
        assert!(!is_valid(&store, &token, used - tolerance - Duration::SECOND).await, "last used too far ahead");
        assert!(is_valid(&store, &token, used).await, "the time has come");
    }
}

/// All clauses: two users whose ids look alike keep their own tokens.
pub async fn tokens_of_two_users_do_not_mix<S: StoreUnderTest>(store: S) {
    let users: [UserId; 2] = [member(&store).await, store.add_user("admin").await.unwrap()];
    for number in 0..6 {
        insert(&store, &text(number), &users[number % 2], record(number as i64 + 1, hour())).await;
    }
    for number in 0..6 {
        let found = find(&store, &text(number), at(1)).await.expect("the token is valid");
        assert_eq!((found.user(), found.level().title()), (&users[number % 2], ["member", "admin"][number % 2]));
    }
    assert_eq!(listed(&store, &users[0], at(1)).await.len(), 3);
    assert_eq!(store.delete_by_user(&users[0], TokenKinds::ALL, None).await.unwrap(), 3);
    assert_eq!(listed(&store, &users[1], at(1)).await.len(), 3);
}
