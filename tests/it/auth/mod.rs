//! From a request to its user, over real HTTP where bytes matter.

mod allocations;
mod bearer;
mod cross_site;
mod current_token;
mod events;
mod five_credentials;
mod hostile;
mod log_out;
mod order;
mod outages;
mod program;
mod readiness;
mod responses;
