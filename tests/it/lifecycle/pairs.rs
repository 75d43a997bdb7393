//! Pairs of access and refresh tokens: exchange, grace, reuse and ends, in every store that keeps them.

use std::sync::Arc;

use time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::{IssuedPair, PairSettings, Tokens};
use tower_tokens::repository::{
    FaultyRepository, MemoryRepository, PageRequest, SqliteRepository, TokenRepository, UserRepository,
};
use tower_tokens::token::{Abilities, Expiry, Token, TokenKinds};
use tower_tokens::user::UserId;

use crate::repository::{mysql, postgres, redis};
use crate::site::{NOW, Site};

const RACERS: usize = 20;

/// Pairs that live for a minute and a quarter of an hour, in a family of an hour.
fn short() -> PairSettings {
    PairSettings::new().access(Duration::minutes(1)).refresh(Duration::minutes(15)).family(Duration::hours(1))
}

async fn refreshed(tokens: &Tokens, token: &Token) -> Option<IssuedPair> {
    tokens.refresh(token).await.unwrap()
}

async fn is_valid(tokens: &Tokens, token: &Token) -> bool {
    tokens.validate(token).await.unwrap().is_some()
}

#[tokio::test]
async fn a_refresh_gives_another_pair_of_the_same_family() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_pairs(short());
    let abilities = Abilities::new(["read"]).unwrap();
    let first = tokens.generate_pair(&site.member).name("Phone").abilities(abilities.clone()).await.unwrap();
    assert_eq!((first.expires_in(), first.user_id()), (Duration::minutes(1), &site.member));
    site.clock.advance(Duration::minutes(10));
    assert!(!is_valid(&tokens, first.access_token()).await, "it lived for a minute");
    let second = refreshed(&tokens, first.refresh_token()).await.unwrap();
    assert_ne!(second.refresh_token(), first.refresh_token());
    assert_eq!(second.record().id(), first.record().id());
    let user = tokens.validate(second.access_token()).await.unwrap().unwrap();
    assert_eq!((user.token().name(), user.token().abilities()), (Some("Phone"), &abilities));
    assert_eq!(user.authenticated_at(), NOW, "a refresh is no proof of who the user is");
    assert_eq!(user.token().family(), Some(first.record().id()));
    assert!(!is_valid(&tokens, second.refresh_token()).await, "a refresh token is no credential");
    assert!(refreshed(&tokens, second.access_token()).await.is_none(), "an access token is not exchanged");
}

#[tokio::test]
async fn a_pair_is_one_line_in_a_list_of_devices() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_pairs(short());
    let pair = tokens.generate_pair(&site.member).name("Phone").await.unwrap();
    _ = refreshed(&tokens, pair.refresh_token()).await.unwrap();
    let listed = tokens.list(&site.member, PageRequest::default()).await.unwrap().items;
    assert_eq!(listed.iter().map(|record| record.name()).collect::<Vec<_>>(), [Some("Phone")]);
    let access = tokens.list(&site.member, PageRequest::default()).kinds(TokenKinds::ACCESS).await.unwrap().items;
    assert_eq!(access.len(), 2);
}

#[tokio::test]
async fn nothing_extends_a_family() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_pairs(short());
    let mut pair = tokens.generate_pair(&site.member).await.unwrap();
    let end = Expiry::At(NOW + Duration::hours(1));
    for _ in 0..5 {
        site.clock.advance(Duration::minutes(11));
        pair = refreshed(&tokens, pair.refresh_token()).await.unwrap();
        assert_eq!(pair.record().absolute_expiry(), end);
    }
    site.clock.set(NOW + Duration::seconds(3_599));
    pair = refreshed(&tokens, pair.refresh_token()).await.unwrap();
    assert_eq!(pair.expires_in(), Duration::seconds(1), "an access token does not outlive its family");
    site.clock.set(NOW + Duration::hours(1));
    assert!(refreshed(&tokens, pair.refresh_token()).await.is_none());
    assert!(!is_valid(&tokens, pair.access_token()).await);
}

#[tokio::test]
async fn a_refresh_token_that_is_not_used_expires() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_pairs(short());
    let pair = tokens.generate_pair(&site.member).await.unwrap();
    site.clock.advance(Duration::seconds(15 * 60 - 1));
    let pair = refreshed(&tokens, pair.refresh_token()).await.unwrap();
    site.clock.advance(Duration::minutes(15));
    assert!(refreshed(&tokens, pair.refresh_token()).await.is_none());
}

