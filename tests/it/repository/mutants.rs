//! The suite fails on stores that are broken on purpose, each in one way.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tower_tokens::clock::Timestamp;
use tower_tokens::conformance::{self, StoreUnderTest};
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::repository::{
    Ended, Found, MemoryRepository, NewToken, PRUNING_MARGIN, Page, PageRequest, Regenerated, Replacement,
    TokenRepository, UserRepository,
};
use tower_tokens::token::{Expiry, Lifetime, NewLimits, TokenDigest, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::{UserId, UserLevel};

/// What is wrong with a [`Mutant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    InsertOverwrites,
    InsertTakesAnyUser,
    InsertTakesAnyLength,
    FindIgnoresTheEnd,
    FindIsOneSecondLate,
    FindBelievesTheFuture,
    FindRemembersTheLevel,
    FindRemembersTheUser,
    FindIgnoresCase,
    FindGivesNoneInAnOutage,
    DeleteForgets,
    DeleteNamesAnotherToken,
    DeleteNamesAnotherUser,
    DeleteByIdIgnoresTheUser,
    ReplaceIsTwoSteps,
    ReplaceRevives,
    ReplaceKeepsTheOldToken,
    ReplaceIgnoresTheUser,
    ReplaceLoosens,
    ReplaceKeepsTheTimeOfAuthentication,
    TouchBringsBack,
    TouchMovesNothing,
    TouchGoesBack,
    TouchEndsEarly,
    DeleteByUserIgnoresKeep,
    EndsMissTheReplaced,
    ListIsOldestFirst,
    ListHasOnePage,
    ListShowsTheEnded,
    DeleteExpiredIsUnbounded,
    DeleteExpiredIsOneSecondEarly,
    DeleteExpiredKeepsNoMargin,
}

/// A store with one flaw, and without [`UserRepository`]: its users are, so to speak, the application's own.
#[derive(Debug)]
pub(crate) struct Mutant {
    inner: MemoryRepository,
    flaw: Flaw,
    is_cut_off: AtomicBool,
    /// Everything that was ever inserted or found, for flaws that remember.
    memory: Mutex<HashMap<TokenDigest, Found>>,
}

impl Mutant {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { inner: MemoryRepository::new(), flaw, is_cut_off: AtomicBool::new(false), memory: Mutex::default() }
    }

    fn remembered(&self, digest: &TokenDigest) -> Option<Found> {
        self.memory.lock().unwrap().get(digest).cloned()
    }

    fn remembered_id(&self, id: TokenId) -> Option<(TokenDigest, Found)> {
        let memory = self.memory.lock().unwrap();
        memory.iter().find(|(_, found)| found.record().id() == id).map(|(digest, found)| (*digest, found.clone()))
    }

    /// The ids of those tokens of a user that are not replaced within a moment.
    async fn left_alone(&self, user: &UserId) -> Result<Vec<TokenId>, Error> {
        let long_ago = Timestamp::from_unix_seconds(0);
        let before = self.inner.list_by_user(user, TokenKinds::ALL, PageRequest::default(), long_ago).await?.items;
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let after = self.inner.list_by_user(user, TokenKinds::ALL, PageRequest::default(), long_ago).await?.items;
        Ok(before.iter().filter(|record| after.contains(record)).map(TokenRecord::id).collect())
    }

    fn outage(&self) -> Result<(), Error> {
        if self.is_cut_off.load(Ordering::SeqCst) { Err(ErrorKind::Unavailable.into()) } else { Ok(()) }
    }
}

