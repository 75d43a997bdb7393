//! What carries the changes of tokens and users to the caches of all nodes.
//!
//! | file | role |
//! |---|---|
//! | `contract` | [`ChangeBus`], [`ChangeSubscription`]: what a bus does |
//! | `notice` | [`Notice`], [`Subject`]: what it carries |

mod contract;
mod notice;

pub use contract::{ChangeBus, ChangeSubscription};
pub use notice::{Notice, Subject};
