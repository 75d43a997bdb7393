//! Floor 2, where tokens live: the contract [`TokenRepository`], its companion [`UserRepository`], and our stores.
//!
//! | file | role |
//! |---|---|
//! | `contract` | [`TokenRepository`], the ten clauses every store keeps |
//! | `users` | [`UserRepository`]: users and levels, for applications without a user table of their own |
//! | `forward` | the contract through `Arc` and `Box` |
//! | `memory` | [`MemoryRepository`]: lock-free reads, gone with the process |
//! | `sqlite` | `SqliteRepository`: an embedded database (feature `sqlite`) |
//! | `faulty` | `FaultyRepository`: fails, delays or hangs on command, for tests (feature `test-util`) |

mod contract;
#[cfg(feature = "test-util")]
mod faulty;
mod forward;
mod memory;
mod page;
#[cfg(feature = "sqlite")]
mod sqlite;
mod users;

pub use contract::{NewToken, Regenerated, Replacement, TokenRepository};
#[cfg(feature = "test-util")]
pub use faulty::FaultyRepository;
pub use memory::MemoryRepository;
pub use page::{Page, PageRequest};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRepository;
pub use users::{User, UserRepository};
