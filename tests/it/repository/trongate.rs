//! The contract on Trongate's tables: every clause that they can keep.

use async_trait::async_trait;
use sqlx::query;
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::StoreUnderTest;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{
    Ended, Found, NewToken, PRUNING_MARGIN, Page, PageRequest, Regenerated, Replacement, TokenRepository,
    TrongateRepository,
};
use tower_tokens::token::{Expiry, Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::trongate_site::TrongateSite;

/// The store, and the site around it that makes and changes users.
#[derive(Debug)]
pub(super) struct Visitor(pub(super) TrongateRepository);

#[async_trait]
impl TokenRepository for Visitor {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        self.0.insert(token).await
    }
    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        self.0.find(token, now).await
    }
    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        self.0.delete(token).await
    }
    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.0.delete_by_id(user, id).await
    }
    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        self.0.replace(replacement).await
    }
    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        self.0.touch(user, id, now).await
    }
    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.0.delete_by_user(user, kinds, keep).await
    }
    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.0.list_by_user(user, kinds, page, now).await
    }
    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.0.delete_expired(now, limit).await
    }
}

impl Visitor {
    async fn level_id(&self, title: &str) -> u64 {
        let select = sqlx::query_scalar::<_, i32>("SELECT id FROM trongate_user_levels WHERE BINARY level_title = ?");
        if let Some(id) = select.bind(title).fetch_optional(self.0.pool()).await.unwrap() {
            return id.unsigned_abs().into();
        }
        let add = query("INSERT INTO trongate_user_levels (level_title) VALUES (?)").bind(title);
        add.execute(self.0.pool()).await.unwrap().last_insert_id()
    }

    async fn change(&self, statement: &'static str, user: &UserId) {
        query(statement).bind(user.as_integer()).execute(self.0.pool()).await.unwrap();
    }
}

#[async_trait]
impl StoreUnderTest for Visitor {
    async fn add_user(&self, level: &str) -> Result<UserId, Error> {
        let level = self.level_id(level).await;
        let add = query("INSERT INTO trongate_users (user_level_id) VALUES (?)").bind(level);
        Ok(UserId::from(add.execute(self.0.pool()).await.unwrap().last_insert_id() as i64))
    }
    async fn move_user(&self, user: &UserId, level: &str) -> Result<(), Error> {
        let level = self.level_id(level).await;
        let change = query("UPDATE trongate_users SET user_level_id = ? WHERE id = ?").bind(level);
        change.bind(user.as_integer()).execute(self.0.pool()).await.unwrap();
        Ok(())
    }
    /// Trongate cannot disable a user; one whose level is not there is as good as disabled.
    async fn shut_out_user(&self, user: &UserId, shut_out: bool) -> Result<(), Error> {
        self.change(
            match shut_out {
                true => "UPDATE trongate_users SET user_level_id = -ABS(user_level_id) WHERE id = ?",
                false => "UPDATE trongate_users SET user_level_id = ABS(user_level_id) WHERE id = ?",
            },
            user,
        )
        .await;
        Ok(())
    }
    async fn remove_user(&self, user: &UserId) -> Result<(), Error> {
        self.change("DELETE FROM trongate_users WHERE id = ?", user).await;
        Ok(())
    }
}

pub(super) async fn without_index() -> (Visitor, TrongateSite) {
    let site = TrongateSite::new().await;
    (Visitor(site.repository().await), site)
}

async fn with_index() -> (Visitor, TrongateSite) {
    let (visitor, site) = without_index().await;
    assert!(visitor.0.create_index().await.unwrap());
    (visitor, site)
}

/// The cases that are missing here ask for what Trongate's tables cannot keep: an idle limit, no end at all, an end after
/// 2038, a name, a time of birth, a last use. What holds in their stead is below, and in `trongate_tables`.
macro_rules! clauses {
    ($module:ident, $fresh:expr) => {
        tower_tokens::__conformance_tests! {
            $module, $fresh,
            insert_refuses_a_token_that_is_there
            insert_never_gives_one_record_id_to_two_tokens
            insert_refuses_a_user_who_does_not_exist
            of_racing_inserts_of_one_token_exactly_one_wins
            find_gives_the_present_level
            find_gives_no_user_for_an_unknown_token
            find_gives_no_user_while_the_user_is_disabled
            find_gives_no_user_when_the_user_is_deleted
            no_find_after_delete_sees_the_token
            no_racing_find_that_starts_after_delete_sees_the_token
            deleting_what_is_not_there_is_no_error
            delete_by_id_ends_only_this_users_token
            of_racing_replacements_exactly_one_wins
            only_a_token_that_finds_its_user_can_be_replaced
            replace_refuses_a_new_token_that_is_there
            touch_never_brings_a_deleted_token_back
            delete_by_user_ends_every_token_of_a_user
            delete_by_user_can_keep_one_token
            list_by_user_gives_pages
            delete_expired_is_bounded_and_counts
            a_lifetime_of_zero_is_over_at_once
            delete_by_user_ends_a_token_that_is_being_replaced
            delete_by_user_but_one_ends_a_token_that_is_being_replaced
            delete_by_id_ends_a_token_that_is_being_replaced
            delete_ends_a_token_or_finds_it_replaced
            disabling_a_user_stops_replacements
            removing_a_user_ends_a_token_that_is_being_replaced
            a_change_of_level_holds_for_a_token_that_is_being_replaced
            tokens_of_two_users_do_not_mix
        }
    };
}