#[async_trait]
impl TokenRepository for Mutant {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        self.outage()?;
        let key = token.key;
        match self.flaw {
            Flaw::InsertOverwrites => _ = self.inner.delete(key).await?,
            Flaw::InsertTakesAnyUser if self.inner.user(token.user).await?.is_none() => {
                self.inner.create_user(Some(token.user.clone()), "member").await?;
            }
            Flaw::InsertTakesAnyLength if token.record.check_bounds().is_err() => return Ok(token.record),
            _ => {}
        }
        let user = token.user.clone();
        let record = self.inner.insert(token).await?;
        let found = Found::new(user, UserLevel::new(1, "member"), record.clone());
        self.memory.lock().unwrap().insert(key.digest(), found);
        Ok(record)
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        if self.flaw == Flaw::FindGivesNoneInAnOutage && self.outage().is_err() {
            return Ok(None);
        }
        self.outage()?;
        if self.flaw == Flaw::TouchBringsBack
            && let Some(user) = self.remembered(&token.digest())
            && user.record().code() == Some("back")
        {
            return Ok(Some(user));
        }
        let found = self.inner.find(token, now).await?;
        let remembered = || self.remembered(&token.digest());
        let again = |found: &Found, level: &UserLevel| Found::new(found.user(), level.clone(), found.record().clone());
        Ok(match self.flaw {
            Flaw::FindIgnoresTheEnd => {
                let early = remembered().map(|user| user.record().created_at());
                let early = early.map(|birth| self.inner.find(token, birth));
                match early {
                    Some(early) => early.await?.map(|user| again(&user, user.level())),
                    None => None,
                }
            }
            Flaw::FindIsOneSecondLate => {
                let earlier = now + time::Duration::seconds(-1);
                self.inner.find(token, earlier).await?.map(|user| again(&user, user.level()))
            }
            Flaw::FindBelievesTheFuture => match (found, remembered()) {
                (None, Some(user)) if !user.record().is_expired(now) => Some(again(&user, user.level())),
                (found, _) => found,
            },
            Flaw::FindRemembersTheLevel => match (found, remembered()) {
                (Some(found), Some(before)) => Some(again(&found, before.level())),
                (found, _) => found,
            },
            Flaw::FindRemembersTheUser => found.or_else(remembered),
            Flaw::FindIgnoresCase if found.is_none() => {
                let original = token.expose_secret().to_lowercase().replace("-token-", "-Token-");
                self.inner.find(TokenKey::new(&original), now).await?
            }
            _ => found,
        })
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        self.outage()?;
        if self.flaw == Flaw::DeleteForgets {
            let remembered = self.remembered(&token.digest());
            return Ok(remembered.map(|found| Ended::new(found.user(), found.record())));
        }
        let ended = self.inner.delete(token).await?;
        Ok(ended.map(|ended| match self.flaw {
            Flaw::DeleteNamesAnotherToken => Ended { id: TokenId::new(ended.id.get() + 1), ..ended },
            Flaw::DeleteNamesAnotherUser => Ended { user: UserId::from("somebody else"), ..ended },
            _ => ended,
        }))
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        self.outage()?;
        if self.flaw == Flaw::EndsMissTheReplaced && !self.left_alone(user).await?.contains(&id) {
            return Ok(false);
        }
        match self.remembered_id(id) {
            Some((_, owner)) if self.flaw == Flaw::DeleteByIdIgnoresTheUser => {
                self.inner.delete_by_id(owner.user(), id).await
            }
            _ => self.inner.delete_by_id(user, id).await,
        }
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        self.outage()?;
        let Replacement { old, new, limits, authenticated_at, now } = replacement.clone();
        match (self.flaw, self.remembered(&old.digest())) {
            (Flaw::ReplaceIsTwoSteps, _) => {
                let Some(found) = self.inner.find(old, now).await? else { return Ok(None) };
                tokio::task::yield_now().await;
                self.inner.delete(old).await?;
                let record = found.record().clone().regenerated(now, limits, authenticated_at);
                let stored = NewToken { key: new, user: found.user(), record: record.clone() };
                let stored = match self.inner.insert(stored).await {
                    Ok(stored) => stored,
                    Err(_) => record,
                };
                Ok(Some(Regenerated { user: found.user().clone(), record: stored }))
            }
            (Flaw::ReplaceRevives, Some(found)) => {
                self.inner.replace(Replacement { now: found.record().created_at(), ..replacement }).await
            }
            (Flaw::ReplaceKeepsTheOldToken, Some(found)) => {
                let done = self.inner.replace(replacement).await?;
                let record = found.record().clone().with_id(TokenId::new(1_000_000 + found.record().id().get()));
                self.inner.insert(NewToken { key: old, user: found.user(), record }).await?;
                Ok(done)
            }
            (Flaw::ReplaceLoosens, _) => {
                let limits = NewLimits::FreshStart(Lifetime::hours(24));
                self.inner.replace(Replacement { limits, ..replacement }).await
            }
            (Flaw::ReplaceKeepsTheTimeOfAuthentication, _) => {
                self.inner.replace(Replacement { authenticated_at: None, ..replacement }).await
            }
            (Flaw::ReplaceIgnoresTheUser, Some(found)) => {
                let disabled = self.inner.user(found.user()).await?.is_some_and(|user| user.disabled);
                if disabled {
                    self.inner.set_disabled(found.user(), false).await?;
                }
                let done = self.inner.replace(replacement).await?;
                if disabled {
                    self.inner.set_disabled(found.user(), true).await?;
                }
                if done.is_some() {
                    self.memory.lock().unwrap().insert(new.digest(), found);
                }
                Ok(done)
            }
            _ => self.inner.replace(replacement).await,
        }
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        self.outage()?;
        match (self.flaw, self.remembered_id(id)) {
            (Flaw::TouchMovesNothing, _) => Ok(true),
            (Flaw::TouchGoesBack, _) => {
                self.inner.touch(user, id, now).await?;
                Ok(true)
            }
            (Flaw::TouchEndsEarly, Some((_, found))) if now < found.record().created_at() => {
                // What a column "last used" says that no comparison with the birth keeps from going back.
                self.inner.delete_by_id(user, id).await
            }
            (Flaw::TouchBringsBack, Some((digest, found))) if !self.inner.touch(user, id, now).await? => {
                let record = found.record().clone().with_code("back").with_absolute_expiry(Expiry::Never);
                let back = Found::new(found.user(), found.level().clone(), record);
                self.memory.lock().unwrap().insert(digest, back);
                Ok(true)
            }
            (Flaw::TouchBringsBack, Some(_)) => Ok(true),
            _ => self.inner.touch(user, id, now).await,
        }
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        self.outage()?;
        if self.flaw == Flaw::EndsMissTheReplaced {
            let mut total = 0;
            for id in self.left_alone(user).await?.into_iter().filter(|id| Some(*id) != keep) {
                total += u64::from(self.inner.delete_by_id(user, id).await?);
            }
            return Ok(total);
        }
        self.inner.delete_by_user(user, kinds, keep.filter(|_| self.flaw != Flaw::DeleteByUserIgnoresKeep)).await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        self.outage()?;
        let now = if self.flaw == Flaw::ListShowsTheEnded { Timestamp::from_unix_seconds(0) } else { now };
        let mut found = self.inner.list_by_user(user, kinds, page, now).await?;
        match self.flaw {
            Flaw::ListIsOldestFirst => found.items.reverse(),
            Flaw::ListHasOnePage => found.next = None,
            _ => {}
        }
        Ok(found)
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.outage()?;
        match self.flaw {
            Flaw::DeleteExpiredIsUnbounded => self.inner.delete_expired(now, u32::MAX).await,
            Flaw::DeleteExpiredIsOneSecondEarly => {
                self.inner.delete_expired(now + time::Duration::seconds(1), limit).await
            }
            Flaw::DeleteExpiredKeepsNoMargin => self.inner.delete_expired(now + PRUNING_MARGIN, limit).await,
            _ => self.inner.delete_expired(now, limit).await,
        }
    }
}

