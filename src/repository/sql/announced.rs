//! [`AnnouncedTable`]: a table whose changes are announced to the caches of all nodes.

use sha2::{Digest, Sha256};

/// How many bytes of a table's name are in the name of a trigger. PostgreSQL's names have 63 bytes, MySQL's 64 characters.
const NAME_BYTES: usize = 25;

/// A table, and which of its changes are announced: each row that is deleted, and each change of these columns.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "_sql"),
    expect(unreachable_pub, reason = "a public trait has it, where there are more stores")
)]
pub struct AnnouncedTable {
    /// Its name, quoted, with its schema if it has been given with one.
    pub(in crate::repository) table: String,
    /// The same without quotes.
    #[cfg_attr(not(feature = "_sql-server"), expect(dead_code, reason = "a table of SQLite is in no schema"))]
    pub(in crate::repository) schema: Option<String>,
    pub(in crate::repository) name: String,
    /// The id of the user whom a row is about; `{row}` stands for OLD or NEW. `None`: it is about everything.
    pub(in crate::repository) user: Option<String>,
    /// The column that tells rows apart whose changes are announced when a row is put in the place of another one, quoted.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite replaces a row in silence"))]
    pub(in crate::repository) key: Option<String>,
    /// The columns, quoted.
    pub(in crate::repository) columns: Vec<String>,
    /// A column with the time of an end, quoted. Its change is announced if the end moves to an earlier time; NULL is never.
    pub(in crate::repository) end: Option<String>,
    /// Who announces: two stores on one table have triggers of their own.
    pub(in crate::repository) owner: String,
}

impl AnnouncedTable {
    /// Our own three tables.
    #[cfg(feature = "_sql")]
    pub(in crate::repository) fn ours() -> Vec<Self> {
        let table = |name: &str, user: Option<&str>, columns: &[&str], end: Option<&str>| Self {
            table: name.to_owned(),
            schema: None,
            name: name.to_owned(),
            user: user.map(str::to_owned),
            key: end.is_none().then(|| "id".to_owned()),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            end: end.map(str::to_owned),
            owner: String::new(),
        };
        let mut tokens = vec!["digest", "user_id"];
        tokens.extend(token_columns());
        vec![
            table("tower_tokens_tokens", Some("{row}.user_id"), &tokens, Some("ends_at")),
            table("tower_tokens_users", Some("{row}.id"), &["id", "level_id", "disabled"], None),
            table("tower_tokens_levels", None, &["id", "title"], None),
        ]
    }

    /// The name of the trigger for an event (`update`, `delete`) whose text is this: another text has another name.
    pub(in crate::repository) fn trigger(&self, event: &str, text: &str) -> String {
        self.trigger_prefix(event) + &hash(&[text])
    }

    /// What the names of all triggers of this table and owner for an event begin with, whatever their text is.
    pub(in crate::repository) fn trigger_prefix(&self, event: &str) -> String {
        let name = self.name.strip_prefix("tower_tokens_").unwrap_or(&self.name);
        let name = &name[..name.floor_char_boundary(NAME_BYTES)];
        format!("tower_tokens_{event}_{name}_{}_", hash(&[&self.owner, &self.table]))
    }

    /// The id of the user of this row (OLD or NEW), as an expression.
    pub(in crate::repository) fn user_of(&self, row: &str) -> Option<String> {
        self.user.as_ref().map(|user| user.replace("{row}", row))
    }
}

/// Eight hexadecimal digits.
fn hash(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The columns of a record whose change is announced. A use and a rotation make no answer stale that a cache gives.
#[cfg(feature = "_sql")]
pub(in crate::repository) fn token_columns() -> impl Iterator<Item = &'static str> {
    crate::token::TokenRecord::FIELDS.into_iter().filter(|name| *name != "last_used_at")
}
