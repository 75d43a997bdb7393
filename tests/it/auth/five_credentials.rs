//! One router and one guard for five credentials: a cookie, a session, an API token, an access token and a JWT, each alone and
//! each beside a stale one of every other kind.

use axum::Router;
use axum::http::request::Parts;
use axum::routing::any;
use time::Duration;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::jwt::{JwtIssuer, JwtKey, JwtKeys};
use tower_tokens::policy::{SecurityPolicy, ability, any_level};
use tower_tokens::token::{Abilities, ApiTokenFormat, Lifetime};
use tower_tokens::user::{CurrentUser, UserLevel};
use tower_tokens::validator::TokenValidator;

use crate::http::Server;
use crate::site::{Site, all_sources, plant, sessions};

const KINDS: [Kind; 5] = [Kind::Cookie, Kind::Session, Kind::Api, Kind::Access, Kind::Jwt];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Cookie,
    Session,
    Api,
    Access,
    Jwt,
}

struct Setup {
    site: Site,
    issuer: JwtIssuer,
    server: Server,
}

impl Setup {
    async fn new(mut site: Site) -> Self {
        site.tokens = site.tokens.clone().with_api_tokens(ApiTokenFormat::new("acme").unwrap());
        let key = JwtKey::hs256([7; 32]).unwrap().with_id("k");
        let issuer = JwtIssuer::builder(JwtKeys::new([key]).unwrap()).issuer("https://partner.example");
        let issuer = issuer.audience("https://api.example").clock(site.clock.clone()).build().unwrap();
        let policy = SecurityPolicy::new()
            .scenario("members area", any_level(["member"]))
            .scenario("write", any_level(["member"]).and(ability("records:write")))
            .realm("the club");
        let both = site.tokens.clone().or(issuer.validator().build().unwrap());
        let app = Router::new()
            .route("/members", any(who).layer(policy.guard("members area")))
            .route("/write", any(who).layer(policy.guard("write")))
            .route("/plant", any(plant))
            .layer(TokenAuthLayer::new(both).sources(all_sources()))
            .layer(sessions());
        let server = Server::start(app).await;
        Self { site, issuer, server }
    }

    /// The text of a new token of this kind, which lives for a minute and has these abilities.
    async fn text(&self, kind: Kind, abilities: Abilities) -> String {
        let minute = Lifetime::seconds(60);
        let (tokens, user) = (&self.site.tokens, &self.site.member);
        let token = match kind {
            Kind::Cookie | Kind::Session => tokens.generate(user).lifetime(minute).abilities(abilities).await.unwrap(),
            Kind::Api => tokens.generate(user).api_token().lifetime(minute).abilities(abilities).await.unwrap(),
            Kind::Access => {
                let pair = tokens.generate_pair(user).abilities(abilities).await.unwrap();
                return pair.access_token().expose_secret().to_owned();
            }
            Kind::Jwt => {
                let level = UserLevel::new(2, "member");
                let issued = self.issuer.issue(user, &level).lifetime(minute).abilities(abilities).sign().unwrap();
                return issued.token().expose_secret().to_owned();
            }
        };
        token.token().expose_secret().to_owned()
    }

    /// The header that carries a token of this kind. `Authorization` can be taken, and then a header of its own has it.
    async fn header(&self, kind: Kind, text: &str, is_taken: bool) -> (&'static str, String) {
        match kind {
            Kind::Cookie => ("cookie", format!("trongatetoken={text}")),
            Kind::Session => {
                let planted = self.server.get(&format!("/plant?token={text}"), &[]).await;
                ("cookie", format!("id={}", planted.cookie("id").unwrap()))
            }
            Kind::Api | Kind::Access | Kind::Jwt if is_taken => ("trongatetoken", text.to_owned()),
            Kind::Api | Kind::Access | Kind::Jwt => ("authorization", format!("Bearer {text}")),
        }
    }
}

async fn who(parts: Parts) -> String {
    let user = parts.extensions.get::<CurrentUser>().unwrap();
    format!("{} {} via {}", user.level(), user.id(), user.source())
}

async fn both() -> [Setup; 2] {
    [Setup::new(Site::new().await).await, Setup::new(Site::async_only().await).await]
}

fn pairs<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn each_alone_is_the_same_user_behind_the_same_guard() {
    for setup in both().await {
        let member = setup.site.member.to_string();
        for kind in KINDS {
            let text = setup.text(kind, Abilities::all()).await;
            for is_taken in [false, true] {
                let header = setup.header(kind, &text, is_taken).await;
                let answer = setup.server.get("/members", &pairs(&[header])).await;
                assert_eq!(answer.status, 200, "{kind:?}: {}", answer.body);
                assert!(answer.body.starts_with(&format!("member {member} via ")), "{kind:?}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn each_is_valid_beside_a_stale_one_of_every_other_kind_in_either_place() {
    for setup in both().await {
        let mut stale = Vec::new();
        for kind in KINDS {
            stale.push((kind, setup.text(kind, Abilities::all()).await));
        }
        setup.site.clock.advance(Duration::days(2));
        for kind in KINDS {
            let text = setup.text(kind, Abilities::all()).await;
            for (other, stale) in &stale {
                for valid_is_first in [true, false] {
                    let valid_header = setup.header(kind, &text, !valid_is_first).await;
                    let stale_header = setup.header(*other, stale, valid_is_first).await;
                    if kind == *other && matches!(kind, Kind::Cookie | Kind::Session) {
                        continue;
                    }
                    let answer = setup.server.get("/members", &pairs(&[valid_header, stale_header])).await;
                    assert_eq!(answer.status, 200, "{kind:?} beside a stale {other:?}: {}", answer.body);
                }
            }
            let mut headers = vec![setup.header(kind, &text, false).await];
            for (other, stale) in stale.iter().filter(|(other, _)| *other != kind) {
                headers.push(setup.header(*other, stale, true).await);
            }
            let answer = setup.server.get("/members", &pairs(&headers)).await;
            assert_eq!(answer.status, 200, "{kind:?} beside all: {}", answer.body);
        }
        for (kind, stale) in &stale {
            let header = setup.header(*kind, stale, false).await;
            let answer = setup.server.get("/members", &pairs(&[header])).await;
            let challenge = Some(r#"Bearer realm="the club", error="invalid_token""#);
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, challenge), "a stale {kind:?}");
        }
    }
}

#[tokio::test]
async fn an_ability_is_asked_of_each_in_the_same_way() {
    for setup in both().await {
        for kind in KINDS {
            for (abilities, status) in [
                (Abilities::all(), 200),
                (Abilities::new(["records:write"]).unwrap(), 200),
                (Abilities::new(["records:*"]).unwrap(), 200),
                (Abilities::new(["records:read"]).unwrap(), 403),
                (Abilities::none(), 403),
            ] {
                let shown = abilities.to_string();
                let text = setup.text(kind, abilities).await;
                let header = setup.header(kind, &text, false).await;
                let answer = setup.server.get("/write", &pairs(&[header])).await;
                assert_eq!(answer.status, status, "{kind:?} with {shown:?}");
                if status == 403 {
                    let challenge = answer.header("www-authenticate").unwrap();
                    assert!(challenge.contains(r#"error="insufficient_scope", scope="records:write""#), "{challenge}");
                }
            }
        }
    }
}