#[tokio::test]
async fn a_lost_answer_is_given_again_until_the_grace_ends() {
    for (grace, last) in [(10, 9), (3_600, 59), (1, 0)] {
        let site = Site::new().await;
        let settings = PairSettings::new().access(Duration::minutes(5)).grace(Duration::seconds(grace));
        let tokens = site.tokens.clone().with_pairs(settings);
        let lost = tokens.generate_pair(&site.member).await.unwrap();
        let next = refreshed(&tokens, lost.refresh_token()).await.unwrap();
        site.clock.advance(Duration::seconds(last));
        let again = refreshed(&tokens, lost.refresh_token()).await.unwrap();
        assert_eq!(again.access_token(), next.access_token(), "{grace}");
        assert_eq!(again.refresh_token(), next.refresh_token(), "{grace}");
        assert_eq!(again.expires_in(), next.expires_in() - Duration::seconds(last), "{grace}");
        site.clock.advance(Duration::seconds(1));
        assert!(refreshed(&tokens, lost.refresh_token()).await.is_none(), "{grace}");
        assert!(refreshed(&tokens, next.refresh_token()).await.is_none(), "{grace}: the pair has ended");
        assert!(!is_valid(&tokens, next.access_token()).await, "{grace}");
    }
}

#[tokio::test]
async fn a_grace_that_is_longer_than_an_access_token_gives_the_same_refresh_token_with_another_one() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_pairs(PairSettings::new().access(Duration::seconds(2)));
    let pair = tokens.generate_pair(&site.member).await.unwrap();
    let next = refreshed(&tokens, pair.refresh_token()).await.unwrap();
    site.clock.advance(Duration::seconds(1));
    let again = refreshed(&tokens, pair.refresh_token()).await.unwrap();
    assert_eq!(again.access_token(), next.access_token());
    site.clock.advance(Duration::seconds(8));
    let late = refreshed(&tokens, pair.refresh_token()).await.unwrap();
    assert_eq!(late.refresh_token(), next.refresh_token());
    assert_ne!(late.access_token(), next.access_token());
    assert!(is_valid(&tokens, late.access_token()).await && !is_valid(&tokens, next.access_token()).await);
    assert_eq!(late.expires_in(), Duration::seconds(2));
    assert!(tokens.destroy(late.refresh_token()).await.unwrap());
    assert!(!is_valid(&tokens, late.access_token()).await, "it ends with the pair");
}

#[tokio::test]
async fn an_older_token_ends_its_pair_and_no_other() {
    let site = Site::new().await;
    let tokens = site.tokens.clone();
    let other = tokens.generate_pair(&site.member).await.unwrap();
    let login = tokens.generate(&site.member).await.unwrap();
    let first = tokens.generate_pair(&site.member).await.unwrap();
    let second = refreshed(&tokens, first.refresh_token()).await.unwrap();
    let third = refreshed(&tokens, second.refresh_token()).await.unwrap();
    assert!(refreshed(&tokens, first.refresh_token()).await.is_none(), "its successor was used: the grace is over");
    for pair in [&first, &second, &third] {
        assert!(!is_valid(&tokens, pair.access_token()).await);
        assert!(refreshed(&tokens, pair.refresh_token()).await.is_none());
    }
    assert!(is_valid(&tokens, login.token()).await);
    assert!(is_valid(&tokens, other.access_token()).await);
    assert!(refreshed(&tokens, other.refresh_token()).await.is_some());
}

#[tokio::test]
async fn a_client_that_refreshes_without_end_fills_no_store() {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_max_tokens_per_user(Some(10));
    let mut pair = tokens.generate_pair(&site.member).await.unwrap();
    for _ in 0..50 {
        pair = refreshed(&tokens, pair.refresh_token()).await.unwrap();
        assert!(is_valid(&tokens, pair.access_token()).await, "the newest is not the one to end");
    }
    let listed = tokens.list(&site.member, PageRequest::first(100)).kinds(TokenKinds::ALL).await.unwrap().items;
    assert_eq!(listed.len(), 10);
    assert!(refreshed(&tokens, pair.refresh_token()).await.is_some());
}

