//! The keys of sealed tokens: one key, the ring that holds several, and the file that a ring is read from.

pub(super) mod key;
mod key_file;
pub(super) mod prepared;
pub(super) mod ring;

pub use key::{Key, KeyId};
pub use ring::KeyRing;
