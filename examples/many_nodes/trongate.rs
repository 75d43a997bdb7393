//! The users of a Trongate site. `TrongateRepository` only reads them: what changes them is the application's own SQL.
//!
//! A site has names and passwords in tables of its own, such as `trongate_administrators`. The users of this demo have
//! their name in the column `code`.

use sqlx::{MySqlPool, query, query_scalar};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::user::UserId;

fn outage(error: sqlx::Error) -> Error {
    Error::with_source(ErrorKind::Unavailable, error)
}

/// Creates a user and their level, unless they are there.
pub(super) async fn create_user(pool: &MySqlPool, name: &str, level: &str) -> Result<(), Error> {
    let create = async {
        let mut transaction = pool.begin().await?;
        // No column but the ids is unique. A site has a level from the start: nodes that start at once wait here for each other.
        query("SELECT id FROM trongate_user_levels FOR UPDATE").fetch_all(&mut *transaction).await?;
        let new_level = "INSERT INTO trongate_user_levels (level_title) SELECT ? FROM DUAL
            WHERE NOT EXISTS (SELECT 1 FROM trongate_user_levels WHERE level_title = ?)";
        query(new_level).bind(level).bind(level).execute(&mut *transaction).await?;
        let new_user = "INSERT INTO trongate_users (code, user_level_id) SELECT ?, MIN(id) FROM trongate_user_levels
            WHERE level_title = ? HAVING NOT EXISTS (SELECT 1 FROM trongate_users WHERE code = ?)";
        query(new_user).bind(name).bind(level).bind(name).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    create.await.map_err(outage)
}

/// The number of the user with this name.
pub(super) async fn id_of(pool: &MySqlPool, name: &str) -> Result<Option<UserId>, Error> {
    let user = query_scalar::<_, i64>("SELECT id FROM trongate_users WHERE code = ? LIMIT 1").bind(name);
    Ok(user.fetch_optional(pool).await.map_err(outage)?.map(UserId::from))
}

/// Moves a user to the level with this title.
pub(super) async fn change_level(pool: &MySqlPool, user: i64, level: &str) -> Result<(), Error> {
    let title = query_scalar::<_, i64>("SELECT id FROM trongate_user_levels WHERE level_title = ? LIMIT 1").bind(level);
    let level = title.fetch_optional(pool).await.map_err(outage)?.ok_or(ErrorKind::LevelNotFound)?;
    let change = query("UPDATE trongate_users SET user_level_id = ? WHERE id = ?").bind(level).bind(user);
    match change.execute(pool).await.map_err(outage)?.rows_affected() {
        0 => Err(ErrorKind::UserNotFound.into()),
        _ => Ok(()),
    }
}
