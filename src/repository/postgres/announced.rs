//! The triggers that announce the changes of tables, in the transaction that makes them.
//!
//! Each table has one function and three triggers. Their names have a hash of their text, so that what is there is known by
//! its name, and what another release or other settings left is replaced.

use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{Row, query};

use crate::error::{Error, ErrorKind};
use crate::repository::postgres::error::failure;
use crate::repository::sql::AnnouncedTable;

/// What the names of our channels begin with.
const CHANNEL: &str = "tower_tokens_changes_";

/// The longest text of an id that is announced. A message has less than 8,000 bytes.
pub(super) const MAX_ID_BYTES: usize = 7_000;

/// Where a table is. Not `to_regclass`: in a transaction that waited for a lock, it may not see what was made meanwhile.
const PLACE: &str = "SELECT n.nspname::text, c.oid::bigint
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = $1 AND n.nspname = ANY (CASE WHEN $2::text IS NULL THEN pg_catalog.current_schemas(false)
        ELSE ARRAY[$2::name] END)
    ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname) LIMIT 1";

/// The triggers of a table that are at work, and the schemas of their functions.
const TRIGGERS: &str = "SELECT t.tgname::text, n.nspname::text, p.proname::text FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE t.tgrelid = $1::bigint::oid AND pg_catalog.starts_with(t.tgname::text, $2)";

/// Whether a trigger of this name is at work.
const IS_AT_WORK: &str = "SELECT count(*) FROM pg_catalog.pg_trigger
    WHERE tgrelid = $1::bigint::oid AND tgname::text = ANY ($2) AND tgenabled IN ('O', 'A')";

/// The events, as they are in the names of triggers and in SQL.
const EVENTS: [(&str, &str); 3] = [("update", "UPDATE"), ("delete", "DELETE"), ("empty", "TRUNCATE")];

/// Where a table is.
struct Place {
    schema: String,
    oid: i64,
}

/// What announces one table's changes.
struct Triggers {
    names: Vec<String>,
    prefixes: Vec<String>,
    statements: Vec<String>,
}

/// The channel on which these tables are announced, the first of which has the tokens. It is another one for each table of
/// tokens, whatever its schema.
///
/// # Errors
/// [`ErrorKind::Configuration`] if the table is not there.
pub(super) async fn channel(connection: &mut PgConnection, tables: &[AnnouncedTable]) -> Result<String, Error> {
    let tokens = tables.first().ok_or(ErrorKind::Configuration)?;
    let place = place(connection, tokens).await?;
    Ok(channel_of(&place.schema, &tokens.name))
}

/// What has to be run so that the changes of these tables are announced. Nothing, if they are already.
pub(super) async fn missing(connection: &mut PgConnection, tables: &[AnnouncedTable]) -> Result<Vec<String>, Error> {
    let mut statements = Vec::new();
    let Some(tokens) = tables.first() else { return Ok(statements) };
    let home = place(connection, tokens).await?.schema;
    let channel = channel_of(&home, &tokens.name);
    for table in tables {
        let place = place(connection, table).await?;
        let triggers = Triggers::new(table, &place.schema, &home, &channel);
        if triggers.are_at_work(connection, &place).await? {
            continue;
        }
        for prefix in &triggers.prefixes {
            let rows =
                query(TRIGGERS).bind(place.oid).bind(prefix).fetch_all(&mut *connection).await.map_err(failure)?;
            for row in rows {
                let text = |column| row.try_get::<&str, _>(column).map(quoted).map_err(failure);
                statements.push(format!(
                    "DROP TRIGGER IF EXISTS {} ON {}",
                    text(0)?,
                    quoted_table(&place.schema, &table.name)
                ));
                statements.push(format!("DROP FUNCTION IF EXISTS {}.{} CASCADE", text(1)?, text(2)?));
            }
        }
        statements.extend(triggers.statements);
    }
    Ok(statements)
}

impl Triggers {
    fn new(table: &AnnouncedTable, schema: &str, home: &str, channel: &str) -> Self {
        let body = body(table, channel);
        let text = format!("{schema}\0{home}\0{body}");
        let function = format!("{}.{}", quoted(home), quoted(&table.trigger("change", &text)));
        let on = quoted_table(schema, &table.name);
        let mut statements = vec![format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
            SET search_path = pg_catalog, pg_temp AS $tower_tokens${body}$tower_tokens$"
        )];
        let mut names = Vec::new();
        for (event, sql) in EVENTS {
            let name = table.trigger(event, &text);
            let each = if sql == "TRUNCATE" { "STATEMENT" } else { "ROW" };
            statements.push(format!(
                "CREATE TRIGGER {} AFTER {sql} ON {on} FOR EACH {each} EXECUTE FUNCTION {function}()",
                quoted(&name)
            ));
            names.push(name);
        }
        let prefixes = EVENTS.iter().map(|(event, _)| table.trigger_prefix(event)).collect();
        Self { names, prefixes, statements }
    }

    async fn are_at_work(&self, connection: &mut PgConnection, place: &Place) -> Result<bool, Error> {
        let found = query(IS_AT_WORK).bind(place.oid).bind(&self.names).fetch_one(connection).await;
        let count: i64 = found.and_then(|row| row.try_get(0)).map_err(failure)?;
        Ok(usize::try_from(count).is_ok_and(|count| count == self.names.len()))
    }
}