clauses!(trongate_tokens, super::without_index());
clauses!(trongate_tokens_with_index, super::with_index());

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

fn after(seconds: i64) -> Timestamp {
    NOW + Duration::seconds(seconds)
}

async fn insert(store: &Visitor, text: &str, user: &UserId, record: TokenRecord) -> Result<TokenRecord, Error> {
    store.insert(NewToken { key: TokenKey::new(text), user, record }).await
}

fn record(lifetime: Lifetime) -> TokenRecord {
    TokenRecord::new(TokenId::new(9_000_000_000), NOW, lifetime)
}

async fn find(store: &Visitor, text: &str, now: Timestamp) -> Option<Found> {
    store.find(TokenKey::new(text), now).await.unwrap()
}

#[tokio::test]
async fn insert_says_what_the_tables_keep() {
    let (store, _site) = without_index().await;
    let user = store.add_user("member").await.unwrap();
    let new = record(Lifetime::hours(1)).with_name("phone").with_code("abc");
    let stored = insert(&store, "Token-1", &user, new).await.unwrap();
    assert_eq!((stored.id(), stored.code(), stored.name()), (TokenId::new(1), Some("abc"), None));
    assert_eq!(stored.expires_at(), Expiry::At(after(3_600)));
    assert_eq!(stored.authenticated_at(), Timestamp::from_unix_seconds(0), "not kept is not recent");
    let found = find(&store, "Token-1", after(3_599)).await.expect("the token is valid");
    assert_eq!((found.user(), found.level().title(), found.record()), (&user, "member", &stored));
    let bare = insert(&store, "Token-2", &user, record(Lifetime::hours(1))).await.unwrap();
    assert_eq!(*find(&store, "Token-2", NOW).await.expect("the token is valid").record(), bare);
    assert_eq!(bare.code(), None);
}

