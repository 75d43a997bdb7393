//! Token endpoints that are ready to use.
//!
//! | file | role |
//! |---|---|
//! | `oauth2`, `oauth2_client`, `oauth2_answer` | [`OAuth2Endpoint`]: its requests, how it names itself, what it is answered |
//! | `ergani` | [`ErganiEndpoint`] |
//! | `traccar` | [`TraccarEndpoint`] |
//! | `seconds`, `message` | a lifetime as a number or as text; what a server says, without the secrets it was sent |

mod ergani;
mod message;
mod oauth2;
mod oauth2_answer;
mod oauth2_client;
mod seconds;
mod traccar;

pub use ergani::ErganiEndpoint;
pub use oauth2::OAuth2Endpoint;
pub use traccar::TraccarEndpoint;
