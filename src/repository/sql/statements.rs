//! The statements of the stores: one text each, and the few in which databases differ.

use crate::repository::sql::statement::{Placeholders, Statement};
use crate::token::TokenRecord;

/// The texts in which databases differ. `{fields}` are the columns of a record.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    pub(in crate::repository) placeholders: Placeholders,
    /// The function that gives the smaller of two numbers.
    pub(in crate::repository) least: &'static str,
    /// The title of the level `l` as a text.
    pub(in crate::repository) title: &'static str,
    pub(in crate::repository) delete_expired: &'static str,
    pub(in crate::repository) create_level: &'static str,
    pub(in crate::repository) create_user: &'static str,
    pub(in crate::repository) users: &'static str,
}

impl Texts {
    /// What most databases understand.
    pub(in crate::repository) const STANDARD: Self = Self {
        placeholders: Placeholders::Numbered,
        least: "least",
        title: "l.title",
        delete_expired: "DELETE FROM {tokens} WHERE digest IN
            (SELECT digest FROM {tokens} WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)",
        create_level: "INSERT INTO tower_tokens_levels (title) VALUES ($1) ON CONFLICT (title) DO NOTHING",
        create_user: "INSERT INTO tower_tokens_users (id, level_id, number, text_bytes) VALUES ($1, $2, $3, $4)",
        users: "SELECT u.id, u.disabled, l.id, {title}
            FROM tower_tokens_users AS u JOIN tower_tokens_levels AS l ON l.id = u.level_id
            ORDER BY u.id LIMIT $1 OFFSET $2",
    };
}

/// The place of the first value of a record, and after them those of a fingerprint and of the value of which it is one, where
/// users have one.
const FIRST_FIELD: usize = 4;
const PRINT: usize = FIRST_FIELD + TokenRecord::FIELDS.len();
pub(super) const PRINTED: usize = PRINT + 1;

const INSERT: &str = "INSERT INTO {tokens} (digest, user_id, ends_at, {fields}{, fingerprint})
    SELECT $1, u.{user_id}, $3, {values}{, print} FROM {users} AS u WHERE u.{user_id} = {$2}{unchanged}";

const FINGERPRINT: &str = "SELECT {fingerprint} FROM {users} AS u WHERE u.{user_id} = {$1}";

const FIND: &str = "SELECT {t.fields}, {read id}{selected}
    FROM {tokens} AS t JOIN {found}
    WHERE t.digest = $1 AND (t.ends_at IS NULL OR t.ends_at > $2) AND {enabled}";

const OWNER: &str = "SELECT {read id}, t.id, t.family, {kind} FROM {tokens} AS t WHERE t.digest = $1";

const DELETE: &str = "DELETE FROM {tokens} WHERE digest = $1";

const DELETE_BY_ID: &str = "DELETE FROM {tokens} WHERE user_id = {$2} AND (id = $1 OR family = $1)";

const DELETE_FAMILY: &str = "DELETE FROM {tokens} WHERE user_id = {$2} AND family = $1";

/// A second one for the same token waits for the first, then looks at the row again, and finds another digest there.
///
/// The user is not asked for again: the look-up before it did, and a token of a user who was disabled in between is not valid
/// under its new digest either. On MySQL and MariaDB a subquery locks the user's row, and with that lock and those of the
/// index of digests an application's `UPDATE` of the user lost deadlocks.
const REPLACE: &str = "UPDATE {tokens}
    SET digest = $2, created_at = $3, authenticated_at = $7, last_used_at = NULL, absolute_end = $4, idle_limit = $5,
        ends_at = $6
    WHERE digest = $1 AND (ends_at IS NULL OR ends_at > $3)";

/// `$4` is how many seconds are left until time ends: SQL has no saturating addition.
const TOUCH: &str = "UPDATE {tokens}
    SET last_used_at = $3, ends_at = CASE
        WHEN idle_limit IS NULL THEN ends_at
        WHEN absolute_end IS NULL THEN $3 + {least}(idle_limit, $4)
        ELSE {least}(absolute_end, $3 + {least}(idle_limit, $4))
    END
    WHERE id = $1 AND user_id = {$2} AND (ends_at IS NULL OR ends_at > $3) AND COALESCE(last_used_at, created_at - 1) < $3
    AND EXISTS (SELECT 1 FROM {users} AS u WHERE u.{user_id} = {tokens}.user_id{conditions})";