#[tokio::test]
async fn what_the_tables_cannot_keep_is_refused_and_nothing_is_written() {
    let (store, site) = without_index().await;
    let user = store.add_user("member").await.unwrap();
    insert(&store, "old", &user, record(Lifetime::hours(1))).await.unwrap();
    let to_2038 = Duration::seconds(i64::from(i32::MAX) - NOW.unix_seconds());
    let lifetimes = [Lifetime::AAL2, Lifetime::never_expires(), Lifetime::from(to_2038 + Duration::SECOND)];
    for lifetime in lifetimes {
        let error = insert(&store, "new", &user, record(lifetime)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{lifetime:?}");
        let (old, new) = (TokenKey::new("old"), TokenKey::new("new"));
        let error = store
            .replace(Replacement {
                old,
                new,
                limits: NewLimits::FreshStart(lifetime),
                authenticated_at: None,
                now: NOW,
            })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{lifetime:?}");
    }
    let hour = Lifetime::hours(1);
    for (text, code) in [("new", "abcd"), (&*"x".repeat(126), "abc"), ("", "abc")] {
        let error = insert(&store, text, &user, record(hour).with_code(code)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert!(find(&store, "old", NOW).await.is_some(), "a refused replacement does nothing");
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM trongate_tokens").fetch_one(&site.pool).await.unwrap();
    assert_eq!(rows, 1);
    let last = insert(&store, &"x".repeat(125), &user, record(Lifetime::from(to_2038))).await.unwrap();
    assert_eq!(*find(&store, &"x".repeat(125), NOW).await.expect("the longest and last").record(), last);
}

#[tokio::test]
async fn a_token_is_expired_at_its_edge_in_every_method() {
    let (store, site) = without_index().await;
    let user = store.add_user("member").await.unwrap();
    let minute = Lifetime::seconds(60);
    let record = insert(&store, "edge", &user, record(minute)).await.unwrap();
    assert!(find(&store, "edge", after(59)).await.is_some());
    assert!(site.accepts("edge", after(59).unix_seconds()).await, "Trongate agrees");
    assert!(find(&store, "edge", after(60)).await.is_none());
    assert!(!site.accepts("edge", after(60).unix_seconds()).await, "Trongate agrees");
    let listed =
        async |now| store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), now).await.unwrap().items;
    assert_eq!(listed(after(59)).await, [record]);
    assert_eq!(listed(after(60)).await, []);
    let replacement = |now| Replacement {
        old: TokenKey::new("edge"),
        new: TokenKey::new("new"),
        limits: NewLimits::FreshStart(minute),
        authenticated_at: None,
        now,
    };
    assert_eq!(store.replace(replacement(after(60))).await.unwrap(), None, "an expired token is not revived");
    assert_eq!(store.delete_expired(after(59) + PRUNING_MARGIN, 10).await.unwrap(), 0);
    assert_eq!(store.delete_expired(after(60) + PRUNING_MARGIN, 10).await.unwrap(), 1);
}

#[tokio::test]
async fn replace_keeps_the_row_its_user_and_its_code() {
    let (store, site) = without_index().await;
    let user = store.add_user("admin").await.unwrap();
    let old = insert(&store, "old", &user, record(Lifetime::hours(1)).with_code("abc")).await.unwrap();
    let (lifetime, now) = (Lifetime::hours(2), after(50));
    let replacement = Replacement {
        old: TokenKey::new("old"),
        new: TokenKey::new("new"),
        limits: NewLimits::FreshStart(lifetime),
        authenticated_at: None,
        now,
    };
    let done = store.replace(replacement).await.unwrap().expect("the token was valid");
    assert_eq!((&done.user, done.record.id(), done.record.code()), (&user, old.id(), Some("abc")));
    assert_eq!(done.record.expires_at(), Expiry::At(after(7_250)));
    assert!(find(&store, "old", now).await.is_none());
    assert_eq!(*find(&store, "new", now).await.expect("the new token is valid").record(), done.record);
    assert!(!site.accepts("old", now.unix_seconds()).await && site.accepts("new", now.unix_seconds()).await);
}

#[tokio::test]
async fn lists_are_newest_first_by_number() {
    let (store, _site) = without_index().await;
    let user = store.add_user("member").await.unwrap();
    for text in ["a", "b", "c"] {
        insert(&store, text, &user, record(Lifetime::hours(1))).await.unwrap();
    }
    let page = store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), NOW).await.unwrap();
    let ids: Vec<_> = page.items.iter().map(|record| record.id().get()).collect();
    assert_eq!(ids, [3, 2, 1]);
}

#[tokio::test]
async fn an_outage_is_an_error() {
    let (store, site) = without_index().await;
    an_outage_is_an_error_and_never_none(store, async || site.pool.close().await).await;
}

/// The suite's case without the last use, of which the tables know nothing.
pub(super) async fn an_outage_is_an_error_and_never_none(store: Visitor, cut_off: impl AsyncFnOnce()) {
    let user = store.add_user("member").await.unwrap();
    insert(&store, "old", &user, record(Lifetime::hours(1))).await.unwrap();
    cut_off().await;
    let key = TokenKey::new("old");
    let lifetime = Lifetime::hours(1);
    let replacement = Replacement {
        old: key,
        new: TokenKey::new("new"),
        limits: NewLimits::FreshStart(lifetime),
        authenticated_at: None,
        now: NOW,
    };
    tokio::join!(
        is_outage("insert", insert(&store, "new", &user, record(lifetime))),
        is_outage("find", store.find(key, NOW)),
        is_outage("delete", store.delete(key)),
        is_outage("delete_by_id", store.delete_by_id(&user, TokenId::new(1))),
        is_outage("replace", store.replace(replacement)),
        is_outage("delete_by_user", store.delete_by_user(&user, TokenKinds::ALL, None)),
        is_outage("list_by_user", store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), NOW)),
        is_outage("delete_expired", store.delete_expired(NOW, 1)),
        is_outage("check", store.0.check()),
    );
    is_outage("find, of a store that has noticed", store.find(key, NOW)).await;
}

async fn is_outage<T>(method: &str, call: impl Future<Output = Result<T, Error>>) {
    assert!(call.await.is_err_and(|error| error.is_outage()), "{method}");
}
