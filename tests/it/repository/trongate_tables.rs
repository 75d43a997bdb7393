//! Trongate's tables as they are found in the field: nulls, doubles, other collations, no index.

use std::str::FromStr;
use std::time::Duration;

use sqlx::Row;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{NewToken, PRUNING_MARGIN, Replacement, TokenRepository, TrongateRepository};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::trongate_site::TrongateSite;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
const TOKEN: &str = "Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv";

async fn finds(repository: &TrongateRepository, token: &str) -> Option<(i64, i64, String)> {
    let found = repository.find(TokenKey::new(token), NOW).await.unwrap()?;
    Some((found.user().as_integer().unwrap(), found.level().id(), found.level().title().to_owned()))
}

#[tokio::test]
async fn a_token_that_php_made_names_its_user_at_the_present_level() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let admin = site.add_user(1).await;
    site.add_token(TOKEN, admin, NOW.unix_seconds() + 86_400).await;
    assert_eq!(finds(&repository, TOKEN).await, Some((admin, 1, "admin".to_owned())));
    site.run("UPDATE trongate_users SET user_level_id = 2").await;
    assert_eq!(finds(&repository, TOKEN).await, Some((admin, 2, "member".to_owned())));
}

#[tokio::test]
async fn nulls_neither_break_anything_nor_let_anybody_in() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let user = site.add_user(2).await;
    site.run(
        "INSERT INTO trongate_users (id, code, user_level_id) VALUES (50, NULL, NULL), (51, NULL, 0), (52, NULL, 9)",
    )
    .await;
    site.run("INSERT INTO trongate_user_levels (id, level_title) VALUES (3, NULL)").await;
    site.run("INSERT INTO trongate_users (id, user_level_id) VALUES (53, 3)").await;
    site.run(
        "INSERT INTO trongate_tokens (token, user_id, expiry_date, code) VALUES
        (NULL, NULL, NULL, NULL),
        (NULL, 1, 2000000000, '0'),
        ('', 1, 2000000000, '0'),
        ('no-end', 1, NULL, '0'),
        ('no-user', NULL, 2000000000, '0'),
        ('user-0', 0, 2000000000, '0'),
        ('user-gone', 4711, 2000000000, '0'),
        ('level-null', 50, 2000000000, '0'),
        ('level-0', 51, 2000000000, '0'),
        ('level-gone', 52, 2000000000, '0'),
        ('no-title', 53, 2000000000, '0'),
        ('no-code', 1, 2000000000, NULL)",
    )
    .await;
    for invalid in
        ["", "NULL", "no-end", "no-user", "user-0", "user-gone", "level-null", "level-0", "level-gone", "null"]
    {
        assert_eq!(finds(&repository, invalid).await, None, "{invalid}");
    }
    assert_eq!(finds(&repository, "no-title").await, Some((53, 3, String::new())), "which no rule by title allows");
    assert_eq!(finds(&repository, "no-code").await, Some((user, 2, "member".to_owned())));

    let listed = repository.list_by_user(&UserId::from(user), TokenKinds::ALL, Default::default(), NOW).await.unwrap();
    assert_eq!(listed.items.len(), 2, "the empty token and the one without a code; none without a token or an end");
    assert_eq!(repository.delete_expired(NOW, 100).await.unwrap(), 0, "a row without an end is left to the site");
    assert_eq!(repository.delete_by_user(&UserId::from(user), TokenKinds::ALL, None).await.unwrap(), 4);
}

#[tokio::test]
async fn tokens_are_compared_byte_for_byte_with_and_without_the_index() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let user = site.add_user(2).await;
    let end = NOW.unix_seconds() + 60;
    site.add_token(TOKEN, user, end).await;
    for _ in 0..2 {
        for other in [TOKEN.to_lowercase(), TOKEN.to_uppercase(), format!("{TOKEN} ")] {
            assert!(site.accepts(&other, NOW.unix_seconds()).await, "Trongate takes {other:?}");
            assert_eq!(finds(&repository, &other).await, None, "{other:?}");
            assert!(repository.delete(TokenKey::new(&other)).await.unwrap().is_none(), "{other:?}");
        }
        assert!(finds(&repository, TOKEN).await.is_some());
        repository.create_index().await.unwrap();
    }
    // Two users' tokens that differ in case alone are two tokens.
    let other = site.add_user(1).await;
    site.add_token(&TOKEN.to_lowercase(), other, end).await;
    assert_eq!(finds(&repository, TOKEN).await.unwrap().0, user);
    assert_eq!(finds(&repository, &TOKEN.to_lowercase()).await.unwrap().0, other);
}

