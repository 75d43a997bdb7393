//! Sources in order, and many candidates in one request.

use axum::Router;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::Timestamp;
use tower_tokens::respond::OriginalUri;
use tower_tokens::source::TokenSource;
use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
use tower_tokens::user::{CurrentUser, Reason, Unauthenticated, UserLevel};

use crate::http::Server;
use crate::site::{NOW, Site, basic, credential, policy, whoami};

const STALE: &str = "33333333333333333333333333333333";

async fn both() -> [Site; 2] {
    [Site::new().await, Site::async_only().await]
}

#[tokio::test]
async fn the_first_valid_source_wins() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let (member, admin) = (site.member_token().await, site.token_of(&site.admin).await);
        let cookie = format!("trongatetoken={member}");
        let bearer = format!("Bearer {admin}");
        let who = server.get("/", &[("authorization", &bearer), ("cookie", &cookie)]).await;
        assert_eq!((who.body.as_str(), site.store.look_ups()), ("member via cookie", 1), "the rest is not looked at");
    }
}

#[tokio::test]
async fn a_stale_cookie_or_session_never_hides_a_good_bearer_token() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let (_, session) = credential(&server, tower_tokens::user::SourceKind::Session, STALE).await;
        let bearer = format!("Bearer {}", site.member_token().await);
        for cookie in [
            format!("trongatetoken={STALE}"),
            "trongatetoken=".to_owned(),
            "trongatetoken=not a token".to_owned(),
            session.clone(),
            format!("trongatetoken=; {session}"),
        ] {
            let who = server.get("/", &[("cookie", &cookie), ("authorization", &bearer)]).await;
            assert_eq!(who.body, "member via bearer", "{cookie}");
        }
    }
}

#[tokio::test]
async fn the_order_is_the_applications_to_change() {
    for site in both().await {
        let sources = [TokenSource::header("x-token"), TokenSource::basic(), TokenSource::cookie("other")];
        let server = Server::start(whoami(TokenAuthLayer::new(site.tokens.clone()).sources(sources))).await;
        let (member, admin) = (site.member_token().await, site.token_of(&site.admin).await);
        let (basic, cookie) = (basic(&admin), format!("other={member}; trongatetoken={member}"));
        let all = [("cookie", cookie.as_str()), ("authorization", basic.as_str()), ("x-token", member.as_str())];
        assert_eq!(server.get("/", &all).await.body, "member via header");
        assert_eq!(server.get("/", &all[..2]).await.body, "admin via basic");
        assert_eq!(server.get("/", &all[..1]).await.body, "member via cookie");
        let default = format!("trongatetoken={member}");
        assert_eq!(server.get("/", &[("cookie", &default)]).await.body, "no credential");
        let bearer = format!("Bearer {member}");
        assert_eq!(server.get("/", &[("authorization", &bearer)]).await.body, "no credential", "no such source");
    }
}

#[tokio::test]
async fn a_repeated_candidate_is_looked_up_once() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let (_, session) = credential(&server, tower_tokens::user::SourceKind::Session, STALE).await;
        let cookie = format!("trongatetoken={STALE}; trongatetoken=\"{STALE}\"; {session}");
        let bearer = format!("Bearer {STALE}");
        let headers = [("cookie", cookie.as_str()), ("authorization", &bearer), ("trongatetoken", STALE)];
        assert_eq!(server.get("/", &headers).await.body, "invalid credential");
        assert_eq!(site.store.look_ups(), 1, "in the cookie twice, the session, Bearer and the header");
        let headers = [("cookie", cookie.as_str()), ("authorization", &basic(STALE)), ("trongatetoken", STALE)];
        assert_eq!(server.get("/", &headers).await.body, "invalid credential");
        assert_eq!(site.store.look_ups(), 2, "and Basic");
    }
}

#[tokio::test]
async fn basic_before_the_others_is_looked_up_once_too() {
    for site in both().await {
        let sources = [TokenSource::basic(), TokenSource::cookie("trongatetoken")];
        let server = Server::start(whoami(TokenAuthLayer::new(site.tokens.clone()).sources(sources))).await;
        let cookie = format!("trongatetoken={STALE}");
        server.get("/", &[("cookie", &cookie), ("authorization", &basic(STALE))]).await;
        assert_eq!(site.store.look_ups(), 1);
    }
}

