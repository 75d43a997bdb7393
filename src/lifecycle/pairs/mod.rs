//! Pairs: a short-lived access token and a long-lived refresh token, for mobile and single-page applications.
//!
//! | file | role |
//! |---|---|
//! | `generate` | a new family, and [`GeneratePair`] |
//! | `refresh` | exchange a refresh token for the next pair |
//! | `rotation` | what becomes of a presented refresh token: a pure function |
//! | `successor` | the encrypted successor of a refresh token |
//! | `text` | the text of refresh tokens |
//! | `issued` | [`IssuedPair`]: a pair with its texts |

mod generate;
mod issued;
mod refresh;
mod rotation;
mod successor;
mod text;

pub use generate::GeneratePair;
pub use issued::IssuedPair;