#[tokio::test]
async fn a_stranger_who_guesses_ends_nothing() {
    let site = Site::new().await;
    let tokens = site.tokens.clone();
    let pair = tokens.generate_pair(&site.member).await.unwrap();
    let text = pair.refresh_token().expose_secret();
    let stranger = tokens.generate_pair(&site.member).await.unwrap();
    let secret = &stranger.refresh_token().expose_secret()[32..];
    for guess in [secret.repeat(2), "x".repeat(64), text[..32].to_owned(), text[..63].to_owned(), format!("{text}x")] {
        assert!(refreshed(&tokens, &Token::parse(guess).unwrap()).await.is_none());
    }
    assert!(refreshed(&tokens, pair.refresh_token()).await.is_some());
}

#[tokio::test]
async fn a_pair_ends_with_each_verb_that_ends_tokens() {
    let site = Site::new().await;
    let tokens = site.tokens.clone();
    for verb in ["access", "refresh", "old refresh", "current", "id", "all", "user"] {
        let first = tokens.generate_pair(&site.member).await.unwrap();
        let pair = refreshed(&tokens, first.refresh_token()).await.unwrap();
        let user = tokens.validate(pair.access_token()).await.unwrap().unwrap();
        match verb {
            "access" => assert!(tokens.destroy(pair.access_token()).await.unwrap()),
            "refresh" => assert!(tokens.destroy(pair.refresh_token()).await.unwrap()),
            "old refresh" => assert!(tokens.destroy(first.refresh_token()).await.unwrap()),
            "current" => assert!(tokens.destroy_current(&user).await.unwrap()),
            "id" => assert!(tokens.destroy_by_id(&site.member, pair.record().id()).await.unwrap()),
            "all" => assert!(tokens.destroy_all(&site.member).await.unwrap() >= 2),
            _ => assert!(site.store.delete_user(&site.member).await.unwrap()),
        }
        assert!(!is_valid(&tokens, pair.access_token()).await, "{verb}");
        assert!(!is_valid(&tokens, first.access_token()).await, "{verb}");
        assert!(refreshed(&tokens, pair.refresh_token()).await.is_none(), "{verb}");
        assert!(!tokens.destroy(pair.refresh_token()).await.unwrap(), "{verb}: it is gone, which is no error");
    }
}

#[tokio::test]
async fn destroy_others_keeps_the_pair_of_the_request() {
    let site = Site::new().await;
    let tokens = site.tokens.clone();
    let (mine, other) =
        (tokens.generate_pair(&site.member).await.unwrap(), tokens.generate_pair(&site.member).await.unwrap());
    let user = tokens.validate(mine.access_token()).await.unwrap().unwrap();
    assert_eq!(tokens.destroy_others(user.id(), user.token()).await.unwrap(), 2);
    assert!(is_valid(&tokens, mine.access_token()).await);
    assert!(refreshed(&tokens, mine.refresh_token()).await.is_some());
    assert!(refreshed(&tokens, other.refresh_token()).await.is_none());
}

#[tokio::test]
async fn a_disabled_user_cannot_refresh_and_can_again_when_enabled() {
    let site = Site::new().await;
    let pair = site.tokens.generate_pair(&site.member).await.unwrap();
    site.store.set_disabled(&site.member, true).await.unwrap();
    assert!(refreshed(&site.tokens, pair.refresh_token()).await.is_none());
    let refused = site.tokens.generate_pair(&site.member).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UserNotFound);
    site.store.set_disabled(&site.member, false).await.unwrap();
    assert!(refreshed(&site.tokens, pair.refresh_token()).await.is_some());
}

#[tokio::test]
async fn an_outage_is_an_error_and_the_client_keeps_its_tokens() {
    let site = Site::new().await;
    let pair = site.tokens.generate_pair(&site.member).await.unwrap();
    site.store.fail();
    assert!(site.tokens.refresh(pair.refresh_token()).await.unwrap_err().is_outage());
    site.store.heal();
    assert!(refreshed(&site.tokens, pair.refresh_token()).await.is_some());
}

#[tokio::test]
async fn nothing_that_a_store_keeps_can_be_presented() {
    let site = Site::new().await;
    let pair = site.tokens.generate_pair(&site.member).await.unwrap();
    let next = refreshed(&site.tokens, pair.refresh_token()).await.unwrap();
    let family = Token::parse(&pair.refresh_token().expose_secret()[..32]).unwrap();
    let state = site.store.rotation(family.key()).await.unwrap().unwrap();
    for secret in [pair.refresh_token(), next.refresh_token(), next.access_token()] {
        assert!(!state.contains(secret.expose_secret()));
        assert!(!state.contains(&secret.expose_secret()[..32.min(secret.expose_secret().len())]));
    }
    assert!(state.len() <= tower_tokens::repository::Rotation::MAX_STATE_BYTES, "{}", state.len());
    assert!(!is_valid(&site.tokens, &family).await, "half a refresh token is no credential");
    assert!(refreshed(&site.tokens, &family).await.is_none());
}

