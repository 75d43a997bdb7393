//! What a sealed token looks like: the layout of its bytes, and its text.

pub(super) mod layout;
pub(super) mod text;

pub use layout::{MAX_PURPOSE_BYTES, MAX_SEALED_TEXT_BYTES};
pub use text::SealedToken;
