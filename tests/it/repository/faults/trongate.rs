//! MariaDB fails, with a Trongate site's tables in it.

use std::sync::Arc;

use sqlx::{Connection, Executor, MySqlConnection};
use tower_tokens::repository::TrongateRepository;

use crate::repository::faults::drills;
use crate::repository::faults::server::Server;
use crate::repository::faults::site::Site;
use crate::repository::trongate::{Visitor, an_outage_is_an_error_and_never_none, without_index};
use crate::trongate_site::create_tables;

async fn private() -> (Server, Visitor) {
    let server = Server::start("mariadb").await;
    create_tables(&sqlx::MySqlPool::connect(server.url()).await.unwrap()).await;
    let repository = opened(server.url()).await;
    (server, repository)
}

async fn opened(url: &str) -> Visitor {
    Visitor(TrongateRepository::connect(url).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_when_trongates_database_is_killed_and_restarted_under_load() {
    let (server, repository) = private().await;
    drills::killed_and_restarted_under_load("Trongate", &server, Arc::new(repository)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_trongates_database_is_an_error() {
    let (server, repository) = private().await;
    an_outage_is_an_error_and_never_none(repository, async || server.kill().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_503_while_a_lock_holds_trongates_table_up() {
    let (server, repository) = private().await;
    let site = Site::new(Arc::new(repository)).await;
    let lock = async || {
        let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
        connection.execute("LOCK TABLES trongate_tokens WRITE").await.unwrap();
        drills::a_change_is_answered_in_time(&site).await;
        connection
    };
    drills::everybody_gets_503_in_time(&site, lock, async |connection: MySqlConnection| {
        connection.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_503_while_trongates_pool_is_exhausted() {
    let (repository, trongate) = without_index().await;
    let site = Site::new(Arc::new(repository)).await;
    let exhaust = async || {
        let mut held = Vec::new();
        for _ in 0..trongate.pool.options().get_max_connections() {
            held.push(trongate.pool.acquire().await.unwrap());
        }
        held
    };
    drills::everybody_gets_503_in_time(&site, exhaust, async |held: Vec<_>| drop(held)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_trongates_table_outlives_its_application() {
    if let Some(url) = drills::application_url() {
        return drills::be_the_application(Arc::new(opened(&url).await)).await;
    }
    let (server, repository) = private().await;
    let test = "repository::faults::trongate::a_token_in_trongates_table_outlives_its_application";
    drills::a_token_outlives_its_application(test, Arc::new(repository), server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_regenerate_one_token_in_trongates_table() {
    let (repository, _site) = without_index().await;
    drills::twenty_tasks_regenerate_one_token(Arc::new(repository)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_prune_trongates_table_while_tokens_are_issued() {
    let (repository, _site) = without_index().await;
    drills::twenty_tasks_prune_while_tokens_are_issued(Arc::new(repository)).await;
}
