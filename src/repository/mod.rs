//! Floor 2, where tokens live: the contract [`TokenRepository`], its companion [`UserRepository`], and our stores.
//!
//! | file | role |
//! |---|---|
//! | `contract` | [`TokenRepository`], the ten clauses every store keeps |
//! | `users` | [`UserRepository`]: users and levels, for applications without a user table of their own |
//! | `forward` | the contract through `Arc` and `Box` |
//! | `memory` | [`MemoryRepository`]: lock-free reads, gone with the process |
//! | `sqlite` | `SqliteRepository`: an embedded database |

mod contract;
mod forward;
mod memory;
mod page;
mod users;

pub use contract::{NewToken, Regenerated, Replacement, TokenRepository};
pub use memory::MemoryRepository;
pub use page::{Page, PageRequest};
pub use users::{User, UserRepository};
