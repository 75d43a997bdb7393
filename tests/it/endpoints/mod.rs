//! The endpoints, each over HTTP.

mod api_tokens;
mod bad_bodies;
mod club;
mod introspection;
mod openapi;
mod refresh;
mod revocation;
