//! A cache in front of a store: a look-up that was answered once is answered from this process's memory afterwards.
//!
//! | file | role |
//! |---|---|
//! | `settings` | [`Cache`]: how much is kept, for how long, and what tells of changes |
//! | `cached` | [`CachedRepository`]: the contract with the cache in front; [`RepositoryExt`] |
//! | `verbs` | changes of tokens and users, each with what it makes stale |
//! | `entries` | what is kept, and what gives way when it is full |
//! | `changes` | which entries are older than the last change of their user or token |
//! | `listen` | receives changes from a bus |
//! | `link` | the bus, and the task that listens to it |
//! | `lease` | until when the cache may be used |
//! | `ask`, `questions` | one look-up for all that ask for the same token |
//! | `shared` | what the clones of a [`CachedRepository`] have in common |
//! | `simulation`, `node_simulation` | searches for stale answers, on one node and on several (tests) |
//! | `statistics`, `metrics` | numbers for operators; the same through the crate `metrics` (feature `metrics`) |
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
mod lease;
mod link;
mod listen;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(test)]
mod node_simulation;
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
