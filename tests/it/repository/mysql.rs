//! MySQL and MariaDB keep the contract, on a real server.

use std::error::Error as _;

use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::an_outage_is_an_error_and_never_none;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{MySqlRepository, NewToken, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenRecord};

use crate::repository::servers::{shared, unique_name};

pub(super) fn url() -> String {
    shared("TOWER_TOKENS_MYSQL_URL", "mariadb")
}

/// A database of its own, and how to connect to it.
pub(super) async fn fresh_database() -> MySqlConnectOptions {
    let database = unique_name();
    let mut connection = MySqlConnection::connect(&url()).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {database}"));
    sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
    url().parse::<MySqlConnectOptions>().unwrap().database(&database)
}

/// The URL of a database of its own.
pub(crate) async fn fresh_url() -> String {
    let database = fresh_database().await.get_database().unwrap().to_owned();
    let mut url: url::Url = url().parse().unwrap();
    url.set_path(&database);
    url.into()
}

pub(super) async fn fresh_pool() -> MySqlPool {
    let options = fresh_database().await;
    MySqlPoolOptions::new().max_connections(10).test_before_acquire(false).connect_with(options).await.unwrap()
}

/// With the settings of a pool that the application brings along: sqlx's and the server's defaults.
pub(crate) async fn fresh() -> (MySqlRepository, ()) {
    let repository = MySqlRepository::with_pool(fresh_pool().await);
    repository.migrate().await.unwrap();
    (repository, ())
}

/// With our own settings.
async fn connected() -> (MySqlRepository, ()) {
    let options = fresh_database().await;
    let url = url().replace("/tower_tokens", &format!("/{}", options.get_database().unwrap()));
    let repository = MySqlRepository::connect(&url).await.unwrap();
    repository.migrate().await.unwrap();
    (repository, ())
}

tower_tokens::repository_conformance!(mysql_tokens, super::fresh());
tower_tokens::family_conformance!(mysql_families, super::fresh());
tower_tokens::user_repository_conformance!(mysql_users, super::fresh());
tower_tokens::repository_conformance!(mysql_connected_tokens, super::connected());
tower_tokens::family_conformance!(mysql_connected_families, super::connected());

#[tokio::test]
async fn an_outage_of_mysql_is_an_error_and_never_none() {
    let (store, ()) = fresh().await;
    an_outage_is_an_error_and_never_none(store, async |store| store.pool().close().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nodes_migrate_mysql_at_once() {
    for _ in 0..3 {
        let pool = fresh_pool().await;
        let mut nodes = JoinSet::new();
        for _ in 0..10 {
            let node = MySqlRepository::with_pool(pool.clone());
            nodes.spawn(async move { node.migrate().await });
        }
        for migrated in nodes.join_all().await {
            migrated.unwrap();
        }
        let node = MySqlRepository::with_pool(pool);
        assert_eq!(node.create_level("member").await.unwrap().title(), "member");
    }
}

#[tokio::test]
async fn a_newer_mysql_schema_is_refused_and_says_why() {
    let (store, ()) = fresh().await;
    sqlx::query("UPDATE tower_tokens_schema SET version = 99").execute(store.pool()).await.unwrap();
    let error = store.migrate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.source().unwrap().to_string().contains("schema version 99"));
}

/// As MySQL 8 and 9 do over TCP, when they do not remember the password. This crate's tests have no TLS.
#[tokio::test]
async fn a_password_that_wants_an_encrypted_connection_is_a_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mysql://app:secret@{}/members", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Source: MySQL's "Protocol::HandshakeV10". PROTOCOL_41, SECURE_CONNECTION and PLUGIN_AUTH.
        let mut hello = b"\x0a9.7.4\0\x01\0\0\0saltsalt\0\0\x82\x2d\x02\0\x08\0\x15".to_vec();
        hello.extend([0; 10]);
        hello.extend(b"saltsaltsalt\0caching_sha2_password\0");
        stream.write_all(&[hello.len() as u8, 0, 0, 0]).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        assert!(stream.read(&mut [0; 512]).await.unwrap() > 0);
        // "Perform full authentication": the password itself, please.
        stream.write_all(&[2, 0, 0, 2, 1, 4]).await.unwrap();
        // The client asks for the key to encrypt it with, and has no use for it.
        let mut wish = [0; 5];
        stream.read_exact(&mut wish).await.unwrap();
        assert_eq!(wish, [1, 0, 0, 3, 2]);
        stream.write_all(&[4, 0, 0, 4, 1, b'k', b'e', b'y']).await.unwrap();
        stream.read(&mut [0; 512]).await
    });
    let error = MySqlRepository::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.source().unwrap().to_string().contains("use TLS"), "{error:?}");
    assert_eq!(server.await.unwrap().unwrap(), 0, "nothing more was sent");
}

#[tokio::test]
async fn an_error_of_mysql_shows_no_digest() {
    let (store, ()) = fresh().await;
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let key = TokenKey::new("token");
    let record = TokenRecord::new(TokenId::new(1), Timestamp::from_unix_seconds(0), Lifetime::default());
    store.insert(NewToken { key, user: &user, record: record.clone() }).await.unwrap();
    let error = store.insert(NewToken { key, user: &user, record }).await.unwrap_err();
    let shown = format!("{error:?}");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let digest: String = key.digest().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.to_lowercase().contains(&digest[..8]), "{shown}");
    assert!(shown.contains("the database says 23000"), "{shown}");
}

/// A replacement that moved the row would hide it from a `DELETE` that waits for it.
#[tokio::test]
async fn no_column_that_a_replacement_changes_leads_to_a_token_of_mysql() {
    let (store, ()) = fresh().await;
    let keys = async |table: &str| -> Vec<String> {
        let keys =
            "SELECT CONVERT(CONCAT(index_name, '.', column_name) USING utf8mb4) FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = ? ORDER BY index_name, seq_in_index";
        sqlx::query_scalar(keys).bind(table).fetch_all(store.pool()).await.unwrap()
    };
    let expected = [
        "PRIMARY.id",
        "tower_tokens_tokens_by_digest.digest",
        "tower_tokens_tokens_by_end.ends_at",
        "tower_tokens_tokens_of_user.user_id",
        "tower_tokens_tokens_of_user.id",
    ];
    assert_eq!(keys("tower_tokens_tokens").await, expected);
}

/// MySQL undoes no `CREATE TABLE`: a migration can stop between the tables and the note of their version.
#[tokio::test]
async fn a_mysql_migration_that_was_cut_short_is_completed_and_loses_nothing() {
    let (store, ()) = fresh().await;
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let record = TokenRecord::new(TokenId::new(7), Timestamp::from_unix_seconds(0), Lifetime::default());
    let record = record.with_name("phone");
    store.insert(NewToken { key: TokenKey::new("token"), user: &user, record: record.clone() }).await.unwrap();
    sqlx::query("UPDATE tower_tokens_schema SET version = 0").execute(store.pool()).await.unwrap();
    store.migrate().await.unwrap();
    let found = store.find(TokenKey::new("token"), Timestamp::from_unix_seconds(1)).await.unwrap().unwrap();
    assert_eq!((found.user(), found.record()), (&user, &record));
}
