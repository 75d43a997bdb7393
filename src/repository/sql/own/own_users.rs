//! Users in the application's own table: how a row becomes a user, and what is made of it at the start.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::Found;
use crate::repository::sql::announced::AnnouncedTable;
use crate::repository::sql::our_users::{Fingerprint, Users};
use crate::repository::sql::own::catalogue::Catalogue;
use crate::repository::sql::own::column::{ColumnValue, Kind};
use crate::repository::sql::own::layout::{Layout, ReadLevel, Table, missing_columns};
use crate::repository::sql::own::user_table::{UserTable, configuration};
use crate::repository::sql::rows::{SqlRow, integer, record};
use crate::repository::sql::statement::Value;
use crate::repository::sql::statements::TokenStatements;
use crate::repository::sql::store::SqlRepository;
use crate::token::{FieldValue, Lifetime, TokenId, TokenKind, TokenRecord};
use crate::user::{UserData, UserId, UserLevel};

/// The column after those of a record.
const USER: usize = TokenRecord::FIELDS.len();

/// Users in a table of the application, for [`SqlRepository`].
#[derive(Debug, Clone)]
pub struct OwnUsers {
    table: Arc<UserTable>,
    /// Set by `migrate`.
    layout: Arc<OnceLock<Layout>>,
}

impl<D: Catalogue> SqlRepository<D> {
    /// The same connections, for tokens of users in a table of the application's own. Call
    /// [`migrate`](SqlRepository::migrate) next.
    ///
    /// # Example
    /// ```no_run
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{PostgresRepository, UserTable};
    ///
    /// # async fn example() -> Result<(), tower_tokens::error::Error> {
    /// let users = UserTable::new("users").id("id").level("role").disabled("banned_at IS NOT NULL");
    /// let repository = PostgresRepository::connect("postgres://app@db.example/app").await?.with_users(users);
    /// repository.migrate().await?;
    /// let tokens = Tokens::new(repository);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_users(self, table: UserTable) -> SqlRepository<D, OwnUsers> {
        let users = OwnUsers { table: Arc::new(table), layout: Arc::default() };
        SqlRepository { database: self.database, users }
    }
}

impl<D: Catalogue> SqlRepository<D, OwnUsers> {
    /// Checks the application's tables, and creates our table of tokens if it is missing. Call it when the application
    /// starts: until then every call is a [`Configuration`](ErrorKind::Configuration) error.
    ///
    /// Any number of nodes may do so at once. The application's tables are read and not changed; with
    /// [`announce_changes`](UserTable::announce_changes) they get triggers. Where a column of theirs gets another type, call it
    /// again.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) for a table or column that is not there or has a type that it cannot
    /// have, for a condition that the database does not accept, and for a token table that was made for ids of another
    /// type: the source names it. Otherwise as [`TokenRepository`](crate::repository::TokenRepository).
    pub async fn migrate(&self) -> Result<(), Error> {
        let table = &*self.users.table;
        let layout = Layout::of(&self.database, table).await?;
        self.database.create(&layout.create).await?;
        let tokens = table.tokens();
        let ours = Table::of(&self.database, &tokens).await?;
        if ours.column("user_id")?.definition != layout.id.definition {
            let (there, wanted) = (&ours.column("user_id")?.definition, &layout.id.definition);
            return Err(configuration(format!("{tokens}.user_id is {there}, and the users' ids are {wanted}")));
        }
        let id = if layout.id.kind == Kind::Integer { Value::Integer(None) } else { Value::Text(None) };
        let missing = missing_columns::<D>(&ours);
        if !missing.is_empty() {
            self.database.create(&missing).await?;
        }
        for (name, statement) in layout.statements.all() {
            self.database.prepare(statement, &values_like(name, &id)).await?;
        }
        self.database.announce(&layout.announced).await?;
        // A later call finds the same, or needs a new start: statements in use are not exchanged.
        _ = self.users.layout.set(layout);
        Ok(())
    }
}

impl<D: Catalogue> Users<D> for OwnUsers {
    fn statements(&self) -> Result<&TokenStatements, Error> {
        self.layout().map(|layout| &layout.statements)
    }

