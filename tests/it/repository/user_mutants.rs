//! The suite for users fails on stores that are broken on purpose, each in one way.

use std::future::Future;

use async_trait::async_trait;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance;
use tower_tokens::error::Error;
use tower_tokens::repository::{
    Ended, Found, MemoryRepository, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, User,
    UserRepository,
};
use tower_tokens::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::{UserId, UserLevel};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    LevelsIgnoreCase,
    LevelsAppearWhenNamed,
    UnknownUsersAreNoError,
    ChangeLevelGivesTheOldOne,
    NumbersAreGivenTwice,
    CreateUserOverwrites,
    TextsAreNumbers,
    UsersAreUnordered,
    UsersHaveOnePage,
    DisabledIsNotShown,
    DeleteKeepsTheTokens,
}

#[derive(Debug)]
struct Mutant {
    inner: MemoryRepository,
    flaw: Flaw,
}

impl Mutant {
    fn new(flaw: Flaw) -> Self {
        Self { inner: MemoryRepository::new(), flaw }
    }

    fn seen(&self, id: &UserId) -> UserId {
        match id.as_text().and_then(|text| text.parse::<i64>().ok()) {
            Some(number) if self.flaw == Flaw::TextsAreNumbers => number.into(),
            _ => id.clone(),
        }
    }

    fn forgiven<T>(&self, done: Result<T, Error>, otherwise: T) -> Result<T, Error> {
        if self.flaw == Flaw::UnknownUsersAreNoError { Ok(done.unwrap_or(otherwise)) } else { done }
    }
}

#[async_trait]
impl TokenRepository for Mutant {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let user = self.seen(token.user);
        self.inner.insert(NewToken { user: &user, ..token }).await
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        self.inner.find(token, now).await
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        self.inner.delete(token).await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.inner.delete_by_id(&self.seen(user), id).await
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        self.inner.replace(replacement).await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        self.inner.touch(&self.seen(user), id, now).await
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.inner.delete_by_user(&self.seen(user), kinds, keep).await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.inner.list_by_user(&self.seen(user), kinds, page, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.inner.delete_expired(now, limit).await
    }
}

#[async_trait]
impl UserRepository for Mutant {
    async fn create_level(&self, title: &str) -> Result<UserLevel, Error> {
        match self.flaw {
            Flaw::LevelsIgnoreCase => self.inner.create_level(&title.to_lowercase()).await,
            _ => self.inner.create_level(title).await,
        }
    }

    async fn levels(&self) -> Result<Vec<UserLevel>, Error> {
        self.inner.levels().await
    }

    async fn create_user(&self, id: Option<UserId>, level: &str) -> Result<UserId, Error> {
        let mut id = id.map(|id| self.seen(&id));
        match (self.flaw, &id) {
            (Flaw::LevelsAppearWhenNamed, _) => _ = self.inner.create_level(level).await?,
            (Flaw::CreateUserOverwrites, Some(id)) => _ = self.inner.delete_user(id).await?,
            (Flaw::NumbersAreGivenTwice, None) => {
                let count = self.inner.users(PageRequest::default()).await?.items.len();
                id = Some(UserId::from(count as i64 + 1));
            }
            _ => {}
        }
        self.inner.create_user(id, level).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        let user = self.inner.user(&self.seen(id)).await?;
        Ok(user.map(|user| User { disabled: user.disabled && self.flaw != Flaw::DisabledIsNotShown, ..user }))
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let mut page = self.inner.users(page).await?;
        match self.flaw {
            Flaw::UsersAreUnordered => page.items.sort_by_key(|user| user.id.to_string()),
            Flaw::UsersHaveOnePage => page.next = None,
            _ => {}
        }
        Ok(page)
    }

    async fn change_level(&self, id: &UserId, level: &str) -> Result<UserLevel, Error> {
        let before = self.inner.user(&self.seen(id)).await?.map(|user| user.level);
        let changed = self.inner.change_level(&self.seen(id), level).await;
        match (self.flaw, before) {
            (Flaw::ChangeLevelGivesTheOldOne, Some(before)) => changed.map(|_| before),
            _ => self.forgiven(changed, UserLevel::new(0, level)),
        }
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<(), Error> {
        self.forgiven(self.inner.set_disabled(&self.seen(id), disabled).await, ())
    }

    async fn delete_user(&self, id: &UserId) -> Result<bool, Error> {
        let id = self.seen(id);
        match self.flaw {
            Flaw::DeleteKeepsTheTokens => Ok(self.inner.set_disabled(&id, true).await.is_ok()),
            _ => self.inner.delete_user(&id).await,
        }
    }
}

/// Whether the case fails on a store with this flaw. It has to pass without one.
async fn catches<C: Future<Output = ()> + Send + 'static>(case: impl Fn(Mutant) -> C, flaw: Flaw) -> bool {
    tokio::spawn(case(Mutant::new(Flaw::None))).await.expect("the case passes on a store without a flaw");
    tokio::spawn(case(Mutant::new(flaw))).await.is_err_and(|error| error.is_panic())
}

macro_rules! mutants {
    ($($name:ident: $flaw:ident is caught by $($case:ident),+;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                $(assert!(catches(conformance::$case, Flaw::$flaw).await, stringify!($case));)+
            }
        )+
    };
}

mutants! {
    levels_that_ignore_case: LevelsIgnoreCase is caught by create_level_gives_the_one_that_is_there;
    levels_that_appear_when_named: LevelsAppearWhenNamed is caught by create_user_refuses_what_contradicts_itself;
    unknown_users_that_are_no_error: UnknownUsersAreNoError is caught by
        change_level_refuses_what_is_not_there, set_disabled_is_for_those_who_are_there;
    a_change_level_that_gives_the_old_one: ChangeLevelGivesTheOldOne is caught by change_level_refuses_what_is_not_there;
    numbers_that_are_given_twice: NumbersAreGivenTwice is caught by
        create_user_never_gives_a_number_twice, create_user_gives_the_next_integer;
    a_create_user_that_overwrites: CreateUserOverwrites is caught by create_user_refuses_what_contradicts_itself;
    texts_that_are_numbers: TextsAreNumbers is caught by integer_and_text_ids_are_different_users;
    users_that_are_unordered: UsersAreUnordered is caught by users_are_listed_by_id_in_pages;
    users_that_end_too_soon: UsersHaveOnePage is caught by users_are_listed_by_id_in_pages;
    a_disabled_that_is_not_shown: DisabledIsNotShown is caught by set_disabled_is_for_those_who_are_there;
    a_delete_user_that_keeps_the_tokens: DeleteKeepsTheTokens is caught by delete_user_takes_their_tokens;
}
