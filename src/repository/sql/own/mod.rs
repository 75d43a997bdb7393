//! Users in a table of the application's own.
//!
//! | file | role |
//! |---|---|
//! | `user_table` | [`UserTable`]: which table of the application holds its users, and which columns matter |
//! | `own_users` | [`OwnUsers`]: how a row becomes a user, and what is checked at the start |
//! | `layout` | the statements of tokens whose users are there |
//! | `catalogue` | [`Catalogue`]: what a database says about a table, and how it writes things |
//! | `column` | columns and their values |

mod catalogue;
mod column;
mod layout;
mod own_users;
mod user_table;

pub(crate) use catalogue::Catalogue;
pub(crate) use column::{Column, Kind};
pub use own_users::OwnUsers;
pub use user_table::UserTable;
