//! What a store on a server has to announce on its bus, and how its notices are read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::Error;
use tower_tokens::repository::{
    ChangeBus, ChangeSubscription, NewToken, Notice, PageRequest, Replacement, Rotation, Subject, Supersession,
    TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

pub(super) const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

/// How long a test waits for what comes in a millisecond.
pub(super) const LONG: Duration = Duration::from_secs(10);

pub(super) fn text(number: i64) -> String {
    format!("token-{number}")
}

pub(super) fn changed(user: &UserId) -> Notice {
    Notice::Changed(Subject::from(user))
}

pub(super) fn bus(store: &impl TokenRepository) -> Arc<dyn ChangeBus> {
    store.change_bus().expect("it has a bus")
}

/// The bus of a store, for the suite.
#[derive(Debug)]
pub(super) struct StoreBus(Arc<dyn ChangeBus>);

impl StoreBus {
    pub(super) fn of(store: &impl TokenRepository) -> Self {
        Self(bus(store))
    }
}

#[async_trait]
impl ChangeBus for StoreBus {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        self.0.subscribe().await
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        self.0.announce(subject).await
    }
}

/// A subscription whose notices are read up to a heartbeat, so that none is waited for in vain.
pub(super) struct Listener {
    pub(super) subscription: Box<dyn ChangeSubscription>,
    last: u64,
}

impl Listener {
    pub(super) async fn of(store: &impl TokenRepository) -> Self {
        Self::on(&*bus(store)).await
    }

    pub(super) async fn on(bus: &dyn ChangeBus) -> Self {
        Self { subscription: bus.subscribe().await.unwrap(), last: 0 }
    }