#[tokio::test]
async fn at_most_eight_tokens_of_a_request_are_looked_up() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let (_, session) = credential(&server, tower_tokens::user::SourceKind::Session, STALE).await;
        let flood: Vec<_> = (0..100).map(|number| format!("trongatetoken=stale{number}")).collect();
        let bearer = format!("Bearer {}", site.member_token().await);
        for cookie in [flood.join("; "), format!("{}; {session}", flood[..7].join("; "))] {
            let before = site.store.look_ups();
            let who = server.get("/", &[("cookie", &cookie), ("authorization", &bearer)]).await;
            assert_eq!(who.body, "invalid credential");
            assert_eq!(site.store.look_ups() - before, 8, "{cookie}");
        }
    }
}

#[tokio::test]
async fn cookies_of_one_name_must_agree_on_the_user() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let (member, admin) = (site.member_token().await, site.token_of(&site.admin).await);
        let second = site.member_token().await;
        let who = async |values: &[&str]| {
            let cookies: Vec<_> = values.iter().map(|value| format!("trongatetoken={value}")).collect();
            let one = server.get("/", &[("cookie", &cookies.join("; "))]).await;
            let many: Vec<_> = cookies.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
            assert_eq!(one.body, server.get("/", &many).await.body, "one header or many");
            one.body
        };
        assert_eq!(who(&[&member, &second]).await, "member via cookie");
        assert_eq!(who(&[STALE, &member, "", &second, STALE]).await, "member via cookie");
        assert_eq!(who(&[&member, &admin]).await, "ambiguous credentials");
        assert_eq!(who(&[&admin, STALE, "", &member]).await, "ambiguous credentials");
    }
}

#[tokio::test]
async fn a_neighbours_cookies_cannot_crowd_out_the_disagreement() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let (theirs, own) = (site.token_of(&site.admin).await, site.member_token().await);
        // A neighbour on a sibling subdomain sets cookies for a longer path, and the browser sends those first.
        let flood: Vec<_> = (0..7).map(|number| format!("trongatetoken=stale{number}")).collect();
        let cookie = format!("trongatetoken={theirs}; {}; trongatetoken={own}", flood.join("; "));
        assert_eq!(server.get("/", &[("cookie", &cookie)]).await.body, "ambiguous credentials");
    }
}

#[tokio::test]
async fn two_authorization_headers_are_ambiguous_whatever_their_schemes() {
    for site in both().await {
        let server = Server::start(site.whoami()).await;
        let token = site.member_token().await;
        let (bearer, basic) = (format!("Bearer {token}"), basic(&token));
        for two in [[&bearer, &bearer], [&bearer, &basic], [&basic, &bearer]] {
            let headers = two.map(|value| ("authorization", value.as_str()));
            assert_eq!(server.get("/", &headers).await.body, "ambiguous credentials", "{headers:?}");
        }
        assert_eq!(site.store.look_ups(), 0);
    }
}

#[tokio::test]
async fn a_bad_explicit_credential_is_an_error_where_a_user_is_optional_and_a_stale_cookie_is_not() {
    for site in both().await {
        let front = async |user: Option<CurrentUser>| if user.is_some() { "welcome back" } else { "welcome" };
        let server = Server::start(Router::new().route("/", get(front)).layer(site.layer())).await;
        let (stale, bearer) = (format!("trongatetoken={STALE}"), format!("Bearer {STALE}"));
        let (cookie, malformed) = (("cookie", stale.as_str()), ("cookie", "trongatetoken=a b"));
        let explicit = ("authorization", bearer.as_str());
        for (headers, status, body) in [
            (&[][..], 200, "welcome"),
            (&[cookie], 200, "welcome"),
            (&[malformed], 200, "welcome"),
            (&[explicit], 401, ""),
            (&[cookie, explicit], 401, ""),
            (&[("authorization", "Bearer")], 401, ""),
            (&[("authorization", "Basic !")], 401, ""),
            (&[explicit, explicit], 400, ""),
        ] {
            let answer = server.get("/", headers).await;
            assert_eq!(answer.status, status, "{headers:?}");
            assert!(status != 200 || answer.body == body, "{headers:?}");
        }
        site.store.fail();
        assert_eq!(server.get("/", &[cookie]).await.status, 503, "whether it is stale is unknown");
        site.store.heal();
        let good = format!("trongatetoken={}", site.member_token().await);
        assert_eq!(server.get("/", &[("cookie", &good)]).await.body, "welcome back");
    }
}

