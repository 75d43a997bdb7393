//! The statements of tokens whose users are in the application's own table.

use crate::clock::Timestamp;
use crate::error::Error;
use crate::repository::sql::announced::{AnnouncedTable, token_columns};
use crate::repository::sql::own::catalogue::Catalogue;
use crate::repository::sql::own::column::{Column, Kind};
use crate::repository::sql::own::user_table::{Level, UserTable, configuration};
use crate::repository::sql::statements::{PRINTED, Tables, TokenStatements};
use crate::token::{FieldValue, Lifetime, TokenId, TokenRecord};

/// How a level is read from a row.
#[derive(Debug, Clone)]
pub(super) enum ReadLevel {
    /// It is not in the row.
    One(String),
    /// A title.
    Title,
    /// A number that is id and title.
    Number,
    /// An id and a title.
    IdAndTitle,
}

/// What a table of the application looks like, as far as we need it.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) statements: TokenStatements,
    pub(super) id: Column,
    pub(super) level: ReadLevel,
    pub(super) has_fingerprint: bool,
    /// The names and kinds of the columns for the handlers.
    pub(super) data: Vec<(String, Kind)>,
    /// What creates our own table.
    pub(super) create: Vec<String>,
    /// The tables whose changes are announced.
    pub(super) announced: Vec<AnnouncedTable>,
}

