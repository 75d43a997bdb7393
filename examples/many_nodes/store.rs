//! The store that a URL names, with a cache in front.

use std::error::Error;
use std::sync::Arc;

use tower_tokens::repository::{
    Cache, CachedRepository, MySqlRepository, PostgresRepository, RedisBus, RedisRepository, RepositoryExt,
    SqliteRepository, TokenRepository, UserRepository,
};

/// A store of both tokens and users.
pub(super) trait Store: TokenRepository + UserRepository {}

impl<S: TokenRepository + UserRepository> Store for S {}

pub(super) type Repository = CachedRepository<Arc<dyn Store>>;

pub(super) async fn open(url: &str, bus: Option<&str>) -> Result<Repository, Box<dyn Error>> {
    let cache = match bus {
        None => Cache::new(),
        Some(bus) => Cache::with_bus(RedisBus::connect(bus).await?),
    };
    let store: Arc<dyn Store> = if let Some(path) = url.strip_prefix("sqlite:") {
        Arc::new(SqliteRepository::open(path.trim_start_matches("//")).await?)
    } else if url.starts_with("mysql:") || url.starts_with("mariadb:") {
        let store = MySqlRepository::connect(url).await?;
        store.migrate().await?;
        Arc::new(store)
    } else if url.starts_with("redis") {
        Arc::new(RedisRepository::connect(url).await?)
    } else {
        let store = PostgresRepository::connect(url).await?;
        store.migrate().await?;
        Arc::new(store)
    };
    Ok(store.cached(cache))
}
