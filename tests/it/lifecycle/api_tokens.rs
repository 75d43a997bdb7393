//! API tokens: their end, their number, their rotation in every store, and their use as a password.

use std::collections::HashSet;
use std::sync::Arc;

use time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::ManualClock;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::{IssuedToken, RotateApiToken, Tokens};
use tower_tokens::repository::{
    FaultyRepository, MemoryRepository, PageRequest, SqliteRepository, TokenRepository, UserRepository,
};
use tower_tokens::token::{Abilities, ApiTokenFormat, Expiry, Lifetime, Token, TokenId, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

use crate::http::Server;
use crate::lifecycle::store::{Chores, FAILS, HANGS, WORKS};
use crate::repository::{mysql, postgres, redis};
use crate::site::{NOW, Site, basic, whoami};

const RACERS: usize = 20;

fn format() -> ApiTokenFormat {
    ApiTokenFormat::new("acme").unwrap()
}

async fn site() -> (Site, Tokens) {
    let site = Site::new().await;
    let tokens = site.tokens.clone().with_api_tokens(format());
    (site, tokens)
}

async fn is_valid(tokens: &Tokens, token: &Token) -> bool {
    tokens.validate(token).await.unwrap().is_some()
}

async fn listed(tokens: &Tokens, user: &UserId) -> Vec<TokenRecord> {
    tokens.list(user, PageRequest::first(1_000)).kinds(TokenKinds::API).await.unwrap().items
}

#[tokio::test]
async fn an_api_token_has_a_lifetime_of_its_own_and_never_must_be_written_out() {
    let (site, tokens) = site().await;
    let end = async |tokens: &Tokens| tokens.generate(&site.member).api_token().await.unwrap().expires_at();
    assert_eq!(end(&tokens).await, Expiry::At(NOW + Duration::days(30)));
    let short_logins = tokens.clone().with_lifetime(Lifetime::hours(1));
    assert_eq!(end(&short_logins).await, Expiry::At(NOW + Duration::days(30)), "that is for logins");
    assert_eq!(end(&tokens.clone().with_api_token_lifetime(Lifetime::never_expires())).await, Expiry::Never);
    let login = tokens.clone().with_api_token_lifetime(Lifetime::days(2)).generate(&site.member).await.unwrap();
    assert_eq!(login.expires_at(), Expiry::At(NOW + Duration::days(1)));
    let never = tokens.generate(&site.member).api_token().lifetime(Lifetime::never_expires()).await.unwrap();
    assert_eq!(never.expires_at(), Expiry::Never);
}

#[tokio::test]
async fn an_api_token_ends_at_the_second_of_its_end() {
    let (site, tokens) = site().await;
    let issued = tokens.generate(&site.member).api_token().lifetime(Lifetime::days(90)).await.unwrap();
    let typed = issued.token().expose_secret();
    let end = NOW + Duration::days(90);
    site.clock.set(end - Duration::SECOND);
    assert!(is_valid(&tokens, issued.token()).await);
    assert!(tokens.validate_password_token(&site.member, typed).await.unwrap().is_some());
    site.clock.set(end);
    assert!(!is_valid(&tokens, issued.token()).await);
    assert!(tokens.validate_password_token(&site.member, typed).await.unwrap().is_none());
    let late = tokens.rotate_api_token(&site.member, issued.record().id()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::InvalidToken);
}

#[tokio::test]
async fn one_more_api_token_is_refused_and_ends_no_other() {
    let (site, tokens) = site().await;
    let tokens = tokens.with_max_tokens_per_user(Some(3));
    let api = async || tokens.generate(&site.member).api_token().lifetime(Lifetime::days(1)).await;
    let mut scripts = Vec::new();
    for _ in 0..3 {
        scripts.push(api().await.unwrap());
    }
    for _ in 0..5 {
        _ = tokens.generate(&site.member).await.unwrap();
    }
    assert_eq!(api().await.unwrap_err().kind(), ErrorKind::TooManyTokens);
    assert_eq!(listed(&tokens, &site.member).await.len(), 3, "what was refused is not there");
    for script in &scripts {
        assert!(is_valid(&tokens, script.token()).await, "neither a login nor another script ends it");
    }
    _ = tokens.generate(&site.admin).api_token().await.unwrap();

    let rotation = tokens.rotate_api_token(&site.member, scripts[0].record().id()).overlap(Duration::hours(1));
    _ = rotation.await.expect("a rotation takes no place");
    assert_eq!(listed(&tokens, &site.member).await.len(), 4);
    assert!(tokens.destroy(scripts[1].token()).await.unwrap());
    _ = api().await.expect("the older one of two that overlap takes no place");
    assert_eq!(api().await.unwrap_err().kind(), ErrorKind::TooManyTokens);
    site.clock.advance(Duration::days(1));
    _ = api().await.expect("what has ended takes no place");
    let unbounded = tokens.clone().with_max_tokens_per_user(None);
    for _ in 0..5 {
        _ = unbounded.generate(&site.member).api_token().await.unwrap();
    }
}

/// All that a rotation does, in any store.
async fn a_rotation<R: TokenRepository + UserRepository + Clone>(store: R) {
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    let other = store.create_user(None, "member").await.unwrap();
    let clock = ManualClock::at(NOW);
    let tokens = Tokens::new(store).with_api_tokens(format()).with_clock(clock.clone());
    let refused = async |user: &UserId, id: TokenId| {
        let error = tokens.rotate_api_token(user, id).overlap(Duration::days(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidToken);
    };

    let abilities = Abilities::new(["read", "devices:*"]).unwrap();
    let lifetime = Lifetime::days(30).with_idle_limit(Duration::days(10));
    let old = tokens.generate(&user).api_token().name("backup").code("b").abilities(abilities.clone());
    let old = old.lifetime(lifetime).await.unwrap();
    clock.advance(Duration::days(5));
    let second = tokens.rotate_api_token(&user, old.record().id()).overlap(Duration::days(1)).await.unwrap();
    let rotated = clock_time(&clock);
    let record = second.record();
    assert_ne!(record.id(), old.record().id());
    assert_eq!((record.name(), record.code(), record.abilities()), (Some("backup"), Some("b"), &abilities));
    assert_eq!(record.absolute_expiry(), Expiry::At(rotated + Duration::days(30)));
    assert_eq!((record.idle_limit(), record.authenticated_at()), (Some(Duration::days(10)), NOW));
    assert!(second.token().expose_secret().ends_with(record.last_four().unwrap()));
    assert!(is_valid(&tokens, old.token()).await && is_valid(&tokens, second.token()).await, "both work");
    let list = listed(&tokens, &user).await;
    assert_eq!(list.iter().map(TokenRecord::id).collect::<Vec<_>>(), [record.id(), old.record().id()]);
    assert_eq!((list[0].family(), list[1].family()), (None, Some(record.id())));
    assert_eq!(list[0].last_four(), record.last_four());
    assert_eq!(list[1].absolute_expiry(), Expiry::At(rotated + Duration::days(1)));

    let login = tokens.generate(&user).await.unwrap();
    refused(&user, old.record().id()).await;
    refused(&user, login.record().id()).await;
    refused(&user, TokenId::new(4_711)).await;
    refused(&other, record.id()).await;
    assert_eq!(listed(&tokens, &user).await.len(), 2, "a refused rotation leaves nothing");

    clock.advance(Duration::seconds(86_399));
    assert!(is_valid(&tokens, old.token()).await);
    clock.advance(Duration::SECOND);
    assert!(!is_valid(&tokens, old.token()).await, "the overlap is over, to the second");
    assert!(is_valid(&tokens, second.token()).await);

    let third = tokens.rotate_api_token(&user, record.id()).await.unwrap();
    assert!(!is_valid(&tokens, second.token()).await, "no overlap");
    let third_id = third.record().id();
    let fourth = tokens.rotate_api_token(&user, third_id).overlap(RotateApiToken::MAX_OVERLAP).await.unwrap();
    let fifth = tokens.rotate_api_token(&user, fourth.record().id()).overlap(Duration::days(1)).await.unwrap();
    assert!(!is_valid(&tokens, third.token()).await, "of three, the oldest ends");
    assert!(is_valid(&tokens, fourth.token()).await && is_valid(&tokens, fifth.token()).await);
    assert!(tokens.destroy_by_id(&user, fifth.record().id()).await.unwrap());
    assert!(!is_valid(&tokens, fourth.token()).await, "the older one ends with the newer one");
    assert!(listed(&tokens, &user).await.is_empty());

    let raced = tokens.generate(&user).api_token().await.unwrap();
    let won = race(&tokens, &user, raced.record().id()).await;
    assert_eq!(won.len(), 1, "exactly one rotation wins");
    assert_eq!(listed(&tokens, &user).await.len(), 2, "the tokens of the losers are gone");
    assert!(is_valid(&tokens, won[0].token()).await && is_valid(&tokens, raced.token()).await);
}

fn clock_time(clock: &ManualClock) -> tower_tokens::clock::Timestamp {
    tower_tokens::clock::Clock::now(clock)
}

/// Lets 20 tasks rotate one token at once. The tokens of those that won.
async fn race(tokens: &Tokens, user: &UserId, id: TokenId) -> Vec<IssuedToken> {
    let (start, mut racers) = (Arc::new(Barrier::new(RACERS)), JoinSet::new());
    for _ in 0..RACERS {
        let (start, tokens, user) = (Arc::clone(&start), tokens.clone(), user.clone());
        racers.spawn(async move {
            start.wait().await;
            tokens.rotate_api_token(&user, id).overlap(Duration::days(1)).await
        });
    }
    let results = racers.join_all().await;
    let lost = results.iter().filter_map(|result| result.as_ref().err());
    assert!(lost.into_iter().all(|error| error.kind() == ErrorKind::InvalidToken));
    results.into_iter().filter_map(Result::ok).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_overlaps_in_memory() {
    a_rotation(Arc::new(MemoryRepository::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_overlaps_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    a_rotation(SqliteRepository::open(directory.path().join("tokens.db")).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_overlaps_in_postgres() {
    a_rotation(postgres::fresh().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_overlaps_in_mysql() {
    a_rotation(mysql::fresh().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_overlaps_in_redis() {
    a_rotation(redis::fresh().await.0).await;
}

#[tokio::test]
async fn an_overlap_lasts_seven_days_at_most_and_no_longer_than_the_old_token() {
    let (site, tokens) = site().await;
    let old = tokens.generate(&site.member).api_token().lifetime(Lifetime::hours(2)).await.unwrap();
    let rotation = || tokens.rotate_api_token(&site.member, old.record().id());
    for overlap in [RotateApiToken::MAX_OVERLAP + Duration::SECOND, Duration::seconds(-1), Duration::MAX] {
        let error = rotation().overlap(overlap).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{overlap}");
        assert!(format!("{error:?}").contains("7 days at most"), "{error:?}");
    }
    let new = rotation().overlap(Duration::days(7)).lifetime(Lifetime::days(365)).await.unwrap();
    assert_eq!(new.expires_at(), Expiry::At(NOW + Duration::days(365)));
    site.clock.advance(Duration::hours(2));
    assert!(!is_valid(&tokens, old.token()).await && is_valid(&tokens, new.token()).await);
}

#[tokio::test]
async fn a_disabled_user_rotates_nothing() {
    let (site, tokens) = site().await;
    let old = tokens.generate(&site.member).api_token().await.unwrap();
    site.store.set_disabled(&site.member, true).await.unwrap();
    let error = tokens.rotate_api_token(&site.member, old.record().id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken);
    site.store.set_disabled(&site.member, false).await.unwrap();
    assert_eq!(listed(&tokens, &site.member).await.len(), 1);
    assert!(is_valid(&tokens, old.token()).await);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_stops_between_its_two_steps_leaves_the_old_token_as_it_was() {
    let (store, member) = Chores::with_member().await;
    let clock = ManualClock::at(NOW);
    let tokens = Tokens::new(Arc::clone(&store)).with_api_tokens(format()).with_clock(clock);
    let old = tokens.generate(&member).api_token().name("backup").await.unwrap();
    let rotation = || tokens.rotate_api_token(&member, old.record().id()).overlap(Duration::days(1)).into_future();

    store.set_mood(FAILS);
    assert!(rotation().await.unwrap_err().is_outage());
    assert_eq!(listed(&tokens, &member).await, [old.record().clone()], "the new one is taken back");

    store.set_mood(HANGS);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), rotation()).await.is_err(), "as a crash");
    let list = listed(&tokens, &member).await;
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].name(), list[0].family(), list[0].last_used_at()), (Some("backup"), None, None));
    assert!(list.contains(old.record()) && is_valid(&tokens, old.token()).await);

    store.set_mood(WORKS);
    _ = rotation().await.expect("it can be rotated again");
}

#[tokio::test]
async fn a_store_that_keeps_no_overlap_says_so_and_keeps_the_old_token_alone() {
    use tower_tokens::conformance::StoreUnderTest;

    use crate::repository::mutants::{Flaw, Mutant};

    let store = Arc::new(Mutant::new(Flaw::None));
    let user = store.add_user("member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&store)).with_api_tokens(format());
    let old = tokens.generate(&user).api_token().await.unwrap();
    let error = tokens.rotate_api_token(&user, old.record().id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(listed(&tokens, &user).await.len(), 1);
    assert!(is_valid(&tokens, old.token()).await);
}

#[tokio::test]
async fn an_api_token_is_rotated_and_not_regenerated() {
    let (site, tokens) = site().await;
    let issued = tokens.generate(&site.member).api_token().await.unwrap();
    for tokens in [&tokens, &tokens.clone().with_api_tokens(ApiTokenFormat::new("other").unwrap()), &site.tokens] {
        let error = tokens.regenerate(issued.token()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(format!("{error:?}").contains("Tokens::rotate_api_token"), "{error:?}");
    }
    assert!(is_valid(&tokens, issued.token()).await);
    let look_ups = site.store.look_ups();
    let login = tokens.generate(&site.member).await.unwrap();
    _ = tokens.regenerate(login.token()).await.unwrap();
    assert_eq!(site.store.look_ups(), look_ups, "a login is regenerated as before, in one call");
}

#[tokio::test]
async fn the_older_one_of_two_that_overlap_ends_alone() {
    let (site, tokens) = site().await;
    for by_text in [true, false] {
        let old = tokens.generate(&site.member).api_token().await.unwrap();
        let rotation = tokens.rotate_api_token(&site.member, old.record().id()).overlap(Duration::days(1));
        let new = rotation.await.unwrap();
        let user = tokens.validate(old.token()).await.unwrap().unwrap();
        let ended = if by_text { tokens.destroy(old.token()).await } else { tokens.destroy_current(&user).await };
        assert!(ended.unwrap());
        assert!(!is_valid(&tokens, old.token()).await && is_valid(&tokens, new.token()).await, "{by_text}");
    }
}

#[tokio::test]
async fn an_api_token_is_a_password_of_its_own_user_alone() {
    let (site, tokens) = site().await;
    let api = tokens.generate(&site.member).api_token().abilities(Abilities::none()).await.unwrap();
    let text = api.token().expose_secret();
    for typed in [text, &format!(" {text}"), &format!("{text}\r\n"), &format!("\t{text}\u{a0}")] {
        let user = tokens.validate_password_token(&site.member, typed).await.unwrap().expect(typed);
        assert_eq!((user.id(), user.token().id()), (&site.member, api.record().id()));
        assert_eq!(user.token().abilities(), &Abilities::none());
    }
    let accepts =
        async |user: &UserId, typed: &str| tokens.validate_password_token(user, typed).await.unwrap().is_some();
    assert!(!accepts(&site.admin, text).await, "another user");
    assert!(!accepts(&UserId::from(4_711), text).await, "a user who is not there");
    let login = tokens.generate(&site.member).await.unwrap();
    let pair = tokens.generate_pair(&site.member).await.unwrap();
    for token in [login.token(), pair.access_token(), pair.refresh_token()] {
        assert!(!accepts(&site.member, token.expose_secret()).await);
    }
    site.store.set_disabled(&site.member, true).await.unwrap();
    assert!(!accepts(&site.member, text).await, "disabled");
    site.store.set_disabled(&site.member, false).await.unwrap();
    assert!(tokens.destroy(api.token()).await.unwrap());
    assert!(!accepts(&site.member, text).await, "revoked");
    let unset = site.tokens.validate_password_token(&site.member, text).await.unwrap_err();
    assert_eq!(unset.kind(), ErrorKind::Configuration);
    site.store.fail();
    assert!(tokens.validate_password_token(&site.member, text).await.unwrap_err().is_outage());
}

/// A password must not leave the process as an unsalted digest, and the work must not depend on the user.
#[tokio::test]
async fn a_real_password_is_looked_up_nowhere_and_the_user_makes_no_difference() {
    let (site, tokens) = site().await;
    let text = tokens.generate(&site.member).api_token().await.unwrap().token().expose_secret().to_owned();
    let look_ups = async |user: &UserId, typed: &str| {
        let before = site.store.look_ups();
        _ = tokens.validate_password_token(user, typed).await.unwrap();
        site.store.look_ups() - before
    };
    let mistyped = format!("{}!", &text[..40]);
    let login = site.member_token().await;
    for typed in ["", " ", "correct horse battery staple", "Tr0ub4dor", "acme_", &mistyped, &login, &text[..40]] {
        assert_eq!(look_ups(&site.member, typed).await, 0, "{typed:?}");
    }
    for user in [&site.member, &site.admin, &UserId::from(4_711)] {
        assert_eq!(look_ups(user, &text).await, 1, "{user}");
    }
}

#[tokio::test]
async fn an_api_token_is_the_password_of_http_basic_under_any_name() {
    let (site, tokens) = site().await;
    let api = tokens.generate(&site.member).api_token().await.unwrap();
    let server = Server::start(whoami(TokenAuthLayer::new(tokens.clone()).sources(crate::site::all_sources()))).await;
    let authorization = basic(api.token().expose_secret());
    assert_eq!(server.get("/", &[("authorization", &authorization)]).await.body, "member via basic");
}

/// Sanctum's tokens have a `|`, which RFC 6750 allows in no Bearer token.
#[tokio::test]
async fn a_bar_is_in_no_token_of_ours_and_malformed_in_a_bearer_header() {
    let (site, tokens) = site().await;
    let mut drawn = HashSet::new();
    for _ in 0..300 {
        drawn.extend(format().generate().unwrap().expose_secret().chars());
        drawn.extend(tokens.generate(&site.member).await.unwrap().token().expose_secret().chars());
    }
    assert!(drawn.iter().all(|symbol| symbol.is_ascii_alphanumeric() || *symbol == '_'), "{drawn:?}");
    assert!(Token::parse("7|abc").is_err());
    let server = Server::start(whoami(TokenAuthLayer::new(tokens.clone()))).await;
    let look_ups = site.store.look_ups();
    let answer = server.get("/", &[("authorization", "Bearer 7|0123456789abcdefABCDEF")]).await;
    assert_eq!((answer.body.as_str(), site.store.look_ups()), ("malformed credential", look_ups));
}

/// Sanctum writes `last_used_at` at each request.
#[tokio::test]
async fn ten_thousand_requests_write_at_most_once_a_minute_and_none_waits_for_it() {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt;

    let (store, member) = Chores::with_member().await;
    let clock = ManualClock::at(NOW);
    let tokens = Tokens::new(Arc::clone(&store)).with_api_tokens(format()).with_clock(clock.clone());
    let api = tokens.generate(&member).api_token().await.unwrap();
    let site = whoami(TokenAuthLayer::new(tokens.clone()));
    let bearer = format!("Bearer {}", api.token().expose_secret());
    let request = async || {
        let request = Request::get("/").header("authorization", &bearer).body(Body::empty()).unwrap();
        site.clone().oneshot(request).await.unwrap().status()
    };
    // 20 requests a second, for 500 seconds.
    for second in 0..500 {
        for _ in 0..20 {
            assert_eq!(request().await, 200);
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::SECOND);
        assert!(store.touches() <= second / 60 + 1, "{} writes in {second} seconds", store.touches());
    }
    assert_eq!(store.touches(), 8, "at 60, 120, … 480 seconds");
    store.set_mood(HANGS);
    for _ in 0..1_000 {
        clock.advance(Duration::SECOND);
        assert_eq!(request().await, 200);
    }
    assert_eq!(store.touches(), 9, "one write hangs, and no request waits for it");
}

#[tokio::test]
async fn a_format_that_is_not_set_rotates_nothing() {
    let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    let tokens = Tokens::new(Arc::clone(&store));
    let error = tokens.rotate_api_token(&UserId::from(1), TokenId::new(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_login_with_an_api_token_as_the_password_ends_when_that_is_rotated() {
    let (site, tokens) = site().await;
    let api = tokens.generate(&site.member).api_token().await.unwrap();
    let typed = api.token().expose_secret();
    let user = tokens.validate_password_token(&site.member, typed).await.unwrap().unwrap();
    let login = tokens.generate(&site.member).within(user.token()).await.unwrap();
    let rotation = tokens.rotate_api_token(&site.member, api.record().id()).overlap(Duration::days(1));
    _ = rotation.await.unwrap();
    assert!(is_valid(&tokens, api.token()).await && !is_valid(&tokens, login.token()).await);
}

#[tokio::test]
async fn api_tokens_within_one_another_are_counted() {
    let (site, tokens) = site().await;
    let tokens = tokens.with_max_tokens_per_user(Some(3));
    let first = tokens.generate(&site.member).api_token().await.unwrap();
    let within = async || tokens.generate(&site.member).api_token().within(first.record()).await;
    let inner = within().await.unwrap().record().id();
    for _ in 0..2 {
        _ = within().await.unwrap();
    }
    assert_eq!(within().await.unwrap_err().kind(), ErrorKind::TooManyTokens, "one is taken for a rotated one");
    let error = tokens.rotate_api_token(&site.member, inner).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken, "it ends with the other one");
}
