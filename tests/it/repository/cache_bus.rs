//! A cache and its bus: changes of other nodes, and what happens while the bus does not work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{
    Cache, CachedRepository, ChangeBus, ChangeSubscription, FaultyRepository, MemoryRepository, NewToken, Notice,
    RepositoryExt, Subject, TokenRepository, UserRepository,
};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

/// How a bus works.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Works,
    /// It takes everything and gives nothing.
    Swallows,
    /// Its connections break.
    Fails,
}

/// A bus in one process, which a test can break.
#[derive(Debug, Clone)]
pub(super) struct LocalBus {
    messages: broadcast::Sender<Message>,
    state: Arc<watch::Sender<State>>,
    subscriptions: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
enum Message {
    Subject(Subject),
    Heartbeat(u64, u64),
}

struct LocalSubscription {
    bus: LocalBus,
    number: u64,
    messages: broadcast::Receiver<Message>,
}

impl LocalBus {
    pub(super) fn new() -> Self {
        Self {
            messages: broadcast::Sender::new(10_000),
            state: Arc::new(watch::Sender::new(State::Works)),
            subscriptions: Arc::default(),
        }
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        match *self.state.borrow() {
            State::Works => _ = self.messages.send(message),
            State::Swallows => {}
            State::Fails => return Err(ErrorKind::Unavailable.into()),
        }
        Ok(())
    }
}

#[async_trait]
impl ChangeBus for LocalBus {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        match *self.state.borrow() {
            State::Works => {}
            State::Swallows => return Err(ErrorKind::TimedOut.into()),
            State::Fails => return Err(ErrorKind::Unavailable.into()),
        }
        let number = self.subscriptions.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(LocalSubscription { bus: self.clone(), number, messages: self.messages.subscribe() }))
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        self.send(Message::Subject(subject.clone()))
    }

    fn heartbeat_interval(&self) -> Duration {
        Duration::from_millis(100)
    }
}

#[async_trait]
impl ChangeSubscription for LocalSubscription {
    async fn next(&mut self) -> Result<Notice, Error> {
        let mut state = self.bus.state.subscribe();
        loop {
            tokio::select! {
                _ = state.wait_for(|state| *state == State::Fails) => return Err(ErrorKind::Unavailable.into()),
                message = self.messages.recv() => match message {
                    Ok(Message::Subject(subject)) => return Ok(Notice::Changing(subject)),
                    Ok(Message::Heartbeat(whose, number)) if whose == self.number => return Ok(Notice::Heartbeat(number)),
                    Ok(Message::Heartbeat(..)) => {}
                    Err(_lost) => return Err(ErrorKind::Unavailable.into()),
                },
            }
        }
    }

    async fn heartbeat(&mut self, number: u64) -> Result<(), Error> {
        self.bus.send(Message::Heartbeat(self.number, number))
    }
}

async fn local() -> (LocalBus, ()) {
    (LocalBus::new(), ())
}

tower_tokens::change_bus_conformance!(a_bus_in_one_process, super::local());

type Store = FaultyRepository<Arc<MemoryRepository>>;
type Node = CachedRepository<Store>;

/// Two nodes of one store, a user, and a token of theirs.
async fn two_nodes(bus: &LocalBus) -> (Node, Node, UserId, String) {
    let store = Arc::new(MemoryRepository::new());
    let node = || FaultyRepository::new(Arc::clone(&store)).cached(Cache::with_bus(bus.clone()));
    let (one, other) = (node(), node());
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let text = add(&*store, 1, &user).await;
    used(&one).await;
    used(&other).await;
    (one, other, user, text)
}

async fn add(store: &impl TokenRepository, number: i64, user: &UserId) -> String {
    let text = format!("token-{number}");
    let record = TokenRecord::new(TokenId::new(number), NOW, Lifetime::days(1));
    store.insert(NewToken { key: TokenKey::new(&text), user, record }).await.unwrap();
    text
}

async fn is_valid(node: &Node, text: &str) -> bool {
    node.find(TokenKey::new(text), NOW).await.unwrap().is_some()
}

