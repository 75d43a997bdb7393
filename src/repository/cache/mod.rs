//! A cache in front of a store: a look-up that was answered once is answered from this process's memory afterwards.
//!
//! | file | role |
//! |---|---|
//! | `settings` | [`Cache`]: how much is kept and for how long |
//! | `cached` | [`CachedRepository`]: the contract with the cache in front; [`RepositoryExt`] |
//! | `verbs` | changes of tokens and users, each with what it makes stale |
//! | `entries` | what is kept, and what gives way when it is full |
//! | `changes` | which entries are older than the last change of their user or token |
//! | `ask`, `questions` | one look-up for all that ask for the same token |
//! | `shared` | what the clones of a [`CachedRepository`] have in common |
//! | `simulation` | a search for stale answers (tests) |
//! | `statistics` | numbers for operators |
//!
//! # Example
//! ```
//! use tower_tokens::lifecycle::Tokens;
//! use tower_tokens::repository::{Cache, MemoryRepository, RepositoryExt, UserRepository};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let store = MemoryRepository::new();
//! let repository = store.cached(Cache::for_one_process());
//! repository.create_level("member").await?;
//! let user = repository.create_user(None, "member").await?;
//! let tokens = Tokens::new(repository.clone());
//!
//! let issued = tokens.generate(&user).await?;
//! for _ in 0..100 {
//!     assert!(tokens.validate(issued.token()).await?.is_some());
//! }
//! assert_eq!(repository.statistics().look_ups, 1);
//!
//! repository.set_disabled(&user, true).await?;
//! assert!(tokens.validate(issued.token()).await?.is_none());
//! # Ok::<(), tower_tokens::error::Error>(())
//! # }).unwrap();
//! ```

mod ask;
mod cached;
mod changes;
mod entries;
mod questions;
mod settings;
mod shared;
#[cfg(test)]
mod simulation;
mod statistics;
mod verbs;

pub use cached::{CachedRepository, RepositoryExt};
pub use settings::Cache;
pub use statistics::CacheStatistics;
