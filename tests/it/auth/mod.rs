//! From a request to its user, over real HTTP where bytes matter.

mod answers;
mod cross_site;
mod order;
mod outages;
mod readiness;
