//! "Last used" and idle limits: written seldom, off the request's path, whatever the store does.

use std::sync::Arc;

use time::Duration;
use tower_tokens::clock::ManualClock;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{PageRequest, UserRepository};
use tower_tokens::token::{Lifetime, Token};
use tower_tokens::user::UserId;

use crate::lifecycle::store::{Chores, FAILS, HANGS, LATE, PANICS, SLOW, WORKS};
use crate::site::{NOW, Site};

struct Desk {
    store: Arc<Chores>,
    member: UserId,
    clock: ManualClock,
    tokens: Tokens,
}

impl Desk {
    async fn new() -> Self {
        let (store, member) = Chores::with_member().await;
        let clock = ManualClock::at(NOW);
        let tokens = Tokens::new(Arc::clone(&store)).with_clock(clock.clone());
        Self { store, member, clock, tokens }
    }

    async fn token(&self, lifetime: Lifetime) -> Token {
        self.tokens.generate(&self.member).lifetime(lifetime).await.unwrap().token().clone()
    }

    /// Whether the token is valid after so many more seconds, and lets what that starts come to rest.
    async fn is_valid_after(&self, token: &Token, seconds: i64) -> bool {
        self.clock.advance(Duration::seconds(seconds));
        let is_valid = self.tokens.validate(token).await.unwrap().is_some();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        is_valid
    }

    /// Seconds from the start to the last use that is noted.
    async fn last_used(&self) -> Option<i64> {
        let page = self.tokens.list(&self.member, PageRequest::first(10)).await.unwrap();
        page.items[0].last_used_at().map(|at| (at - NOW).whole_seconds())
    }
}

#[tokio::test]
async fn the_last_use_is_noted_at_most_every_60_seconds() {
    let desk = Desk::new().await;
    let token = desk.token(Lifetime::default()).await;
    for (seconds, noted) in [(0, None), (59, None), (1, Some(60)), (59, Some(60)), (0, Some(60)), (1, Some(120))] {
        assert!(desk.is_valid_after(&token, seconds).await);
        assert_eq!(desk.last_used().await, noted);
    }
    assert_eq!(desk.store.touches(), 2);
}

#[tokio::test]
async fn the_note_can_be_seldomer_or_not_at_all() {
    let desk = Desk::new().await;
    let token = desk.token(Lifetime::default()).await;
    for (interval, seconds, touches) in [(None, 3_600, 0), (Some(Duration::hours(2)), 3_599, 0)] {
        let tokens = desk.tokens.clone().with_touch_interval(interval);
        let desk =
            Desk { tokens, store: Arc::clone(&desk.store), member: desk.member.clone(), clock: desk.clock.clone() };
        assert!(desk.is_valid_after(&token, seconds).await);
        assert_eq!(desk.store.touches(), touches, "{interval:?}");
    }
}

#[tokio::test]
async fn activity_moves_the_idle_end_and_never_the_absolute_one() {
    for interval in [Some(Duration::seconds(60)), None] {
        let mut desk = Desk::new().await;
        desk.tokens = desk.tokens.with_touch_interval(interval);
        let token = desk.token(Lifetime::seconds(1_000).with_idle_limit(Duration::seconds(100))).await;
        for _ in 0..19 {
            assert!(desk.is_valid_after(&token, 50).await, "{interval:?}");
        }
        assert!(desk.is_valid_after(&token, 49).await, "999 seconds");
        assert!(!desk.is_valid_after(&token, 1).await, "1,000 seconds, and not idle for one of them");
        let idle = desk.token(Lifetime::seconds(1_000).with_idle_limit(Duration::seconds(100))).await;
        assert!(desk.is_valid_after(&idle, 99).await);
        assert!(!desk.is_valid_after(&idle, 100).await, "idle for exactly its limit");
    }
}