const DELETE_BY_USER: &str = "DELETE FROM {tokens} WHERE user_id = {$1} AND {kind} IN ($2, $3, $4, $5)";

const DELETE_OTHERS: &str = "DELETE FROM {tokens} WHERE user_id = {$1} AND {kind} IN ($3, $4, $5, $6)
    AND id <> $2 AND COALESCE(family, id) <> $2";

const LIST_BY_USER: &str = "SELECT {t.fields}
    FROM {tokens} AS t WHERE t.user_id = {$1} AND (t.ends_at IS NULL OR t.ends_at > $2)
    AND {kind} IN ($5, $6, $7, $8){listed}
    ORDER BY t.created_at DESC, t.id DESC LIMIT $3 OFFSET $4";

/// Neither end moves to a later time.
const SUPERSEDE: &str = "UPDATE {tokens}
    SET family = $3, absolute_end = {least}(COALESCE(absolute_end, $4), $4), ends_at = {least}(COALESCE(ends_at, $4), $4)
    WHERE id = $1 AND user_id = {$2} AND family IS NULL AND (ends_at IS NULL OR ends_at > $5)
    AND EXISTS (SELECT 1 FROM {users} AS u WHERE u.{user_id} = {tokens}.user_id{conditions})";

const ROTATION: &str = "SELECT rotation FROM {tokens} WHERE digest = $1";

/// A second one that expects the same state waits for the first, then looks at the row again, and finds another one there.
const ROTATE: &str = "UPDATE {tokens} SET rotation = $3, last_used_at = $4, ends_at = $5
    WHERE digest = $1 AND COALESCE(rotation, '') = $2 AND (ends_at IS NULL OR ends_at > $4)
    AND EXISTS (SELECT 1 FROM {users} AS u WHERE u.{user_id} = {tokens}.user_id{conditions})";

const LEVEL: &str = "SELECT l.id, {title} FROM tower_tokens_levels AS l WHERE l.title = $1";

const LEVELS: &str = "SELECT l.id, {title} FROM tower_tokens_levels AS l ORDER BY l.id";

const LAST_NUMBER: &str = "SELECT id FROM tower_tokens_last_user";

const TAKE_NUMBER: &str = "UPDATE tower_tokens_last_user SET id = $2 WHERE id = $1";

const RAISE_LAST_NUMBER: &str = "UPDATE tower_tokens_last_user SET id = $1 WHERE id < $1";

const USER: &str = "SELECT u.id, u.disabled, l.id, {title}
    FROM tower_tokens_users AS u JOIN tower_tokens_levels AS l ON l.id = u.level_id
    WHERE u.id = $1";

const CHANGE_LEVEL: &str = "UPDATE tower_tokens_users SET level_id = $2 WHERE id = $1";

const SET_DISABLED: &str = "UPDATE tower_tokens_users SET disabled = $2 WHERE id = $1";

/// The schema's ON DELETE CASCADE takes the tokens, those that are being inserted included.
const DELETE_USER: &str = "DELETE FROM tower_tokens_users WHERE id = $1";

/// Where tokens and their users are: what stands for each `{…}` in the texts.
#[derive(Debug)]
pub(super) struct Tables {
    /// `{tokens}`, the table of tokens.
    pub(super) tokens: String,
    /// `{users}`, the table of users, and `{user_id}`, its key.
    pub(super) users: String,
    pub(super) user_id: String,
    /// `{$1}` and `{$2}`: a user's id as a parameter.
    pub(super) first_parameter: String,
    pub(super) parameter: String,
    /// `{read id}`: the user's id of the token `t`.
    pub(super) read_id: String,
    /// `{found}`: what a look-up joins, `{enabled}`: under which condition, and `{selected}`: what it selects besides.
    pub(super) found: String,
    pub(super) enabled: String,
    pub(super) selected: String,
    /// `{conditions}`: the same for the user `u` of a token that is changed.
    pub(super) conditions: String,
    /// `{fingerprint}`, if the table of tokens has a column for one; `{unchanged}` and `{listed}`: conditions on it.
    pub(super) fingerprint: Option<String>,
    pub(super) unchanged: String,
    pub(super) listed: String,
}

