//! Every store keeps the contract, and the suite that says so can fail.
#![expect(clippy::expect_used, reason = "these are tests")]

mod announced;
mod cache;
mod cache_bus;
mod cache_metrics;
mod cache_stores;
mod changes;
mod conformance;
pub(crate) mod faults;
mod faulty;
mod model;
pub(crate) mod mutants;
pub(crate) mod mysql;
mod own_users;
mod own_users_rows;
mod plans;
mod pooler;
pub(crate) mod postgres;
mod postgres_changes;
pub(crate) mod redis;
mod redis_changes;
pub(crate) mod servers;
mod sqlite;
mod sqlite_locks;
mod trongate;
mod trongate_tables;
mod user_ids;
mod user_mutants;
