//! The endpoints, each over HTTP.

mod api_tokens;
mod bad_bodies;
mod club;
mod introspection;
mod refresh;
mod revocation;
