//! What a user's id looks like in SQL, and that it joins with a table of the application.

use sqlx::{MySqlPool, PgPool, SqlitePool};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::{NewToken, PageRequest, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::repository::{mysql, postgres};

const UUID: &str = "018f4e2a-7c1b-7d32-9a54-0123456789ab";

/// Pairs of texts that a collation could take for one, and texts that could be taken for numbers.
const TEXTS: [&str; 27] = [
    "",
    " ",
    "  ",
    "!",
    "\"",
    "\"1\"",
    "007",
    "1",
    "1 ",
    "1.0",
    "A",
    "a",
    "a\0",
    "a\0\\",
    "a\t",
    "a ",
    "a\u{a0}",
    "a\\0",
    "e\u{301}",
    "\u{e9}",
    "\u{e8}",
    "e",
    "\u{df}",
    "ss",
    "O'Brien; --",
    "ünï-🦀",
    UUID,
];

const NUMBERS: [i64; 6] = [i64::MIN, -1, 0, 1, 7, i64::MAX];

fn ids() -> Vec<UserId> {
    NUMBERS.into_iter().map(UserId::from).chain(TEXTS.into_iter().map(UserId::from)).collect()
}

/// Each id is a user of its own, with a token of its own, and the list is in the order of the ids.
async fn every_id_is_a_user_of_its_own(store: &(impl TokenRepository + UserRepository)) {
    let now = Timestamp::from_unix_seconds(1_000);
    store.create_level("member").await.unwrap();
    for (number, id) in ids().into_iter().enumerate() {
        store.create_user(Some(id.clone()), "member").await.unwrap();
        let record = TokenRecord::new(TokenId::new(number as i64), now, Lifetime::hours(1));
        let text = format!("token-{number}");
        store.insert(NewToken { key: TokenKey::new(&text), user: &id, record }).await.unwrap();
    }
    for (number, id) in ids().into_iter().enumerate() {
        let text = format!("token-{number}");
        let found = store.find(TokenKey::new(&text), now).await.unwrap().expect("the token is valid");
        assert_eq!(*found.user(), id);
        assert_eq!(
            store.list_by_user(&id, TokenKinds::ALL, PageRequest::default(), now).await.unwrap().items.len(),
            1,
            "{id:?}"
        );
        let again = store.create_user(Some(id.clone()), "member").await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{id:?}");
    }
    let mut sorted = ids();
    sorted.sort();
    let users = store.users(PageRequest::default()).await.unwrap().items;
    assert_eq!(users.into_iter().map(|user| user.id).collect::<Vec<_>>(), sorted, "integers, then texts byte for byte");
    let long = UserId::from("é".repeat(256));
    assert_eq!(store.create_user(Some(long.clone()), "member").await.unwrap(), long, "512 bytes");
}

/// Ids that are written as they are.
const PLAIN: [(&str, bool); 6] =
    [("7", true), ("-1", true), (UUID, false), ("007", false), ("ünï-🦀", false), ("O'Brien; --", false)];

#[tokio::test]
async fn ids_read_well_and_join_in_postgres() {
    let (store, ()) = postgres::fresh().await;
    every_id_is_a_user_of_its_own(&store).await;
    let pool: &PgPool = store.pool();
    for (id, is_integer) in PLAIN {
        let number = "SELECT number FROM tower_tokens_users WHERE id = $1";
        let number: Option<i64> = sqlx::query_scalar(number).bind(id).fetch_one(pool).await.unwrap();
        assert_eq!(number.map(|number| number.to_string()), is_integer.then(|| id.to_owned()));
    }
    let tables = "CREATE TABLE members (id uuid PRIMARY KEY, number bigint REFERENCES tower_tokens_users (number),
            name text REFERENCES tower_tokens_users (id));
        INSERT INTO members VALUES ('018f4e2a-7c1b-7d32-9a54-0123456789ab', 7, 'O''Brien; --')";
    sqlx::raw_sql(tables).execute(pool).await.unwrap();
    for join in ["t.user_id = m.id::text", "t.user_id = m.number::text", "t.user_id = m.name"] {
        let count = format!("SELECT count(*) FROM members AS m JOIN tower_tokens_tokens AS t ON {join}");
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(pool).await.unwrap();
        assert_eq!(count, 1, "{join}");
    }
}

#[tokio::test]
async fn ids_read_well_and_join_in_mysql() {
    let (store, ()) = mysql::fresh().await;
    every_id_is_a_user_of_its_own(&store).await;
    let pool: &MySqlPool = store.pool();
    for (id, is_integer) in PLAIN {
        let number = "SELECT number FROM tower_tokens_users WHERE id = ?";
        let number: Option<i64> = sqlx::query_scalar(number).bind(id).fetch_one(pool).await.unwrap();
        assert_eq!(number.map(|number| number.to_string()), is_integer.then(|| id.to_owned()));
    }
    let tables = "CREATE TABLE members (id CHAR(36) CHARACTER SET ascii PRIMARY KEY, number BIGINT,
            name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
            FOREIGN KEY (number) REFERENCES tower_tokens_users (number));
        INSERT INTO members VALUES ('018f4e2a-7c1b-7d32-9a54-0123456789ab', 7, 'O''Brien; --')";
    sqlx::raw_sql(tables).execute(pool).await.unwrap();
    for join in ["t.user_id = m.id", "t.user_id = CAST(m.number AS CHAR)", "t.user_id = m.name"] {
        let count = format!("SELECT count(*) FROM members AS m JOIN tower_tokens_tokens AS t ON {join}");
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(pool).await.unwrap();
        assert_eq!(count, 1, "{join}");
    }
}

#[tokio::test]
async fn ids_read_well_and_join_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let store = tower_tokens::repository::SqliteRepository::open(path).await.unwrap();
    every_id_is_a_user_of_its_own(&store).await;
    let pool: &SqlitePool = store.pool();
    for (id, is_integer) in PLAIN {
        let kind = "SELECT typeof(id) FROM tower_tokens_users WHERE CAST(id AS TEXT) = ?1";
        let kind: String = sqlx::query_scalar(kind).bind(id).fetch_one(pool).await.unwrap();
        assert_eq!(kind, if is_integer { "integer" } else { "text" });
    }
    // Not 7: to SQLite an INTEGER column equals the text '007' too.
    let tables = "CREATE TABLE members (id TEXT PRIMARY KEY, number INTEGER REFERENCES tower_tokens_users (id));
        INSERT INTO members VALUES ('018f4e2a-7c1b-7d32-9a54-0123456789ab', -1)";
    sqlx::raw_sql(tables).execute(pool).await.unwrap();
    for join in ["t.user_id = m.id", "t.user_id = m.number"] {
        let count = format!("SELECT count(*) FROM members AS m JOIN tower_tokens_tokens AS t ON {join}");
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(pool).await.unwrap();
        assert_eq!(count, 1, "{join}");
    }
}