#[tokio::test]
async fn other_character_sets_and_collations_work_too() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let user = site.add_user(2).await;
    repository.create_index().await.unwrap();
    site.add_token(TOKEN, user, NOW.unix_seconds() + 60).await;
    for charset in ["latin1 COLLATE latin1_swedish_ci", "utf8mb3", "utf8mb4 COLLATE utf8mb4_unicode_ci"] {
        site.run(&format!("ALTER TABLE trongate_tokens CONVERT TO CHARACTER SET {charset}")).await;
        let repository = site.repository().await;
        assert!(finds(&repository, TOKEN).await.is_some(), "{charset}");
        assert!(finds(&repository, &TOKEN.to_lowercase()).await.is_none(), "{charset}");
        let issued = Tokens::new(repository.clone()).generate(user).code("abc").await.unwrap();
        assert_eq!(issued.record().code(), Some("abc"));
        assert!(repository.delete(issued.token().key()).await.unwrap().is_some(), "{charset}");
    }
}

#[tokio::test]
async fn one_token_of_two_users_has_no_users() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let (user, other) = (site.add_user(2).await, site.add_user(1).await);
    for (user, end) in [(user, 60), (user, 90)] {
        site.add_token(TOKEN, user, NOW.unix_seconds() + end).await;
    }
    assert_eq!(finds(&repository, TOKEN).await.unwrap().0, user, "twice the same is the same");
    site.add_token("Other", other, NOW.unix_seconds() + 60).await;
    site.run("UPDATE trongate_tokens SET token = 'Twin' WHERE id IN (2, 3)").await;
    let error = repository.find(TokenKey::new("Twin"), NOW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error:?}").contains("Twin"));
    assert!(repository.delete(TokenKey::new("Twin")).await.unwrap().is_some());
    assert_eq!(finds(&repository, "Twin").await, None, "both are gone");
}

#[tokio::test]
async fn a_token_made_here_is_one_that_php_takes() {
    let site = TrongateSite::new().await;
    let user = site.add_user(2).await;
    let tokens = Tokens::new(site.repository().await).with_touch_interval(None);
    let issued = tokens.generate(user).await.unwrap();
    let text = issued.token().expose_secret();
    assert_eq!(text.len(), 32, "Trongate's regenerate takes no other length");
    assert!(text.bytes().all(|byte| b"23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ".contains(&byte)));
    let row = sqlx::query("SELECT token, user_id, expiry_date, code FROM trongate_tokens").fetch_one(&site.pool).await;
    let row = row.unwrap();
    assert_eq!((row.get::<String, _>(0), i64::from(row.get::<i32, _>(1))), (text.to_owned(), user));
    let end = issued.expires_at().at().unwrap().unix_seconds();
    assert_eq!((i64::from(row.get::<i32, _>(2)), row.get::<String, _>(3)), (end, "0".to_owned()));
    assert!(site.accepts(text, end - 1).await && !site.accepts(text, end).await);

    site.run("DELETE FROM trongate_tokens").await;
    assert!(tokens.validate(issued.token()).await.unwrap().is_none(), "a logout in PHP ends it here");
}

#[tokio::test]
async fn the_missing_index_is_reported_with_the_statement_and_made_on_request_only() {
    let site = TrongateSite::new().await;
    let schema = async || {
        let row = sqlx::query("SHOW CREATE TABLE trongate_tokens").fetch_one(&site.pool).await.unwrap();
        row.get::<String, _>(1)
    };
    let before = schema().await;
    let repository = site.repository().await;
    let missing = repository.check().await.unwrap().expect("Trongate makes no index");
    assert!(missing.to_string().contains(missing.statement()));
    let tokens = Tokens::new(repository.clone());
    let user = site.add_user(2).await;
    let issued = tokens.generate(user).await.unwrap();
    tokens.validate(issued.token()).await.unwrap();
    tokens.prune().await.unwrap();
    assert_eq!(schema().await.split(" AUTO_INCREMENT").next(), before.split(" AUTO_INCREMENT").next());
    assert_eq!(schema().await.matches("KEY").count(), 1, "nothing was altered unasked");

    site.run(missing.statement()).await;
    assert_eq!(repository.check().await.unwrap(), None, "the statement is the one that helps");
    assert!(!repository.create_index().await.unwrap());
    site.run("DROP INDEX trongate_tokens_token ON trongate_tokens").await;
    let (one, two) = tokio::join!(repository.create_index(), repository.create_index());
    assert!(one.unwrap() | two.unwrap());
    assert_eq!(repository.check().await.unwrap(), None);
}

