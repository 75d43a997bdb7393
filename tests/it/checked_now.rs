//! The rule that asks the store past every cache.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::routing::get;
use axum::{Extension, Router};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{
    Decision, DenialKind, Rule, Scenario, SecurityPolicy, any, authenticated, check, check_async, checked_now, deny_if,
    level, not,
};
use tower_tokens::repository::{
    Cache, FaultyRepository, MemoryRepository, RepositoryExt, TokenRepository, UserRepository,
};
use tower_tokens::request::RequestHead;
use tower_tokens::respond::Refusal;
use tower_tokens::token::{Token, TokenKey};
use tower_tokens::user::{CurrentUser, UserId, UserLevel};
use tower_tokens::validator::{TokenValidator, Validation};

use crate::http::Server;

type Store = Arc<FaultyRepository<MemoryRepository>>;

struct Site {
    server: Server,
    /// Changes through it pass the cache by, as those of another node do before their message comes.
    store: Store,
    tokens: Tokens,
    admin: UserId,
    token: Token,
    layer: TokenAuthLayer,
    policy: SecurityPolicy,
}

struct Record(u64);

impl Scenario for Record {
    const NAME: &'static str = "record";
}

impl Site {
    async fn new() -> Self {
        Self::with(TokenAuthLayer::checkable).await
    }

    async fn with(settings: fn(TokenAuthLayer) -> TokenAuthLayer) -> Self {
        let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
        for level in ["admin", "member"] {
            store.create_level(level).await.unwrap();
        }
        let admin = store.create_user(None, "admin").await.unwrap();
        let tokens = Tokens::new(Arc::clone(&store).cached(Cache::for_one_process()));
        let token = tokens.generate(&admin).await.unwrap().token().clone();
        let layer = settings(TokenAuthLayer::new(tokens.clone()));
        let policy = policy();
        let server = Server::start(app(&policy, &layer)).await;
        Self { server, store, tokens, admin, token, layer, policy }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let answer = self.server.get(path, &[("authorization", &bearer)]).await;
        (answer.status, answer.body)
    }

    async fn status(&self, path: &str) -> u16 {
        self.get(path).await.0
    }

    /// The user as a request has them.
    async fn user(&self) -> CurrentUser {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let request = Request::get("/").header("authorization", bearer).body(()).unwrap();
        self.layer.authenticator().authenticate(RequestHead::of(&request)).await.unwrap()
    }
}

fn policy() -> SecurityPolicy {
    let ask = || check_async(async |user: CurrentUser, ()| Ok::<_, std::io::Error>(user.level().title() == "admin"));
    SecurityPolicy::new()
        .scenario("cached", level("admin"))
        .scenario("level first", level("admin").and(checked_now()))
        .scenario("check first", checked_now().and(level("admin")))
        .scenario("in any", level("admin").or(checked_now().and(level("owner"))))
        .scenario("async", ask().and(checked_now()))
        .scenario("denied", authenticated().and(deny_if(not(level("admin")).and(checked_now()))))
        .scenario("present", checked_now())
        .typed_scenario(
            check(|user: &CurrentUser, record: &Record| record.0 == 7 && user.level().title() == "admin")
                .and(checked_now()),
        )
        .rule_timeout(Duration::from_millis(300))
        .login_page("/login")
}

const CHECKED: [&str; 5] = ["/level-first", "/check-first", "/in-any", "/async", "/denied"];

