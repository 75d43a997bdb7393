//! The README, SECURITY.md and the guide are true.

mod links;
mod program;
mod promises;
