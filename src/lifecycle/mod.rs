//! Floor 6, the life of a token: [`Tokens`] generates, validates, regenerates, destroys, lists and prunes.
//!
//! | file | role |
//! |---|---|
//! | `settings` | [`Tokens`] and its settings |
//! | `generate`, `validate`, `regenerate`, `redeem`, `destroy`, `list`, `prune` | one verb each |
//! | `issued` | [`IssuedToken`]: a newly generated token, with its cookies |
//! | `api_tokens` | long-lived tokens of scripts: rotate one, and take one as a password |
//! | `pairs`, `pair_settings` | access and refresh tokens (feature `pairs`); how long they live |
//! | `events`, `report` | [`TokenEvent`]s for an audit log; where they are reported |
//! | `surplus`, `random_id` | the limit on the tokens of one user; the ids of new records |
//! | `touch`, `usage_recorder` | writes when a token was last used, in the background; the queue of uses |
//!
//! # Example
//! ```
//! use time::Duration;
//! use tower_tokens::repository::{MemoryRepository, UserRepository};
//! use tower_tokens::token::Lifetime;
//! use tower_tokens::lifecycle::Tokens;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let repository = MemoryRepository::new();
//! repository.create_level("member").await?;
//! let user_id = repository.create_user(None, "member").await?;
//!
//! let tokens = Tokens::new(repository);
//! let issued = tokens.generate(&user_id).lifetime(Lifetime::days(30)).name("phone").await?;
//! let user = tokens.validate(issued.token()).any_level(["member", "admin"]).await?;
//! assert_eq!(user.unwrap().id(), &user_id);
//!
//! let renewed = tokens.regenerate(issued.token()).await?;
//! assert!(tokens.validate(issued.token()).await?.is_none(), "the old text is dead");
//! tokens.destroy(renewed.token()).await?;
//! assert!(tokens.validate(renewed.token()).await?.is_none());
//! # Ok::<(), tower_tokens::error::Error>(())
//! # }).unwrap();
//! ```

mod api_tokens;
mod destroy;
mod events;
mod generate;
mod issued;
mod list;
#[cfg(feature = "pairs")]
mod pair_settings;
#[cfg(feature = "pairs")]
mod pairs;
mod prune;
mod random_id;
mod redeem;
mod regenerate;
mod report;
mod settings;
mod surplus;
mod touch;
mod usage_recorder;
mod validate;

pub use api_tokens::RotateApiToken;
pub use destroy::DestroyAll;
pub use events::{RefusedToken, TokenAction, TokenEvent, TokenEvents};
pub use generate::Generate;
pub use issued::IssuedToken;
pub use list::List;
#[cfg(feature = "pairs")]
pub use pair_settings::PairSettings;
#[cfg(feature = "pairs")]
pub use pairs::{GeneratePair, IssuedPair};
pub use prune::PruningTask;
pub use regenerate::Regenerate;
pub use settings::Tokens;
pub use validate::Validate;
