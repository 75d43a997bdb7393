//! MariaDB fails.

use std::sync::Arc;

use sqlx::{Connection, Executor, MySqlConnection};
use tower_tokens::repository::MySqlRepository;

use crate::repository::faults::drills;
use crate::repository::faults::server::Server;
use crate::repository::faults::site::Site;
use crate::repository::mysql::{fresh, fresh_pool};

async fn private() -> (Server, MySqlRepository) {
    let server = Server::start("mariadb").await;
    let repository = opened(server.url()).await;
    (server, repository)
}

async fn opened(url: &str) -> MySqlRepository {
    let repository = MySqlRepository::connect(url).await.unwrap();
    repository.migrate().await.unwrap();
    repository
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_when_mysql_is_killed_and_restarted_under_load() {
    let (server, repository) = private().await;
    drills::killed_and_restarted_under_load("MariaDB", &server, Arc::new(repository)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_mysql_is_an_error() {
    let (server, repository) = private().await;
    drills::an_outage_is_an_error(&server, repository).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_503_while_a_lock_holds_mysql_up() {
    let (server, repository) = private().await;
    let site = Site::new(Arc::new(repository)).await;
    let lock = async || {
        let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
        connection.execute("LOCK TABLES tower_tokens_tokens WRITE").await.unwrap();
        drills::a_change_is_answered_in_time(&site).await;
        connection
    };
    drills::everybody_gets_503_in_time(&site, lock, async |connection: MySqlConnection| {
        connection.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_503_while_the_mysql_pool_is_exhausted() {
    let pool = fresh_pool().await;
    let repository = MySqlRepository::with_pool(pool.clone());
    repository.migrate().await.unwrap();
    let site = Site::new(Arc::new(repository)).await;
    let exhaust = async || {
        let mut held = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            held.push(pool.acquire().await.unwrap());
        }
        held
    };
    drills::everybody_gets_503_in_time(&site, exhaust, async |held: Vec<_>| drop(held)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_mysql_outlives_its_application() {
    if let Some(url) = drills::application_url() {
        return drills::be_the_application(Arc::new(opened(&url).await)).await;
    }
    let (server, repository) = private().await;
    let test = "repository::faults::mysql::a_token_in_mysql_outlives_its_application";
    drills::a_token_outlives_its_application(test, Arc::new(repository), server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_regenerate_one_token_in_mysql() {
    drills::twenty_tasks_regenerate_one_token(Arc::new(fresh().await.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_prune_mysql_while_tokens_are_issued() {
    drills::twenty_tasks_prune_while_tokens_are_issued(Arc::new(fresh().await.0)).await;
}