    fn id<'v>(&self, user: &'v UserId) -> Option<Value<'v>> {
        let kind = self.layout.get()?.id.kind;
        match (kind, user.as_integer(), user.as_text()) {
            (Kind::Integer, Some(number), _) => Some(number.into()),
            (Kind::Uuid, _, Some(text)) if is_uuid(text) => Some(text.into()),
            (Kind::Text, _, Some(text)) if !text.contains('\0') => Some(text.into()),
            _ => None,
        }
    }

    fn found(&self, row: &D::Row) -> Result<Option<Found>, Error> {
        let layout = self.layout()?;
        let read = || -> Result<_, sqlx::Error> {
            let mut column = USER + 1;
            let level = match &layout.level {
                ReadLevel::One(title) => Some(level_called(title)),
                ReadLevel::Title => row.text(column)?.map(level_called),
                ReadLevel::Number => row.integer(column)?.map(|id| UserLevel::new(id, &id.to_string())),
                ReadLevel::IdAndTitle => match row.text(column + 1)? {
                    Some(title) => Some(UserLevel::new(integer(row, column)?, title)),
                    None => None,
                },
            };
            column += match layout.level {
                ReadLevel::One(_) => 0,
                ReadLevel::Title | ReadLevel::Number => 1,
                ReadLevel::IdAndTitle => 2,
            };
            let mut is_unchanged = true;
            if layout.has_fingerprint {
                let (kept, present) = (row.bytes(column)?, fingerprint(row.text(column + 1)?));
                is_unchanged = kept.is_some_and(|kept| bool::from(kept.ct_eq(&present)));
                column += 2;
            }
            let record = record(row)?;
            // A script's token does not end with its owner's password.
            is_unchanged |= record.kind() == TokenKind::Api;
            let Some(level) = level.filter(|_| is_unchanged) else { return Ok(None) };
            let user = read_id(row, USER, layout.id.kind)?;
            let mut values = Vec::with_capacity(layout.data.len());
            for (place, (name, kind)) in layout.data.iter().enumerate() {
                values.push((name.as_str(), value(row, column + place, *kind)?));
            }
            Ok(Some((Found::new(user, level, record), values)))
        };
        let Some((mut found, values)) = read().map_err(D::failure)? else { return Ok(None) };
        if let Some(decode) = self.table.decode {
            // The error could quote what is in the row.
            let data = decode(values).map_err(|_| {
                Error::with_source(ErrorKind::Corrupt, "the columns of a user's row do not make the type of `data`")
            })?;
            found = found.with_data(UserData::from_arc(data));
        }
        Ok(Some(found))
    }

    fn read_id(&self, row: &D::Row, column: usize) -> Result<UserId, sqlx::Error> {
        let kind = self.layout.get().map_or(Kind::Text, |layout| layout.id.kind);
        read_id(row, column, kind)
    }

    fn fingerprint(&self, value: Option<&str>) -> Option<Fingerprint> {
        self.layout.get().filter(|layout| layout.has_fingerprint).map(|_| fingerprint(value))
    }

    fn announced(&self) -> Option<Vec<AnnouncedTable>> {
        self.layout.get().filter(|_| self.table.is_announced).map(|layout| layout.announced.clone())
    }
}

impl OwnUsers {
    fn layout(&self) -> Result<&Layout, Error> {
        self.layout.get().ok_or_else(|| configuration("the store has not been checked yet: call migrate() first"))
    }
}

/// Values of the types that this statement of tokens gets.
fn values_like<'v>(name: &str, id: &Value<'v>) -> Vec<Value<'v>> {
    let (bytes, number, text) = (Value::Bytes(None), Value::Integer(None), Value::Text(None));
    let list = |values: &[&Value<'v>]| values.iter().map(|value| (*value).clone()).collect();
    match name {
        "insert" => {
            let record = TokenRecord::new(TokenId::new(0), Timestamp::from_unix_seconds(0), Lifetime::default());
            let fields = record.fields().map(|field| match field {
                FieldValue::Integer(_) => number.clone(),
                FieldValue::Text(_) => text.clone(),
            });
            [bytes.clone(), id.clone(), number.clone()]
                .into_iter()
                .chain(fields)
                .chain([bytes.clone(), text.clone()])
                .collect()
        }
        "fingerprint" => list(&[id]),
        "delete_by_user" => list(&[id, &text, &text, &text, &text]),
        "find" => list(&[&bytes, &number]),
        "owner" | "delete" | "rotation" => list(&[&bytes]),
        "delete_by_id" | "delete_family" => list(&[&number, id]),
        "supersede" => list(&[&number, id, &number, &number, &number]),
        "rotate" => list(&[&bytes, &text, &text, &number, &number]),
        "replace" => list(&[&bytes, &bytes, &number, &number, &number, &number, &number]),
        "touch" => list(&[&number, id, &number, &number]),
        "delete_others" => list(&[id, &number, &text, &text, &text, &text]),
        "list_by_user" => list(&[id, &number, &number, &number, &text, &text, &text, &text, &bytes]),
        _ => list(&[&number, &number]),
    }
}

fn read_id(row: &impl SqlRow, column: usize, kind: Kind) -> Result<UserId, sqlx::Error> {
    if kind == Kind::Integer {
        return integer(row, column).map(UserId::from);
    }
    let text = row.text(column)?.ok_or_else(|| sqlx::Error::Decode("a user without an id".into()))?;
    Ok(UserId::from(text))
}

fn value(row: &impl SqlRow, column: usize, kind: Kind) -> Result<ColumnValue, sqlx::Error> {
    let value = match kind {
        Kind::Integer => row.integer(column)?.map(ColumnValue::Integer),
        Kind::Boolean => row.integer(column)?.map(|number| ColumnValue::Boolean(number != 0)),
        Kind::Float => row.float(column)?.map(ColumnValue::Float),
        Kind::Bytes => row.bytes(column)?.map(|bytes| ColumnValue::Bytes(bytes.to_owned())),
        Kind::Text | Kind::Uuid | Kind::Other => row.text(column)?.map(|text| ColumnValue::Text(text.to_owned())),
    };
    Ok(value.unwrap_or(ColumnValue::Null))
}

/// What a token keeps of a value, which is the value's digest. NULL is a value as any other.
fn fingerprint(value: Option<&str>) -> Fingerprint {
    let mut digest = Sha256::new();
    digest.update([u8::from(value.is_some())]);
    digest.update(value.unwrap_or_default());
    digest.finalize().into()
}

/// The level with this title, in a table that gives levels no id: a number that is made out of the title.
fn level_called(title: &str) -> UserLevel {
    let digest: Fingerprint = Sha256::digest(title).into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    UserLevel::new(i64::from_be_bytes(first) & i64::MAX, title)
}

/// The usual text of a UUID (RFC 9562 §4), in any case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
