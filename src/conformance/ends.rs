//! Clauses 3, 4 and 6 in a race: whatever ends a token ends it, however fast a thief replaces it meanwhile.
//!
//! A thief who holds a copy of a token replaces it in a loop that never stops. The requests of the thief and the verb of
//! the owner reach nodes whose clocks are up to three minutes apart. A store in which a replacement moves the row out of
//! the way of a waiting `DELETE` fails here (InnoDB does so when the digest is the primary key).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::clock::Timestamp;
use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::repository::TokenRepository;
use crate::token::{TokenId, TokenKey, TokenKinds};
use crate::user::UserId;

/// How often a verb races. Our choice: a store that misses one race in ten is caught with a probability of 99 %, and the
/// suite stays quick. `TOWER_TOKENS_RACES` names another number.
const ROUNDS: usize = 45;

/// How many tokens of one user are being replaced at the same time.
const THIEVES: usize = 3;

/// The clocks of the nodes that a thief reaches, in seconds around the time of the verb. Each round has one pair.
const CLOCKS: [[i64; 2]; 3] = [[0, 0], [-90, 90], [-90, -89]];

/// The time of the verb.
const NOON: i64 = 600;

fn rounds() -> usize {
    std::env::var("TOWER_TOKENS_RACES").ok().and_then(|number| number.parse().ok()).unwrap_or(ROUNDS)
}

/// What the tasks of a round share.
#[derive(Default)]
struct Round {
    replaced: AtomicUsize,
    is_over: AtomicBool,
}

/// The text of the token in this place of a thief's chain.
fn link(round: usize, thief: usize, place: usize) -> String {
    format!("conformance-chain-{round}-{thief}-{place}")
}

fn id(round: usize, thief: usize) -> TokenId {
    TokenId::new((round * THIEVES + thief) as i64 + 1)
}

/// Replaces the first token of a chain, then its successor, and so on, until a replacement is refused. Gives the text at
/// the end of the chain. A chain that goes on when its token was ended fails at once, so it needs no longest length.
async fn steal<S: StoreUnderTest>(store: Arc<S>, shared: Arc<Round>, round: usize, thief: usize) -> String {
    let mut text = link(round, thief, 0);
    for place in 1_usize.. {
        let clock = at(NOON + CLOCKS[round % CLOCKS.len()][place % 2]);
        let is_over = shared.is_over.load(Ordering::SeqCst);
        let next = link(round, thief, place);
        match replace(&*store, &text, &next, hour(), clock).await.expect("the store answers") {
            Some(_) => {
                assert!(!is_over, "round {round}: a token was replaced that had been ended {place} links before")
            }
            None => return text,
        }
        shared.replaced.fetch_add(1, Ordering::SeqCst);
        text = next;
        tokio::task::yield_now().await;
    }
    text
}

/// Races `end`, which ends all tokens of the user that it is given, against thieves who replace them.
async fn race_with_thieves<S, F>(store: S, end: impl Fn(Arc<S>, UserId, usize) -> F)
where
    S: StoreUnderTest,
    F: Future<Output = ()>,
{
    let store = Arc::new(store);
    for round in 0..rounds() {
        let user = member(&*store).await;
        for thief in 0..THIEVES {
            let record = record(id(round, thief).get(), hour());
            insert(&*store, &link(round, thief, 0), &user, record).await;
        }
        let shared = Arc::new(Round::default());
        let thieves: Vec<_> = (0..THIEVES)
            .map(|thief| tokio::spawn(steal(Arc::clone(&store), Arc::clone(&shared), round, thief)))
            .collect();
        while shared.replaced.load(Ordering::SeqCst) < round % 5 {
            tokio::task::yield_now().await;
        }
        end(Arc::clone(&store), user, round).await;
        shared.is_over.store(true, Ordering::SeqCst);
        for thief in thieves {
            let last = thief.await.expect("a thief comes to an end");
            for clock in CLOCKS.as_flattened() {
                let found = is_valid(&*store, &last, at(NOON + clock)).await;
                assert!(!found, "round {round}: {last} has outlived its end");
            }
        }
    }
}

