//! Pruning, on call and in the background.

use std::sync::Arc;
use std::time::Duration;

use tower_tokens::clock::ManualClock;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::PRUNING_MARGIN;
use tower_tokens::token::Lifetime;

use crate::lifecycle::store::{Chores, FAILS, HANGS, WORKS};
use crate::site::{NOW, Site};

#[tokio::test]
async fn pruning_removes_what_has_expired_in_any_number() {
    let site = Site::new().await;
    let any_number = site.tokens.clone().with_max_tokens_per_user(None);
    for _ in 0..2_500 {
        let _ = any_number.generate(&site.member).lifetime(Lifetime::seconds(10)).await.unwrap();
    }
    let live = any_number.generate(&site.member).lifetime(Lifetime::seconds(11)).await.unwrap();
    let forever = any_number.generate(&site.member).lifetime(Lifetime::never_expires()).await.unwrap();
    site.clock.advance(time::Duration::seconds(10));
    assert_eq!(site.tokens.prune().await.unwrap(), 0, "what has ended stays for a while");
    site.clock.advance(PRUNING_MARGIN - time::Duration::SECOND);
    assert_eq!(site.tokens.prune().await.unwrap(), 0);
    site.clock.advance(time::Duration::seconds(1));
    assert_eq!(site.tokens.prune().await.unwrap(), 2_500, "three batches");
    site.clock.advance(-PRUNING_MARGIN);
    assert!(site.tokens.validate(live.token()).await.unwrap().is_some());
    assert!(site.tokens.validate(forever.token()).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_pruning_task_survives_errors_and_a_store_that_hangs() {
    let (store, member) = Chores::with_member().await;
    let clock = ManualClock::at(NOW);
    let tokens = Tokens::new(Arc::clone(&store)).with_clock(clock.clone());
    let expire_one = async || {
        let _ = tokens.generate(&member).lifetime(Lifetime::seconds(10)).await.unwrap();
        clock.advance(time::Duration::seconds(10) + PRUNING_MARGIN);
    };
    let task = tokens.spawn_pruning(Duration::from_secs(300));
    for mood in [FAILS, HANGS] {
        expire_one().await;
        store.set_mood(mood);
        let before = store.prunings();
        tokio::time::sleep(Duration::from_secs(301)).await;
        assert!(store.prunings() > before, "{mood}");
        store.set_mood(WORKS);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(tokens.prune().await.unwrap(), 0, "the task was there first, {mood}");
    }
    task.stop();
    expire_one().await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(tokens.prune().await.unwrap(), 1, "no other call removed it first");
}

#[tokio::test]
async fn a_longer_margin_keeps_longer_and_a_shorter_one_is_not_to_be_had() {
    let site = Site::new().await;
    for (margin, kept) in [(time::Duration::days(7), time::Duration::days(7)), (time::Duration::ZERO, PRUNING_MARGIN)] {
        let tokens = site.tokens.clone().with_pruning_margin(margin);
        let _ = tokens.generate(&site.member).lifetime(Lifetime::seconds(10)).await.unwrap();
        site.clock.advance(time::Duration::seconds(9) + kept);
        assert_eq!(tokens.prune().await.unwrap(), 0, "{margin}");
        site.clock.advance(time::Duration::SECOND);
        assert_eq!(tokens.prune().await.unwrap(), 1, "{margin}");
    }
}
