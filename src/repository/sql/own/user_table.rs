//! [`UserTable`]: which table of the application holds its users, and which columns matter.

use std::any::Any;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::repository::sql::own::column::{ColumnValue, decode};

/// What every user's level is called where the table has none. Our choice.
const ONE_LEVEL: &str = "user";

/// The longest name in PostgreSQL, in bytes; MySQL's has 64 characters.
const MAX_NAME_BYTES: usize = 63;

/// The application's table of users, for a store whose users are the application's own.
///
/// A look-up is one prepared statement that joins the token with its user's row, so that a change of role, a ban or a
/// deletion holds at the next request, whoever made it.
///
/// # Columns
/// | setting | the column | if it is NULL |
/// |---|---|---|
/// | [`id`](Self::id) | an integer, a UUID or a text, with a unique index | |
/// | [`level`](Self::level) | a text, an enum or a number, or the key of a [table of levels](Self::level_table) | the user's tokens are not valid |
/// | [`disabled`](Self::disabled) | a condition on the row | the user's tokens are not valid |
/// | [`ends_with`](Self::ends_with) | any: when its value changes, the tokens made before are not valid | NULL is a value as any other |
/// | [`data`](Self::data) | any, for the handlers | the field has to be an `Option` |
///
/// Names may hold any characters except quotes, `$`, `?`, braces and control characters. They are quoted, so that they have
/// to be written as the database has them. A table may be in another schema (MySQL: another database): `app.users`.
///
/// A user with several roles has one level here; which of them that is, a view or a generated column decides. For rules
/// that need all of them, bring a column with the roles along as [`data`](Self::data) and ask it in the rule.
///
/// # Example
/// ```
/// use tower_tokens::repository::UserTable;
///
/// let users = UserTable::new("users").id("id").level("role").disabled("banned_at IS NOT NULL").ends_with("password_hash");
/// ```
#[derive(Clone)]
pub struct UserTable {
    pub(super) table: String,
    pub(super) tokens: Option<String>,
    pub(super) id: String,
    pub(super) level: Level,
    pub(super) disabled: Option<&'static str>,
    pub(super) fingerprint: Option<String>,
    pub(super) has_foreign_key: bool,
    pub(super) data: Vec<String>,
    pub(super) decode: Option<Decode>,
    pub(super) is_announced: bool,
}

/// Makes the application's own type out of columns.
type Decode = fn(Vec<(&str, ColumnValue)>) -> Result<Arc<dyn Any + Send + Sync>, serde::de::value::Error>;

/// Where the level of a user is.
#[derive(Debug, Clone)]
pub(super) enum Level {
    /// Every user has this one.
    One(String),
    /// In a column of the user's row.
    Column(String),
    /// In another table, under the value of a column of the user's row.
    Table { column: String, table: String, id: String, title: String },
}