/// The body of the function. Its search path has nothing but PostgreSQL's own schema.
///
/// The condition is here and not in the trigger, because a column that a trigger names can be neither altered nor dropped. If the
/// table has become another one meanwhile, every change of it is about everything.
fn body(table: &AnnouncedTable, channel: &str) -> String {
    let condition = condition(table);
    let ids = table.user_of("OLD").zip(table.user_of("NEW"));
    let (old, new) = ids.unwrap_or_else(|| ("NULL".to_owned(), "NULL".to_owned()));
    format!(
        "
DECLARE
    old_id text;
    new_id text;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF NOT ({condition}) THEN
                    RETURN NULL;
                END IF;
                new_id := CAST({new} AS text);
            END IF;
            old_id := CAST({old} AS text);
        EXCEPTION WHEN OTHERS THEN
            old_id := NULL;
            new_id := NULL;
        END;
    END IF;
    PERFORM pg_notify('{channel}', CASE WHEN octet_length(old_id) <= {MAX_ID_BYTES} THEN 'u' || old_id ELSE '*' END);
    IF new_id IS DISTINCT FROM old_id AND new_id IS NOT NULL THEN
        PERFORM pg_notify('{channel}', CASE WHEN octet_length(new_id) <= {MAX_ID_BYTES} THEN 'u' || new_id ELSE '*' END);
    END IF;
    RETURN NULL;
END
"
    )
}

/// Whether an update is announced. Values are compared byte for byte: not every type has an operator for equality.
fn condition(table: &AnnouncedTable) -> String {
    let row = |row: &str| table.columns.iter().map(|column| format!("{row}.{column}")).collect::<Vec<_>>().join(", ");
    let mut condition =
        format!("CAST(ROW({}) AS record) OPERATOR(pg_catalog.*<>) CAST(ROW({}) AS record)", row("OLD"), row("NEW"));
    if let Some(end) = &table.end {
        condition += &format!(
            " OR (NEW.{end} IS NOT NULL AND (OLD.{end} IS NULL OR NEW.{end} OPERATOR(pg_catalog.<) OLD.{end}))"
        );
    }
    condition
}

/// A name of a channel has at most 63 bytes.
fn channel_of(schema: &str, tokens: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(schema);
    digest.update([0]);
    digest.update(tokens);
    digest.finalize().iter().take(16).fold(CHANNEL.to_owned(), |name, byte| name + &format!("{byte:02x}"))
}

async fn place(connection: &mut PgConnection, table: &AnnouncedTable) -> Result<Place, Error> {
    let found = query(PLACE).bind(&table.name).bind(&table.schema).fetch_optional(connection).await.map_err(failure)?;
    let Some(row) = found else {
        let source = format!("there is no table {}: call `migrate`", table.table);
        return Err(Error::with_source(ErrorKind::Configuration, source));
    };
    let read = || Ok(Place { schema: row.try_get(0)?, oid: row.try_get(1)? });
    read().map_err(failure)
}

fn quoted_table(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_fits_into_63_bytes_and_each_text_has_its_own() {
        let mut tables = AnnouncedTable::ours();
        tables[0].name = "x".repeat(63);
        let names = |channel: &str| -> Vec<String> {
            tables.iter().flat_map(|table| Triggers::new(table, "public", "public", channel).names).collect()
        };
        let (one, other) = (names("one"), names("other"));
        assert!(one.iter().zip(&other).all(|(one, other)| one != other && one.len() <= 63), "{one:?}");
        let channels = [("a", "bc"), ("ab", "c"), (&"s".repeat(63), &"t".repeat(63))];
        let channels = channels.map(|(schema, table)| channel_of(schema, table));
        assert!(channels.iter().all(|channel| channel.len() <= 63) && channels[0] != channels[1]);
    }

    #[test]
    fn a_name_is_quoted() {
        assert_eq!(quoted_table("a\"b", "c"), "\"a\"\"b\".\"c\"");
    }
}
