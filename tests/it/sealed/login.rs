//! A sealed token as a login, through the layer.

use http::Request;
use time::Duration;
use tower::{Layer, ServiceExt, service_fn};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::ManualClock;
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::sealed::{RevocationList, Sealer};
use tower_tokens::token::TokenKey;
use tower_tokens::tokens::Tokens;
use tower_tokens::user::{CurrentUser, Reason, SourceKind, Unauthenticated, UserLevel};
use tower_tokens::validator::{TokenValidator, Validation};

use super::{clock, key, ring, sealer};

/// Who the layer says it is: `user (level)`, or why nobody.
async fn ask(layer: &TokenAuthLayer, bearer: &str) -> Result<CurrentUser, Reason> {
    let service = layer.layer(service_fn(async |request: Request<()>| {
        let extensions = request.extensions();
        let nobody = || Unauthenticated::from_extensions(extensions).unwrap().reason();
        Ok::<_, std::convert::Infallible>(extensions.get::<CurrentUser>().cloned().ok_or_else(nobody))
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
