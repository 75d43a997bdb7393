//! Every store keeps the contract, and the suite that says so can fail.

mod conformance;
mod faulty;
mod model;
mod mutants;
mod postgres;
mod servers;
mod sqlite;
