//! A handler gets the token of its request, and replaces it.

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::{any, post};
use http::{Request, StatusCode};
use time::Duration;
use tower::ServiceExt;
use tower_tokens::auth::Authenticator;
use tower_tokens::error::ErrorKind;
use tower_tokens::extract::{Authenticated, CurrentToken};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::request::RequestHead;
use tower_tokens::respond::Refusal;
use tower_tokens::source::TokenSession;
use tower_tokens::user::{CurrentUser, SourceKind, UserLevel};

use crate::http::Server;
use crate::site::{KINDS, Site, credential, policy, sessions};

#[derive(Clone, FromRef)]
struct App {
    tokens: Tokens,
    authenticator: Authenticator,
}

async fn confirm(
    State(tokens): State<Tokens>,
    CurrentToken(token): CurrentToken,
) -> Result<impl IntoResponse, Refusal> {
    let issued = tokens.regenerate(&token).authenticated_now().await?;
    Ok((issued.session_cookie(), issued.token().expose_secret().to_owned()))
}

async fn confirm_without_layer(
    Authenticated(user): Authenticated,
    State(app): State<App>,
    parts: Parts,
) -> Result<String, Refusal> {
    let token = app.authenticator.current_token(RequestHead::of_parts(&parts), &user).await?;
    Ok(app.tokens.regenerate(&token).await?.token().expose_secret().to_owned())
}

/// The guarded site, and routes that replace the token: `/confirm` behind the layer, the others without it.
fn app(site: &Site) -> Router {
    let state = App { tokens: site.tokens.clone(), authenticator: site.layer().authenticator() };
    let behind = Router::new().route("/confirm", post(confirm)).layer(site.layer()).layer(sessions());
    let without = Router::new().route("/extractor", post(confirm)).route("/method", post(confirm_without_layer));
    behind.merge(without).with_state(state).merge(site.guarded())
}

#[tokio::test]
async fn a_handler_replaces_the_token_of_its_request_wherever_it_was() {
    for site in [Site::new().await, Site::async_only().await] {
        let server = Server::start(app(&site)).await;
        for kind in KINDS.into_iter().filter(|kind| *kind != SourceKind::Session) {
            let (header, value) = credential(&server, kind, &site.member_token().await).await;
            site.clock.advance(Duration::minutes(11));
            assert_eq!(server.get("/members", &[(header, &value)]).await.status, StatusCode::OK, "{kind}");
            let stale = server.get("/recent", &[(header, &value)]).await;
            assert_eq!(stale.status, StatusCode::UNAUTHORIZED, "{kind}: the login is too long ago");

            let confirmed = server.send("POST", "/confirm", &[(header, &value)]).await;
            assert_eq!(confirmed.status, StatusCode::OK, "{kind}");
            assert_eq!(confirmed.cookie("trongatetoken"), Some(&*confirmed.body));
            assert_eq!(server.get("/members", &[(header, &value)]).await.status, StatusCode::UNAUTHORIZED, "{kind}");
            let (header, value) = credential(&server, kind, &confirmed.body).await;
            assert_eq!(server.get("/recent", &[(header, &value)]).await.status, StatusCode::OK, "{kind}");

            let again = server.send("POST", "/confirm", &[(header, &value), ("sec-fetch-site", "cross-site")]).await;
            let expected = if kind.is_ambient() { StatusCode::FORBIDDEN } else { StatusCode::OK };
            assert_eq!(again.status, expected, "{kind}: another site replaces no token of a browser");
        }
    }
}