/// An outer layer has left a user that was not validated.
async fn smuggle(mut request: Request, next: Next) -> axum::response::Response {
    let record = TokenRecord::new(TokenId::new(1), NOW, Lifetime::default());
    let level = UserLevel::new(1, "admin");
    request.extensions_mut().insert(CurrentUser::new(1, level.clone(), record, Timestamp::from_unix_seconds(0)));
    request.extensions_mut().insert(level);
    next.run(request).await
}

#[tokio::test]
async fn a_user_that_comes_in_with_the_request_is_removed_first() {
    for site in both().await {
        let app = Router::new().route(
            "/",
            get(async |parts: Parts| {
                let reason = Unauthenticated::from_extensions(&parts.extensions).map(Unauthenticated::reason);
                let level = parts.extensions.get::<UserLevel>();
                format!("{reason:?} {:?} {level:?}", parts.extensions.get::<CurrentUser>().is_some())
            }),
        );
        let server = Server::start(app.layer(site.layer()).layer(from_fn(smuggle))).await;
        assert_eq!(server.get("/", &[]).await.body, "Some(NoCredential) false None");
        let stale = format!("trongatetoken={STALE}");
        assert_eq!(server.get("/", &[("cookie", &stale)]).await.body, "Some(Invalid) false None");
        site.store.fail();
        assert_eq!(server.get("/", &[("cookie", &stale)]).await.body, "Some(Unavailable) false None");
    }
}

#[tokio::test]
async fn of_two_layers_the_inner_one_has_the_last_word() {
    for site in both().await {
        let header_alone = || site.layer().sources([TokenSource::header("x-token")]);
        let inner = Router::new().route(
            "/",
            get(async |parts: Parts| match parts.extensions.get::<CurrentUser>() {
                Some(user) => format!("{} {}", user.level(), parts.extensions.get::<UserLevel>().unwrap()),
                None => format!("{:?}", Unauthenticated::from_extensions(&parts.extensions).unwrap().reason()),
            }),
        );
        let server = Server::start(inner.layer(header_alone()).layer(site.layer())).await;
        let cookie = format!("trongatetoken={}", site.member_token().await);
        let admin = site.token_of(&site.admin).await;
        assert_eq!(server.get("/", &[("cookie", &cookie)]).await.body, "NoCredential", "a cookie is no x-token");
        assert_eq!(server.get("/", &[("cookie", &cookie), ("x-token", &admin)]).await.body, "admin admin");
        assert_eq!(server.get("/", &[("x-token", &admin)]).await.body, "admin admin");
        assert_eq!(server.get("/", &[("x-token", STALE)]).await.body, format!("{:?}", Reason::Invalid));
    }
}

#[tokio::test]
async fn the_way_back_from_a_nested_router_is_the_whole_path() {
    let site = Site::new().await;
    let shelf = || Router::new().route("/books", get(async || "books")).route_layer(policy().guard("members area"));
    let page = [("accept", "text/html")];
    let outside = Router::new().nest("/club", shelf()).layer(site.layer());
    let both = Router::new().nest("/club", shelf().layer(site.layer())).layer(site.layer());
    for (app, which) in [(outside, "one layer outside"), (both, "one outside and one inside")] {
        let server = Server::start(app).await;
        let answer = server.get("/club/books?page=2", &page).await;
        assert_eq!(answer.header("location"), Some("/login?next=%2Fclub%2Fbooks%3Fpage%3D2"), "{which}");
    }
}

#[tokio::test]
async fn the_original_target_is_left_for_a_page_without_a_user_alone() {
    let site = Site::new().await;
    let handler = async |parts: Parts| format!("{}", parts.extensions.get::<OriginalUri>().is_some());
    let server = Server::start(Router::new().route("/", get(handler)).layer(site.layer())).await;
    assert_eq!(server.get("/", &[]).await.body, "false");
    assert_eq!(server.get("/", &[("accept", "text/html")]).await.body, "true");
}
