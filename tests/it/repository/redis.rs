//! Redis keeps the contract, on a real server.

use tower_tokens::repository::RedisRepository;

use crate::repository::servers::{shared, unique_name};

pub(super) fn url() -> String {
    shared("TOWER_TOKENS_REDIS_URL", "redis")
}

pub(super) async fn fresh() -> (RedisRepository, ()) {
    (RedisRepository::connect(&url()).await.unwrap().with_prefix(&unique_name()), ())
}

tower_tokens::repository_conformance!(redis_tokens, super::fresh());
tower_tokens::user_repository_conformance!(redis_users, super::fresh());