/// Waits until a cache is used, or is not.
async fn wait_for_use(node: &Node, is_used: bool) {
    let start = Instant::now();
    while node.statistics().is_used != is_used {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", node.statistics());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn used(node: &Node) {
    wait_for_use(node, true).await;
}

/// How many look-ups a hundred validations of this token take.
async fn look_ups_of_hundred(node: &Node, text: &str) -> u64 {
    let before = node.inner().look_ups();
    for _ in 0..100 {
        assert!(is_valid(node, text).await);
    }
    node.inner().look_ups() - before
}

#[tokio::test]
async fn a_cache_is_used_once_a_heartbeat_has_come_back() {
    let bus = LocalBus::new();
    bus.set(State::Swallows);
    let store = FaultyRepository::new(Arc::new(MemoryRepository::new()));
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let text = add(&store, 1, &user).await;
    let node = store.cached(Cache::with_bus(bus.clone()));
    assert_eq!(look_ups_of_hundred(&node, &text).await, 100);
    bus.set(State::Works);
    used(&node).await;
    assert_eq!(look_ups_of_hundred(&node, &text).await, 1);
}

#[tokio::test]
async fn a_change_on_one_node_holds_on_the_other_when_it_returns() {
    let bus = LocalBus::new();
    let (one, other, user, text) = two_nodes(&bus).await;
    assert!(is_valid(&other, &text).await);
    assert!(one.delete(TokenKey::new(&text)).await.unwrap().is_some());
    assert!(!is_valid(&one, &text).await, "on the node itself at once");
    // The bus is in this process: the other node only has to read it.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!is_valid(&other, &text).await);

    for round in 2..20 {
        let text = add(&one, round, &user).await;
        assert!(is_valid(&other, &text).await);
        match round % 4 {
            0 => assert!(one.delete_by_id(&user, TokenId::new(round)).await.unwrap()),
            1 => assert!(one.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap() > 0),
            2 => one.set_disabled(&user, true).await.unwrap(),
            _ => {
                one.inner().delete_by_id(&user, TokenId::new(round)).await.unwrap();
                one.user_changed(&user).await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!is_valid(&other, &text).await, "round {round}");
        one.set_disabled(&user, false).await.unwrap();
    }
}

#[tokio::test]
async fn while_heartbeats_do_not_come_back_the_store_is_asked() {
    let bus = LocalBus::new();
    let (one, other, _, text) = two_nodes(&bus).await;
    assert_eq!(other.max_staleness(), Duration::from_millis(500));
    assert!(is_valid(&other, &text).await);
    bus.set(State::Swallows);
    assert!(one.delete(TokenKey::new(&text)).await.unwrap().is_some());
    let acknowledged = Instant::now();
    let mut last_accepted = Duration::ZERO;
    while acknowledged.elapsed() < Duration::from_secs(2) {
        let began = acknowledged.elapsed();
        if is_valid(&other, &text).await {
            last_accepted = began;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(last_accepted <= other.max_staleness(), "{last_accepted:?}");
    assert!(last_accepted > Duration::ZERO, "the bus works although it should not");
    assert!(!other.statistics().is_used && other.statistics().interruptions > 0);

    bus.set(State::Works);
    used(&other).await;
    assert!(other.statistics().time_without >= Duration::from_secs(1), "{:?}", other.statistics());
}

#[tokio::test]
async fn what_was_kept_before_an_interruption_is_not_used_after_it() {
    let bus = LocalBus::new();
    let (_one, other, user, text) = two_nodes(&bus).await;
    assert!(is_valid(&other, &text).await);
    bus.set(State::Fails);
    wait_for_use(&other, false).await;
    assert_eq!(look_ups_of_hundred(&other, &text).await, 100);
    // Past every cache.
    other.inner().inner().set_disabled(&user, true).await.unwrap();
    bus.set(State::Works);
    used(&other).await;
    assert!(!is_valid(&other, &text).await);
    other.inner().inner().set_disabled(&user, false).await.unwrap();
    assert!(look_ups_of_hundred(&other, &text).await <= 2, "it is used again");
}

#[tokio::test]
async fn a_change_that_cannot_be_announced_is_not_made() {
    let bus = LocalBus::new();
    let (one, other, user, text) = two_nodes(&bus).await;
    bus.set(State::Fails);
    let error = one.delete(TokenKey::new(&text)).await.unwrap_err();
    assert!(error.is_outage(), "{error:?}");
    assert!(one.set_disabled(&user, true).await.unwrap_err().is_outage());
    assert!(is_valid(&one, &text).await && is_valid(&other, &text).await);
    // What the other nodes need not know is done all the same.
    add(&one, 2, &user).await;
    one.touch(&user, TokenId::new(1), NOW + time::Duration::minutes(5)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_that_takes_longer_than_the_others_ask_for_is_given_up() {
    let bus = LocalBus::new();
    let store = FaultyRepository::new(Arc::new(MemoryRepository::new()));
    let node = store.cached(Cache::with_bus(bus));
    node.inner().hang();
    let start = tokio::time::Instant::now();
    let error = node.set_disabled(&UserId::from(7), true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_change_that_is_announced_is_asked_for_until_it_must_have_been_made() {
    let bus = LocalBus::new();
    let (one, other, user, text) = two_nodes(&bus).await;
    assert!(look_ups_of_hundred(&other, &text).await <= 1);
    // The message comes, and the store is slow.
    one.inner().hang();
    let change = tokio::spawn({
        let (one, user) = (one.clone(), user.clone());
        async move { one.set_disabled(&user, true).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(look_ups_of_hundred(&other, &text).await, 100);
    one.inner().heal();
    change.await.unwrap().unwrap();
    assert!(!is_valid(&other, &text).await, "without another message");
}

/// Whether a change holds on another node does not depend on what the time is there.
#[tokio::test]
async fn a_clock_that_is_an_hour_off_changes_nothing() {
    let bus = LocalBus::new();
    let (one, other, ..) = two_nodes(&bus).await;
    for (number, offset) in [(2, time::Duration::hours(1)), (3, time::Duration::hours(-1))] {
        let user = one.create_user(None, "member").await.unwrap();
        let text = add(&one, number, &user).await;
        let there = NOW + offset;
        let is_valid_there = async || other.find(TokenKey::new(&text), there).await.unwrap().is_some();
        assert!(is_valid_there().await);
        let before = other.inner().look_ups();
        assert!(is_valid_there().await);
        assert_eq!(other.inner().look_ups(), before, "it is used there, too");
        one.set_disabled(&user, true).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!is_valid_there().await, "{offset}");
    }
}

#[tokio::test]
async fn what_one_node_sees_in_use_is_not_idle_on_another() {
    let bus = LocalBus::new();
    let (one, other, user, _) = two_nodes(&bus).await;
    let second = time::Duration::SECOND;
    let lifetime = Lifetime::days(1).with_idle_limit(60 * second);
    let record = TokenRecord::new(TokenId::new(2), NOW, lifetime);
    one.insert(NewToken { key: TokenKey::new("an-idle-token"), user: &user, record }).await.unwrap();
    let is_valid_after = async |seconds: i32| {
        other.find(TokenKey::new("an-idle-token"), NOW + second * seconds).await.unwrap().is_some()
    };
    assert!(is_valid_after(0).await && is_valid_after(1).await);
    assert_eq!(other.inner().look_ups(), 1);
    // No message says so.
    assert!(one.touch(&user, TokenId::new(2), NOW + second * 50).await.unwrap());
    assert!(is_valid_after(59).await);
    assert_eq!(other.inner().look_ups(), 1);
    assert!(is_valid_after(61).await, "the store knows that it was used");
    assert_eq!(other.inner().look_ups(), 2);
    assert!(!is_valid_after(111).await);
}

#[tokio::test]
async fn a_store_that_announces_nothing_is_asked_each_time() {
    let store = FaultyRepository::new(Arc::new(MemoryRepository::new()));
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let text = add(&store, 1, &user).await;
    let node = store.cached(Cache::new());
    assert_eq!(look_ups_of_hundred(&node, &text).await, 100);
    assert_eq!((node.max_staleness(), node.statistics().tokens), (Duration::ZERO, 0));
}

#[tokio::test]
async fn without_the_bus_a_request_does_not_join_an_older_look_up() {
    let bus = LocalBus::new();
    let (_one, other, user, text) = two_nodes(&bus).await;
    bus.set(State::Fails);
    wait_for_use(&other, false).await;
    // A look-up that has read the store, and whose answer is late.
    other.inner().hang();
    let first = tokio::spawn({
        let (other, text) = (other.clone(), text.clone());
        async move { is_valid(&other, &text).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = tokio::spawn({
        let (other, text) = (other.clone(), text.clone());
        async move { is_valid(&other, &text).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let before = other.inner().look_ups();
    other.inner().inner().set_disabled(&user, true).await.unwrap();
    other.inner().heal();
    first.await.unwrap();
    assert!(!second.await.unwrap());
    assert_eq!(other.inner().look_ups(), before + 1, "the second asks by itself");
}

#[tokio::test]
async fn a_look_up_past_the_cache_asks_the_store() {
    let bus = LocalBus::new();
    let (_one, other, user, text) = two_nodes(&bus).await;
    assert!(is_valid(&other, &text).await);
    other.inner().inner().set_disabled(&user, true).await.unwrap();
    assert!(is_valid(&other, &text).await, "no message says so");
    assert!(other.find_in_store(TokenKey::new(&text), NOW).await.unwrap().is_none());
    assert!(!is_valid(&other, &text).await, "what the store said is kept");
}

#[test]
fn it_listens_again_when_the_runtime_of_its_task_has_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bus = LocalBus::new();
    let first = runtime();
    let (one, _other, _, text) = first.block_on(two_nodes(&bus));
    drop(first);
    runtime().block_on(async {
        wait_for_use(&one, false).await;
        assert!(is_valid(&one, &text).await);
        used(&one).await;
    });
}

#[tokio::test]
async fn it_stops_listening_when_it_is_dropped() {
    let bus = LocalBus::new();
    let (one, other, ..) = two_nodes(&bus).await;
    assert_eq!(bus.messages.receiver_count(), 2);
    drop((one, other));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bus.messages.receiver_count(), 0);
}
