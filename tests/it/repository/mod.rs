//! Every store keeps the contract, and the suite that says so can fail.
#![expect(clippy::expect_used, reason = "these are tests")]

mod conformance;
mod faults;
mod faulty;
mod model;
mod mutants;
mod mysql;
mod own_users;
mod own_users_rows;
mod plans;
mod pooler;
mod postgres;
mod redis;
pub(crate) mod servers;
mod sqlite;
mod sqlite_locks;
mod trongate;
mod trongate_tables;
mod user_ids;
mod user_mutants;
