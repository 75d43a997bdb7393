//! Fakes for tests: an endpoint with a server behind it, and a store; both fail on command.
//!
//! | file | role |
//! |---|---|
//! | `fault` | [`FakeFault`], and which call it strikes |
//! | `endpoint` | [`FakeEndpoint`] |
//! | `server` | the tokens that it has issued |
//! | `store` | [`FakeTokenStore`] |

mod endpoint;
mod fault;
mod server;
mod store;

pub use endpoint::{FakeCall, FakeEndpoint};
pub use fault::FakeFault;
pub use store::{FakeStoreCall, FakeTokenStore};
