//! API tokens: long-lived tokens of scripts.
//!
//! | file | role |
//! |---|---|
//! | `format` | the format that is set, or the error that it is not |
//! | `rotate` | another text for a script, while the old one works for a while, and [`RotateApiToken`] |
//! | `successor` | the record of the token that takes another one's place: a pure function |
//! | `password` | an API token that was typed as a password |

mod format;
mod password;
mod rotate;
mod successor;

pub use rotate::RotateApiToken;
