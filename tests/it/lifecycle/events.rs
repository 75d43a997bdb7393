//! Events: each verb reports what it did, once, and what it is about.

use std::sync::{Arc, Mutex};

use time::Duration;
use tokio::task::JoinSet;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::Timestamp;
use tower_tokens::lifecycle::{RefusedToken, TokenAction, TokenEvent, Tokens};
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::repository::UserRepository;
use tower_tokens::respond::ExpiryWarningLayer;
use tower_tokens::token::{ApiTokenFormat, Lifetime, Token, TokenId, TokenKind, TokenKinds};
use tower_tokens::user::UserId;

use crate::http::Server;
use crate::site::{NOW, Site};

/// What a listener got, without the borrowed parts.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    action: TokenAction,
    at: Timestamp,
    user: Option<UserId>,
    token: Option<TokenId>,
    kind: Option<TokenKind>,
    name: Option<String>,
    count: u64,
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn listener(&self) -> impl Fn(&TokenEvent<'_>) + Send + Sync + 'static + use<> {
        let log = Arc::clone(&self.0);
        move |event: &TokenEvent<'_>| {
            log.lock().unwrap().push(Seen {
                action: event.action(),
                at: event.at(),
                user: event.user().cloned(),
                token: event.token_id(),
                kind: event.kind(),
                name: event.name().map(str::to_owned),
                count: event.count(),
            });
        }
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn one(&self) -> Seen {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    fn actions(&self) -> Vec<TokenAction> {
        self.take().into_iter().map(|seen| seen.action).collect()
    }
}

async fn site() -> (Site, Tokens, Log) {
    let (site, log) = (Site::new().await, Log::default());
    let tokens = site.tokens.clone().with_api_tokens(ApiTokenFormat::new("acme").unwrap()).with_events(log.listener());
    (site, tokens, log)
}

/// Looks the token up, and lets what that starts come to rest.
async fn validate(tokens: &Tokens, token: &Token) -> bool {
    let is_valid = tokens.validate(token).await.unwrap().is_some();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    is_valid
}

#[tokio::test]
async fn each_verb_reports_what_it_did_once() {
    let (site, tokens, log) = site().await;
    let user = &site.member;
    let phone = tokens.generate(user).name("phone").await.unwrap();
    let id = phone.record().id();
    let issued = Seen {
        action: TokenAction::Issued,
        at: NOW,
        user: Some(user.clone()),
        token: Some(id),
        kind: Some(TokenKind::Login),
        name: Some("phone".to_owned()),
        count: 1,
    };
    assert_eq!(log.one(), issued);
    site.clock.advance(Duration::SECOND);
    let renewed = tokens.regenerate(phone.token()).await.unwrap();
    assert_eq!(log.one(), Seen { action: TokenAction::Regenerated, at: NOW + Duration::SECOND, ..issued.clone() });
    assert!(tokens.destroy(renewed.token()).await.unwrap());
    let revoked = Seen { action: TokenAction::Revoked, at: NOW + Duration::SECOND, kind: None, name: None, ..issued };
    assert_eq!(log.one(), revoked);
    assert!(!tokens.destroy(renewed.token()).await.unwrap());
    assert!(!tokens.destroy_by_id(user, id).await.unwrap());
    assert_eq!(log.take(), [], "what was not there did not end");

    let old = tokens.generate(user).api_token().name("backup").await.unwrap();
    let new = tokens.rotate_api_token(user, old.record().id()).overlap(Duration::days(1)).await.unwrap();
    _ = tokens.rotate_api_token(user, old.record().id()).await.unwrap_err();
    let [_, rotated] = &log.take()[..] else { panic!("a refused rotation is no event") };
    assert_eq!(rotated.action, TokenAction::Rotated { old: old.record().id() });
    assert_eq!((rotated.token, rotated.kind), (Some(new.record().id()), Some(TokenKind::Api)));
    assert!(tokens.destroy(new.token()).await.unwrap());
    assert_eq!(log.one().token, Some(new.record().id()));

    let current = tokens.generate(user).await.unwrap();
    let current = tokens.validate(current.token()).await.unwrap().unwrap();
    assert!(tokens.destroy_current(&current).await.unwrap());
    assert_eq!(log.actions(), [TokenAction::Issued, TokenAction::Revoked]);

    for _ in 0..3 {
        _ = tokens.generate(user).await.unwrap();
    }
    let kept = tokens.generate(user).await.unwrap();
    log.take();
    assert_eq!(tokens.destroy_others(user, kept.record()).await.unwrap(), 3);
    let kinds = TokenKinds::ALL.without(TokenKinds::API);
    let all = log.one();
    assert_eq!(all.action, TokenAction::RevokedAll { kinds, kept: Some(kept.record().id()), count: 3 });
    assert_eq!((all.count, all.user, all.token), (3, Some(user.clone()), None));
    assert_eq!(tokens.destroy_all(user).kinds(TokenKinds::ALL).await.unwrap(), 1);
    assert_eq!(log.one().action, TokenAction::RevokedAll { kinds: TokenKinds::ALL, kept: None, count: 1 });
}

#[tokio::test]
async fn a_pair_is_issued_refreshed_and_ended_by_reuse() {
    let (site, tokens, log) = site().await;
    let first = tokens.generate_pair(&site.member).name("app").await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap().unwrap();
    _ = tokens.refresh(first.refresh_token()).await.unwrap().unwrap();
    _ = tokens.refresh(second.refresh_token()).await.unwrap().unwrap();
    assert!(tokens.refresh(first.refresh_token()).await.unwrap().is_none());
    let seen = log.take();
    let actions: Vec<_> = seen.iter().map(|seen| seen.action).collect();
    let (refreshed, reuse) = (TokenAction::Refreshed, TokenAction::ReuseDetected);
    assert_eq!(actions, [TokenAction::Issued, refreshed, refreshed, reuse], "the same pair again is no event");
    for seen in seen {
        assert_eq!((seen.token, seen.kind), (Some(first.record().id()), Some(TokenKind::Refresh)));
        assert_eq!((seen.user.as_ref(), seen.name.as_deref()), (Some(&site.member), Some("app")));
    }
    let pair = tokens.generate_pair(&site.member).await.unwrap();
    log.take();
    assert!(tokens.destroy(pair.access_token()).await.unwrap());
    assert_eq!(log.one().token, Some(pair.record().id()), "the pair ended");
    let pair = tokens.generate_pair(&site.member).await.unwrap();
    log.take();
    assert!(tokens.destroy(pair.refresh_token()).await.unwrap());
    assert_eq!(log.one().token, Some(pair.record().id()));
}

#[tokio::test]
async fn a_refusal_has_a_reason() {
    for is_in_memory in [true, false] {
        let (site, log) = (if is_in_memory { Site::new().await } else { Site::async_only().await }, Log::default());
        let tokens = site.tokens.clone().with_api_tokens(ApiTokenFormat::new("acme").unwrap());
        let tokens = tokens.with_events(log.listener());
        let api = tokens.generate(&site.member).api_token().await.unwrap();
        let pair = tokens.generate_pair(&site.member).await.unwrap();
        let server = Server::start(crate::site::whoami(TokenAuthLayer::new(tokens.clone()))).await;
        log.take();
        let text = api.token().expose_secret();
        let forged = format!("{}{}", &text[..40], if text.ends_with('x') { 'y' } else { 'x' });
        for (presented, why, user) in [
            (forged.as_str(), RefusedToken::WrongCheckDigits, None),
            ("unknown", RefusedToken::NotFound, None),
            (pair.refresh_token().expose_secret(), RefusedToken::NotFound, None),
        ] {
            server.get("/", &[("authorization", &format!("Bearer {presented}"))]).await;
            let seen = log.one();
            assert_eq!((seen.action, seen.user.as_ref(), seen.at), (TokenAction::Refused(why), user, NOW));
        }
        let half = &pair.refresh_token().expose_secret()[..32];
        server.get("/", &[("authorization", &format!("Bearer {half}"))]).await;
        let seen = log.one();
        assert_eq!(seen.action, TokenAction::Refused(RefusedToken::RefreshToken));
        assert_eq!(seen.user, Some(site.member.clone()));
        assert!(tokens.validate_password_token(&site.admin, text).await.unwrap().is_none());
        let seen = log.one();
        assert_eq!(seen.action, TokenAction::Refused(RefusedToken::OtherUser));
        assert_eq!((seen.user, seen.token), (Some(site.member.clone()), Some(api.record().id())));
        server.get("/", &[("authorization", &format!("Bearer {text}"))]).await;
        assert_eq!(log.take(), [], "a valid token whose use is not recorded is no event");
    }
}

#[tokio::test]
async fn a_use_is_an_event_at_most_once_a_minute() {
    let (site, tokens, log) = site().await;
    let api = tokens.generate(&site.member).api_token().name("backup").await.unwrap();
    log.take();
    for _ in 0..300 {
        site.clock.advance(Duration::SECOND);
        for _ in 0..5 {
            assert!(validate(&tokens, api.token()).await);
        }
    }
    let seen = log.take();
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(seen.iter().all(|seen| seen.action == TokenAction::Validated && seen.name.as_deref() == Some("backup")));
    let never = tokens.clone().with_touch_interval(None);
    site.clock.advance(Duration::days(1));
    assert!(validate(&never, api.token()).await);
    assert_eq!(log.take(), []);
}

#[tokio::test]
async fn an_api_token_that_ends_soon_is_an_event_once_a_day() {
    let (site, tokens, log) = site().await;
    let month = Lifetime::days(30);
    let api = tokens.generate(&site.member).api_token().lifetime(month).await.unwrap();
    let login = tokens.generate(&site.member).lifetime(month).await.unwrap();
    let end = NOW + Duration::days(30);
    let mut warned = Vec::new();
    for hour in 1..30 * 24 {
        site.clock.set(NOW + Duration::hours(hour));
        assert!(validate(&tokens, api.token()).await && validate(&tokens, login.token()).await);
        for seen in log.take() {
            if seen.action == (TokenAction::ExpiresSoon { at: end }) {
                assert_eq!(seen.token, Some(api.record().id()), "a login is renewed by logging in");
                warned.push(hour);
            }
        }
    }
    assert_eq!(warned, (23..30).map(|day| day * 24).collect::<Vec<_>>());
    let api = tokens.generate(&site.member).api_token().lifetime(Lifetime::days(1)).await.unwrap();
    site.clock.advance(Duration::hours(1));
    let off = tokens.clone().with_expiry_warning(None);
    log.take();
    assert!(validate(&off, api.token()).await);
    assert_eq!(log.actions(), [TokenAction::Validated]);
}

#[tokio::test]
async fn a_login_that_makes_room_is_displaced() {
    let (site, tokens, log) = site().await;
    let tokens = tokens.with_max_tokens_per_user(Some(2));
    let first = tokens.generate(&site.member).await.unwrap();
    for _ in 0..2 {
        site.clock.advance(Duration::SECOND);
        _ = tokens.generate(&site.member).await.unwrap();
    }
    let seen = log.take();
    let actions: Vec<_> = seen.iter().map(|seen| seen.action).collect();
    assert_eq!(actions, [TokenAction::Issued, TokenAction::Issued, TokenAction::Displaced, TokenAction::Issued]);
    assert_eq!(seen[2].token, Some(first.record().id()));
    for _ in 0..2 {
        _ = tokens.generate(&site.member).api_token().await.unwrap();
    }
    log.take();
    _ = tokens.generate(&site.member).api_token().await.unwrap_err();
    assert_eq!(log.take(), [], "what was refused was not issued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_rotations_one_is_reported() {
    let (site, tokens, log) = site().await;
    let old = tokens.generate(&site.member).api_token().await.unwrap();
    let mut racers = JoinSet::new();
    for _ in 0..20 {
        let (tokens, user, id) = (tokens.clone(), site.member.clone(), old.record().id());
        racers.spawn(async move { tokens.rotate_api_token(&user, id).await.is_ok() });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let rotated = TokenAction::Rotated { old: old.record().id() };
    assert_eq!(log.actions(), [TokenAction::Issued, rotated]);
}

#[tokio::test]
async fn an_outage_is_no_event() {
    let (site, tokens, log) = site().await;
    let issued = tokens.generate(&site.member).await.unwrap();
    log.take();
    site.store.fail();
    _ = tokens.validate(issued.token()).await.unwrap_err();
    _ = tokens.destroy(issued.token()).await.unwrap_err();
    _ = tokens.generate(&site.member).await.unwrap_err();
    _ = tokens.destroy_all(&site.member).await.unwrap_err();
    assert_eq!(log.take(), []);
    site.store.heal();
    site.store.set_disabled(&site.member, true).await.unwrap();
    assert!(!validate(&tokens, issued.token()).await);
    assert_eq!(log.actions(), [TokenAction::Refused(RefusedToken::NotFound)]);
}

#[tokio::test]
async fn the_client_of_an_api_token_that_ends_soon_is_warned_by_a_header() {
    use axum::Router;
    use axum::routing::get;

    const HEADER: &str = "authentication-token-expiration";
    let (site, tokens, _) = site().await;
    let policy = SecurityPolicy::new().scenario("admin panel", level("admin"));
    let server = async |warning: ExpiryWarningLayer| {
        let layers = tower::ServiceBuilder::new().layer(TokenAuthLayer::new(tokens.clone())).layer(warning);
        let router = Router::new()
            .route("/", get(async || "ok"))
            .route("/admin", get(async || "secret").layer(policy.guard("admin panel")))
            .layer(layers);
        Server::start(router).await
    };
    let default = server(ExpiryWarningLayer::new()).await;
    let answer = async |server: &Server, path: &str, token: &Token| {
        let bearer = format!("Bearer {}", token.expose_secret());
        let answer = server.get(path, &[("authorization", &bearer)]).await;
        (answer.status, answer.header(HEADER).map(str::to_owned))
    };
    let api = tokens.generate(&site.member).api_token().lifetime(Lifetime::days(30)).await.unwrap();
    let never = tokens.generate(&site.member).api_token().lifetime(Lifetime::never_expires()).await.unwrap();
    let idle = Lifetime::never_expires().with_idle_limit(Duration::days(30));
    let idle = tokens.generate(&site.member).api_token().lifetime(idle).await.unwrap();
    let login = tokens.generate(&site.member).lifetime(Lifetime::days(30)).await.unwrap();
    site.clock.set(NOW + Duration::days(23) - Duration::SECOND);
    assert_eq!(answer(&default, "/", api.token()).await, (200, None));
    let early = server(ExpiryWarningLayer::new().within(Duration::MAX)).await;
    assert!(answer(&early, "/", api.token()).await.1.is_some());
    site.clock.advance(Duration::SECOND);
    let date = Some("Mon, 21 Dec 2026 19:01:41 GMT".to_owned());
    assert_eq!(answer(&default, "/", api.token()).await, (200, date.clone()));
    assert_eq!(answer(&default, "/admin", api.token()).await, (403, date), "a refusal, too");
    let late = server(ExpiryWarningLayer::new().within(Duration::days(1))).await;
    assert_eq!(answer(&late, "/", api.token()).await, (200, None));
    for (token, what) in [(&never, "never"), (&idle, "idle"), (&login, "login")] {
        assert_eq!(answer(&default, "/", token.token()).await, (200, None), "{what}");
    }
    assert_eq!(default.get("/", &[]).await.header(HEADER), None);
    let named = server(ExpiryWarningLayer::new().header(http::HeaderName::from_static("x-token-end"))).await;
    let bearer = format!("Bearer {}", api.token().expose_secret());
    assert!(named.get("/", &[("authorization", &bearer)]).await.header("x-token-end").is_some());
    site.clock.set(NOW + Duration::days(30));
    assert_eq!(answer(&default, "/", api.token()).await.1, None, "a token that has ended has no user");
}