impl UserTable {
    /// The table with this name. Until the setters say otherwise, its key is the column `id`, and each user has the level
    /// `user`.
    #[must_use]
    pub fn new(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            tokens: None,
            id: "id".to_owned(),
            level: Level::One(ONE_LEVEL.to_owned()),
            disabled: None,
            fingerprint: None,
            has_foreign_key: false,
            data: Vec::new(),
            decode: None,
            is_announced: false,
        }
    }

    /// The column that holds a user's id. Default: `id`.
    #[must_use]
    pub fn id(mut self, column: &str) -> Self {
        self.id = column.to_owned();
        self
    }

    /// The column that holds a user's level: a text or an enum is the level's title, a number is its id and its title.
    /// Default: every user has the level `user`.
    ///
    /// The id of a level that has a title alone is made out of the title: equal titles have equal ids, and it says nothing
    /// else.
    #[must_use]
    pub fn level(mut self, column: &str) -> Self {
        self.level = Level::Column(column.to_owned());
        self
    }

    /// The column that holds the key of a user's level, and the table of levels with the columns of its key (an integer)
    /// and its title.
    #[must_use]
    pub fn level_table(mut self, column: &str, table: &str, id: &str, title: &str) -> Self {
        let [column, table, id, title] = [column, table, id, title].map(str::to_owned);
        self.level = Level::Table { column, table, id, title };
        self
    }

    /// A condition on a user's row, in SQL, for users whose tokens are not valid. Default: there are none.
    ///
    /// # Security
    /// It is the one text that goes into the statements as it is. It takes no value from outside, so it is `&'static str`.
    #[must_use]
    pub fn disabled(mut self, condition: &'static str) -> Self {
        self.disabled = Some(condition);
        self
    }

    /// A column whose change ends the tokens made before, whoever changes it: a password hash, or a number that is counted
    /// up to log somebody out everywhere. Default: none.
    ///
    /// A token keeps the SHA-256 digest of the value, never the value, and a look-up compares it with the present one's in
    /// constant time. The value is the one at the moment when the token was made: between the check of a password and the
    /// making of its token the application should not wait long. A token that is regenerated keeps the digest, so a
    /// change of password in between ends it all the same. Tokens that were made before this was set have no digest, and are
    /// not valid.
    #[must_use]
    pub fn ends_with(mut self, column: &str) -> Self {
        self.fingerprint = Some(column.to_owned());
        self
    }

    /// Columns of the user's row that come along in the look-up, as a `T` that handlers read with
    /// [`CurrentUser::data`](crate::user::CurrentUser::data). Default: none.
    ///
    /// Integers, floating-point numbers, booleans, texts and bytes come as such; every other type (a UUID, a time, a
    /// decimal, JSON) as text. A column that may be NULL needs an `Option`. A row that does not make a `T` is an error
    /// ([`Corrupt`](ErrorKind::Corrupt)), so that the request gets 503, and never a user without their data.
    ///
    /// # Example
    /// ```
    /// use tower_tokens::repository::UserTable;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Profile {
    ///     email: String,
    ///     display_name: Option<String>,
    /// }
    ///
    /// let users = UserTable::new("users").level("role").data::<Profile>(["email", "display_name"]);
    /// ```
    #[must_use]
    pub fn data<T>(mut self, columns: impl IntoIterator<Item = &'static str>) -> Self
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        self.data = columns.into_iter().map(str::to_owned).collect();
        self.decode = Some(decode::<T>);
        self
    }

    /// Makes the token table refer to the users (`ON DELETE CASCADE`), so that a deleted user takes their tokens along.
    /// Default: it does not, and a deleted user's tokens stay without a user until they are pruned.
    ///
    /// # Security
    /// Where the database gives the id of a deleted user to a new one, the new one would get the old one's tokens. So
    /// `migrate` refuses an SQLite table whose key is not `AUTOINCREMENT` without this.
    #[must_use]
    pub fn foreign_key(mut self) -> Self {
        self.has_foreign_key = true;
        self
    }

    /// Has the database announce each change of these users to the caches of all nodes, whoever makes it. Default: it does not,
    /// and a cache of several nodes refuses the store.
    ///
    /// `migrate` adds triggers to the users' table, and to the table of levels, whose names begin with `tower_tokens_`, and
    /// replaces those that it made for other settings. They do something only where a value changes that matters here: the id,
    /// the level, what [`ends_with`](Self::ends_with) and [`data`](Self::data) name, and every column whose name is in
    /// the condition [`disabled`](Self::disabled). The account needs the privilege to make triggers on the table; a
    /// view cannot have them. Before one of these columns is dropped or renamed, the triggers have to be dropped.
    ///
    /// A condition that looks at the time or at another table changes without a change of the row: a cache learns of it
    /// when what it holds is too old.
    #[must_use]
    pub fn announce_changes(mut self) -> Self {
        self.is_announced = true;
        self
    }

    /// The name of our own table of tokens. Default: `tower_tokens_for_` and the name of the users' table, beside it.
    #[must_use]
    pub fn token_table(mut self, table: &str) -> Self {
        self.tokens = Some(table.to_owned());
        self
    }

    /// The name of our own table of tokens.
    pub(super) fn tokens(&self) -> String {
        self.tokens.clone().unwrap_or_else(|| match self.table.split_once('.') {
            Some((schema, table)) => format!("{schema}.tower_tokens_for_{table}"),
            None => format!("tower_tokens_for_{}", self.table),
        })
    }

    /// Which of these columns of the users' table matter here. Every column whose name is a word in the condition does.
    pub(super) fn columns_that_matter<'c>(&self, columns: &[&'c str]) -> Vec<&'c str> {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let condition = self.disabled.unwrap_or_default().to_lowercase();
        let is_in_condition = |name: &str| {
            let name = name.to_lowercase();
            condition.match_indices(&name).any(|(start, found)| {
                let (before, after) = (&condition[..start], &condition[start + found.len()..]);
                !before.ends_with(is_part) && !after.starts_with(is_part)
            })
        };
        let mut named = vec![self.id.as_str()];
        named.extend(self.data.iter().chain(&self.fingerprint).map(String::as_str));
        if let Level::Column(column) | Level::Table { column, .. } = &self.level {
            named.push(column);
        }
        columns.iter().copied().filter(|name| named.contains(name) || is_in_condition(name)).collect()
    }

    /// Whether all names can be quoted.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) otherwise; the source says which.
    pub(super) fn check_names(&self) -> Result<(), Error> {
        let mut tables = vec![self.table.clone(), self.tokens()];
        let mut columns = vec![&self.id];
        columns.extend(&self.data);
        columns.extend(&self.fingerprint);
        match &self.level {
            Level::One(_) => {}
            Level::Column(column) => columns.push(column),
            Level::Table { column, table, id, title } => {
                columns.extend([column, id, title]);
                tables.push(table.clone());
            }
        }
        let parts = tables.iter().flat_map(|table| table.split('.')).chain(columns.into_iter().map(String::as_str));
        if let Some(name) = parts.into_iter().find(|name| !is_name(name)) {
            return Err(configuration(format!("{name:?} cannot be the name of a table or a column")));
        }
        if let Some(table) = tables.iter().find(|table| table.split('.').count() > 2) {
            return Err(configuration(format!("{table:?} is more than a schema and a table")));
        }
        let condition = self.disabled.unwrap_or("FALSE");
        if condition.trim().is_empty() || condition.contains(['?', '$', ';', '{', '}']) || condition.contains("--") {
            return Err(configuration(format!("{condition:?} is not a condition without parameters")));
        }
        Ok(())
    }
}

