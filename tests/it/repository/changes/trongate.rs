//! Changes of a Trongate site, whichever side makes them.

use sqlx::{Executor, MySqlPool};
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{NewToken, TokenRepository, TrongateRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::announced::Listener;
use crate::repository::changes::{BusOf, keeps_the_contract};
use crate::repository::servers::unique_name;
use crate::trongate_site::TrongateSite;

async fn bus() -> (BusOf, TrongateSite) {
    let site = TrongateSite::new().await;
    let store = site.repository().await;
    store.announce_changes().await.unwrap();
    (BusOf::new(&store), site)
}

tower_tokens::change_bus_conformance!(trongate_as_a_bus, super::bus());

#[tokio::test]
async fn a_trongate_site_announces_changes_once_it_is_asked_to() {
    let site = TrongateSite::new().await;
    let before = site.repository().await;
    assert!(before.change_bus().is_none(), "the site's tables are as they were");
    before.announce_changes().await.unwrap();
    before.announce_changes().await.expect("a second time does no harm");
    keeps_the_contract(before.change_bus().unwrap()).await;
    assert!(before.clone().change_bus().is_some());
    assert!(site.repository().await.change_bus().is_some(), "when it is opened again");
}

/// What PHP runs, as plain SQL.
#[tokio::test]
async fn what_php_changes_is_announced() {
    let site = TrongateSite::new().await;
    let store = site.repository().await;
    store.announce_changes().await.unwrap();
    let (ann, bob) = (site.add_user(1).await, site.add_user(2).await);
    let mut listener = Listener::of(&store).await;
    site.add_token("tok-ann", ann, 2_000_000_000).await;
    site.add_token("tok-bob", bob, 2_000_000_000).await;
    site.add_token("expired", bob, 5).await;
    assert_eq!(listener.changed().await, [""; 0], "a login");
    let (ann, bob) = (ann.to_string(), bob.to_string());
    for (sql, changed) in [
        ("UPDATE trongate_tokens SET token = 'TOK-ANN' WHERE token = 'tok-ann'", vec![&ann]),
        ("UPDATE trongate_tokens SET expiry_date = NULL WHERE token = 'tok-bob'", vec![&bob]),
        ("DELETE FROM trongate_tokens WHERE token = 'tok-ann'", vec![&ann]),
        ("DELETE FROM trongate_tokens WHERE expiry_date < 1000", vec![&bob]),
        ("DELETE FROM trongate_tokens WHERE user_id = 424242", vec![]),
        ("UPDATE trongate_users SET code = 'other'", vec![]),
        ("UPDATE trongate_users SET user_level_id = 1", vec![&bob]),
        ("UPDATE trongate_user_levels SET level_title = 'Admin' WHERE id = 1", vec![&"*".to_owned()]),
        ("DELETE FROM trongate_users WHERE user_level_id = 1 ORDER BY id LIMIT 1", vec![&ann]),
        ("START TRANSACTION; DELETE FROM trongate_users; ROLLBACK", vec![]),
    ] {
        sqlx::raw_sql(sql).execute(&site.pool).await.unwrap();
        assert_eq!(listener.changed().await.iter().collect::<Vec<_>>(), changed, "{sql}");
    }
}

#[tokio::test]
async fn what_this_side_changes_is_announced_and_ids_are_those_of_the_tokens() {
    let site = TrongateSite::new().await;
    let store = site.repository().await;
    store.announce_changes().await.unwrap();
    let ann = UserId::from(site.add_user(1).await);
    let mut listener = Listener::of(&store).await;
    let now = tower_tokens::clock::Timestamp::from_unix_seconds(1_700_000_000);
    let record = TokenRecord::new(TokenId::new(1), now, Lifetime::hours(1));
    let stored = store.insert(NewToken { key: TokenKey::new("a-token"), user: &ann, record }).await.unwrap();
    let number: i64 =
        sqlx::query_scalar("SELECT CAST(MAX(id) AS SIGNED) FROM trongate_tokens").fetch_one(&site.pool).await.unwrap();
    assert_eq!(stored.id(), TokenId::new(number));
    assert_eq!(listener.changed().await, [""; 0]);
    assert!(store.delete(TokenKey::new("a-token")).await.unwrap().is_some());
    assert_eq!(listener.changed().await, [ann.to_string()]);
}

/// PHP's account has the rights that it had, and an account without the right says what is missing.
#[tokio::test]
async fn phps_account_needs_no_new_rights() {
    let site = TrongateSite::new().await;
    let name: String = sqlx::query_scalar("SELECT DATABASE()").fetch_one(&site.pool).await.unwrap();
    let account = &unique_name()[..20];
    site.run(&format!("CREATE USER {account}@127.0.0.1")).await;
    for table in ["trongate_tokens", "trongate_users", "trongate_user_levels"] {
        site.run(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.{table} TO {account}@127.0.0.1")).await;
    }
    let options = (*site.pool.connect_options()).clone().username(account);
    let php = MySqlPool::connect_with(options).await.unwrap();
    let limited = TrongateRepository::with_pool(php.clone()).await.unwrap();
    let error = limited.announce_changes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("TRIGGER"), "{error:?}");
    assert!(limited.change_bus().is_none());

    let store = site.repository().await;
    store.announce_changes().await.unwrap();
    let user = site.add_user(1).await;
    site.add_token("tok", user, 2_000_000_000).await;
    let mut listener = Listener::of(&store).await;
    php.execute("DELETE FROM trongate_tokens WHERE token = 'tok'").await.unwrap();
    assert_eq!(listener.changed().await, [user.to_string()]);
    site.run(&format!("DROP USER {account}@127.0.0.1")).await;
}
