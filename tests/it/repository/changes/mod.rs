//! Stores announce changes through a table that is polled.

mod mysql;
mod mysql_numbers;
mod own_users;
mod sqlite;
mod trongate;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::Error;
use tower_tokens::repository::{
    ChangeBus, ChangeSubscription, NewToken, Notice, Replacement, Rotation, Subject, Supersession, TokenRepository,
    UserRepository,
};
use tower_tokens::token::{Lifetime, NewLimits, TokenDigest, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::announced::Listener;
use crate::repository::own_users::Database;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

/// The bus of a store, as a type of its own.
#[derive(Debug)]
pub(super) struct BusOf(Arc<dyn ChangeBus>);

impl BusOf {
    pub(super) fn new(store: &impl TokenRepository) -> Self {
        Self(store.change_bus().expect("it has a bus"))
    }
}

#[async_trait]
impl ChangeBus for BusOf {
    async fn subscribe(&self) -> Result<Box<dyn ChangeSubscription>, Error> {
        self.0.subscribe().await
    }

    async fn announce(&self, subject: &Subject) -> Result<(), Error> {
        self.0.announce(subject).await
    }
}

fn user(id: &str) -> Subject {
    Subject::User(id.to_owned())
}

/// Clauses 1 to 3 of a bus, and that `next` may be dropped.
pub(super) async fn keeps_the_contract(bus: Arc<dyn ChangeBus>) {
    bus.announce(&user("early")).await.unwrap();
    let (mut first, mut second) = (Listener::on(&*bus).await, Listener::on(&*bus).await);
    let digest = TokenDigest::from_bytes([0xA5; 32]);
    let subjects = [
        user("42"),
        user("ann"),
        user(""),
        user("bob's \"é\""),
        Subject::Token(digest),
        Subject::Everything,
        user("z"),
    ];
    for subject in &subjects {
        bus.announce(subject).await.unwrap();
        assert!(first.subscription.next().now_or_never().is_none_or(|notice| notice.is_ok()));
    }
    let expected: Vec<_> = subjects.into_iter().map(Notice::Changed).collect();
    assert_eq!(first.so_far().await, expected, "in the order of the announcements, once");
    assert_eq!(second.so_far().await, expected);
    assert_eq!(Listener::on(&*bus).await.so_far().await, [], "before the subscription");
    assert_eq!((first.so_far().await, second.so_far().await), (Vec::new(), Vec::new()));
}

async fn insert(store: &impl TokenRepository, text: &str, user: &UserId, id: i64) {
    insert_for(store, text, user, id, Lifetime::hours(1)).await;
}

async fn insert_for(store: &impl TokenRepository, text: &str, user: &UserId, id: i64, lifetime: Lifetime) {
    let record = TokenRecord::new(TokenId::new(id), NOW, lifetime);
    store.insert(NewToken { key: TokenKey::new(text), user, record }).await.unwrap();
}

/// Each verb announces its user, but for those that make no answer stale.
pub(super) async fn verbs_are_announced<S: TokenRepository + UserRepository>(store: &S) {
    let mut listener = Listener::of(store).await;
    store.create_level("member").await.unwrap();
    store.create_level("admin").await.unwrap();
    let ann = store.create_user(Some(UserId::from("ann")), "member").await.unwrap();
    let text_42 = store.create_user(Some(UserId::from("42")), "member").await.unwrap();
    let number = store.create_user(None, "member").await.unwrap();
    for (id, text) in (1..).zip(["one", "two", "three", "four", "five"]) {
        insert(store, text, &ann, id).await;
    }
    insert(store, "of 42", &text_42, 42).await;
    insert_for(store, "idle", &number, 43, Lifetime::hours(10).with_idle_limit(Duration::HOUR)).await;
    assert!(store.touch(&number, TokenId::new(43), NOW + Duration::MINUTE).await.unwrap());
    let used = TokenRecord::new(TokenId::new(43), NOW, Lifetime::hours(20));
    let rotation = Rotation {
        token: TokenKey::new("idle"),
        expected: None,
        next: "state",
        used: &used,
        now: NOW + Duration::MINUTE,
    };
    assert!(store.rotate(rotation).await.unwrap());
    assert_eq!(listener.changed().await, [""; 0], "a login, a use and a rotation");

    let replacement = Replacement {
        old: TokenKey::new("one"),
        new: TokenKey::new("new"),
        limits: NewLimits::Keep,
        authenticated_at: None,
        now: NOW,
    };
    assert!(store.replace(replacement).await.unwrap().is_some());
    assert_eq!(listener.changed().await, ["ann"], "replace");
    let supersession = Supersession {
        user: &ann,
        id: TokenId::new(1),
        successor: TokenId::new(2),
        until: NOW + Duration::MINUTE,
        now: NOW,
    };
    assert!(store.supersede(supersession).await.unwrap());
    assert_eq!(listener.changed().await, ["ann"], "supersede");
    assert!(store.delete(TokenKey::new("three")).await.unwrap().is_some());
    assert_eq!(listener.changed().await, ["ann"], "delete");
    assert!(store.delete_by_id(&ann, TokenId::new(4)).await.unwrap());
    assert_eq!(listener.changed().await, ["ann"], "delete_by_id");
    assert!(store.delete_by_user(&ann, TokenKinds::ALL, None).await.unwrap() > 0);
    assert_eq!(listener.changed().await, ["ann"], "delete_by_user");
    assert!(store.delete(TokenKey::new("of 42")).await.unwrap().is_some());
    assert!(listener.changed().await.contains(&"42".to_owned()), "a text that looks like a number");
    store.change_level(&number, "admin").await.unwrap();
    assert_eq!(listener.changed().await, [number.to_string()], "change_level");
    store.change_level(&number, "admin").await.unwrap();
    assert_eq!(listener.changed().await, [""; 0], "the same level");
    store.set_disabled(&number, true).await.unwrap();
    assert_eq!(listener.changed().await, [number.to_string()], "set_disabled");
    assert!(store.delete_user(&number).await.unwrap());
    assert_eq!(listener.changed().await, [number.to_string()], "delete_user, whose token goes along");
    assert!(store.delete_user(&ann).await.unwrap());
    assert_eq!(listener.changed().await, ["ann"], "delete_user, without a token");
    insert(store, "old", &text_42, 50).await;
    assert_eq!(store.delete_expired(NOW + Duration::days(30), 10).await.unwrap(), 1);
    assert!(listener.changed().await.contains(&"42".to_owned()), "delete_expired");
}

/// What an administrator types.
pub(super) async fn plain_sql_is_announced<S>(store: &S, database: &Database)
where
    S: TokenRepository + UserRepository,
{
    store.create_level("member").await.unwrap();
    store.create_level("admin").await.unwrap();
    for name in ["ann", "bob", "cid"] {
        let id = store.create_user(Some(UserId::from(name)), "member").await.unwrap();
        insert(store, name, &id, i64::from(name.as_bytes()[0])).await;
    }
    let mut listener = Listener::of(store).await;
    for (sql, changed) in [
        (
            "UPDATE tower_tokens_users SET level_id = (SELECT MAX(id) FROM tower_tokens_levels) WHERE id = 'ann'",
            &["ann"][..],
        ),
        ("UPDATE tower_tokens_users SET disabled = 1", &["ann", "bob", "cid"]),
        ("UPDATE tower_tokens_users SET disabled = 1", &[]),
        ("UPDATE tower_tokens_levels SET title = 'Admin' WHERE title = 'admin'", &["*"]),
        ("UPDATE tower_tokens_tokens SET ends_at = ends_at + 1, last_used_at = 5, rotation = 'x'", &[]),
        ("UPDATE tower_tokens_tokens SET ends_at = NULL WHERE user_id = 'bob'", &[]),
        ("UPDATE tower_tokens_tokens SET ends_at = 9 WHERE user_id <> 'cid'", &["ann", "bob"]),
        ("UPDATE tower_tokens_tokens SET name = 'phone' WHERE user_id = 'cid'", &["cid"]),
        ("UPDATE tower_tokens_tokens SET name = 'PHONE ' WHERE user_id = 'cid'", &["cid"]),
        ("UPDATE tower_tokens_tokens SET user_id = 'ann' WHERE user_id = 'cid'", &["ann", "cid"]),
        ("DELETE FROM tower_tokens_tokens WHERE user_id = 'bob'", &["bob"]),
        ("DELETE FROM tower_tokens_users WHERE id = 'cid'", &["cid"]),
        ("DELETE FROM tower_tokens_users WHERE id = 'unknown'", &[]),
        ("BEGIN; UPDATE tower_tokens_users SET disabled = 0; DELETE FROM tower_tokens_tokens; ROLLBACK", &[]),
        ("DELETE FROM tower_tokens_levels WHERE id NOT IN (SELECT level_id FROM tower_tokens_users)", &[]),
    ] {
        database.run(sql).await.unwrap();
        assert_eq!(listener.changed().await, changed, "{sql}");
    }
}
