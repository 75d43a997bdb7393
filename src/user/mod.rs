//! Floor 1, who a token belongs to: [`UserId`], [`UserLevel`] and the [`CurrentUser`] of a request.

mod current;
mod id;
mod level;
mod source_kind;
mod unauthenticated;

pub use current::CurrentUser;
pub use id::UserId;
pub use level::UserLevel;
pub use source_kind::SourceKind;
pub use unauthenticated::{Reason, Unauthenticated};