/// Clause 6, for all tokens of a user: log out everywhere.
pub async fn delete_by_user_ends_a_token_that_is_being_replaced<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, round| async move {
        store.delete_by_user(&user, TokenKinds::ALL, None).await.expect("the store answers");
        let left = listed(&*store, &user, at(NOON)).await;
        assert_eq!(left, [], "round {round}: these were missed");
    })
    .await;
}

/// Clause 6, for all tokens but one: after a change of password.
pub async fn delete_by_user_but_one_ends_a_token_that_is_being_replaced<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, round| async move {
        let kept = TokenId::new(1_000_000 + round as i64);
        let text = format!("conformance-kept-{round}");
        insert(&*store, &text, &user, record(kept.get(), hour())).await;
        let kept = find(&*store, &text, at(NOON)).await.expect("the token is valid").record().id();
        store.delete_by_user(&user, TokenKinds::ALL, Some(kept)).await.expect("the store answers");
        assert_eq!(listed(&*store, &user, at(NOON)).await, [kept], "round {round}");
        assert!(is_valid(&*store, &text, at(NOON)).await, "round {round}: the one to keep");
    })
    .await;
}

/// Clause 3, by record id: an id stays the same over any number of replacements, and so it ends all of a chain.
pub async fn delete_by_id_ends_a_token_that_is_being_replaced<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, round| async move {
        let page =
            store.list_by_user(&user, TokenKinds::ALL, crate::repository::PageRequest::default(), at(NOON - 100)).await;
        for record in page.expect("the store answers").items {
            let ended = store.delete_by_id(&user, record.id()).await.expect("the store answers");
            assert!(ended, "round {round}: the token was there all the time");
        }
    })
    .await;
}

/// Clause 3, by text: either the token is ended and has no successor, or it had been replaced before.
pub async fn delete_ends_a_token_or_finds_it_replaced<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, round| async move {
        for thief in 0..THIEVES {
            let text = link(round, thief, 0);
            let ended = store.delete(TokenKey::new(&text)).await.expect("the store answers").is_some();
            assert!(!is_valid(&*store, &text, at(NOON)).await, "round {round}: gone, in either way");
            if ended {
                let successor = link(round, thief, 1);
                assert!(
                    !is_valid(&*store, &successor, at(NOON)).await,
                    "round {round}: what was ended has no successor"
                );
            }
        }
        store.delete_by_user(&user, TokenKinds::ALL, None).await.expect("the store answers");
    })
    .await;
}

/// Clauses 2 and 4: a disabled user's tokens cannot be replaced, and are not valid.
pub async fn disabling_a_user_stops_replacements<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, _| async move {
        store.shut_out_user(&user, true).await.expect("the store answers");
    })
    .await;
}

/// Clauses 2 and 4: the tokens of a user who is gone are gone, those that are being replaced too.
pub async fn removing_a_user_ends_a_token_that_is_being_replaced<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, _| async move {
        store.remove_user(&user).await.expect("the store answers");
    })
    .await;
}

/// Clause 2: a replacement brings no former level back.
pub async fn a_change_of_level_holds_for_a_token_that_is_being_replaced<S: StoreUnderTest>(store: S) {
    race_with_thieves(store, |store, user, round| async move {
        store.move_user(&user, "guest").await.expect("the store answers");
        for place in 0..12 {
            for thief in 0..THIEVES {
                let found = found_without_delay(&*store, &link(round, thief, place), at(NOON)).await;
                assert!(found.is_none_or(|level| level == "guest"), "round {round}: the former level came back");
            }
        }
        store.delete_by_user(&user, TokenKinds::ALL, None).await.expect("the store answers");
    })
    .await;
}

/// The level of the user of this token. Through one of the two ways to look only: the token may be replaced in between.
async fn found_without_delay<R: TokenRepository>(store: &R, text: &str, now: Timestamp) -> Option<String> {
    let found = store.find(TokenKey::new(text), now).await.expect("the store answers");
    found.map(|found| found.level().title().to_owned())
}
