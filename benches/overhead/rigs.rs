//! The services that are measured.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::handler::Handler;
use axum::routing::get;
use http::header::COOKIE;
use http::{Extensions, HeaderMap};
use sha2::{Digest, Sha256};
use tower_layer::{Layer, layer_fn};
use tower_sessions::session::Record;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, SessionStore};
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::extract::Authenticated;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::same_origin::SameOriginLayer;
use tower_tokens::source::TokenSource;
use tower_tokens::token::ApiTokenFormat;

use crate::floor::{Floor, FloorMap, FloorUser};
use crate::measure::Rig;

pub(crate) struct Rigs {
    text: String,
    api_text: String,
    tokens: Tokens,
    map: FloorMap,
}

#[derive(Clone)]
struct AppState {
    authenticator: Authenticator,
}

impl FromRef<AppState> for Authenticator {
    fn from_ref(state: &AppState) -> Self {
        state.authenticator.clone()
    }
}

async fn handler() -> &'static str {
    "ok"
}

impl Rigs {
    pub(crate) async fn new() -> Self {
        let repository = MemoryRepository::new();
        repository.create_level("member").await.unwrap();
        let user = repository.create_user(None, "member").await.unwrap();
        let tokens = Tokens::new(repository).with_api_tokens(ApiTokenFormat::new("acme").unwrap());
        let issued = tokens.generate(&user).await.unwrap();
        let text = issued.token().expose_secret().to_owned();
        let api_text = tokens.generate(&user).api_token().await.unwrap().token().expose_secret().to_owned();
        let map = papaya::HashMap::new();
        map.pin().insert(Sha256::digest(text.as_bytes()).into(), FloorUser { id: 1, level: 1 });
        for _ in 0..1_000 {
            let other = tokens.generate(&user).await.unwrap();
            let digest = Sha256::digest(other.token().expose_secret().as_bytes()).into();
            map.pin().insert(digest, FloorUser { id: 2, level: 1 });
        }
        Self { text, api_text, tokens, map: FloorMap(Arc::new(map)) }
    }

    pub(crate) fn hit(&self) -> HeaderMap {
        self.miss(Some(&self.text))
    }

    /// An API token, in the same cookie.
    pub(crate) fn api_hit(&self) -> HeaderMap {
        self.miss(Some(&self.api_text))
    }

    pub(crate) fn miss(&self, token: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", "example.com".parse().unwrap());
        headers.insert("user-agent", "bench".parse().unwrap());
        headers.insert("accept", "*/*".parse().unwrap());
        let cookie = match token {
            Some(token) => format!("theme=dark; trongatetoken={token}"),
            None => "theme=dark".to_owned(),
        };
        headers.insert(COOKIE, cookie.parse().unwrap());
        headers
    }

    pub(crate) fn session_hit(&self) -> HeaderMap {
        let mut headers = self.miss(None);
        headers.insert(COOKIE, format!("theme=dark; id={}", session_id()).parse().unwrap());
        headers
    }

    fn router(&self) -> Router {
        Router::new().route("/members", get(handler))
    }

    pub(crate) fn bare(&self) -> Box<dyn Rig> {
        Box::new(self.router())
    }

    pub(crate) fn floor_around(&self) -> Box<dyn Rig> {
        Box::new(Floor { inner: self.router(), map: self.map.clone(), template: None })
    }

    pub(crate) fn floor_roomy_around(&self) -> Box<dyn Rig> {
        let mut template = Extensions::new();
        template.insert(1_u8);
        template.insert(1_u16);
        template.insert(1_u32);
        template.insert(1_u64);
        template.clear();
        Box::new(Floor { inner: self.router(), map: self.map.clone(), template: Some(template) })
    }

    pub(crate) fn floor_layered(&self) -> Box<dyn Rig> {
        let map = self.map.clone();
        let layer = layer_fn(move |inner| Floor { inner, map: map.clone(), template: None });
        Box::new(self.router().layer(layer))
    }

    pub(crate) fn floor_extracted(&self) -> Box<dyn Rig> {
        let router = Router::new()
            .route("/members", get(async |user: FloorUser| if user.id == 1 && user.level == 1 { "ok" } else { "no" }));
        Box::new(router.with_state(self.map.clone()))
    }

    fn layer(&self) -> TokenAuthLayer {
        TokenAuthLayer::new(self.tokens.clone()).sources([TokenSource::cookie("trongatetoken"), TokenSource::bearer()])
    }

    pub(crate) fn ours_around(&self) -> Box<dyn Rig> {
        Box::new(self.layer().layer(self.router()))
    }

    pub(crate) fn ours_layered(&self) -> Box<dyn Rig> {
        Box::new(self.router().layer(self.layer()))
    }

    fn policy() -> SecurityPolicy {
        SecurityPolicy::new().scenario("members area", level("member"))
    }

    pub(crate) fn guarded_around(&self) -> Box<dyn Rig> {
        Box::new((self.layer(), Self::policy().guard("members area")).layer(self.router()))
    }

    /// Each layer is attached for itself.
    pub(crate) fn guarded_apart(&self) -> Box<dyn Rig> {
        Box::new(self.router().route_layer(Self::policy().guard("members area")).layer(self.layer()))
    }

    pub(crate) fn guarded_route(&self) -> Box<dyn Rig> {
        let both = (self.layer(), Self::policy().guard("members area"));
        Box::new(Router::new().route("/members", get(handler).layer(both)))
    }

    pub(crate) fn guarded_handler(&self) -> Box<dyn Rig> {
        let both = (self.layer(), Self::policy().guard("members area"));
        Box::new(Router::new().route("/members", get(Handler::layer(handler, both))))
    }

    /// As the README's program was until it had one attachment a route: four.
    pub(crate) fn program_apart(&self) -> Box<dyn Rig> {
        let policy = Self::policy();
        let router = self.router().route_layer(policy.guard("members area")).layer(SameOriginLayer::new());
        Box::new(router.layer(policy.refusal_layer()).layer(self.layer()))
    }

    pub(crate) fn ours_extracted(&self) -> Box<dyn Rig> {
        let handler = async |Authenticated(user): Authenticated| if user.level().id() == 1 { "ok" } else { "no" };
        let state = AppState { authenticator: self.layer().authenticator() };
        Box::new(Router::new().route("/members", get(handler)).with_state(state))
    }

    fn tower_sessions(&self, runtime: &tokio::runtime::Runtime) -> SessionManagerLayer<MemoryStore> {
        let store = MemoryStore::default();
        let expiry = time::OffsetDateTime::now_utc() + time::Duration::days(1);
        let mut record = Record { id: session_id().parse().unwrap(), data: Default::default(), expiry_date: expiry };
        record.data.insert("user_id".to_owned(), 1.into());
        runtime.block_on(store.save(&record)).unwrap();
        SessionManagerLayer::new(store)
    }

    fn session_router(&self) -> Router {
        Router::new().route(
            "/members",
            get(async |session: Session| match session.get::<i64>("user_id").await {
                Ok(Some(_)) => "ok",
                _ => "no",
            }),
        )
    }

    pub(crate) fn tower_sessions_around(&self, runtime: &tokio::runtime::Runtime) -> Box<dyn Rig> {
        Box::new(self.tower_sessions(runtime).layer(self.session_router()))
    }

    pub(crate) fn tower_sessions_layered(&self, runtime: &tokio::runtime::Runtime) -> Box<dyn Rig> {
        Box::new(self.session_router().layer(self.tower_sessions(runtime)))
    }
}

fn session_id() -> String {
    tower_sessions::session::Id(42).to_string()
}