fn app(policy: &SecurityPolicy, layer: &TokenAuthLayer) -> Router {
    let me = get(async |user: CurrentUser, level: UserLevel, Extension(extension): Extension<UserLevel>| {
        assert_eq!((&level, &extension), (user.level(), user.level()));
        level.to_string()
    });
    let pay = async |State(policy): State<SecurityPolicy>, user: CurrentUser| {
        policy.make_sure_allowed("level first", &user).await?;
        Ok::<_, Refusal>("paid")
    };
    let mut app = Router::new().route("/pay", get(pay));
    for (path, scenario) in [
        ("/cached", "cached"),
        ("/level-first", "level first"),
        ("/check-first", "check first"),
        ("/in-any", "in any"),
        ("/async", "async"),
        ("/denied", "denied"),
        ("/present", "present"),
    ] {
        app = app.route(path, me.clone().layer(policy.guard(scenario)));
    }
    let of_path =
        policy.guard_with(|head: RequestHead<'_>| Some(Record(head.uri.path().rsplit('/').next()?.parse().ok()?)));
    // The user whom an extractor gives to the guard is the present one, too.
    let extracting = policy.guard_extracting(|(Path(id), user): (Path<u64>, Extension<CurrentUser>)| {
        (user.level().title() == "admin").then_some(Record(id))
    });
    app.route("/of-path/{id}", me.clone().layer(of_path))
        .route("/extracted/{id}", me.layer(extracting))
        .layer(layer.clone())
        .with_state(policy.clone())
}

#[tokio::test]
async fn each_decision_is_one_look_up_and_the_others_ask_the_cache() {
    let site = Site::new().await;
    assert_eq!(site.get("/cached").await, (200, "admin".to_owned()));
    let asked = || site.store.look_ups();
    let before = asked();
    assert_eq!(site.status("/cached").await, 200);
    assert_eq!(asked(), before);
    for path in CHECKED.into_iter().chain(["/present", "/of-path/7", "/extracted/7", "/pay"]) {
        let before = asked();
        assert_eq!(site.status(path).await, 200, "{path}");
        assert_eq!(asked(), before + 1, "{path}");
    }
}

#[tokio::test]
async fn a_demoted_administrator_is_refused_at_once_in_whatever_order_the_rules_are() {
    for path in CHECKED.into_iter().chain(["/pay", "/of-path/7"]) {
        let site = Site::new().await;
        assert_eq!(site.status("/cached").await, 200);
        site.store.change_level(&site.admin, "member").await.unwrap();
        assert_eq!(site.status("/cached").await, 200, "the cache knows nothing of it");
        assert_eq!(site.status(path).await, 403, "{path}");
        assert_eq!(site.status("/cached").await, 403, "the answer is kept");
    }
    let site = Site::new().await;
    assert_eq!(site.status("/cached").await, 200);
    site.store.change_level(&site.admin, "member").await.unwrap();
    assert_eq!(site.status("/extracted/7").await, 404, "the extractor saw a member");
}

#[tokio::test]
async fn a_handler_sees_the_level_of_the_look_up() {
    let site = Site::new().await;
    assert_eq!(site.get("/present").await, (200, "admin".to_owned()));
    site.store.change_level(&site.admin, "member").await.unwrap();
    assert_eq!(site.get("/present").await, (200, "member".to_owned()));
    // And a promotion counts, too.
    assert_eq!(site.status("/level-first").await, 403);
    site.store.change_level(&site.admin, "admin").await.unwrap();
    for path in CHECKED {
        assert_eq!(site.status(path).await, 200, "{path}");
    }
}

#[tokio::test]
async fn a_token_that_ended_past_the_cache_is_nobodys() {
    let paths = CHECKED.into_iter().chain(["/present", "/pay", "/of-path/7", "/extracted/7"]);
    for (number, path) in paths.enumerate() {
        let site = Site::new().await;
        assert_eq!(site.status("/cached").await, 200);
        match number % 3 {
            0 => assert!(site.store.delete(site.token.key()).await.unwrap().is_some()),
            1 => site.store.set_disabled(&site.admin, true).await.unwrap(),
            _ => assert!(site.store.delete_user(&site.admin).await.unwrap()),
        }
        assert_eq!(site.status("/cached").await, 200, "the cache knows nothing of it");
        let bearer = format!("Bearer {}", site.token.expose_secret());
        let answer = site.server.get(path, &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"), "{path}");
        assert_eq!(site.status("/cached").await, 401, "the cache has learnt of it");
    }
}

#[tokio::test]
async fn a_person_whose_token_ended_past_the_cache_is_sent_to_the_login_page() {
    let site = Site::new().await;
    let cookie = format!("trongatetoken={}", site.token.expose_secret());
    let page = [("cookie", cookie.as_str()), ("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    assert_eq!(site.server.get("/level-first", &page).await.status, 200);
    site.store.delete(site.token.key()).await.unwrap();
    let answer = site.server.get("/level-first", &page).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").unwrap().starts_with("/login?"));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_outage_and_the_cache_goes_on() {
    let site = Site::new().await;
    assert_eq!(site.status("/cached").await, 200);
    for fault in [FaultyRepository::fail, FaultyRepository::hang] {
        fault(&site.store);
        for path in CHECKED.into_iter().chain(["/present", "/pay", "/of-path/7", "/extracted/7"]) {
            assert_eq!(site.status(path).await, 503, "{path}");
        }
        assert_eq!(site.status("/cached").await, 200);
        site.store.heal();
        assert_eq!(site.status("/level-first").await, 200);
    }
}

#[tokio::test]
async fn decide_and_explain_ask_the_store_and_leave_the_given_user_alone() {
    let site = Site::new().await;
    let admin = site.user().await;
    site.store.change_level(&site.admin, "member").await.unwrap();
    assert!(site.policy.decide("cached", &admin).await.unwrap().is_allow());
    for scenario in ["level first", "check first"] {
        assert!(site.policy.decide(scenario, &admin).await.unwrap().is_deny());
    }
    assert_eq!(admin.level().title(), "admin");
    let explained = site.policy.explain("level first", &admin).await.unwrap().to_string();
    let of = |user: &str, rest: &str| format!("\"level first\" for user {} ({user}): {rest}", admin.id());
    let tree = "denied\n  all of: denies\n    level is admin: denies\n    valid in the store at this moment: allows";
    assert_eq!(explained, of("member", tree));

    site.store.delete(site.token.key()).await.unwrap();
    let Decision::Deny(denial) = site.policy.decide("in any", &admin).await.unwrap() else { panic!("it has ended") };
    assert_eq!(denial.kind(), DenialKind::Ended);
    assert!(denial.to_string().starts_with("the token has ended"), "{denial}");
    let explained = site.policy.explain("level first", &admin).await.unwrap().to_string();
    assert_eq!(explained, of("admin", "denied\n  valid in the store at this moment: denies"));

    site.store.fail();
    assert!(site.policy.decide("present", &admin).await.unwrap_err().is_outage());
    let explained = site.policy.explain("level first", &admin).await.unwrap();
    assert!(explained.decision().unwrap_err().is_outage());
    assert!(explained.to_string().contains("valid in the store at this moment: fails: "), "{explained}");
}

#[tokio::test]
async fn without_the_means_to_ask_every_request_is_refused() {
    let site = Site::with(|layer| layer).await;
    for path in CHECKED.into_iter().chain(["/present", "/pay", "/of-path/7", "/extracted/7"]) {
        assert_eq!(site.status(path).await, 500, "{path}");
    }
    let user = site.user().await;
    let error = site.policy.decide("present", &user).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    // A user whom the application made itself, too, also where the layer is checkable.
    let site = Site::new().await;
    let user = CurrentUser::new(user.id().clone(), user.level().clone(), user.token().clone(), user.checked_at());
    assert_eq!(site.policy.decide("present", &user).await.unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_token_that_was_replaced_and_one_of_another_user_are_not_the_one_that_was_checked() {
    let site = Site::new().await;
    let user = site.user().await;
    assert!(site.policy.decide("present", &user).await.unwrap().is_allow());
    let _new = site.tokens.regenerate(&site.token).await.unwrap();
    assert!(site.policy.decide("present", &user).await.unwrap().is_deny());
    assert_eq!(site.status("/present").await, 401);
}

#[tokio::test]
async fn a_check_can_be_repeated_and_the_user_stays_as_the_request_has_them() {
    let site = Site::new().await;
    let answers = async || {
        let user = site.user().await;
        let policy = SecurityPolicy::new().scenario("twice", twice());
        policy.decide("twice", &user).await.unwrap().is_allow()
    };
    assert!(answers().await);
    site.store.change_level(&site.admin, "member").await.unwrap();
    assert!(!answers().await);
}

fn twice() -> Rule {
    check(|user: &CurrentUser, ()| user.source().is_explicit())
        .and(checked_now())
        .and(checked_now())
        .and(level("admin"))
}

#[tokio::test]
async fn the_text_of_the_token_is_in_no_debug_and_no_json() {
    let site = Site::new().await;
    let user = site.user().await;
    let text = site.token.expose_secret();
    let json = serde_json::to_string(&user).unwrap();
    for shown in
        [format!("{user:?}"), format!("{user:#?}"), json, format!("{:?}", site.layer), format!("{:?}", site.policy)]
    {
        assert!(!shown.contains(text), "{shown}");
    }
}

#[tokio::test]
async fn a_fake_user_is_valid_in_the_store() {
    let policy = policy();
    assert!(policy.decide("level first", &CurrentUser::fake(7, "admin")).await.unwrap().is_allow());
    assert!(policy.decide("level first", &CurrentUser::fake(7, "member")).await.unwrap().is_deny());
}

#[tokio::test]
async fn a_self_contained_token_is_in_no_store() {
    use tower_tokens::sealed::{Key, KeyRing, Sealer};

    let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    let sealer = Sealer::new(KeyRing::new(Key::generate("a").unwrap()), "login").unwrap();
    let sealed = sealer.seal_login("visitor", &UserLevel::new(1, "admin"), time::Duration::hours(1)).unwrap();
    let layer = TokenAuthLayer::new(sealer.or(Tokens::new(Arc::clone(&store).cached(Cache::for_one_process()))));
    let policy = policy().scenario("either", any([level("admin"), checked_now()]));
    let app = app(&policy, &layer.checkable());
    let server = Server::start(app).await;
    let bearer = format!("Bearer {}", sealed.expose_secret());
    for (path, status) in
        [("/cached", 200), ("/level-first", 403), ("/check-first", 403), ("/pay", 403), ("/present", 403)]
    {
        assert_eq!(server.get(path, &[("authorization", &bearer)]).await.status, status, "{path}");
    }
    // As the table of rules says: here another rule allows.
    assert_eq!(server.get("/in-any", &[("authorization", &bearer)]).await.status, 200);
    assert_eq!(store.look_ups(), 0);
}

#[tokio::test]
async fn a_chain_asks_every_store_past_its_cache() {
    let site = Site::new().await;
    let other = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    let first = Tokens::new(Arc::clone(&other).cached(Cache::for_one_process()));
    let chain = first.or(site.tokens.clone());
    let key = TokenKey::new(site.token.expose_secret());
    assert!(matches!(chain.validate(key).await, Validation::Valid(_)));
    site.store.change_level(&site.admin, "member").await.unwrap();
    let level = |validation| match validation {
        Validation::Valid(user) => user.level().title().to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(level(chain.validate(key).await), "admin");
    other.fail();
    assert_eq!(level(chain.validate_in_store(key).await), "member");
    site.store.delete(key).await.unwrap();
    assert!(matches!(chain.validate_in_store(key).await, Validation::Unavailable(_)));
    other.heal();
    assert!(matches!(chain.validate_in_store(key).await, Validation::Invalid));
}

#[tokio::test]
async fn validate_in_store_passes_the_cache_by() {
    let site = Site::new().await;
    assert!(site.tokens.validate(&site.token).await.unwrap().is_some());
    site.store.delete(site.token.key()).await.unwrap();
    assert!(site.tokens.validate(&site.token).await.unwrap().is_some());
    assert!(site.tokens.validate(&site.token).in_store().await.unwrap().is_none());
    assert!(site.tokens.validate(&site.token).await.unwrap().is_none(), "the answer is kept");
}