    /// Subscribes again as a node does, until it works and a heartbeat is answered.
    pub(super) async fn again(bus: &dyn ChangeBus) -> Self {
        let started = Instant::now();
        loop {
            if let Ok(subscription) = bus.subscribe().await {
                let mut listener = Self { subscription, last: 0 };
                if listener.until_heartbeat().await.is_ok() {
                    return listener;
                }
            }
            assert!(started.elapsed() < LONG, "it does not recover");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that the bus got so far and was not read yet.
    pub(super) async fn so_far(&mut self) -> Vec<Notice> {
        self.until_heartbeat().await.unwrap()
    }

    /// As [`so_far`](Self::so_far). An answer that does not come in time is an error, too.
    pub(super) async fn until_heartbeat(&mut self) -> Result<Vec<Notice>, Error> {
        self.last += 1;
        let number = self.last;
        let read = async {
            self.subscription.heartbeat(number).await?;
            let mut notices = Vec::new();
            loop {
                match self.subscription.next().await? {
                    Notice::Heartbeat(answered) if answered == number => return Ok(notices),
                    notice => notices.push(notice),
                }
            }
        };
        timeout(LONG, read).await.map_err(|_| tower_tokens::error::ErrorKind::TimedOut)?
    }

    /// The texts of the users who have changed since the last call, in order and once; `*` is everything.
    pub(super) async fn changed(&mut self) -> Vec<String> {
        let subjects = self.so_far().await.into_iter().map(|notice| match notice {
            Notice::Changed(Subject::User(user)) => user,
            Notice::Changed(Subject::Everything) => "*".to_owned(),
            other => panic!("{other:?}"),
        });
        subjects.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Reads until the subscription fails, and says how many notices came before.
    pub(super) async fn until_failure(&mut self) -> (usize, Error) {
        let mut count = 0;
        loop {
            match timeout(LONG, self.subscription.next()).await.expect("it fails or gives something") {
                Ok(_) => count += 1,
                Err(error) => return (count, error),
            }
        }
    }
}

pub(super) async fn add(store: &impl TokenRepository, user: &UserId, number: i64, kind: TokenKind) -> TokenRecord {
    let lifetime = Lifetime::hours(1).with_idle_limit(time::Duration::minutes(30));
    let record = TokenRecord::new(TokenId::new(number), NOW, lifetime).with_kind(kind);
    store.insert(NewToken { key: TokenKey::new(&text(number)), user, record }).await.unwrap()
}

async fn users(store: &impl UserRepository, id: Option<UserId>) -> (UserId, UserId) {
    store.create_level("member").await.unwrap();
    store.create_level("guest").await.unwrap();
    let user = store.create_user(id, "member").await.unwrap();
    (user, store.create_user(None, "member").await.unwrap())
}

fn replacement<'a>(old: &'a str, new: &'a str) -> Replacement<'a> {
    let limits = NewLimits::FreshStart(Lifetime::hours(2));
    Replacement { old: TokenKey::new(old), new: TokenKey::new(new), limits, authenticated_at: None, now: NOW }
}

/// Each verb that ends or changes something gives at least one notice about its user, and about no other user.
pub(super) async fn each_end_and_each_change_is_announced<S>(store: S)
where
    S: TokenRepository + UserRepository,
{
    for id in [None, Some(UserId::from(-7)), Some(UserId::from("42")), Some(UserId::from("ann \"é\" 'x'"))] {
        let (user, other) = users(&store, id).await;
        let first = user.as_integer().unwrap_or(5_000) * 100;
        for number in first..first + 8 {
            add(&store, &user, number, if number < first + 4 { TokenKind::Login } else { TokenKind::Api }).await;
        }
        add(&store, &other, first + 50, TokenKind::Login).await;
        let mut listener = Listener::of(&store).await;
        let mut announced = async |what: &str| {
            let notices = listener.so_far().await;
            assert!(!notices.is_empty(), "{what} of {user:?} is not announced");
            assert!(notices.iter().all(|notice| *notice == changed(&user)), "{what} of {user:?}: {notices:?}");
        };
        assert!(store.delete(TokenKey::new(&text(first))).await.unwrap().is_some());
        announced("delete").await;
        assert!(store.delete_by_id(&user, TokenId::new(first + 1)).await.unwrap());
        announced("delete_by_id").await;
        let (old, new) = (text(first + 2), text(first + 20));
        assert!(store.replace(replacement(&old, &new)).await.unwrap().is_some());
        announced("replace").await;
        let (id, successor, until) = (TokenId::new(first + 4), TokenId::new(first + 5), NOW + time::Duration::MINUTE);
        assert!(store.supersede(Supersession { user: &user, id, successor, until, now: NOW }).await.unwrap());
        announced("supersede").await;
        assert!(store.delete_by_id(&user, successor).await.unwrap());
        announced("delete_by_id of a family").await;
        store.change_level(&user, "guest").await.unwrap();
        announced("change_level").await;
        store.set_disabled(&user, true).await.unwrap();
        announced("set_disabled").await;
        store.set_disabled(&user, false).await.unwrap();
        announced("enabling").await;
        let api = TokenKinds::only(TokenKind::Api);
        assert_eq!(store.delete_by_user(&user, api, Some(TokenId::new(first + 6))).await.unwrap(), 1);
        announced("delete_by_user").await;
        assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 3);
        announced("delete_by_user of all").await;
        add(&store, &user, first + 30, TokenKind::Login).await;
        assert!(store.delete_user(&user).await.unwrap());
        announced("delete_user").await;
        store.delete_user(&other).await.unwrap();
    }
}

/// What ends and changes nothing gives no notice: a login and the requests after it cost the other nodes nothing.
pub(super) async fn logins_touches_and_rotations_are_not_announced<S>(store: S)
where
    S: TokenRepository + UserRepository,
{
    let mut listener = Listener::of(&store).await;
    let (user, _) = users(&store, None).await;
    let record = add(&store, &user, 1, TokenKind::Login).await;
    let refresh = add(&store, &user, 2, TokenKind::Refresh).await;
    let later = NOW + time::Duration::MINUTE;
    assert!(store.touch(&user, record.id(), later).await.unwrap());
    let used = refresh.clone().with_last_used_at(Some(later));
    let key = text(2);
    let rotation = Rotation { token: TokenKey::new(&key), expected: None, next: "one", used: &used, now: later };
    assert!(store.rotate(rotation).await.unwrap());
    assert!(store.find(TokenKey::new(&text(1)), later).await.unwrap().is_some());
    assert!(store.rotation(TokenKey::new(&text(2))).await.unwrap().is_some());
    store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), later).await.unwrap();
    store.users(PageRequest::default()).await.unwrap();
    // What was not there cannot end.
    assert!(store.delete(TokenKey::new("unknown")).await.unwrap().is_none());
    assert!(!store.delete_by_id(&user, TokenId::new(99)).await.unwrap());
    assert!(store.replace(replacement("unknown", "new")).await.unwrap().is_none());
    store.change_level(&user, "unknown").await.unwrap_err();
    store.change_level(&UserId::from(99), "guest").await.unwrap_err();
    assert_eq!(store.delete_by_user(&UserId::from(99), TokenKinds::ALL, None).await.unwrap(), 0);
    assert_eq!(listener.so_far().await, []);
}