#[tokio::test]
async fn the_index_can_be_made_on_a_table_of_another_engine() {
    for engine in ["MyISAM", "InnoDB"] {
        let site = TrongateSite::new().await;
        site.run(&format!("ALTER TABLE trongate_tokens ENGINE = {engine}")).await;
        let repository = site.repository().await;
        let missing = repository.check().await.unwrap().expect("Trongate makes no index");
        assert_eq!(missing.statement().contains("LOCK = NONE"), engine == "InnoDB", "{}", missing.statement());
        assert!(repository.create_index().await.unwrap(), "{engine}");
        assert_eq!(repository.check().await.unwrap(), None, "{engine}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_trongates_is_refused_by_name() {
    let site = TrongateSite::new().await;
    site.run("ALTER TABLE trongate_tokens DROP COLUMN code").await;
    let error = TrongateRepository::connect(&site.url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(format!("{error:?}").contains("trongate_tokens.code"));
    let error = TrongateRepository::connect("mysql://no user").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn an_error_of_the_database_never_quotes_a_token() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let user = UserId::from(site.add_user(2).await);
    site.run("CREATE UNIQUE INDEX one ON trongate_tokens (token)").await;
    site.add_token(&TOKEN.to_lowercase(), 1, 2_000_000_000).await;
    let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::hours(1));
    let new = NewToken { key: TokenKey::new(TOKEN), user: &user, record };
    let error = repository.insert(new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "the site's own unique index ignores case");
    assert!(!format!("{error:?}").to_lowercase().contains(&TOKEN.to_lowercase()), "{error:?}");
}

/// A row that is locked stands for a site at work: a statement that locks what it looks through would wait for it.
#[tokio::test]
async fn without_the_index_no_statement_waits_for_a_row_that_is_not_its_own() {
    let site = TrongateSite::new().await;
    let repository = site.repository().await;
    let (user, other) = (site.add_user(2).await, site.add_user(2).await);
    for (token, user, end) in [("A", user, 60), ("Locked", other, 60), ("B", user, 60), ("Ended", user, -60)] {
        site.add_token(token, user, NOW.unix_seconds() + end).await;
    }
    let mut site_at_work = site.pool.begin().await.unwrap();
    let lock = sqlx::query("SELECT id FROM trongate_tokens WHERE id = 2 FOR UPDATE");
    lock.fetch_one(&mut *site_at_work).await.unwrap();
    let work = async {
        let (old, new, lifetime) = (TokenKey::new("A"), TokenKey::new("C"), Lifetime::hours(1));
        repository
            .replace(Replacement {
                old,
                new,
                limits: NewLimits::FreshStart(lifetime),
                authenticated_at: None,
                now: NOW,
            })
            .await
            .unwrap()
            .expect("it is valid");
        assert!(repository.delete(TokenKey::new("B")).await.unwrap().is_some());
        assert_eq!(
            repository.delete_expired(NOW + PRUNING_MARGIN + time::Duration::seconds(-60), 10).await.unwrap(),
            1
        );
        let record = TokenRecord::new(TokenId::new(1), NOW, lifetime);
        let user = UserId::from(user);
        repository.insert(NewToken { key: TokenKey::new("D"), user: &user, record }).await.unwrap();
        assert_eq!(repository.delete_by_user(&user, TokenKinds::ALL, None).await.unwrap(), 2);
    };
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("nothing waits");
    site_at_work.rollback().await.unwrap();
    assert!(finds(&repository, "Locked").await.is_some());
}

#[tokio::test]
async fn with_the_index_no_statement_reads_the_whole_table() {
    const ROWS: i64 = 900;
    let site = TrongateSite::new().await;
    site.add_user(2).await;
    site.run(
        "INSERT INTO trongate_tokens (token, user_id, expiry_date) WITH RECURSIVE n (i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT CONCAT('Token-', i), 1, 2000000000 FROM n",
    )
    .await;
    // One connection, so that its counters are those of the statements between two looks at them.
    let options = MySqlConnectOptions::from_str(&site.url).unwrap();
    let pool =
        MySqlPoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options).await.unwrap();
    let repository = TrongateRepository::with_pool(pool).await.unwrap();
    for has_index in [false, true] {
        if has_index {
            repository.create_index().await.unwrap();
            site.run("ANALYZE TABLE trongate_tokens").await;
        }
        let user = UserId::from(1);
        let (old, new) = (TokenKey::new("Token-450"), TokenKey::new("Token-new"));
        let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::hours(1));
        let mut reads = vec![rows_read(&repository).await];
        assert!(repository.find(old, NOW).await.unwrap().is_some());
        reads.push(rows_read(&repository).await);
        let replacement = Replacement {
            old,
            new,
            limits: NewLimits::FreshStart(Lifetime::hours(1)),
            authenticated_at: None,
            now: NOW,
        };
        assert!(repository.replace(replacement).await.unwrap().is_some());
        reads.push(rows_read(&repository).await);
        assert!(repository.delete(new).await.unwrap().is_some());
        reads.push(rows_read(&repository).await);
        repository.insert(NewToken { key: old, user: &user, record }).await.unwrap();
        reads.push(rows_read(&repository).await);
        for (name, pair) in ["find", "replace", "delete", "insert"].iter().zip(reads.windows(2)) {
            let read = pair[1] - pair[0];
            assert_eq!(read < 50, has_index, "{name} read {read} of {ROWS} rows; index: {has_index}");
        }
    }
}

/// How many rows the connection has read so far, by whatever way.
async fn rows_read(repository: &TrongateRepository) -> i64 {
    let status =
        sqlx::query("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'").fetch_all(repository.pool()).await.unwrap();
    status.iter().map(|row| row.get::<String, _>(1).parse::<i64>().unwrap()).sum()
}
