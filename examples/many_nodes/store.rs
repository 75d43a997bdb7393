//! The store that a URL names, with a cache in front.

use std::sync::Arc;
use std::time::Duration;

use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::prelude::*;
use tower_tokens::repository::{
    Cache, CacheStatistics, CachedRepository, MySqlRepository, PostgresRepository, RedisBus, RedisRepository,
    RepositoryExt, SqliteRepository, TokenRepository, TrongateRepository, UserRepository,
};

use super::trongate;

/// A store of both tokens and users.
pub(super) trait TokensAndUsers: TokenRepository + UserRepository {}

impl<S: TokenRepository + UserRepository> TokensAndUsers for S {}

/// Clones share the store and its cache.
#[derive(Clone)]
pub(super) enum Store {
    /// The users are this crate's, and the id of each is the name.
    Ours(CachedRepository<Arc<dyn TokensAndUsers>>),
    /// The users are those of a Trongate site, and their ids are numbers.
    Trongate(CachedRepository<TrongateRepository>),
}

impl Store {
    /// Opens the store that the URL names. With a bus, changes are announced there.
    pub(super) async fn open(url: &str, bus: Option<&str>) -> Result<Self, Error> {
        let cache = match bus {
            None => Cache::new(),
            Some(bus) => Cache::with_bus(RedisBus::connect(bus).await?),
        };
        let store: Arc<dyn TokensAndUsers> = if let Some(path) = url.strip_prefix("sqlite:") {
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
        Ok(Self::Ours(store.cached(cache)))
    }

    /// Opens the database of a Trongate site. Its triggers announce what PHP changes, which no other bus does.
    pub(super) async fn open_trongate(url: &str) -> Result<Self, Error> {
        let store = TrongateRepository::connect(url).await?;
        store.announce_changes().await?;
        Ok(Self::Trongate(store.cached(Cache::new())))
    }

    pub(super) fn tokens(&self) -> Tokens {
        match self {
            Self::Ours(repository) => Tokens::new(repository.clone()),
            // The site's tables have no column for the last use, and PHP gives a user any number of tokens.
            Self::Trongate(repository) => {
                Tokens::new(repository.clone()).with_touch_interval(None).with_max_tokens_per_user(None)
            }
        }
    }

    pub(super) fn repository(&self) -> &dyn TokenRepository {
        match self {
            Self::Ours(repository) => repository,
            Self::Trongate(repository) => repository,
        }
    }

    /// Creates a user and their level, unless they are there.
    pub(super) async fn create_user(&self, name: &str, level: &str) -> Result<(), Error> {
        match self {
            Self::Ours(repository) => {
                repository.create_level(level).await?;
                match repository.create_user(Some(UserId::from(name)), level).await {
                    // Another node was first.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                    created => created.map(drop),
                }
            }
            Self::Trongate(repository) => trongate::create_user(repository.inner().pool(), name, level).await,
        }
    }

    /// The id of the user with this name.
    pub(super) async fn id_of(&self, name: &str) -> Result<Option<UserId>, Error> {
        match self {
            Self::Ours(_) => Ok(Some(UserId::from(name))),
            Self::Trongate(repository) => trongate::id_of(repository.inner().pool(), name).await,
        }
    }

    /// Moves a user to another level. When it returns, this holds on this node, and it is on its way to the others.
    pub(super) async fn change_level(&self, id: &str, level: &str) -> Result<(), Error> {
        match self {
            Self::Ours(repository) => repository.change_level(&UserId::from(id), level).await.map(drop),
            Self::Trongate(repository) => {
                let id = id.parse::<i64>().map_err(|_| ErrorKind::UserNotFound)?;
                trongate::change_level(repository.inner().pool(), id, level).await?;
                // It was changed past the cache, which this node has to know before it answers.
                repository.user_changed(&UserId::from(id)).await
            }
        }
    }

    pub(super) fn statistics(&self) -> CacheStatistics {
        match self {
            Self::Ours(repository) => repository.statistics(),
            Self::Trongate(repository) => repository.statistics(),
        }
    }

    pub(super) fn max_staleness(&self) -> Duration {
        match self {
            Self::Ours(repository) => repository.max_staleness(),
            Self::Trongate(repository) => repository.max_staleness(),
        }
    }
}