impl Layout {
    /// Looks at the tables that are there.
    ///
    /// # Errors
    /// [`Configuration`](crate::error::ErrorKind::Configuration) for a table or column that is not there, or cannot be what
    /// it is said to be.
    pub(super) async fn of<D: Catalogue>(database: &D, users: &UserTable) -> Result<Self, Error> {
        users.check_names()?;
        let there = Table::of(database, &users.table).await?;
        let id = there.column(&users.id)?.clone();
        if !matches!(id.kind, Kind::Integer | Kind::Text | Kind::Uuid) {
            return Err(configuration(format!("{}.{} is not an integer, a UUID or a text", users.table, users.id)));
        }
        if !id.is_unique {
            return Err(configuration(format!("{}.{} has no unique index of its own", users.table, users.id)));
        }
        if id.is_reused && !users.has_foreign_key {
            return Err(configuration(format!(
                "the id of a deleted user is given again: make {}.{} AUTOINCREMENT, or add .foreign_key()",
                users.table, users.id
            )));
        }
        let quoted = |name: &str| D::quoted(name);
        let mut from = format!("{} AS id", quoted(&users.id));
        let mut conditions = Vec::new();
        if let Some(disabled) = users.disabled {
            from.push_str(&format!(", ({disabled}) AS disabled"));
        }
        let (mut select, mut joins) = (Vec::new(), String::new());
        let level = match &users.level {
            Level::One(title) => ReadLevel::One(title.clone()),
            Level::Column(name) => {
                let column = there.column(name)?;
                from.push_str(&format!(", {} AS level", quoted(name)));
                conditions.push(format!("u.{} IS NOT NULL", quoted(name)));
                let kind = if column.kind == Kind::Integer { Kind::Integer } else { Kind::Text };
                select.push(D::selected(kind, "u.level"));
                if kind == Kind::Integer { ReadLevel::Number } else { ReadLevel::Title }
            }
            Level::Table { column, table, id, title } => {
                there.column(column)?;
                let levels = Table::of(database, table).await?;
                if levels.column(id)?.kind != Kind::Integer || !levels.column(id)?.is_unique {
                    return Err(configuration(format!(
                        "{table}.{id} is not an integer with a unique index of its own"
                    )));
                }
                levels.column(title)?;
                from.push_str(&format!(", {} AS level", quoted(column)));
                let (id, title, levels) = (quoted(id), quoted(title), quoted_table::<D>(table));
                joins = format!(" JOIN {levels} AS l ON l.{id} = u.level AND l.{title} IS NOT NULL");
                conditions.push(format!(
                    "EXISTS (SELECT 1 FROM {levels} AS l WHERE l.{id} = u.{} AND l.{title} IS NOT NULL)",
                    quoted(column)
                ));
                select.push(D::selected(Kind::Integer, &format!("l.{id}")));
                select.push(D::selected(Kind::Text, &format!("l.{title}")));
                ReadLevel::IdAndTitle
            }
        };
        if let Some(name) = &users.fingerprint {
            there.column(name)?;
            from.push_str(&format!(", {} AS fingerprint", quoted(name)));
            select.push("t.fingerprint".to_owned());
            select.push(D::selected(Kind::Other, "u.fingerprint"));
        }
        let mut data = Vec::new();
        for (place, name) in users.data.iter().enumerate() {
            let kind = there.column(name)?.kind;
            from.push_str(&format!(", {} AS data_{place}", quoted(name)));
            select.push(D::selected(kind, &format!("u.data_{place}")));
            data.push((name.clone(), kind));
        }
        // In the derived table the condition sees the columns of the users' table alone.
        let mut enabled = vec!["1 = 1"];
        if matches!(users.level, Level::Column(_)) {
            enabled.push("u.level IS NOT NULL");
        }
        if users.disabled.is_some() {
            enabled.push("NOT COALESCE(u.disabled, TRUE)");
        }
        let enabled = enabled.join(" AND ");
        if let Some(disabled) = users.disabled {
            conditions.push(format!("NOT COALESCE(({disabled}), TRUE)"));
        }
        let tokens = users.tokens();
        let (users_table, tokens_table) = (quoted_table::<D>(&users.table), quoted_table::<D>(&tokens));
        let user_id = quoted(&users.id);
        let fingerprint =
            users.fingerprint.as_deref().map(|name| D::selected(Kind::Other, &format!("u.{}", quoted(name))));
        let tables = Tables {
            found: format!("(SELECT {from} FROM {users_table}) AS u ON u.id = t.user_id{joins}"),
            enabled,
            selected: select.iter().map(|expression| format!(", {expression}")).collect(),
            read_id: D::selected(id.kind, "t.user_id"),
            parameter: D::parameter(&id, "$2"),
            first_parameter: D::parameter(&id, "$1"),
            unchanged: fingerprint
                .as_ref()
                .map_or(String::new(), |value| format!(" AND {value} {} ${PRINTED}", D::SAME)),
            listed: fingerprint
                .as_ref()
                .map_or(String::new(), |_| " AND (t.fingerprint = $9 OR t.kind = 'api')".to_owned()),
            fingerprint: Some(fingerprint.unwrap_or_else(|| "NULL".to_owned())),
            conditions: conditions.iter().map(|condition| format!(" AND {condition}")).collect(),
            users: users_table.clone(),
            user_id: user_id.clone(),
            tokens: tokens_table.clone(),
        };
        let foreign_key = if users.has_foreign_key {
            format!(", FOREIGN KEY (user_id) REFERENCES {users_table} ({user_id}) ON DELETE CASCADE")
        } else {
            String::new()
        };
        let columns: Vec<_> = record_columns::<D>().into_iter().map(|(_, definition)| definition).collect();
        let bare = tokens.rsplit('.').next().unwrap_or_default();
        let create = D::TOKEN_TABLE.iter().map(|statement| {
            let indexes = ["by_user", "by_end", "by_digest"];
            let statement = indexes.iter().fold((*statement).to_owned(), |statement, index| {
                statement.replace(&format!("{{{index}}}"), &quoted(&index_name(bare, index)))
            });
            statement
                .replace("{columns}", &columns.join(", "))
                .replace("{tokens}", &tokens_table)
                .replace("{user_id}", &id.definition)
                .replace("{foreign_key}", &foreign_key)
        });
        let create = create.collect();
        let statements = TokenStatements::new(&D::TEXTS, &tables);
        let has_fingerprint = users.fingerprint.is_some();
        let announced = announced::<D>(users, &there, &id);
        Ok(Self { statements, id, level, has_fingerprint, data, create, announced })
    }
}

