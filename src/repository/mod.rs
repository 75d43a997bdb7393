//! Floor 4, where tokens live: the contract [`TokenRepository`], its companion [`UserRepository`], and our stores.
//!
//! | file | role |
//! |---|---|
//! | `contract` | [`TokenRepository`], the ten clauses every store keeps |
//! | `users` | [`UserRepository`]: users and levels, for applications without a user table of their own |
//! | `forward` | the contract through `Arc` and `Box` |
//! | `cache` | [`Cache`], [`CachedRepository`]: a cache in front of any store |
//! | `bus` | [`ChangeBus`]: what carries changes to the caches of all nodes |
//! | `memory` | [`MemoryRepository`]: lock-free reads, gone with the process |
//! | `packed`, `keyed_hash` | what the store in memory and a cache keep of a token, and under what |
//! | `sqlite` | `SqliteRepository`: an embedded database (feature `sqlite`) |
//! | `trongate` | `TrongateRepository`: the tables of a running Trongate site (feature `trongate`) |
//! | `postgres` | `PostgresRepository`: PostgreSQL (feature `postgres`) |
//! | `mysql` | `MySqlRepository`: MySQL and MariaDB (feature `mysql`) |
//! | `redis` | `RedisRepository`: Redis; `RedisBus`: a bus beside another store (feature `redis`) |
//! | `sql` | `SqlRepository`: the one store behind those of SQLite, PostgreSQL and MySQL |
//! | `faulty` | `FaultyRepository`: fails, delays or hangs on command, for tests (feature `test-util`) |
//!
//! A store is opened with `open` or `connect`, or gets a pool of the application's with `with_pool`. A store that makes
//! tables of its own makes them, or brings them up to date, in `migrate`: call it when the application starts.
//! `SqliteRepository` calls it by itself, except for an application's own users.
//!
//! An application seldom calls a repository's token methods: it hands the repository to
//! [`Tokens`](crate::lifecycle::Tokens), and keeps an `Arc` of it if it manages users through [`UserRepository`].
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use tower_tokens::repository::{MemoryRepository, PageRequest, UserRepository};
//! use tower_tokens::lifecycle::Tokens;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let repository = Arc::new(MemoryRepository::new());
//! let tokens = Tokens::new(repository.clone());
//!
//! repository.create_level("member").await?;
//! let user = repository.create_user(None, "member").await?;
//! let issued = tokens.generate(&user).await?;
//! assert_eq!(repository.users(PageRequest::default()).await?.items[0].id, user);
//!
//! repository.set_disabled(&user, true).await?;
//! assert!(tokens.validate(issued.token()).await?.is_none());
//! # Ok::<(), tower_tokens::error::Error>(())
//! # }).unwrap();
//! ```

mod bus;
mod cache;
mod contract;
#[cfg(feature = "test-util")]
mod faulty;
mod forward;
mod keyed_hash;
mod memory;
#[cfg(feature = "mysql")]
mod mysql;
mod packed;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql", feature = "trongate"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "trongate")]
mod trongate;
mod users;

#[cfg(feature = "redis")]
pub use self::redis::{EvictingPolicy, RedisBus, RedisRepository};
pub use crate::user::Found;

pub use bus::{ChangeBus, ChangeSubscription, Notice, Subject};
pub use cache::{Cache, CacheStatistics, CachedRepository, RepositoryExt};
pub use contract::{
    Ended, Lookup, NewToken, PRUNING_MARGIN, Regenerated, Replacement, Rotation, Supersession, TokenRepository,
    prunable_end,
};
#[cfg(feature = "test-util")]
pub use faulty::FaultyRepository;
pub use memory::MemoryRepository;
#[cfg(feature = "mysql")]
pub use mysql::{MySql, MySqlRepository};
pub use page::{Page, PageRequest};
#[cfg(feature = "postgres")]
pub use postgres::{Postgres, PostgresRepository};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use sql::{OurUsers, OwnUsers, SqlRepository, UserTable};
#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, SqliteRepository, WriteTransaction};
#[cfg(feature = "trongate")]
pub use trongate::{MissingIndex, TrongateRepository};
pub use users::{User, UserRepository};
