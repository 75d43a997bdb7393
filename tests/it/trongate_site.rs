//! The database of a Trongate v2 site: its tables as Trongate makes them, on the server of the test command.
#![expect(clippy::expect_used, reason = "these are tests")]

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use tower_tokens::repository::TrongateRepository;

/// As Trongate's `setup.sql` leaves them: InnoDB, utf8mb4, no foreign keys, no index but the primary keys, everything
/// but the ids nullable.
const TABLES: [&str; 5] = [
    "CREATE TABLE trongate_tokens (
        id int(11) NOT NULL, token varchar(125) DEFAULT NULL, user_id int(11) DEFAULT 0,
        expiry_date int(11) DEFAULT NULL, code varchar(3) DEFAULT '0'
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci",
    "CREATE TABLE trongate_users (
        id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, code varchar(32) DEFAULT NULL, user_level_id int(11) DEFAULT 0
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci",
    "CREATE TABLE trongate_user_levels (
        id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, level_title varchar(125) DEFAULT ''
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci",
    "ALTER TABLE trongate_tokens ADD PRIMARY KEY (id), MODIFY id int(11) NOT NULL AUTO_INCREMENT",
    "INSERT INTO trongate_user_levels (id, level_title) VALUES (1, 'admin'), (2, 'member')",
];

/// A database of its own, dropped with this.
pub(crate) struct TrongateSite {
    pub(crate) url: String,
    pub(crate) pool: MySqlPool,
    name: String,
}

impl TrongateSite {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("trongate_{since:x}_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let server = server();
        run(&server, &format!("CREATE DATABASE {name}")).await;
        let path = server.find("://").unwrap() + 3;
        let path = server[path..].find('/').map_or(server.len(), |slash| path + slash);
        let url = format!("{}/{name}", &server[..path]);
        let pool = MySqlPoolOptions::new()
            .max_connections(8)
            .test_before_acquire(false)
            .connect_with(MySqlConnectOptions::from_str(&url).unwrap())
            .await
            .unwrap();
        create_tables(&pool).await;
        Self { url, pool, name }
    }

    pub(crate) async fn run(&self, statement: &str) {
        sqlx::query(AssertSqlSafe(statement)).execute(&self.pool).await.unwrap();
    }

    pub(crate) async fn repository(&self) -> TrongateRepository {
        TrongateRepository::with_pool(self.pool.clone()).await.unwrap()
    }

    /// Adds a user as Trongate does, and gives the number.
    pub(crate) async fn add_user(&self, level_id: i64) -> i64 {
        let add = sqlx::query("INSERT INTO trongate_users (code, user_level_id) VALUES ('Xy7', ?)").bind(level_id);
        add.execute(&self.pool).await.unwrap().last_insert_id() as i64
    }

    /// Adds a token as Trongate's `generate_token` does.
    pub(crate) async fn add_token(&self, token: &str, user_id: i64, expiry_date: i64) {
        let add = sqlx::query("INSERT INTO trongate_tokens (user_id, expiry_date, token) VALUES (?, ?, ?)");
        add.bind(user_id).bind(expiry_date).bind(token).execute(&self.pool).await.unwrap();
    }

    /// Whether Trongate's own `attempt_get_valid_token` would take the token.
    pub(crate) async fn accepts(&self, token: &str, now: i64) -> bool {
        let select = "SELECT COUNT(*) FROM trongate_tokens WHERE trongate_tokens.token = ? AND expiry_date > ?";
        sqlx::query_scalar::<_, i64>(select).bind(token).bind(now).fetch_one(&self.pool).await.unwrap() > 0
    }
}

impl Drop for TrongateSite {
    fn drop(&mut self) {
        let (server, name) = (server(), self.name.clone());
        let drop = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, &format!("DROP DATABASE {name}")));
        });
        // A test that has failed already says why; this must not say something else.
        let _ = drop.join();
    }
}

/// What makes an empty database a Trongate site's.
pub(crate) async fn create_tables(pool: &MySqlPool) {
    for statement in TABLES {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
}

fn server() -> String {
    std::env::var("TOWER_TOKENS_MYSQL_URL").expect(
        "TOWER_TOKENS_MYSQL_URL is not set: this test needs a MariaDB or MySQL server on which it may create databases",
    )
}

async fn run(server: &str, statement: &str) {
    let options = MySqlConnectOptions::from_str(server).unwrap();
    let pool = MySqlPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    pool.close().await;
}
