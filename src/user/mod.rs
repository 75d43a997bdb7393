//! Floor 3, the user of a token: [`UserId`], [`UserLevel`] and the [`CurrentUser`] of a request.
//!
//! | file | role |
//! |---|---|
//! | `id`, `id_conversions`, `id_serde` | [`UserId`], an integer or a text; as the application's own type; in JSON |
//! | `level` | [`UserLevel`], such as `admin` |
//! | `current`, `current_serde`, `fake` | [`CurrentUser`], the user of this request; in JSON; in a test |
//! | `credential` | [`Credential`]: how the credential is kept, and therefore who can end it |
//! | `data` | [`UserData`], the application's own data of a user |
//! | `unauthenticated` | [`Unauthenticated`] and its [`Reason`]: why a request has no user |
//! | `source_kind` | [`SourceKind`], where in the request the token was |
//!
//! # Example
//! A service behind `TokenAuthLayer` finds these values in the extensions of a request. With axum,
//! [`extract`](mod@crate::extract) reads them.
//! ```
//! use http::Extensions;
//! use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};
//!
//! fn greeting(extensions: &Extensions) -> String {
//!     match (extensions.get::<CurrentUser>(), Unauthenticated::from_extensions(extensions)) {
//!         (Some(user), _) => format!("hello, {}", user.level()),
//!         (None, Some(refused)) => format!("hello, stranger: {}", refused.reason()),
//!         (None, None) => "no TokenAuthLayer was here".to_owned(),
//!     }
//! }
//!
//! let mut extensions = Extensions::new();
//! Unauthenticated::new(Reason::Invalid).insert_into(&mut extensions); // TokenAuthLayer does this
//! assert_eq!(greeting(&extensions), "hello, stranger: invalid credential");
//! ```

mod credential;
mod current;
mod current_serde;
mod data;
#[cfg(any(test, feature = "test-util"))]
mod fake;
mod found;
mod id;
mod id_conversions;
mod id_serde;
mod level;
mod source_kind;
mod unauthenticated;

pub use credential::{Credential, Issuer};
pub use current::CurrentUser;
pub(crate) use current::{CheckAgain, CheckFuture};
pub use data::UserData;
#[doc(hidden)] // A part of `repository`, built here because it becomes a `CurrentUser`.
pub use found::Found;
pub use id::UserId;
pub use level::UserLevel;
pub use source_kind::SourceKind;
pub use unauthenticated::{Reason, Unauthenticated};
