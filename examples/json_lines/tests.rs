//! The store keeps the contract, and its file survives.

use std::io::Write;

use async_trait::async_trait;
use tempfile::TempDir;
use tower_tokens::conformance::StoreUnderTest;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::TokenRepository;
use tower_tokens::token::{Token, TokenKinds};
use tower_tokens::user::UserId;

use super::store::JsonLinesRepository;

/// How the suite makes and changes the users that its tokens belong to.
#[async_trait]
impl StoreUnderTest for JsonLinesRepository {
    async fn add_user(&self, level: &str) -> Result<UserId, Error> {
        self.add_member(level).await
    }

    async fn move_user(&self, user: &UserId, level: &str) -> Result<(), Error> {
        self.move_member(user, level).await
    }

    async fn shut_out_user(&self, user: &UserId, shut_out: bool) -> Result<(), Error> {
        self.shut_out_member(user, shut_out).await
    }

    async fn remove_user(&self, user: &UserId) -> Result<(), Error> {
        self.remove_member(user).await
    }
}

async fn fresh() -> (JsonLinesRepository, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (JsonLinesRepository::open(&directory.path().join("tokens.jsonl")).unwrap(), directory)
}

tower_tokens::repository_conformance!(contract, super::fresh());

async fn names_somebody(store: &JsonLinesRepository, token: &Token) -> bool {
    Tokens::new(store.clone()).validate(token).await.unwrap().is_some()
}

#[tokio::test]
async fn what_was_promised_is_there_when_the_file_is_opened_again() {
    let (store, directory) = fresh().await;
    let path = directory.path().join("tokens.jsonl");
    let member = store.add_member("member").await.unwrap();
    let tokens = Tokens::new(store);
    let kept = tokens.generate(&member).name("phone").await.unwrap();
    let ended = tokens.generate(&member).await.unwrap();
    let old = tokens.generate(&member).await.unwrap();
    let new = tokens.regenerate(old.token()).await.unwrap();
    assert!(tokens.destroy(ended.token()).await.unwrap());
    drop(tokens);

    let file = std::fs::read_to_string(&path).unwrap();
    assert!(!file.contains(kept.token().expose_secret()), "the file holds digests");
    let store = JsonLinesRepository::open(&path).unwrap();
    assert!(names_somebody(&store, kept.token()).await);
    assert!(names_somebody(&store, new.token()).await);
    assert!(!names_somebody(&store, ended.token()).await);
    assert!(!names_somebody(&store, old.token()).await);
}

#[tokio::test]
async fn half_a_line_is_none_and_a_line_that_says_nothing_is_corrupt() {
    let (store, directory) = fresh().await;
    let path = directory.path().join("tokens.jsonl");
    let member = store.add_member("member").await.unwrap();
    let issued = Tokens::new(store).generate(&member).await.unwrap();
    let write = |text: &str| {
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    write(r#"{"ended":{"dig"#);
    let store = JsonLinesRepository::open(&path).unwrap();
    assert!(names_somebody(&store, issued.token()).await);
    assert_eq!(store.delete_by_user(&member, TokenKinds::ALL, None).await.unwrap(), 1, "the next line takes its place");
    assert!(!names_somebody(&JsonLinesRepository::open(&path).unwrap(), issued.token()).await);

    write("{\"ended\":\n");
    assert_eq!(JsonLinesRepository::open(&path).unwrap_err().kind(), ErrorKind::Corrupt);
}