impl Tables {
    /// Our own tables.
    pub(super) fn ours(texts: &Texts) -> Self {
        let text = str::to_owned;
        Self {
            tokens: text("tower_tokens_tokens"),
            users: text("tower_tokens_users"),
            user_id: text("id"),
            first_parameter: text("$1"),
            parameter: text("$2"),
            read_id: text("t.user_id"),
            found: text(
                "tower_tokens_users AS u ON u.id = t.user_id JOIN tower_tokens_levels AS l ON l.id = u.level_id",
            ),
            enabled: text("NOT u.disabled"),
            selected: format!(", l.id, {}", texts.title),
            conditions: text(" AND NOT u.disabled"),
            fingerprint: None,
            unchanged: String::new(),
            listed: String::new(),
        }
    }

    /// The text with everything that stands between braces filled in.
    fn fill(&self, text: &str, texts: &Texts) -> String {
        let fields = TokenRecord::FIELDS;
        let values: Vec<_> = (FIRST_FIELD..PRINT).map(|number| format!("${number}")).collect();
        let has_column = self.fingerprint.is_some();
        text.replace("{fields}", &fields.join(", "))
            .replace("{t.fields}", &fields.map(|field| format!("t.{field}")).join(", "))
            .replace("{values}", &values.join(", "))
            .replace("{, fingerprint}", if has_column { ", fingerprint" } else { "" })
            .replace("{, print}", &if has_column { format!(", ${PRINT}") } else { String::new() })
            // A table of an application's own may hold rows of a time before there were kinds.
            .replace("{kind}", "COALESCE(kind, 'login')")
            .replace("{fingerprint}", self.fingerprint.as_deref().unwrap_or("NULL"))
            .replace("{unchanged}", &self.unchanged)
            .replace("{listed}", &self.listed)
            .replace("{found}", &self.found)
            .replace("{enabled}", &self.enabled)
            .replace("{selected}", &self.selected)
            .replace("{conditions}", &self.conditions)
            .replace("{read id}", &self.read_id)
            .replace("{$1}", &self.first_parameter)
            .replace("{$2}", &self.parameter)
            .replace("{tokens}", &self.tokens)
            .replace("{users}", &self.users)
            .replace("{user_id}", &self.user_id)
            .replace("{least}", texts.least)
            .replace("{title}", texts.title)
    }
}

macro_rules! statements {
    ($(#[$docs:meta])* list $vis:vis $set:ident { $($name:ident = $text:expr,)+ }) => {
        statements! { $(#[$docs])* $vis $set { $($name = $text,)+ } }

        impl $set {
            /// Each with its name.
            pub(in crate::repository) fn all(&self) -> Vec<(&'static str, &Statement)> {
                vec![$((stringify!($name), &self.$name),)+]
            }
        }
    };
    ($(#[$docs:meta])* $vis:vis $set:ident { $($name:ident = $text:expr,)+ }) => {
        $(#[$docs])*
        #[derive(Debug)]
        $vis struct $set {
            $(pub(in crate::repository) $name: Statement,)+
        }

        impl $set {
            /// The statements as this database wants them.
            pub(super) fn new(texts: &Texts, tables: &Tables) -> Self {
                Self { $($name: Statement::new(&tables.fill($text(texts), texts), texts.placeholders),)+ }
            }
        }
    };
}

statements! {
    /// The statements of tokens.
    list pub TokenStatements {
        insert = |_| INSERT,
        fingerprint = |_| FINGERPRINT,
        find = |_| FIND,
        owner = |_| OWNER,
        delete = |_| DELETE,
        delete_by_id = |_| DELETE_BY_ID,
        delete_family = |_| DELETE_FAMILY,
        replace = |_| REPLACE,
        touch = |_| TOUCH,
        delete_by_user = |_| DELETE_BY_USER,
        delete_others = |_| DELETE_OTHERS,
        list_by_user = |_| LIST_BY_USER,
        delete_expired = |texts: &Texts| texts.delete_expired,
        supersede = |_| SUPERSEDE,
        rotation = |_| ROTATION,
        rotate = |_| ROTATE,
    }
}

statements! {
    /// The statements of users in our own tables.
    pub(in crate::repository) UserStatements {
        level = |_| LEVEL,
        create_level = |texts: &Texts| texts.create_level,
        levels = |_| LEVELS,
        last_number = |_| LAST_NUMBER,
        take_number = |_| TAKE_NUMBER,
        raise_last_number = |_| RAISE_LAST_NUMBER,
        create_user = |texts: &Texts| texts.create_user,
        user = |_| USER,
        users = |texts: &Texts| texts.users,
        change_level = |_| CHANGE_LEVEL,
        set_disabled = |_| SET_DISABLED,
        delete_user = |_| DELETE_USER,
    }
}
