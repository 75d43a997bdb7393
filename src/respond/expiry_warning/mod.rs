//! Warns the client of an API token that ends soon, by a response header.
//!
//! | file | role |
//! |---|---|
//! | `layer` | [`ExpiryWarningLayer`] and its settings |
//! | `service` | reads the user of the request |
//! | `future` | adds the header to the response |
//! | `date` | a time as headers write it |

mod date;
mod future;
mod layer;
mod service;

pub use future::ExpiryWarningFuture;
pub use layer::{EXPIRY_WARNING, ExpiryWarningLayer};
pub use service::ExpiryWarningService;
