//! The table of changes: triggers write it in the transaction of a change, and each node polls it.
//!
//! | file | role |
//! |---|---|
//! | `polled` | [`Polled`]: a subscription over a table that is polled |
//! | `row` | what a row of the table says |
//! | `window` | which numbers may still be committed, on servers that give numbers before the commit |
//! | `mysql_bus` | [`MySqlBus`]: the bus of the stores on MySQL and MariaDB |
//! | `mysql_log` | the table, as one subscription on MySQL reads it |
//! | `mysql_triggers` | the table and the triggers on MySQL |

#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql_bus;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql_log;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod mysql_triggers;
mod polled;
mod row;
#[cfg(any(feature = "mysql", feature = "trongate"))]
mod window;

#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(crate) use mysql_bus::MySqlBus;
#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(crate) use mysql_log::prune;
#[cfg(any(feature = "mysql", feature = "trongate"))]
pub(crate) use mysql_triggers::announce;
#[cfg(feature = "trongate")]
pub(crate) use mysql_triggers::are_there;
#[cfg(feature = "sqlite")]
pub(crate) use polled::{ChangeLog, Polled};
#[cfg(feature = "sqlite")]
pub(crate) use row::{log_values, subject};
