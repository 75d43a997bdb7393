//! How much one token may hold, and how many tokens one user may have.

use std::sync::Arc;

use time::Duration;
use tokio::task::JoinSet;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{PageRequest, SqliteRepository, UserRepository};
use tower_tokens::token::{Lifetime, Token, TokenRecord};
use tower_tokens::user::UserId;

use crate::site::Site;

async fn count(tokens: &Tokens, user: &UserId) -> usize {
    let (mut request, mut total) = (PageRequest::first(1_000), 0);
    loop {
        let page = tokens.list(user, request).await.unwrap();
        total += page.items.len();
        match page.next {
            Some(next) => request = next,
            None => return total,
        }
    }
}

async fn generate(tokens: &Tokens, user: &UserId, lifetime: Lifetime) -> Token {
    tokens.generate(user).lifetime(lifetime).await.unwrap().token().clone()
}

async fn is_valid(tokens: &Tokens, token: &Token) -> bool {
    tokens.validate(token).await.unwrap().is_some()
}

#[tokio::test]
async fn a_name_or_code_of_400_kilobytes_is_refused() {
    let site = Site::new().await;
    let long = "Mozilla/5.0 ".repeat(34_000);
    let error = site.tokens.generate(&site.member).name(long.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(format!("{error:?}").contains("the name of a token has at most 512 bytes, not 408000"), "{error:?}");
    let error = site.tokens.generate(&site.member).code(long.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(count(&site.tokens, &site.member).await, 0, "nothing was stored");
    let issued = site.tokens.generate(&site.member).shortened_name(&long).await.unwrap();
    assert_eq!(issued.record().name(), Some(&long[..TokenRecord::MAX_NAME_BYTES]));
}

#[tokio::test]
async fn a_name_is_shortened_between_two_characters() {
    let site = Site::new().await;
    for (name, expected) in [("Firefox", 7), (&*"x".repeat(512), 512), (&*"🦀é".repeat(200), 510), ("", 0)] {
        let issued = site.tokens.generate(&site.member).shortened_name(name).await.unwrap();
        assert_eq!(issued.record().name(), Some(&name[..expected]));
    }
}

#[tokio::test]
async fn a_script_that_logs_in_in_a_loop_fills_no_store_and_locks_no_user_out() {
    let site = Site::new().await;
    let first = generate(&site.tokens, &site.member, Lifetime::days(1)).await;
    let other = generate(&site.tokens, &site.admin, Lifetime::days(1)).await;
    let mut last = first.clone();
    for _ in 0..1_100 {
        site.clock.advance(Duration::SECOND);
        last = generate(&site.tokens, &site.member, Lifetime::days(1)).await;
        assert!(is_valid(&site.tokens, &last).await);
    }
    assert_eq!(count(&site.tokens, &site.member).await, 1_000);
    assert!(!is_valid(&site.tokens, &first).await, "the first to end gave way");
    assert!(is_valid(&site.tokens, &last).await);
    assert!(is_valid(&site.tokens, &other).await, "another user's are another user's");
    let unbounded = site.tokens.clone().with_max_tokens_per_user(None);
    for _ in 0..10 {
        generate(&unbounded, &site.member, Lifetime::days(1)).await;
    }
    assert_eq!(count(&site.tokens, &site.member).await, 1_010, "who wants no bound has none");
}

#[tokio::test]
async fn what_would_end_first_gives_way_and_what_never_ends_does_not() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_max_tokens_per_user(Some(4));
    let script = generate(&tokens, &site.member, Lifetime::never_expires()).await;
    let phone = generate(&tokens, &site.member, Lifetime::days(365)).await;
    for _ in 0..20 {
        site.clock.advance(Duration::SECOND);
        let login = generate(&tokens, &site.member, Lifetime::hours(1)).await;
        assert!(is_valid(&tokens, &login).await, "the new one is there to be used");
    }
    assert_eq!(count(&tokens, &site.member).await, 4);
    assert!(is_valid(&tokens, &script).await && is_valid(&tokens, &phone).await, "older, and more lasting");
    site.clock.advance(Duration::hours(2));
    generate(&tokens, &site.member, Lifetime::hours(1)).await;
    assert_eq!(count(&tokens, &site.member).await, 3, "what has ended takes no place");
}

#[tokio::test]
async fn one_more_token_that_never_ends_is_refused_and_a_login_is_not() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_max_tokens_per_user(Some(3));
    let mut scripts = Vec::new();
    for _ in 0..3 {
        scripts.push(generate(&tokens, &site.member, Lifetime::never_expires()).await);
    }
    let error = tokens.generate(&site.member).lifetime(Lifetime::never_expires()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyTokens);
    assert!(!error.is_outage());
    assert_eq!(count(&tokens, &site.member).await, 3, "what was refused is not there");
    let first = generate(&tokens, &site.member, Lifetime::hours(1)).await;
    assert!(is_valid(&tokens, &first).await, "the user is not locked out");
    let second = generate(&tokens, &site.member, Lifetime::hours(1)).await;
    assert!(!is_valid(&tokens, &first).await && is_valid(&tokens, &second).await);
    assert_eq!(count(&tokens, &site.member).await, 4, "one beside those that never end");
    for script in &scripts {
        assert!(is_valid(&tokens, script).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_at_the_same_time_keep_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap());
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&store)).with_max_tokens_per_user(Some(10));
    let mut logins = JoinSet::new();
    for _ in 0..40 {
        let (tokens, user) = (tokens.clone(), user.clone());
        logins.spawn(async move { generate(&tokens, &user, Lifetime::hours(1)).await });
    }
    logins.join_all().await;
    let last = generate(&tokens, &user, Lifetime::hours(2)).await;
    assert_eq!(count(&tokens, &user).await, 10);
    assert!(is_valid(&tokens, &last).await);
}

#[tokio::test]
async fn a_long_name_that_somebody_else_wrote_is_read_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap());
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&store));
    let issued = tokens.generate(&user).await.unwrap();
    let long = "x".repeat(20_000);
    let write = sqlx::query("UPDATE tower_tokens_tokens SET name = ?1, code = ?1").bind(&long);
    write.execute(store.pool()).await.unwrap();
    let found = tokens.validate(issued.token()).await.unwrap().unwrap();
    assert_eq!((found.token().name(), found.token().code()), (Some(&*long), Some(&*long)));
    let renewed = tokens.regenerate(issued.token()).await.unwrap();
    assert!(is_valid(&tokens, renewed.token()).await);
}
