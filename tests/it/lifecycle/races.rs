//! Of many that race for one token exactly one wins, in every store.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, SqliteRepository, UserRepository};
use tower_tokens::token::Token;
use tower_tokens::user::UserId;

const RACERS: usize = 20;

async fn stores() -> (Vec<(&'static str, Tokens, UserId)>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    let memory = Arc::new(MemoryRepository::new());
    sqlite.create_level("member").await.unwrap();
    memory.create_level("member").await.unwrap();
    let (in_sqlite, in_memory) =
        (sqlite.create_user(None, "member").await.unwrap(), memory.create_user(None, "member").await.unwrap());
    (vec![("memory", Tokens::new(memory), in_memory), ("sqlite", Tokens::new(sqlite), in_sqlite)], directory)
}

/// Lets all racers go at once and gives what each got.
async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    tokens: &Tokens,
    token: &Token,
    run: impl Fn(Tokens, Token) -> F,
) -> Vec<T> {
    let (start, mut racers) = (Arc::new(Barrier::new(RACERS)), JoinSet::new());
    for _ in 0..RACERS {
        let (start, run) = (Arc::clone(&start), run(tokens.clone(), token.clone()));
        racers.spawn(async move {
            start.wait().await;
            run.await
        });
    }
    racers.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_regeneration_wins_and_for_the_others_the_token_is_invalid() {
    let (stores, _directory) = stores().await;
    for (name, tokens, user) in stores {
        for _ in 0..5 {
            let old = tokens.generate(&user).await.unwrap();
            let results =
                race(&tokens, old.token(), async |tokens: Tokens, token| tokens.regenerate(&token).await).await;
            let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "{name}");
            assert!(lost.into_iter().all(|lost| lost.unwrap_err().kind() == ErrorKind::InvalidToken), "{name}");
            let new = won.into_iter().next().unwrap().unwrap();
            assert!(tokens.validate(old.token()).await.unwrap().is_none(), "{name}");
            assert!(tokens.validate(new.token()).await.unwrap().is_some(), "{name}");
            assert_eq!(new.record().id(), old.record().id(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_destruction_finds_the_token() {
    let (stores, _directory) = stores().await;
    for (name, tokens, user) in stores {
        let token = tokens.generate(&user).await.unwrap();
        let found =
            race(&tokens, token.token(), async |tokens: Tokens, token| tokens.destroy(&token).await.unwrap()).await;
        assert_eq!(found.into_iter().filter(|found| *found).count(), 1, "{name}");
        assert!(tokens.validate(token.token()).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_faster_a_logout_everywhere_leaves_no_regenerated_token_behind() {
    let (stores, _directory) = stores().await;
    for (name, tokens, user) in stores {
        for _ in 0..5 {
            let old = tokens.generate(&user).await.unwrap();
            let (regenerated, ended) = tokio::join!(tokens.regenerate(old.token()), tokens.destroy_all(&user));
            assert_eq!(ended.unwrap(), 1, "the one or the other, {name}");
            if let Ok(new) = regenerated {
                assert!(tokens.validate(new.token()).await.unwrap().is_none(), "{name}");
            }
        }
    }
}