/// The table of tokens, and those of the users and levels if the application wants their changes announced.
fn announced<D: Catalogue>(users: &UserTable, there: &Table<'_>, id: &Column) -> Vec<AnnouncedTable> {
    let table = |name: &str, user: Option<&str>, key: Option<&str>, columns: Vec<&str>, end: Option<&str>| {
        let (schema, bare) = name.split_once('.').map_or((None, name), |(schema, bare)| (Some(schema), bare));
        AnnouncedTable {
            table: quoted_table::<D>(name),
            schema: schema.map(str::to_owned),
            name: bare.to_owned(),
            user: user.map(|column| D::announced_id(id.kind, &format!("{{row}}.{}", D::quoted(column)))),
            key: key.map(D::quoted),
            columns: columns.into_iter().map(D::quoted).collect(),
            end: end.map(D::quoted),
            owner: users.tokens(),
        }
    };
    let columns = ["digest", "user_id", "fingerprint"].into_iter().chain(token_columns()).collect();
    let mut tables = vec![table(&users.tokens(), Some("user_id"), None, columns, Some("ends_at"))];
    if users.is_announced {
        let id = Some(users.id.as_str());
        tables.push(table(&users.table, id, id, users.columns_that_matter(&there.names()), None));
        if let Level::Table { table: levels, id, title, .. } = &users.level {
            tables.push(table(levels, None, Some(id), vec![id, title], None));
        }
    }
    tables
}

/// The columns of a record but its id, and that of its rotation, as they are made: their names and definitions.
fn record_columns<D: Catalogue>() -> Vec<(&'static str, String)> {
    let example = TokenRecord::new(TokenId::new(0), Timestamp::from_unix_seconds(0), Lifetime::default());
    let columns = TokenRecord::FIELDS.into_iter().zip(example.fields()).skip(1).map(|(name, value)| {
        let sql_type = match value {
            FieldValue::Integer(_) => D::INTEGER,
            FieldValue::Text(_) => D::TEXT,
        };
        (name, format!("{name} {sql_type}"))
    });
    columns.chain([("rotation", format!("rotation {}", D::ASCII))]).collect()
}

/// What adds the columns that a table of an earlier release lacks.
pub(super) fn missing_columns<D: Catalogue>(tokens: &Table<'_>) -> Vec<String> {
    let missing = record_columns::<D>().into_iter().filter(|(name, _)| tokens.column(name).is_err());
    missing
        .map(|(_, definition)| format!("ALTER TABLE {} ADD COLUMN {definition}", quoted_table::<D>(tokens.name)))
        .collect()
}

/// A name of an index, within the bounds of a name.
fn index_name(table: &str, index: &str) -> String {
    format!("{}_{index}", &table[..table.floor_char_boundary(50)])
}

fn quoted_table<D: Catalogue>(table: &str) -> String {
    table.split('.').map(D::quoted).collect::<Vec<_>>().join(".")
}

/// A table that is there.
pub(super) struct Table<'a> {
    name: &'a str,
    columns: Vec<Column>,
}

impl<'a> Table<'a> {
    pub(super) async fn of<D: Catalogue>(database: &D, name: &'a str) -> Result<Self, Error> {
        let (schema, table) = name.split_once('.').map_or((None, name), |(schema, table)| (Some(schema), table));
        let columns = database.columns(schema, table).await?;
        if columns.is_empty() {
            return Err(configuration(format!("there is no table {name}")));
        }
        Ok(Self { name, columns })
    }

    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    pub(super) fn column(&self, name: &str) -> Result<&Column, Error> {
        let column = self.columns.iter().find(|column| column.name == name);
        column.ok_or_else(|| configuration(format!("there is no column {}.{name}", self.name)))
    }
}
