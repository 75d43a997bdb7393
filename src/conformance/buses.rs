//! The clauses of [`ChangeBus`]: what carries changes to the caches of all nodes.

use std::time::Duration;

use tokio::time::timeout;

use crate::repository::{ChangeBus, ChangeSubscription, Notice, Subject};
use crate::token::TokenDigest;
use crate::user::UserId;

/// How many changes are announced where their number matters. Our choice.
const MANY: u64 = 300;

/// How long a bus may take for what it has to do at once. Our choice.
const AT_ONCE: Duration = Duration::from_secs(20);

async fn subscribed<B: ChangeBus + ?Sized>(bus: &B) -> Box<dyn ChangeSubscription> {
    timeout(AT_ONCE, bus.subscribe()).await.expect("the bus answers").expect("the bus works")
}

async fn announce<B: ChangeBus + ?Sized>(bus: &B, subject: &Subject) {
    timeout(AT_ONCE, bus.announce(subject)).await.expect("the bus answers").expect("the bus works");
}

async fn next(subscription: &mut Box<dyn ChangeSubscription>) -> Notice {
    timeout(AT_ONCE, subscription.next()).await.expect("a notice comes").expect("the bus works")
}

/// What is given until this heartbeat has come back.
async fn until_heartbeat(subscription: &mut Box<dyn ChangeSubscription>, number: u64) -> Vec<Subject> {
    let sent = timeout(AT_ONCE, subscription.heartbeat(number)).await;
    sent.expect("a heartbeat is sent at once").expect("the bus works");
    let mut subjects = Vec::new();
    loop {
        match next(subscription).await {
            Notice::Changed(subject) | Notice::Changing(subject) => subjects.push(subject),
            Notice::Heartbeat(other) => {
                assert_eq!(other, number, "a heartbeat comes back to whoever sent it, once");
                return subjects;
            }
        }
    }
}

fn user(number: u64) -> Subject {
    Subject::User(number.to_string())
}

/// Clause 1. A subscription gives what is announced after it was made.
pub async fn what_is_announced_is_given<B: ChangeBus>(bus: B) {
    let mut subscription = subscribed(&bus).await;
    announce(&bus, &user(7)).await;
    assert!(until_heartbeat(&mut subscription, 1).await.contains(&user(7)));
    announce(&bus, &user(8)).await;
    assert!(until_heartbeat(&mut subscription, 2).await.contains(&user(8)));
}

/// Clause 1. Every subscription gives it.
pub async fn every_subscription_gives_it<B: ChangeBus>(bus: B) {
    let (mut one, mut other) = (subscribed(&bus).await, subscribed(&bus).await);
    announce(&bus, &user(7)).await;
    assert!(until_heartbeat(&mut one, 1).await.contains(&user(7)), "the first");
    assert!(until_heartbeat(&mut other, 1).await.contains(&user(7)), "the second");
}

/// Clause 2. The order is that in which they were announced, and none is lost.
pub async fn notices_come_in_order<B: ChangeBus>(bus: B) {
    let mut subscription = subscribed(&bus).await;
    for number in 0..MANY {
        announce(&bus, &user(number)).await;
    }
    let mut given = until_heartbeat(&mut subscription, 1).await;
    given.dedup();
    assert_eq!(given, (0..MANY).map(user).collect::<Vec<_>>());
}

/// Clause 2. A future of `next` that is dropped takes no notice along.
pub async fn a_dropped_wait_loses_nothing<B: ChangeBus>(bus: B) {
    let mut subscription = subscribed(&bus).await;
    let mut given = Vec::new();
    for number in 0..MANY {
        announce(&bus, &user(number)).await;
        if let Ok(notice) = timeout(Duration::from_micros(number % 40), subscription.next()).await {
            given.push(notice.expect("the bus works"));
        }
    }
    let mut subjects: Vec<_> = given
        .into_iter()
        .filter_map(|notice| match notice {
            Notice::Changed(subject) | Notice::Changing(subject) => Some(subject),
            Notice::Heartbeat(_) => None,
        })
        .collect();
    subjects.extend(until_heartbeat(&mut subscription, 1).await);
    subjects.dedup();
    assert_eq!(subjects, (0..MANY).map(user).collect::<Vec<_>>());
}

/// Clause 3. A heartbeat comes back after everything that was announced before it was sent.
pub async fn a_heartbeat_comes_after_what_was_announced_before<B: ChangeBus>(bus: B) {
    let mut subscription = subscribed(&bus).await;
    for number in 1..=MANY {
        announce(&bus, &user(number)).await;
        assert!(until_heartbeat(&mut subscription, number).await.contains(&user(number)), "{number}");
    }
}

/// Clause 3. Heartbeats of one subscription do not come back to another.
pub async fn heartbeats_do_not_mix<B: ChangeBus>(bus: B) {
    let (mut one, mut other) = (subscribed(&bus).await, subscribed(&bus).await);
    for number in 1..=20 {
        assert!(until_heartbeat(&mut one, number).await.is_empty());
        assert!(until_heartbeat(&mut other, 100 + number).await.is_empty());
    }
}

/// A subject comes through as it is, or as [`Subject::Everything`].
pub async fn subjects_survive<B: ChangeBus>(bus: B) {
    let mut subscription = subscribed(&bus).await;
    let long = "é".repeat(250);
    let ids = ["1", "*", "u7", "t", " a b ", "O'Reilly \"quoted\" \\", "018f4e2a-7c1b-7d32-9a54-0123456789ab", &long];
    let mut subjects: Vec<_> = ids.iter().map(|id| Subject::from(&UserId::from(*id))).collect();
    subjects.extend([Subject::from(&UserId::from(-42)), Subject::Token(TokenDigest::of("a token"))]);
    subjects.push(Subject::Everything);
    for (number, subject) in (1..).zip(&subjects) {
        announce(&bus, subject).await;
        let given = until_heartbeat(&mut subscription, number).await;
        assert!(given.iter().any(|given| given == subject || *given == Subject::Everything), "{subject:?}: {given:?}");
    }
}

/// A subscription that is dropped, or that is not read, keeps no other one waiting.
pub async fn subscriptions_do_not_wait_for_each_other<B: ChangeBus>(bus: B) {
    let (gone, _unread) = (subscribed(&bus).await, subscribed(&bus).await);
    drop(gone);
    let mut subscription = subscribed(&bus).await;
    for number in 1..=MANY {
        announce(&bus, &user(number)).await;
    }
    assert!(until_heartbeat(&mut subscription, 1).await.contains(&user(MANY)));
}
