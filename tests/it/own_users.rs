//! The example with users of its own, over HTTP on three databases: what SQL does to the table holds at the next request.
#![expect(clippy::expect_used, reason = "these are tests")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection};
use tower::ServiceExt as _;

use database::Database;
use site::app;

#[path = "../../examples/own_users/database.rs"]
mod database;
#[path = "../../examples/own_users/site.rs"]
mod site;

const ANNA: &str = "018f4e2a-7c1b-7d32-9a54-000000000001";

struct Client {
    app: Router,
    database: Database,
}

impl Client {
    async fn open(url: &str) -> Self {
        let (database, tokens) = Database::open(url, true).await.expect("the demo can be created");
        Database::open(url, true).await.expect("a second start finds everything there");
        Self { app: app(database.clone(), tokens), database }
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<String, StatusCode> {
        let body = json!({ "email": email, "password": password }).to_string();
        let request = Request::post("/api/login").header("content-type", "application/json").body(body.into()).unwrap();
        let (status, answer) = self.ask(request).await;
        answer["token"].as_str().map(str::to_owned).ok_or(status)
    }

    async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn status(&self, path: &str, token: &str) -> u16 {
        self.get(path, token).await.0.as_u16()
    }

    /// SQL typed by hand.
    async fn run(&self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.database {
            Database::Postgres(pool) => drop(sql.execute(pool).await.unwrap()),
            Database::MySql(pool) => drop(sql.execute(pool).await.unwrap()),
            Database::Sqlite(pool) => drop(sql.execute(pool).await.unwrap()),
        }
    }

    async fn cut_off(&self) {
        match &self.database {
            Database::Postgres(pool) => pool.close().await,
            Database::MySql(pool) => pool.close().await,
            Database::Sqlite(pool) => pool.close().await,
        }
    }
}

async fn what_sql_does_holds_at_the_next_request(url: &str) {
    let client = Client::open(url).await;
    let wrong = [("anna@example.org", "admin-password"), ("nemo@example.org", "anna-password"), ("", "")];
    for (email, password) in wrong {
        assert_eq!(client.log_in(email, password).await, Err(StatusCode::UNAUTHORIZED));
    }
    let anna = client.log_in("anna@example.org", "anna-password").await.expect("the password is right");
    let admin = client.log_in("admin@example.org", "admin-password").await.expect("the password is right");
    let me = json!({ "id": ANNA, "email": "anna@example.org", "role": "member" });
    assert_eq!(client.get("/api/me", &anna).await, (StatusCode::OK, me));
    assert_eq!(client.status("/api/me", "unknown").await, 401);
    assert_eq!((client.status("/api/admin", &admin).await, client.status("/api/admin", &anna).await), (200, 403));

    client.run("UPDATE users SET role = 'admin', email = 'ann@example.org' WHERE email = 'anna@example.org'").await;
    let changed = json!({ "id": ANNA, "email": "ann@example.org", "role": "admin" });
    assert_eq!(client.get("/api/admin", &anna).await, (StatusCode::OK, changed));
    client.run("UPDATE users SET banned_at = CURRENT_TIMESTAMP WHERE email = 'ann@example.org'").await;
    assert_eq!(client.status("/api/me", &anna).await, 401);
    assert_eq!(client.log_in("ann@example.org", "anna-password").await, Err(StatusCode::UNAUTHORIZED), "banned");
    client.run("UPDATE users SET banned_at = NULL WHERE email = 'ann@example.org'").await;
    assert_eq!(client.status("/api/me", &anna).await, 200);

    let second = client.log_in("ann@example.org", "anna-password").await.expect("she is in again");
    let log_out = Request::post("/api/logout").header("authorization", format!("Bearer {second}"));
    assert_eq!(client.ask(log_out.body(Body::empty()).unwrap()).await.0, StatusCode::NO_CONTENT);
    assert_eq!((client.status("/api/me", &second).await, client.status("/api/me", &anna).await), (401, 200));

    let password = "password_hash = (SELECT h FROM (SELECT password_hash AS h FROM users WHERE role = 'admin'
        AND email = 'admin@example.org') AS other)";
    client.run(&format!("UPDATE users SET {password} WHERE email = 'ann@example.org'")).await;
    assert_eq!(client.status("/api/me", &anna).await, 401, "another password");
    let third = client.log_in("ann@example.org", "admin-password").await.expect("the new password is right");
    assert_eq!(client.status("/api/me", &third).await, 200);
    client.run("DELETE FROM users WHERE email = 'ann@example.org'").await;
    assert_eq!((client.status("/api/me", &third).await, client.status("/api/me", &admin).await), (401, 200));

    client.cut_off().await;
    assert_eq!(client.status("/api/me", &admin).await, 503);
    assert_eq!(client.log_in("admin@example.org", "admin-password").await, Err(StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test]
async fn on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    what_sql_does_holds_at_the_next_request(&format!("sqlite:{}", directory.path().join("app.db").display())).await;
}

#[tokio::test]
async fn on_postgres() {
    let url = crate::repository::servers::shared("TOWER_TOKENS_POSTGRES_URL", "postgres");
    let name = crate::repository::servers::unique_name();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    what_sql_does_holds_at_the_next_request(&format!("{server}/{name}")).await;
}

#[tokio::test]
async fn on_mysql() {
    let url = crate::repository::servers::shared("TOWER_TOKENS_MYSQL_URL", "mariadb");
    let name = crate::repository::servers::unique_name();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    what_sql_does_holds_at_the_next_request(&format!("{server}/{name}")).await;
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("app.db").display());
    let error = Database::open(&url, false).await.expect_err("there is no table");
    let source = error.source().expect("it says why").to_string();
    assert!(source.contains("there is no table users"), "{source}");
}
