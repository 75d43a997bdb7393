//! Floor 1, who a token belongs to: [`UserId`], [`UserLevel`] and the [`CurrentUser`] of a request.
//!
//! | file | role |
//! |---|---|
//! | `id` | [`UserId`], an integer or a text |
//! | `level` | [`UserLevel`], such as `admin` |
//! | `current` | [`CurrentUser`], who makes this request |
//! | `credential` | [`Credential`]: how the credential is kept, and so who can end it |
//! | `unauthenticated` | [`Unauthenticated`] and its [`Reason`]: why nobody does |
//! | `source_kind` | [`SourceKind`], where in the request the token was |
//!
//! # Example
//! What a service behind `TokenAuthLayer` finds in the extensions of a request; with axum,
//! [`extract`](mod@crate::extract) reads them for you.
//! ```
//! use http::Extensions;
//! use tower_tokens::user::{CurrentUser, Reason, Unauthenticated};
//!
//! fn greeting(extensions: &Extensions) -> String {
//!     match (extensions.get::<CurrentUser>(), Unauthenticated::from_extensions(extensions)) {
//!         (Some(user), _) => format!("hello, {}", user.level()),
//!         (None, Some(nobody)) => format!("hello, stranger: {}", nobody.reason()),
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
mod id;
mod level;
mod source_kind;
mod unauthenticated;

pub use credential::{Credential, Issuer};
pub use current::CurrentUser;
pub use id::UserId;
pub use level::UserLevel;
pub use source_kind::SourceKind;
pub use unauthenticated::{Reason, Unauthenticated};
