//! Records: what scripts read and write, according to the abilities of their token.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row as _;
use tower_tokens::repository::SqliteRepository;
use tower_tokens::user::CurrentUser;

use super::app::Site;
use super::failure::{self, Failure, Problem};

/// The longest record, in bytes.
const MAX_BYTES: usize = 1_000;

/// Creates the table of records if it is not there.
pub(super) async fn create_table(users: &SqliteRepository) -> Result<(), Failure> {
    let mut transaction = users.begin().await?;
    let table = "CREATE TABLE IF NOT EXISTS members_area_records (
            id INTEGER PRIMARY KEY,
            user_id INTEGER NOT NULL REFERENCES tower_tokens_users (id) ON DELETE CASCADE,
            text TEXT NOT NULL
        ) STRICT";
    sqlx::query(table).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// `GET /api/records`: the user's newest.
pub(super) async fn list(State(site): State<Site>, user: CurrentUser) -> Result<Json<Value>, Problem> {
    let select = "SELECT id, text FROM members_area_records WHERE user_id = ? ORDER BY id DESC LIMIT 100";
    let rows = sqlx::query(select).bind(user.id().as_integer()).fetch_all(site.users.pool()).await?;
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        records.push(json!({ "id": row.try_get::<i64, _>(0)?, "text": row.try_get::<&str, _>(1)? }));
    }
    Ok(Json(json!({ "records": records })))
}

#[derive(Deserialize)]
pub(super) struct RecordBody {
    text: String,
}

/// `POST /api/records`
pub(super) async fn create(
    State(site): State<Site>,
    user: CurrentUser,
    Json(body): Json<RecordBody>,
) -> Result<Response, Problem> {
    if body.text.is_empty() || body.text.len() > MAX_BYTES {
        let detail = "A record has 1 to 1,000 bytes.";
        return Ok(failure::problem(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Content", detail));
    }
    let mut transaction = site.users.begin().await?;
    let insert = sqlx::query("INSERT INTO members_area_records (user_id, text) VALUES (?, ?)");
    let inserted = insert.bind(user.id().as_integer()).bind(&body.text).execute(&mut *transaction).await?;
    transaction.commit().await?;
    let record = json!({ "id": inserted.last_insert_rowid(), "text": body.text });
    Ok((StatusCode::CREATED, Json(record)).into_response())
}