#[async_trait]
impl StoreUnderTest for Mutant {
    async fn add_user(&self, level: &str) -> Result<UserId, Error> {
        self.inner.add_user(level).await
    }

    async fn move_user(&self, user: &UserId, level: &str) -> Result<(), Error> {
        self.inner.move_user(user, level).await
    }

    async fn shut_out_user(&self, user: &UserId, shut_out: bool) -> Result<(), Error> {
        self.inner.shut_out_user(user, shut_out).await
    }

    async fn remove_user(&self, user: &UserId) -> Result<(), Error> {
        self.inner.remove_user(user).await
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
    an_insert_that_overwrites: InsertOverwrites is caught by
        insert_refuses_a_token_that_is_there, of_racing_inserts_of_one_token_exactly_one_wins;
    an_insert_for_an_unknown_user: InsertTakesAnyUser is caught by insert_refuses_a_user_who_does_not_exist;
    a_find_that_ignores_the_end: FindIgnoresTheEnd is caught by
        find_gives_no_user_for_an_expired_token, a_token_is_expired_at_its_edge;
    a_find_that_is_a_second_late: FindIsOneSecondLate is caught by a_token_is_expired_at_its_edge;
    a_find_with_a_stale_level: FindRemembersTheLevel is caught by find_gives_the_present_level;
    a_find_that_caches_users: FindRemembersTheUser is caught by
        find_gives_no_user_while_the_user_is_disabled, find_gives_no_user_when_the_user_is_deleted,
        no_find_after_delete_sees_the_token, no_racing_find_that_starts_after_delete_sees_the_token;
    a_find_that_ignores_case: FindIgnoresCase is caught by find_gives_no_user_for_an_unknown_token;
    a_delete_that_does_nothing: DeleteForgets is caught by
        no_find_after_delete_sees_the_token, deleting_what_is_not_there_is_no_error;
    a_delete_that_names_another_token: DeleteNamesAnotherToken is caught by no_find_after_delete_sees_the_token;
    a_delete_that_names_another_user: DeleteNamesAnotherUser is caught by no_find_after_delete_sees_the_token;
    a_delete_of_anybodys_token: DeleteByIdIgnoresTheUser is caught by delete_by_id_ends_only_this_users_token;
    a_replace_that_is_not_atomic: ReplaceIsTwoSteps is caught by of_racing_replacements_exactly_one_wins;
    a_replace_that_revives: ReplaceRevives is caught by
        an_expired_token_cannot_be_replaced, a_token_is_expired_at_its_edge;
    a_replace_that_keeps_the_old_token: ReplaceKeepsTheOldToken is caught by
        replace_puts_the_new_token_in_the_old_ones_place, of_racing_replacements_exactly_one_wins;
    an_insert_of_any_length: InsertTakesAnyLength is caught by insert_refuses_a_name_or_code_that_is_too_long;
    a_find_that_believes_the_future: FindBelievesTheFuture is caught by a_use_in_the_future_keeps_no_idle_token_alive;
    a_replace_that_keeps_the_time_of_authentication: ReplaceKeepsTheTimeOfAuthentication is caught by
        replace_renews_the_time_of_authentication_if_it_is_given;
    a_replace_that_loosens: ReplaceLoosens is caught by
        replace_loosens_neither_limit, a_chain_of_replacements_ends_with_its_first_token;
    a_touch_that_ends_early: TouchEndsEarly is caught by touch_ends_no_token_early;
    a_pruning_without_margin: DeleteExpiredKeepsNoMargin is caught by delete_expired_keeps_a_margin;
    a_replace_for_the_disabled: ReplaceIgnoresTheUser is caught by
        only_a_token_that_finds_its_user_can_be_replaced, disabling_a_user_stops_replacements;
    ends_that_miss_what_is_being_replaced: EndsMissTheReplaced is caught by
        delete_by_user_ends_a_token_that_is_being_replaced, delete_by_user_but_one_ends_a_token_that_is_being_replaced,
        delete_by_id_ends_a_token_that_is_being_replaced;
    a_touch_that_brings_back: TouchBringsBack is caught by
        touch_never_brings_a_deleted_token_back, touch_is_for_valid_tokens_of_this_user;
    a_touch_that_moves_nothing: TouchMovesNothing is caught by touch_moves_the_idle_end_only;
    a_touch_that_says_yes_to_the_past: TouchGoesBack is caught by touch_never_goes_back;
    a_delete_by_user_that_keeps_none: DeleteByUserIgnoresKeep is caught by delete_by_user_can_keep_one_token;
    a_list_that_is_oldest_first: ListIsOldestFirst is caught by list_by_user_gives_newest_first;
    a_list_that_ends_too_soon: ListHasOnePage is caught by list_by_user_gives_pages;
    a_list_of_the_ended: ListShowsTheEnded is caught by
        list_by_user_leaves_out_what_has_ended, a_token_is_expired_at_its_edge;
    a_pruning_without_bound: DeleteExpiredIsUnbounded is caught by delete_expired_is_bounded_and_counts;
    a_pruning_a_second_early: DeleteExpiredIsOneSecondEarly is caught by a_token_is_expired_at_its_edge;
}

#[tokio::test]
async fn a_none_in_an_outage_is_caught() {
    let case = |flaw| {
        let cut_off = async |store: &Mutant| store.is_cut_off.store(true, Ordering::SeqCst);
        tokio::spawn(conformance::an_outage_is_an_error_and_never_none(Mutant::new(flaw), cut_off))
    };
    case(Flaw::None).await.expect("the case passes on a store without a flaw");
    assert!(case(Flaw::FindGivesNoneInAnOutage).await.is_err_and(|error| error.is_panic()));
}
