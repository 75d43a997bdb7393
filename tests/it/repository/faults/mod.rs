//! What happens to tokens when the server behind them fails, and what the visitors see of it. Real servers, private ones.
//!
//! | file | role |
//! |---|---|
//! | `server` | a private server that can be killed and started again |
//! | `network` | a host of its own, in a network namespace |
//! | `proxy` | a network that loses connections as real ones do |
//! | `site` | an application with members, as its visitors see it |
//! | `load` | visitors who log in, come back and log out |
//! | `connections` | the connections fail, and the servers are up |
//! | `drills` | the faults, whichever the store |
//! | `resp` | a server that speaks the protocol of Redis and answers as a test wants it to |
//! | `postgres_changes`, `redis_changes` | what the buses of PostgreSQL and Redis do then |
//! | `postgres`, `mysql`, `redis`, `trongate` | the drills on each store, and the faults that are its own |

mod connections;
mod drills;
mod load;
mod mysql;
mod network;
mod postgres;
mod postgres_changes;
mod proxy;
mod redis;
mod redis_changes;
mod resp;
pub(super) mod server;
mod site;
mod trongate;

pub(crate) use proxy::Proxy;
pub(crate) use server::Server;
