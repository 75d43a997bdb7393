//! PostgreSQL behind a connection pooler, a real PgBouncer: what shares server connections is refused, what does not works.

use std::error::Error as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{PostgresRepository, UserRepository};
use tower_tokens::user::UserId;

use crate::repository::postgres;
use crate::repository::servers::unique_name;

/// A PgBouncer in front of a database of its own.
struct Pooler {
    process: Child,
    port: u16,
    database: PgConnectOptions,
    _files: TempDir,
}

/// The settings of a PgBouncer.
#[derive(Debug, Clone, Copy)]
struct Settings {
    mode: &'static str,
    size: u32,
    round_robin: u8,
}

const fn pooling(mode: &'static str, size: u32) -> Settings {
    Settings { mode, size, round_robin: 0 }
}

impl Pooler {
    /// Our tables are in its database, and the level "member".
    async fn start(settings: Settings) -> Self {
        let server: PgConnectOptions = postgres::url().parse().unwrap();
        let name = unique_name();
        let mut connection = PgConnection::connect_with(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let database = server.database(&name);
        let repository = PostgresRepository::with_pool(PgPool::connect_with(database.clone()).await.unwrap());
        repository.migrate().await.unwrap();
        repository.create_level("member").await.unwrap();
        repository.pool().close().await;

        let files = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = files.path().join("pgbouncer.ini");
        std::fs::write(&configuration, configuration_of(settings, &database, port)).unwrap();
        let process = spawn(&configuration, &files.path().join("log"));
        let pooler = Self { process, port, database, _files: files };
        pooler.wait_until_it_answers().await;
        pooler
    }

    async fn wait_until_it_answers(&self) {
        for _ in 0..200 {
            if let Ok(connection) = PgConnection::connect_with(&self.options()).await {
                connection.close().await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PgBouncer does not start: {}", std::fs::read_to_string(self._files.path().join("log")).unwrap());
    }

    fn options(&self) -> PgConnectOptions {
        self.database.clone().host("127.0.0.1").port(self.port)
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, self.database.get_database().unwrap())
    }

    async fn connection(&self) -> PgConnection {
        PgConnection::connect_with(&self.options()).await.unwrap()
    }

    async fn connect(&self) -> Result<PostgresRepository, Error> {
        PostgresRepository::connect(&self.url()).await
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration_of(settings: Settings, database: &PgConnectOptions, port: u16) -> String {
    let Settings { mode, size, round_robin } = settings;
    let (host, server_port, name) = (database.get_host(), database.get_port(), database.get_database().unwrap());
    format!(
        "[databases]\n{name} = host={host} port={server_port} dbname={name} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = {mode}\ndefault_pool_size = {size}\nserver_round_robin = {round_robin}\n\
         ignore_startup_parameters = extra_float_digits\n"
    )
}

fn spawn(configuration: &Path, log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    // PgBouncer does not run as root; Debian's is outside the path of most users.
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let user: &[&str] = if root { &["-u", "postgres"] } else { &[] };
    Command::new("pgbouncer")
        .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
        .args(user)
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("pgbouncer is missing: install the Debian package pgbouncer")
}

fn assert_refused<T>(opened: Result<T, Error>, context: &str) {
    let Err(error) = opened else { panic!("{context}: it was opened") };
    assert_eq!(error.kind(), ErrorKind::Configuration, "{context}: {error:?}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("pool_mode = session"), "{context}: {cause}");
}

#[tokio::test]
async fn no_program_runs_the_statements_of_another_through_a_transaction_pooler() {
    let pooler = Pooler::start(pooling("transaction", 5)).await;
    let direct = PostgresRepository::with_pool(PgPool::connect_with(pooler.database.clone()).await.unwrap());
    let (anna, bert) = (UserId::from("anna"), UserId::from("bert"));
    for user in [&anna, &bert] {
        direct.create_user(Some(user.clone()), "member").await.unwrap();
    }
    if let (Ok(reader), Ok(deleter)) = (pooler.connect().await, pooler.connect().await) {
        reader.user(&bert).await.unwrap();
        // The server connection on which the reader has prepared its statement is busy from here on.
        let mut other = pooler.connection().await;
        sqlx::raw_sql("BEGIN; SELECT 1").execute(&mut other).await.unwrap();
        deleter.delete_user(&bert).await.unwrap();
        let _ = reader.user(&anna).await;
    }
    assert!(direct.user(&anna).await.unwrap().is_some(), "reading anna deleted her");
}

#[tokio::test]
async fn poolers_that_share_server_connections_are_refused_when_the_store_is_opened() {
    for mode in ["transaction", "statement"] {
        for size in [1, 2, 5] {
            for round_robin in [0, 1] {
                let settings = Settings { mode, size, round_robin };
                let pooler = Pooler::start(settings).await;
                warm_up(&pooler, size).await;
                assert_refused(pooler.connect().await, &format!("{settings:?}"));
            }
        }
    }
}

#[tokio::test]
async fn a_pool_of_the_application_is_refused_when_it_migrates() {
    for mode in ["transaction", "statement"] {
        for size in [1, 5] {
            let pooler = Pooler::start(pooling(mode, size)).await;
            let pool = PgPoolOptions::new().max_connections(1).connect_with(pooler.options()).await.unwrap();
            assert_refused(PostgresRepository::with_pool(pool).migrate().await, mode);
        }
    }
}

#[tokio::test]
async fn a_session_pooler_works() {
    let pooler = Pooler::start(pooling("session", 10)).await;
    let repository = pooler.connect().await.unwrap();
    repository.migrate().await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    assert!(repository.user(&user).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_pooler_whose_last_connection_the_store_has_works() {
    for size in [1, 5] {
        let pooler = Pooler::start(pooling("session", size)).await;
        let repository = pooler.connect().await.unwrap();
        repository.pool().close().await;

        let pool = PgPoolOptions::new().max_connections(1).connect_with(pooler.options()).await.unwrap();
        let repository = PostgresRepository::with_pool(pool);
        let mut others = Vec::new();
        for _ in 1..size {
            let mut other = pooler.connection().await;
            sqlx::raw_sql("SELECT 1").execute(&mut other).await.unwrap();
            others.push(other);
        }
        repository.migrate().await.unwrap();
        let user = repository.create_user(None, "member").await.unwrap();
        assert!(repository.user(&user).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_transaction_pooler_is_refused_too() {
    for size in [1, 2, 5] {
        let pooler = Pooler::start(pooling("transaction", size)).await;
        let _load = load(&pooler, 8).await;
        for _ in 0..10 {
            assert_refused(pooler.connect().await, &format!("{size} server connections"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_session_pooler_and_a_busy_server_are_not_mistaken_for_shared_connections() {
    let pooler = Pooler::start(pooling("session", 30)).await;
    let _load = load(&pooler, 8).await;
    for _ in 0..10 {
        let store = pooler.connect().await.unwrap();
        store.pool().close().await;
    }
    let mut nodes = JoinSet::new();
    for _ in 0..20 {
        nodes.spawn(async { PostgresRepository::connect(&postgres::url()).await.map(drop) });
    }
    for opened in nodes.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn a_refused_pooler_is_left_without_a_setting_of_ours() {
    for size in [1, 5] {
        let pooler = Pooler::start(pooling("transaction", size)).await;
        let before = session_settings(&pooler, size).await;
        assert_refused(pooler.connect().await, "connect");
        assert_eq!(session_settings(&pooler, size).await, before);
    }
}

/// Opens all server connections of the pooler.
async fn warm_up(pooler: &Pooler, size: u32) {
    if pooler_allows_transactions(pooler).await {
        session_settings(pooler, size).await;
    }
}

async fn pooler_allows_transactions(pooler: &Pooler) -> bool {
    let mut connection = pooler.connection().await;
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.is_ok()
}

/// What clients have set on each of the server connections.
async fn session_settings(pooler: &Pooler, size: u32) -> Vec<String> {
    let mut connections = Vec::new();
    let mut settings = Vec::new();
    for _ in 0..size {
        let mut connection = pooler.connection().await;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
        let set = "SELECT coalesce(string_agg(name || '=' || setting, ' ' ORDER BY name), '')
            FROM pg_settings WHERE source = 'session'";
        settings.push(sqlx::raw_sql(set).fetch_one(&mut connection).await.unwrap().get(0));
        connections.push(connection);
    }
    settings.sort_unstable();
    settings
}

/// Clients whose transactions keep the server connections busy, until this is dropped.
async fn load(pooler: &Pooler, clients: usize) -> JoinSet<()> {
    let mut load = JoinSet::new();
    for _ in 0..clients {
        let mut connection = pooler.connection().await;
        load.spawn(async move {
            while sqlx::raw_sql("BEGIN; SELECT pg_sleep(0.001); COMMIT").execute(&mut connection).await.is_ok() {}
        });
    }
    load
}
