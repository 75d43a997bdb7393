//! The suite, run against every store and every way to wrap one.

use std::sync::Arc;

use sqlx::sqlite::SqlitePoolOptions;
use tempfile::TempDir;
use tower_tokens::conformance::an_outage_is_an_error_and_never_none;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, SqliteRepository, TokenRepository, UserRepository};

use crate::repository::mutants::{Flaw, Mutant};

/// Both traits behind one pointer.
trait Store: TokenRepository + UserRepository {}
impl<R: TokenRepository + UserRepository> Store for R {}

async fn memory() -> (MemoryRepository, ()) {
    (MemoryRepository::new(), ())
}

async fn shared() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryRepository::new()), ())
}

async fn boxed() -> (Box<dyn Store>, ()) {
    (Box::new(MemoryRepository::new()), ())
}

async fn faulty() -> (FaultyRepository<MemoryRepository>, ()) {
    (FaultyRepository::new(MemoryRepository::new()).without_find_now(), ())
}

async fn sqlite() -> (SqliteRepository, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let repository = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    (repository, directory)
}

/// A pool of the application's own, with a single connection that everybody has to share.
async fn sqlite_with_one_connection() -> (SqliteRepository, ()) {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    (SqliteRepository::with_pool(pool).await.unwrap(), ())
}

/// A store that implements `TokenRepository` alone, as an application with a user table of its own has it.
async fn own_users() -> (Mutant, ()) {
    (Mutant::new(Flaw::None), ())
}

tower_tokens::repository_conformance!(memory_tokens, super::memory());
tower_tokens::family_conformance!(memory_families, super::memory());
tower_tokens::user_repository_conformance!(memory_users, super::memory());
tower_tokens::repository_conformance!(shared_dyn_tokens, super::shared());
tower_tokens::family_conformance!(shared_dyn_families, super::shared());
tower_tokens::user_repository_conformance!(shared_dyn_users, super::shared());
tower_tokens::repository_conformance!(boxed_dyn_tokens, super::boxed());
tower_tokens::family_conformance!(boxed_dyn_families, super::boxed());
tower_tokens::user_repository_conformance!(boxed_dyn_users, super::boxed());
tower_tokens::repository_conformance!(faulty_tokens, super::faulty());
tower_tokens::family_conformance!(faulty_families, super::faulty());
tower_tokens::user_repository_conformance!(faulty_users, super::faulty());
tower_tokens::repository_conformance!(sqlite_tokens, super::sqlite());
tower_tokens::family_conformance!(sqlite_families, super::sqlite());
tower_tokens::user_repository_conformance!(sqlite_users, super::sqlite());
tower_tokens::repository_conformance!(one_connection_tokens, super::sqlite_with_one_connection());
tower_tokens::family_conformance!(one_connection_families, super::sqlite_with_one_connection());
tower_tokens::user_repository_conformance!(one_connection_users, super::sqlite_with_one_connection());
tower_tokens::repository_conformance!(own_users_tokens, super::own_users());

#[tokio::test]
async fn an_outage_of_sqlite_is_an_error_and_never_none() {
    let (store, _directory) = sqlite().await;
    an_outage_is_an_error_and_never_none(store, async |store| store.pool().close().await).await;
}

#[tokio::test]
async fn an_outage_on_command_is_an_error_and_never_none() {
    let store = FaultyRepository::new(MemoryRepository::new());
    an_outage_is_an_error_and_never_none(store, async |store| store.fail()).await;
}