#[tokio::test]
async fn a_token_in_a_session_is_replaced_in_it() {
    async fn confirm(
        State(tokens): State<Tokens>,
        session: tower_sessions::Session,
        CurrentToken(token): CurrentToken,
    ) -> Result<String, Refusal> {
        let issued = tokens.regenerate(&token).authenticated_now().await?;
        session.put_token(issued.token()).await?;
        Ok(issued.token().expose_secret().to_owned())
    }
    let site = Site::new().await;
    let state = App { tokens: site.tokens.clone(), authenticator: site.layer().authenticator() };
    let routes = Router::new().route("/confirm", post(confirm)).with_state(state).layer(site.layer());
    let who = Router::new().route("/", any(crate::site::who)).route("/plant", any(crate::site::plant));
    let server = Server::start(routes.merge(who.layer(site.layer())).layer(sessions())).await;
    let token = site.member_token().await;
    let (header, value) = credential(&server, SourceKind::Session, &token).await;
    let confirmed = server.send("POST", "/confirm", &[(header, &value)]).await;
    assert_eq!(confirmed.status, StatusCode::OK);
    let session = format!("id={}", confirmed.cookie("id").expect("a new session id"));
    assert_eq!(server.get("/", &[("cookie", &session)]).await.body, "member via session");
    let old = server.get("/", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(old.body, "invalid credential");
    assert_ne!(confirmed.body, token);
}

#[tokio::test]
async fn without_a_layer_the_extractor_authenticates_by_itself() {
    let site = Site::new().await;
    let server = Server::start(app(&site)).await;
    for path in ["/extractor", "/method"] {
        let bearer = format!("Bearer {}", site.member_token().await);
        let confirmed = server.send("POST", path, &[("authorization", &bearer)]).await;
        assert_eq!(confirmed.status, StatusCode::OK, "{path}");
        let bearer = format!("Bearer {}", confirmed.body);
        assert_eq!(server.get("/members", &[("authorization", &bearer)]).await.status, StatusCode::OK, "{path}");
        for (headers, status) in [(&[][..], 401), (&[("authorization", "Bearer unknown")], 401)] {
            assert_eq!(server.send("POST", path, headers).await.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn of_several_tokens_the_one_of_the_user_is_replaced() {
    let site = Site::new().await;
    let server = Server::start(app(&site)).await;
    let (stale, first, second) = (site.member_token().await, site.member_token().await, site.member_token().await);
    site.tokens.destroy(&tower_tokens::token::Token::parse(&*stale).unwrap()).await.unwrap();
    let cookie = format!("trongatetoken={stale}; trongatetoken=; trongatetoken={first}; trongatetoken={second}");
    let bearer = format!("Bearer {}", site.token_of(&site.member).await);
    let headers = [("cookie", cookie.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(server.send("POST", "/confirm", &headers).await.status, StatusCode::OK);
    let is_valid =
        async |header, value: &str| server.get("/members", &[(header, value)]).await.status == StatusCode::OK;
    assert!(!is_valid("cookie", &format!("trongatetoken={first}")).await, "this one was replaced");
    assert!(is_valid("cookie", &format!("trongatetoken={second}")).await, "this one was not");
    assert!(is_valid("authorization", &bearer).await, "nor this one");
}

#[tokio::test]
async fn only_a_token_that_is_valid_and_of_this_user_is_given() {
    let site = Site::new().await;
    let authenticator = site.layer().authenticator();
    let (issued, admins) = (site.tokens.generate(&site.member).await.unwrap(), site.token_of(&site.admin).await);
    let bearer = |text: &str| Request::post("/").header("authorization", format!("Bearer {text}")).body(()).unwrap();
    let request = bearer(issued.token().expose_secret());
    let head = RequestHead::of(&request);
    let user = authenticator.authenticate(head).await.unwrap();
    let current =
        async |head, user: &CurrentUser| authenticator.current_token(head, user).await.map_err(|error| error.kind());
    assert_eq!(current(head, &user).await.as_ref(), Ok(issued.token()));

    let viewed = CurrentUser::new(&site.admin, UserLevel::new(1, "admin"), user.token().clone(), crate::site::NOW);
    let viewed = viewed.with_source(SourceKind::Bearer);
    assert_eq!(current(head, &viewed).await, Err(ErrorKind::InvalidToken), "a middleware put another user in");
    let moved = user.clone().with_source(SourceKind::Cookie);
    assert_eq!(current(head, &moved).await, Err(ErrorKind::InvalidToken), "it was in another place");
    let other = bearer(&admins);
    assert_eq!(current(RequestHead::of(&other), &user).await, Err(ErrorKind::InvalidToken), "another user's request");

    site.store.fail();
    assert_eq!(current(head, &user).await, Err(ErrorKind::Unavailable), "an outage ends no token");
    site.store.hang();
    let hurried = site.layer().timeout(std::time::Duration::from_millis(20)).authenticator();
    assert_eq!(hurried.current_token(head, &user).await.unwrap_err().kind(), ErrorKind::TimedOut);
    site.store.heal();
    site.tokens.destroy(issued.token()).await.unwrap();
    assert_eq!(current(head, &user).await, Err(ErrorKind::InvalidToken), "it has ended in the meantime");
}

#[tokio::test]
async fn of_racing_replacements_of_one_token_one_wins_and_the_others_get_401() {
    let site = Site::async_only().await;
    let router = app(&site);
    let bearer = format!("Bearer {}", site.member_token().await);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let request = Request::post("/confirm").header("authorization", &bearer).body(axum::body::Body::empty());
        racing.spawn(router.clone().oneshot(request.unwrap()));
    }
    let mut statuses: Vec<_> = racing.join_all().await.into_iter().map(|answer| answer.unwrap().status()).collect();
    statuses.sort();
    assert_eq!(statuses[0], StatusCode::OK);
    assert!(statuses[1..].iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
}

#[tokio::test]
async fn an_outage_between_the_layer_and_the_handler_is_503_and_ends_nothing() {
    let site = Site::new().await;
    let store = std::sync::Arc::clone(&site.store);
    let fail = axum::middleware::from_fn(move |request: axum::extract::Request, next: axum::middleware::Next| {
        store.fail();
        next.run(request)
    });
    let state = App { tokens: site.tokens.clone(), authenticator: site.layer().authenticator() };
    let routes = Router::new().route("/confirm", post(confirm)).with_state(state).layer(fail).layer(site.layer());
    let server = Server::start(routes.layer(policy().refusal_layer()).layer(sessions())).await;
    let bearer = format!("Bearer {}", site.member_token().await);
    let answer = server.send("POST", "/confirm", &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    site.store.heal();
    let token = tower_tokens::token::Token::parse(&bearer[7..]).unwrap();
    assert!(site.tokens.validate(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn requests_that_do_not_ask_for_it_pay_no_look_up() {
    let site = Site::new().await;
    let server = Server::start(app(&site)).await;
    let bearer = format!("Bearer {}", site.member_token().await);
    let before = site.store.look_ups();
    server.get("/members", &[("authorization", &bearer)]).await;
    assert_eq!(site.store.look_ups() - before, 1);
    server.send("POST", "/confirm", &[("authorization", &bearer)]).await;
    assert_eq!(site.store.look_ups() - before, 3, "one by the layer, one by the extractor");
}

#[cfg(feature = "sealed")]
#[tokio::test]
async fn a_sealed_login_is_given_by_its_number_and_not_replaced_by_tokens() {
    use tower_tokens::auth::TokenAuthLayer;
    use tower_tokens::sealed::{Key, KeyRing, Sealer};

    let site = Site::new().await;
    let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11").unwrap()), "login").unwrap();
    let authenticator = TokenAuthLayer::new(sealer.clone()).authenticator();
    let member = UserLevel::new(1, "member");
    let [first, second] = [1, 2].map(|_| sealer.seal_login(7, &member, Duration::HOUR).unwrap());
    let request = |text: &str| Request::get("/").header("authorization", format!("Bearer {text}")).body(()).unwrap();
    let (first, second) = (request(first.expose_secret()), request(second.expose_secret()));
    let user = authenticator.authenticate(RequestHead::of(&first)).await.unwrap();
    let token = authenticator.current_token(RequestHead::of(&first), &user).await.unwrap();
    assert_eq!(site.tokens.regenerate(&token).await.unwrap_err().kind(), ErrorKind::InvalidToken);
    let error = authenticator.current_token(RequestHead::of(&second), &user).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken, "another login of the same user");
}
