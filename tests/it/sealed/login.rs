//! A sealed token as a login, through the layer.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::Request;
use time::Duration;
use tower::{Layer, ServiceExt, service_fn};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::ManualClock;
use tower_tokens::error::ErrorKind;

use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{FaultyRepository, MemoryRepository, UserRepository};
use tower_tokens::respond::{Refusal, TokenCookie};
use tower_tokens::sealed::{RevocationList, Sealer};
use tower_tokens::token::{Token, TokenKey};
use tower_tokens::user::{Credential, CurrentUser, Reason, SourceKind, Unauthenticated, UserLevel};
use tower_tokens::validator::{TokenValidator, Validation};

use super::{clock, key, ring, sealer};

/// The user that the layer found: `user (level)`, or the reason why there is none.
async fn ask(layer: &TokenAuthLayer, bearer: &str) -> Result<CurrentUser, Reason> {
    let service = layer.layer(service_fn(async |request: Request<()>| {
        let extensions = request.extensions();
        let refused = || Unauthenticated::from_extensions(extensions).unwrap().reason();
        Ok::<_, std::convert::Infallible>(extensions.get::<CurrentUser>().cloned().ok_or_else(refused))
    }));
    let request = Request::get("/").header("authorization", format!("Bearer {bearer}")).body(()).unwrap();
    service.oneshot(request).await.unwrap()
}

fn level() -> UserLevel {
    UserLevel::new(9, "guest")
}

#[tokio::test]
async fn user_level_and_expiry_come_from_the_payload() {
    let clock: ManualClock = clock();
    let logins = Sealer::new(ring(), "login").unwrap().with_clock(clock.clone());
    let token = logins.seal_login("ann@example.org", &level(), Duration::hours(1)).unwrap();
    let layer = TokenAuthLayer::new(logins);
    let user = ask(&layer, token.expose_secret()).await.unwrap();
    assert_eq!((user.id().as_text(), user.level()), (Some("ann@example.org"), &level()));
    assert_eq!(user.source(), SourceKind::Bearer);
    assert_eq!(user.expires_at().at(), Some(user.checked_at() + Duration::hours(1)));
    clock.advance(Duration::hours(1));
    assert_eq!(ask(&layer, token.expose_secret()).await.unwrap_err(), Reason::Invalid);
}

#[tokio::test]
async fn one_layer_serves_sealed_and_stored_tokens() {
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let stored_user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository).with_clock(clock());
    let stored = tokens.generate(&stored_user).await.unwrap();
    let logins = sealer("login");
    let sealed = logins.seal_login(42, &level(), Duration::hours(1)).unwrap();
    let reset = sealer("password reset").seal(&serde_json::json!({"user": 42}), Duration::hours(1)).unwrap();
    for layer in
        [TokenAuthLayer::new(logins.clone().or(tokens.clone())), TokenAuthLayer::new(tokens.clone().or(logins.clone()))]
    {
        assert_eq!(ask(&layer, stored.token().expose_secret()).await.unwrap().level().title(), "member");
        assert_eq!(ask(&layer, sealed.expose_secret()).await.unwrap().level().title(), "guest");
        for text in [reset.expose_secret(), "AQ", "AQJrMQ", "nonsense", &sealed.expose_secret()[1..]] {
            assert_eq!(ask(&layer, text).await.unwrap_err(), Reason::Invalid, "{text}");
        }
    }
}

#[tokio::test]
async fn a_revocation_ends_a_login_early_and_no_other() {
    let list = RevocationList::new();
    let logins = sealer("login").with_revocation_list(list.clone());
    let [lost, kept] = [(); 2].map(|()| logins.seal_login(42, &level(), Duration::hours(1)).unwrap());
    let layer = TokenAuthLayer::new(logins.clone());
    let opened = logins.open::<serde_json::Value>(lost.expose_secret()).unwrap();
    list.revoke(opened.uuid(), opened.expires_at());
    assert_eq!(ask(&layer, lost.expose_secret()).await.unwrap_err(), Reason::Invalid);
    assert!(ask(&layer, kept.expose_secret()).await.is_ok());
}

