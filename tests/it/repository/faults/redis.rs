//! Redis fails.

use std::sync::Arc;

use tower_tokens::repository::RedisRepository;

use crate::repository::faults::drills;
use crate::repository::faults::server::Server;
use crate::repository::faults::site::Site;
use crate::repository::redis::fresh;

async fn private() -> (Server, RedisRepository) {
    let server = Server::start("redis").await;
    let repository = RedisRepository::connect(server.url()).await.unwrap();
    (server, repository)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_when_redis_is_killed_and_restarted_under_load() {
    let (server, repository) = private().await;
    drills::killed_and_restarted_under_load("Redis", &server, Arc::new(repository)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_redis_is_an_error() {
    let (server, repository) = private().await;
    drills::an_outage_is_an_error(&server, repository).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_503_while_redis_hangs() {
    let (server, repository) = private().await;
    let site = Site::new(Arc::new(repository)).await;
    let freeze = async || {
        server.signal("STOP");
        drills::a_change_is_answered_in_time(&site).await;
    };
    drills::everybody_gets_503_in_time(&site, freeze, async |()| server.signal("CONT")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_redis_outlives_its_application() {
    if let Some(url) = drills::application_url() {
        let repository = RedisRepository::connect(&url).await.unwrap();
        return drills::be_the_application(Arc::new(repository)).await;
    }
    let (server, repository) = private().await;
    let test = "repository::faults::redis::a_token_in_redis_outlives_its_application";
    drills::a_token_outlives_its_application(test, Arc::new(repository), server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_regenerate_one_token_in_redis() {
    drills::twenty_tasks_regenerate_one_token(Arc::new(fresh().await.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_prune_redis_while_tokens_are_issued() {
    drills::twenty_tasks_prune_while_tokens_are_issued(Arc::new(fresh().await.0)).await;
}
