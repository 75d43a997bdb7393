//! Tokens for requests to another API.

pub(crate) mod api;
mod bearer;
mod encrypted;
mod ergani;
mod ergani_file;
mod example;
mod file;
mod forget;
mod kill;
mod manager;
mod manager_faults;
mod manager_flight;
mod manager_log_out;
mod manager_rejection;
mod oauth2;
mod processes;
mod redirects;
mod sdk_mistakes;
mod store_mutants;
mod stores;
mod traccar;

use std::time::Duration;

use tower_tokens::client::{FakeCall, FakeEndpoint};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Logins and refreshes that came in.
fn calls(endpoint: &FakeEndpoint) -> (u64, u64) {
    (endpoint.calls(FakeCall::LogIn), endpoint.calls(FakeCall::Refresh))
}

/// Lets tasks in the background go on, without moving the clock.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