#[test]
fn what_is_no_sealed_token_is_refused_without_an_allocation() {
    let logins = sealer("login");
    let info = allocation_counter::measure(|| {
        for text in ["pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x", "acme_live_0000", "A", "eyJhbGciOiJIUzI1NiJ9.e30.x"] {
            assert!(matches!(logins.validate_now(TokenKey::new(text)), Some(Validation::Invalid)));
        }
    });
    assert_eq!(info.count_total, 0);
    // A key id of the greatest length is not mistaken for something else.
    let longest = Sealer::new(tower_tokens::sealed::KeyRing::new(key(&"k".repeat(32), 1)), "login").unwrap();
    let token = longest.seal_login(42, &level(), Duration::hours(1)).unwrap();
    assert!(matches!(longest.validate_now(TokenKey::new(token.expose_secret())), Some(Validation::Valid(_))));
}

#[tokio::test]
async fn a_store_does_not_say_that_it_ended_a_sealed_login() {
    let repository = MemoryRepository::new();
    let tokens = Tokens::new(repository).with_clock(clock());
    let logins = sealer("login");
    let token = logins.seal_login(42, &level(), Duration::hours(1)).unwrap();
    let user = logins.open_login(token.expose_secret()).unwrap();
    let refused = tokens.destroy_current(&user).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotIssuedHere, "it says false, and the login lives on");
}

#[tokio::test]
async fn a_credential_is_ended_by_whoever_issued_it_and_by_no_other() {
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let id = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository).with_clock(clock());
    let list = RevocationList::new();
    let logins = sealer("login").with_revocation_list(list.clone());
    let admin_logins = sealer("admin login").with_revocation_list(list.clone());
    let stored = tokens.generate(&id).await.unwrap();
    let stored_user = tokens.validate(stored.token()).await.unwrap().unwrap();
    let text = logins.seal_login(42, &level(), Duration::hours(1)).unwrap();
    let user = logins.open_login(text.expose_secret()).unwrap();
    assert!(matches!(stored_user.credential(), Credential::Stored(record) if record == stored_user.token()));
    let opened = logins.open::<serde_json::Value>(text.expose_secret()).unwrap();
    let Credential::SelfContained { id, expires_at, .. } = user.credential() else { panic!("{user:?}") };
    assert_eq!((id, expires_at), (opened.uuid(), opened.expires_at()));

    for (sealer, user) in [(&logins, &stored_user), (&admin_logins, &user)] {
        assert_eq!(sealer.revoke_login(user).unwrap_err().kind(), ErrorKind::NotIssuedHere);
    }
    assert!(logins.open_login(text.expose_secret()).is_ok());
    let without_list = sealer("login").revoke_login(&user).unwrap_err();
    assert_eq!(without_list.kind(), ErrorKind::Configuration);
    assert!(logins.revoke_login(&user.clone().with_source(SourceKind::Cookie)).unwrap());
    assert!(!logins.revoke_login(&user).unwrap(), "it had ended already");
    assert!(logins.open_login(text.expose_secret()).is_err());
}

#[derive(Clone)]
struct App {
    logins: Sealer,
    validator: Arc<dyn TokenValidator>,
    cookie: TokenCookie,
}

async fn log_in(State(app): State<App>) -> impl IntoResponse {
    let token = app.logins.seal_login(42, &level(), Duration::hours(1)).unwrap().to_token().unwrap();
    app.cookie.set_session(&token)
}

async fn log_out(State(app): State<App>, user: CurrentUser) -> Result<String, Refusal> {
    Ok(format!("{}", app.validator.destroy_current(&user).await?))
}

#[tokio::test]
async fn a_sealed_login_is_logged_out_by_a_handler_that_knows_its_user_alone() {
    let logins = sealer("login").with_revocation_list(RevocationList::new());
    let repository = MemoryRepository::new();
    let tokens = Tokens::new(repository).with_clock(clock());
    for validator in [
        Arc::new(logins.clone()) as Arc<dyn TokenValidator>,
        Arc::new(logins.clone().or(tokens.clone())),
        Arc::new(tokens.clone().or(logins.clone())),
    ] {
        let cookie = TokenCookie::builder("trongatetoken").build().unwrap();
        let layer = TokenAuthLayer::new(logins.clone().or(tokens.clone()));
        let app = App { logins: logins.clone(), validator, cookie };
        let site = Router::new()
            .route("/login", post(log_in))
            .route("/logout", post(log_out))
            .route("/me", get(async |user: CurrentUser| user.id().to_string()))
            .layer(layer)
            .with_state(app);
        let ask = async |method: &str, path: &str, cookie: &str| {
            let request = Request::builder().method(method).uri(path).header("cookie", cookie);
            site.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap()
        };
        let logged_in = ask("POST", "/login", "").await;
        let cookie = logged_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(ask("GET", "/me", &cookie).await.status(), 200);
        let logged_out = ask("POST", "/logout", &cookie).await;
        assert_eq!(logged_out.status(), 200);
        assert_eq!(axum::body::to_bytes(logged_out.into_body(), 64).await.unwrap(), "true");
        assert_eq!(ask("GET", "/me", &cookie).await.status(), 401, "the same cookie");
        let another = ask("POST", "/login", "").await;
        let another = another.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(ask("GET", "/me", &another).await.status(), 200, "another login of the same user lives on");
    }
}