impl std::fmt::Debug for UserTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserTable").field("table", &self.table).field("id", &self.id).finish_non_exhaustive()
    }
}

fn is_name(name: &str) -> bool {
    let is_forbidden = |character: char| character.is_control() || "\"'`$?{}[];\\.".contains(character);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.contains(is_forbidden)
}

pub(super) fn configuration(why: impl Into<String>) -> Error {
    Error::with_source(ErrorKind::Configuration, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_table_is_named_after_the_users_and_lies_beside_them() {
        assert_eq!(UserTable::new("users").tokens(), "tower_tokens_for_users");
        assert_eq!(UserTable::new("app.users").tokens(), "app.tower_tokens_for_users");
        assert_eq!(UserTable::new("app.users").token_table("logins").tokens(), "logins");
    }

    #[test]
    fn a_column_matters_if_it_is_named_or_a_word_of_the_condition() {
        let users = UserTable::new("users").level("role").ends_with("hash").data::<String>(["email"]);
        let users = users.disabled("\"Banned At\" IS NOT NULL OR LOCKED > 0 OR `état`='x' OR rolex");
        let columns = ["id", "role", "hash", "email", "Banned At", "locked", "état", "lock", "ban", "name", "X", "t"];
        let matters = ["id", "role", "hash", "email", "Banned At", "locked", "état", "X"];
        assert_eq!(users.columns_that_matter(&columns), matters);
    }

    #[test]
    fn a_name_that_cannot_be_quoted_is_refused_and_named() {
        let users = || UserTable::new("users");
        for (table, name) in [
            (UserTable::new("a.b.c"), "a.b.c"),
            (UserTable::new(""), "\"\""),
            (UserTable::new("us\"ers"), "us\\\"ers"),
            (users().id("id; DROP"), "id; DROP"),
            (users().level("ro`le"), "ro`le"),
            (users().level_table("role_id", "roles", "i?d", "title"), "i?d"),
            (users().ends_with("a$1"), "a$1"),
            (users().token_table("x\0y"), "x\\0y"),
            (users().disabled("a = ?"), "a = ?"),
            (users().disabled(" "), "\" \""),
            (users().disabled("a -- "), "a -- "),
            (users().id(&"x".repeat(64)), "xxxx"),
        ] {
            let error = table.check_names().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(name), "{source}");
        }
        assert!(users().id("Benutzer-Nr").level("rôle").disabled("a > 5").check_names().is_ok());
    }
}
