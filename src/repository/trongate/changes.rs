//! Announces the changes of a site to caches, with triggers on the site's own tables.

use crate::call_timeout::within_call_timeout;
use crate::error::Error;
use crate::repository::sql::{AnnouncedTable, announce, are_there};
use crate::repository::trongate::TrongateRepository;
use crate::repository::trongate::error::failure;

/// The site's three tables. A token's `expiry_date` may be NULL, which ends it, so that each change of it counts.
pub(super) fn tables() -> Vec<AnnouncedTable> {
    let table = |name: &str, user: Option<&str>, columns: &[&str]| AnnouncedTable {
        table: name.to_owned(),
        schema: None,
        name: name.to_owned(),
        user: user.map(str::to_owned),
        key: None,
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        end: None,
        owner: String::new(),
    };
    let token_columns = ["id", "token", "user_id", "expiry_date", "code"];
    vec![
        table("trongate_tokens", Some("CAST({row}.user_id AS SIGNED)"), &token_columns),
        table("trongate_users", Some("CAST({row}.id AS SIGNED)"), &["id", "user_level_id"]),
        table("trongate_user_levels", None, &["id", "level_title"]),
    ]
}

impl TrongateRepository {
    /// Has the database announce each change of tokens, users and levels to the caches of all nodes, whichever side makes it.
    /// From then on the store has a [bus](crate::repository::TokenRepository::change_bus), also where it is opened again.
    ///
    /// It adds the table `tower_tokens_changes` to the site's database, and to each of the site's three tables two triggers whose
    /// names begin with `tower_tokens_`; it does nothing if they are there. PHP's account needs no other rights than it has: triggers run
    /// with those of the account that calls this. That account needs the privileges `CREATE` and `TRIGGER`, and has to stay. A
    /// table that a transaction holds is waited for, for 3 seconds with the connections of [`connect`](Self::connect).
    ///
    /// `TRUNCATE TABLE` fires no trigger: use `DELETE`. Dropping the triggers ends it all; do so before a column that they
    /// name is dropped.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) if the account may not create them. The source says what to do, also
    /// where a server writes a binary log and lets only an account with `SUPER` create triggers. Otherwise as
    /// [`check`](Self::check).
    pub async fn announce_changes(&self) -> Result<(), Error> {
        announce(self.pool(), &tables(), failure).await?;
        self.note_announced();
        Ok(())
    }

    /// Whether changes are announced already.
    pub(super) async fn note_whether_announced(&self) -> Result<(), Error> {
        let is_announced = async {
            let mut connection = self.pool().acquire().await.map_err(failure)?;
            are_there(&mut connection, &tables()).await.map_err(failure)
        };
        if within_call_timeout(is_announced).await? {
            self.note_announced();
        }
        Ok(())
    }
}