#[tokio::test]
async fn a_chain_logs_out_whoever_it_let_in() {
    let logins = sealer("login").with_revocation_list(RevocationList::new());
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let member = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository).with_clock(clock());
    let chains = [
        Arc::new(logins.clone().or(tokens.clone())) as Arc<dyn TokenValidator>,
        Arc::new(tokens.clone().or(logins.clone())),
    ];
    for chain in chains {
        let stored = tokens.generate(&member).await.unwrap();
        let sealed = logins.seal_login(42, &level(), Duration::hours(1)).unwrap();
        for text in [stored.token().expose_secret(), sealed.expose_secret()] {
            let key = TokenKey::new(text);
            let Validation::Valid(user) = chain.validate(key).await else { panic!("not valid") };
            assert!(chain.destroy_current(&user).await.unwrap());
            assert!(!chain.destroy_current(&user).await.unwrap(), "it had ended already");
            assert!(matches!(chain.validate(key).await, Validation::Invalid));
        }
    }
}

#[tokio::test]
async fn a_log_out_ends_whatever_token_was_presented() {
    let logins = sealer("login").with_revocation_list(RevocationList::new());
    let repository = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    repository.create_level("member").await.unwrap();
    let member = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&repository)).with_clock(clock());
    let chains = [
        Arc::new(logins.clone().or(tokens.clone())) as Arc<dyn TokenValidator>,
        Arc::new(tokens.clone().or(logins.clone())),
    ];
    for (number, chain) in chains.iter().enumerate() {
        let stored = tokens.generate(&member).await.unwrap();
        let sealed = logins.seal_login(42, &level(), Duration::hours(1)).unwrap().to_token().unwrap();
        for token in [stored.token(), &sealed] {
            assert!(chain.destroy(token).await.unwrap());
            assert!(matches!(chain.validate(token.key()).await, Validation::Invalid));
            assert!(!chain.destroy(token).await.unwrap(), "it had ended already");
        }
        let unknown = Token::parse("pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x").unwrap();
        assert!(!chain.destroy(&unknown).await.unwrap());

        // The store is down, and the token is the sealer's; or nothing is known.
        repository.fail();
        let sealed = logins.seal_login(42, &level(), Duration::hours(1)).unwrap().to_token().unwrap();
        assert!(chain.destroy(&sealed).await.unwrap(), "chain {number}");
        assert_eq!(chain.destroy(&unknown).await.unwrap_err().kind(), ErrorKind::Unavailable, "chain {number}");
        repository.heal();
    }
    let login = logins.seal_login(42, &level(), Duration::hours(1)).unwrap().to_token().unwrap();
    assert!(!sealer("another purpose").with_revocation_list(RevocationList::new()).destroy(&login).await.unwrap());
    assert_eq!(sealer("login").destroy(&login).await.unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_validator_that_ends_nothing_says_so() {
    #[derive(Debug, Clone, Copy)]
    struct Strangers;
    #[async_trait::async_trait]
    impl TokenValidator for Strangers {
        async fn validate(&self, _: TokenKey<'_>) -> Validation {
            Validation::Invalid
        }
    }
    let token = sealer("login").seal_login(42, &level(), Duration::hours(1)).unwrap();
    let user = sealer("login").open_login(token.expose_secret()).unwrap();
    for refused in [Strangers.destroy_current(&user).await, Strangers.or(sealer("other")).destroy_current(&user).await]
    {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotIssuedHere);
    }
    let token = token.to_token().unwrap();
    assert_eq!(Strangers.destroy(&token).await.unwrap_err().kind(), ErrorKind::NotIssuedHere);
    assert!(!Strangers.or(sealer("other")).destroy(&token).await.unwrap());
    assert!(!sealer("other").or(Strangers).destroy(&token).await.unwrap());
    let logins = sealer("login").with_revocation_list(RevocationList::new());
    assert!(Strangers.or(logins).destroy(&token).await.unwrap());
}