async fn with_member<R: TokenRepository + UserRepository + Clone>(repository: R) -> (Tokens, UserId) {
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    (Tokens::new(repository), user)
}

/// Lets 20 tasks refresh one token at once, which of two nodes it may be.
async fn race(nodes: &[Tokens; 2], token: &Token) -> Vec<IssuedPair> {
    let (start, mut racers) = (Arc::new(Barrier::new(RACERS)), JoinSet::new());
    for racer in 0..RACERS {
        let (start, tokens, token) = (Arc::clone(&start), nodes[racer % 2].clone(), token.clone());
        racers.spawn(async move {
            start.wait().await;
            tokens.refresh(&token).await.unwrap().unwrap()
        });
    }
    racers.join_all().await
}

/// 20 successes, one successor, one generation; ten times in a row. Two nodes, whose clocks are two seconds apart.
async fn twenty_tasks_refresh_one_token((tokens, user): (Tokens, UserId)) {
    let (fast, slow) = (ManualClock::at(NOW + Duration::seconds(2)), ManualClock::at(NOW));
    let nodes = [tokens.clone().with_clock(fast), tokens.with_clock(slow)];
    let mut pair = nodes[1].generate_pair(&user).await.unwrap();
    for round in 0..10 {
        let old = pair.refresh_token().clone();
        let mut pairs = race(&nodes, &old).await;
        assert_eq!(pairs.len(), RACERS);
        let last = pairs.pop().unwrap();
        for pair in &pairs {
            assert_eq!(pair.refresh_token(), last.refresh_token(), "round {round}");
            assert_eq!(pair.access_token(), last.access_token(), "round {round}");
        }
        assert!(is_valid(&nodes[0], last.access_token()).await, "round {round}");
        pair = last;
    }
    let access = nodes[1].list(&user, PageRequest::first(100)).kinds(TokenKinds::ACCESS).await.unwrap().items;
    assert_eq!(access.len(), 11, "one access token a generation: those of the losers are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tasks_refresh_one_token_in_memory() {
    twenty_tasks_refresh_one_token(with_member(Arc::new(MemoryRepository::new())).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tasks_refresh_one_token_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap();
    twenty_tasks_refresh_one_token(with_member(store).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tasks_refresh_one_token_in_postgres() {
    twenty_tasks_refresh_one_token(with_member(postgres::fresh().await.0).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tasks_refresh_one_token_in_mysql() {
    twenty_tasks_refresh_one_token(with_member(mysql::fresh().await.0).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tasks_refresh_one_token_in_redis() {
    twenty_tasks_refresh_one_token(with_member(redis::fresh().await.0).await).await;
}

#[tokio::test]
async fn a_node_whose_clock_is_a_little_behind_gives_the_same_successor() {
    let site = Site::new().await;
    let behind = |seconds| {
        let clock = ManualClock::at(NOW - Duration::seconds(seconds));
        site.tokens.clone().with_clock(clock)
    };
    let pair = behind(600).generate_pair(&site.member).await.unwrap();
    let next = refreshed(&site.tokens, pair.refresh_token()).await.unwrap();
    let again = refreshed(&behind(30), pair.refresh_token()).await.unwrap();
    assert_eq!(again.refresh_token(), next.refresh_token());
}

/// A store whose contract ends with clause 10.
#[tokio::test]
async fn a_store_that_keeps_no_pairs_says_so_and_keeps_nothing() {
    use tower_tokens::conformance::StoreUnderTest;

    use crate::repository::mutants::{Flaw, Mutant};

    let store = Arc::new(Mutant::new(Flaw::None));
    let user = store.add_user("member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&store));
    let refused = tokens.generate_pair(&user).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    let page =
        store.list_by_user(&user, TokenKinds::ALL, PageRequest::default(), Timestamp::from_unix_seconds(0)).await;
    assert!(page.unwrap().items.is_empty());
}

#[tokio::test]
async fn what_is_no_refresh_token_costs_no_look_up() {
    let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    let (tokens, _) = with_member(Arc::clone(&store)).await;
    for text in ["x", &"x".repeat(63), &"x".repeat(65), &"x".repeat(4_096)] {
        assert!(refreshed(&tokens, &Token::parse(text).unwrap()).await.is_none());
    }
    assert_eq!(store.look_ups(), 0);
}
