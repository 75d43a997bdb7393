//! Tokens in this process's memory: [`MemoryRepository`].
//!
//! | file | role |
//! |---|---|
//! | `store` | what it holds, and how a reader sees it |
//! | `tokens` | the clauses of the contract |
//! | `users` | users and levels |

mod store;
mod tokens;
mod users;

pub use store::MemoryRepository;
