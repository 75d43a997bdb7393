//! The usual types in one import: `use tower_tokens::prelude::*`.
//!
//! # Example
//! ```
//! use tower_tokens::prelude::*;
//!
//! let policy = SecurityPolicy::new().scenario("members area", any_level(["member", "admin"]));
//! let layer = TokenAuthLayer::new(Tokens::new(MemoryRepository::new()));
//! # let _ = (policy.guard("members area"), layer);
//! ```

pub use crate::auth::TokenAuthLayer;
pub use crate::error::{Error, ErrorKind};
pub use crate::lifecycle::Tokens;
pub use crate::policy::{SecurityPolicy, any_level, level};
#[cfg(feature = "sqlite")]
pub use crate::repository::SqliteRepository;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use crate::repository::UserTable;
pub use crate::repository::{Cache, MemoryRepository, RepositoryExt, TokenRepository, UserRepository};
pub use crate::respond::{Refusal, RefusalKind, TokenCookie};
pub use crate::same_origin::SameOriginLayer;
pub use crate::source::TokenSource;
pub use crate::token::{Lifetime, Token};
pub use crate::user::{CurrentUser, UserId, UserLevel};