#[tokio::test]
async fn a_short_idle_limit_is_noted_often_enough() {
    let desk = Desk::new().await;
    let token = desk.token(Lifetime::default().with_idle_limit(Duration::seconds(8))).await;
    for _ in 0..20 {
        assert!(desk.is_valid_after(&token, 6).await, "every 6 seconds of 8");
    }
    assert!(!desk.is_valid_after(&token, 8).await);
}

#[tokio::test]
async fn a_note_never_brings_an_ended_token_back() {
    let desk = Desk::new().await;
    let token = desk.token(Lifetime::default()).await;
    desk.clock.advance(Duration::seconds(60));
    let user = desk.tokens.validate(&token).await.unwrap().unwrap();
    assert!(desk.tokens.destroy_current(&user).await.unwrap());
    assert!(!desk.is_valid_after(&token, 0).await);
    assert_eq!(desk.store.touches(), 1, "it was on its way");
    assert!(desk.tokens.list(&desk.member, PageRequest::first(10)).await.unwrap().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_note_that_fails_or_hangs_keeps_no_request_waiting_and_ends_no_later_note() {
    for mood in [FAILS, HANGS] {
        let desk = Desk::new().await;
        let token = desk.token(Lifetime::default()).await;
        desk.store.set_mood(mood);
        let started = tokio::time::Instant::now();
        assert!(desk.is_valid_after(&token, 60).await);
        assert!(desk.is_valid_after(&token, 60).await);
        assert_eq!((desk.store.touches(), started.elapsed().as_secs()), (1, 0), "one at a time");
        desk.store.set_mood(WORKS);
        tokio::time::sleep(std::time::Duration::from_secs(12)).await;
        assert!(desk.is_valid_after(&token, 60).await);
        assert_eq!(desk.last_used().await, Some(180), "{mood}");
    }
}

#[tokio::test]
async fn a_note_that_panics_ends_no_later_note() {
    let desk = Desk::new().await;
    let token = desk.token(Lifetime::default()).await;
    desk.store.set_mood(PANICS);
    assert!(desk.is_valid_after(&token, 60).await);
    desk.store.set_mood(WORKS);
    assert!(desk.is_valid_after(&token, 60).await);
    assert!(desk.last_used().await.is_some());
}

#[test]
fn a_note_that_its_runtime_took_along_is_written_in_the_next_one() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (desk, token) = runtime().block_on(async {
        let desk = Desk::new().await;
        let token = desk.token(Lifetime::default()).await;
        desk.store.set_mood(HANGS);
        assert!(desk.is_valid_after(&token, 60).await);
        (desk, token)
    });
    desk.store.set_mood(WORKS);
    runtime().block_on(async {
        assert!(desk.is_valid_after(&token, 1).await);
        assert_eq!(desk.last_used().await, Some(61), "the newest use of those that waited");
    });
}

/// Fifteen users, each active every second, and a store that needs a second for one note: no order of the notes is fast
/// enough for an idle limit of twelve seconds.
#[tokio::test(start_paused = true)]
async fn no_active_user_is_logged_out_because_a_note_waits() {
    let desk = Desk::new().await;
    desk.store.set_mood(SLOW);
    let lifetime = Lifetime::days(1).with_idle_limit(Duration::seconds(12));
    let mut tokens = Vec::new();
    for _ in 0..15 {
        let user = desk.store.add_member().await;
        tokens.push(desk.tokens.generate(user).lifetime(lifetime).await.unwrap().token().clone());
    }
    for second in 1..=90 {
        desk.clock.advance(Duration::SECOND);
        let mut looking = tokio::task::JoinSet::new();
        for (number, token) in tokens.iter().cloned().enumerate() {
            let tokens = desk.tokens.clone();
            looking.spawn(async move { (number, tokens.validate(&token).await.unwrap().is_some()) });
        }
        for (number, is_valid) in looking.join_all().await {
            assert!(is_valid, "user {number}, second {second}");
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    // Without the slow store as an excuse: who rests is logged out.
    desk.clock.advance(Duration::seconds(12));
    for token in &tokens {
        assert!(desk.tokens.validate(token).await.unwrap().is_none());
    }
}

/// The store reads the token, the note is written, and then the answer comes.
#[tokio::test]
async fn an_answer_from_before_the_note_logs_no_active_user_out() {
    let desk = Desk::new().await;
    let token = desk.token(Lifetime::days(1).with_idle_limit(Duration::MINUTE)).await;
    desk.clock.advance(Duration::seconds(50));
    assert!(desk.tokens.validate(&token).await.unwrap().is_some());
    assert_eq!(desk.store.touches(), 0, "the note waits");
    desk.store.set_mood(LATE);
    desk.clock.advance(Duration::seconds(50));
    assert!(desk.tokens.validate(&token).await.unwrap().is_some());
    desk.store.set_mood(WORKS);
    assert!(!desk.is_valid_after(&token, 60).await);
}

/// More tokens than the queue has places, and a store that writes one in a second: the use of a token with an idle limit is
/// written before its request is answered, or the token would be idle before its turn.
#[tokio::test(start_paused = true)]
async fn a_full_queue_logs_no_active_user_out() {
    let mut desk = Desk::new().await;
    desk.tokens = desk.tokens.with_max_tokens_per_user(None);
    let mut plain = Vec::new();
    for _ in 0..4_200 {
        plain.push(desk.token(Lifetime::default()).await);
    }
    desk.clock.advance(Duration::seconds(60));
    let idle = desk.token(Lifetime::default().with_idle_limit(Duration::seconds(40))).await;
    desk.store.set_mood(SLOW);
    for token in &plain {
        assert!(desk.tokens.validate(token).await.unwrap().is_some());
    }
    for second in 0..20 {
        assert!(desk.is_valid_after(&idle, 9).await, "second {}", second * 9);
        for token in &plain {
            assert!(desk.tokens.validate(token).await.unwrap().is_some());
        }
    }
    assert!(!desk.is_valid_after(&idle, 40).await, "who rests is logged out");
}

/// The queue of notes is as fair as a queue: the first to wait is the first to be written.
#[tokio::test(start_paused = true)]
async fn notes_are_written_in_the_order_of_the_uses() {
    let desk = Desk::new().await;
    desk.store.set_mood(SLOW);
    let mut tokens = Vec::new();
    for _ in 0..15 {
        let user = desk.store.add_member().await;
        tokens.push(desk.tokens.generate(&user).await.unwrap().token().clone());
    }
    desk.clock.advance(Duration::seconds(60));
    for token in tokens.iter().rev() {
        assert!(desk.is_valid_after(token, 0).await);
    }
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let mut reversed = desk.store.touched_users();
    reversed.reverse();
    assert_eq!(reversed.len(), 15);
    assert!(reversed.is_sorted(), "{reversed:?}");
}

/// The same with a store that is slow in everything, look-ups included.
#[tokio::test(start_paused = true)]
async fn no_active_user_of_a_store_that_is_slow_in_everything_is_logged_out() {
    let site = Site::async_only().await;
    let lifetime = Lifetime::days(1).with_idle_limit(Duration::seconds(12));
    let mut tokens = Vec::new();
    for _ in 0..15 {
        let user = site.store.create_user(None, "member").await.unwrap();
        tokens.push(site.tokens.generate(user).lifetime(lifetime).await.unwrap().token().clone());
    }
    site.store.delay(std::time::Duration::from_secs(1));
    for second in 1..=60 {
        site.clock.advance(Duration::SECOND);
        let mut looking = tokio::task::JoinSet::new();
        for (number, token) in tokens.iter().cloned().enumerate() {
            let tokens = site.tokens.clone();
            looking.spawn(async move { (number, tokens.validate(&token).await.unwrap().is_some()) });
        }
        for (number, is_valid) in looking.join_all().await {
            assert!(is_valid, "user {number}, second {second}");
        }
    }
    site.clock.advance(Duration::seconds(12));
    for token in &tokens {
        assert!(site.tokens.validate(token).await.unwrap().is_none(), "who rests is logged out");
    }
}