/// Subjects that are announced reach all subscriptions that were made before, that of the announcer too, in their order.
pub(super) async fn what_is_announced_reaches_all_in_order(bus: &dyn ChangeBus, notice: fn(Subject) -> Notice) {
    let (mut first, mut second) = (Listener::on(bus).await, Listener::on(bus).await);
    let digest = TokenKey::new("x").digest();
    let mut subjects = vec![Subject::Everything, Subject::Token(digest)];
    let ids = (0..200).map(|number| number.to_string());
    let odd = ["", "*", "u1", "\u{1}12345678", "\u{2}ann", "\"42\"", "é'\"\\", &"x".repeat(512)].map(str::to_owned);
    subjects.extend(ids.chain(odd).map(Subject::User));
    for subject in &subjects {
        bus.announce(subject).await.unwrap();
    }
    let expected: Vec<Notice> = subjects.into_iter().map(notice).collect();
    assert_eq!(first.so_far().await, expected);
    assert_eq!(second.so_far().await, expected);
    let mut late = Listener::on(bus).await;
    assert_eq!(late.so_far().await, []);
}

/// `next` may be dropped at any time.
pub(super) async fn no_notice_is_lost_to_a_dropped_future(bus: Arc<dyn ChangeBus>) {
    const COUNT: u64 = 2_000;
    let mut subscription = bus.subscribe().await.unwrap();
    let announcing = tokio::spawn(async move {
        for number in 0..COUNT {
            bus.announce(&Subject::User(number.to_string())).await.unwrap();
        }
    });
    let (mut next, mut dropped, started) = (0, 0, Instant::now());
    while next < COUNT {
        assert!(started.elapsed() < Duration::from_secs(60), "{next} of {COUNT} came");
        tokio::select! {
            biased;
            notice = subscription.next() => {
                let (Notice::Changed(Subject::User(id)) | Notice::Changing(Subject::User(id))) = notice.unwrap() else {
                    panic!("it is about a user")
                };
                assert_eq!(id, next.to_string(), "one is lost");
                next += 1;
            }
            () = tokio::task::yield_now() => dropped += 1,
        }
    }
    assert!(dropped > 100, "only {dropped} were dropped");
    announcing.await.unwrap();
}

/// Several connections end tokens, and after each acknowledgement a heartbeat is sent: its answer comes after the notice. No
/// end is missed.
pub(super) async fn a_heartbeat_comes_after_every_end_before_it<S>(nodes: Vec<S>, rounds: i64)
where
    S: TokenRepository + UserRepository + Clone,
{
    nodes[0].create_level("member").await.unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let mut writers = JoinSet::new();
    for (place, store) in (0..).zip(nodes) {
        let count = Arc::clone(&count);
        writers.spawn(async move {
            let user = store.create_user(None, "member").await.unwrap();
            let mut listener = Listener::of(&store).await;
            for round in 0..rounds {
                let number = place * rounds + round;
                add(&store, &user, number, TokenKind::Login).await;
                match round % 3 {
                    0 => assert!(store.delete(TokenKey::new(&text(number))).await.unwrap().is_some()),
                    1 => assert!(store.delete_by_id(&user, TokenId::new(number)).await.unwrap()),
                    _ => assert_eq!(store.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 1),
                }
                let notices = listener.so_far().await;
                assert!(notices.contains(&changed(&user)), "round {round} of node {place}: {notices:?}");
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    writers.join_all().await;
    println!("{} ends, each before the heartbeat that was sent after it", count.load(Ordering::SeqCst));
}

/// The time from the acknowledgement of a change to its notice on another node, at one change in each `interval`: `p50`, `p99`.
pub(super) async fn latency<S>(writer: S, reader: S, count: i64, interval: Duration) -> (Duration, Duration)
where
    S: TokenRepository + UserRepository + Clone,
{
    writer.create_level("member").await.unwrap();
    let mut creations = JoinSet::new();
    for _ in 0..10 {
        let writer = writer.clone();
        creations.spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..count / 10 {
                ids.push(writer.create_user(None, "member").await.unwrap());
            }
            ids
        });
    }
    let ids = creations.join_all().await.concat();
    let mut subscription = bus(&reader).subscribe().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut arrivals = std::collections::HashMap::new();
        while arrivals.len() < count as usize {
            let notice = timeout(LONG, subscription.next()).await.expect("all of them arrive").unwrap();
            arrivals.entry(format!("{notice:?}")).or_insert_with(Instant::now);
        }
        arrivals
    });
    let (mut changes, started) = (JoinSet::new(), Instant::now());
    for (place, id) in (0_u32..).zip(ids) {
        let (store, at) = (writer.clone(), started + interval * place);
        changes.spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            store.set_disabled(&id, true).await.unwrap();
            (format!("{:?}", changed(&id)), Instant::now())
        });
    }
    let acknowledged = changes.join_all().await;
    let arrivals = reading.await.unwrap();
    let mut waits: Vec<Duration> =
        acknowledged.iter().map(|(notice, at)| arrivals[notice].saturating_duration_since(*at)).collect();
    waits.sort();
    (waits[waits.len() / 2], waits[waits.len() * 99 / 100])
}
