//! A user's own API tokens: list, create, rotate and revoke.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::endpoints::answer::{self, EndpointBody};
use crate::endpoints::api_token_json::{IssuedBody, ListedBody, NewApiToken, parse_overlap};
use crate::endpoints::service::{BodyFault, impl_service};
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Tokens;
use crate::repository::PageRequest;
use crate::respond::{Refusal, RefusalKind};
use crate::token::{Abilities, TokenId, TokenKind, TokenKinds, TokenRecord};
use crate::user::{Credential, CurrentUser, Unauthenticated};

/// A user's own API tokens as JSON, behind a `TokenAuthLayer`. With axum: `Router::nest_service("/api/tokens", …)`.
///
/// | request | body | answer |
/// |---|---|---|
/// | `GET /` | | 200, a list of `{"id","name","abilities","last_four","created_at","last_used_at","expires_at"}`, newest first |
/// | `POST /` | `{"name","abilities":["read"],"expires_in":seconds or null}` | 201, `{"id","token","name","abilities","expires_at"}`: the only time that the text is shown |
/// | `POST /{id}/rotate` | `{"overlap":seconds}`, or nothing | 201, as `POST /` |
/// | `DELETE /{id}` | | 204; 404 if the user has no such API token |
///
/// `id` is a decimal text. `abilities` must be given: `["*"]` for every ability. `expires_in` is 1 to 3,153,600,000 seconds, or
/// `null` for a token that never expires; without it, the token lives as long as
/// [the service says](Tokens::with_api_token_lifetime). Times are RFC 3339 in UTC. A list has at most 1,000 tokens. A field that this
/// version does not know is refused. Errors are RFC 9457 problem details, as a guard's.
///
/// # Who may
/// - A login: a token of kind [`Login`](TokenKind::Login) that is in the store, stands for itself and has every ability, in a
///   cookie, a session or a header. Requests of other sites are refused by the layer's same-origin rule.
/// - Another token if the application [names an ability](Self::with_managing_ability) for it, and the token has it. It lists,
///   creates and revokes, and does not rotate.
///
/// Everybody else: 403. So a stolen token that may only read creates no token.
///
/// # Security
/// A token never creates a stronger one: abilities that it has not itself are refused with 403, which names them. What an API
/// token, or a login with few abilities, creates lives no longer than it and [ends with
/// it](crate::lifecycle::Generate::within); and a token that was itself created so creates no other. Ask for a recent login by
/// a guard around this endpoint, with the rule [`authenticated_within`](crate::policy::authenticated_within).
///
/// # Example
/// ```
/// use axum::Router;
/// use axum::body::{Body, to_bytes};
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_tokens::auth::TokenAuthLayer;
/// use tower_tokens::endpoints::ApiTokensEndpoint;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::repository::{MemoryRepository, UserRepository};
/// use tower_tokens::token::ApiTokenFormat;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let repository = MemoryRepository::new();
/// repository.create_level("member").await?;
/// let user_id = repository.create_user(None, "member").await?;
/// let tokens = Tokens::new(repository).with_api_tokens(ApiTokenFormat::new("acme")?);
/// let login = tokens.generate(&user_id).await?;
/// let app: Router = Router::new()
///     .nest_service("/api/tokens", ApiTokensEndpoint::new(tokens.clone()))
///     .layer(TokenAuthLayer::new(tokens));
///
/// let request = Request::post("/api/tokens")
///     .header("cookie", format!("trongatetoken={}", login.token().expose_secret()))
///     .header("content-type", "application/json")
///     .body(Body::from(r#"{"name":"backup","abilities":["read"],"expires_in":2592000}"#))?;
/// let response = app.oneshot(request).await?;
/// assert_eq!(response.status(), 201);
/// let created: serde_json::Value = serde_json::from_slice(&to_bytes(response.into_body(), 1_000).await?)?;
/// assert!(created["token"].as_str().unwrap().starts_with("acme_"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "an endpoint answers nothing until it is mounted"]
pub struct ApiTokensEndpoint {
    tokens: Tokens,
    prefix: String,
    managing_ability: Option<Abilities>,
}

/// How much a credential may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Login,
    Token,
}

impl ApiTokensEndpoint {
    /// The endpoint for the API tokens of this service, whose [format](Tokens::with_api_tokens) must be set.
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens, prefix: String::new(), managing_ability: None }
    }

    /// Allows tokens with this ability, besides logins. A token that was generated without abilities has all of them, this one
    /// too. Default: only logins.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a name that [`Abilities::new`] refuses.
    pub fn with_managing_ability(mut self, name: &str) -> Result<Self, Error> {
        self.managing_ability = Some(Abilities::new([name])?);
        Ok(self)
    }

    /// The path in front, `/api/tokens`, if the framework leaves it in the request's target. axum's `nest_service` takes it
    /// away. Default: none.
    pub fn with_path_prefix(mut self, prefix: &str) -> Self {
        prefix.trim_end_matches('/').clone_into(&mut self.prefix);
        self
    }

    async fn answer(self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Response<EndpointBody> {
        self.dispatch(parts, body).await.unwrap_or_else(|refusal| answer::refuse(refusal, parts))
    }

    async fn dispatch(&self, parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<Response<EndpointBody>, Refusal> {
        let user = user_of(parts)?;
        let manager = self.manager(user)?;
        let not_found = || Refusal::new(RefusalKind::NotFound);
        let path = parts.uri.path().strip_prefix(&*self.prefix).filter(|path| path.is_empty() || path.starts_with('/'));
        let path = path.ok_or_else(not_found)?;
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let id = |text: &str| text.parse().ok().filter(|id: &TokenId| id.to_string() == text).ok_or_else(not_found);
        match (segments.next(), segments.next(), segments.next()) {
            (None, ..) => match parts.method {
                Method::GET | Method::HEAD => self.list(user).await,
                Method::POST => self.create(user, manager, NewApiToken::parse(parts, body)?).await,
                _ => Ok(answer::method_not_allowed("GET, HEAD, POST")),
            },
            (Some(text), None, _) => match parts.method {
                Method::DELETE => self.revoke(user, id(text)?).await,
                _ => Ok(answer::method_not_allowed("DELETE")),
            },
            (Some(text), Some("rotate"), None) => {
                if !answer::is_post(parts) {
                    return Ok(answer::method_not_allowed("POST"));
                }
                if manager == Manager::Token {
                    return Err(Refusal::new(RefusalKind::Denied).with_reason("only a login rotates API tokens"));
                }
                let rotation = self.tokens.rotate_api_token(user.id(), id(text)?);
                let issued = rotation.overlap(parse_overlap(parts, body)?).await.map_err(absent_is_not_found)?;
                Ok(answer::json(StatusCode::CREATED, &IssuedBody::of(&issued)))
            }
            _ => Err(not_found()),
        }
    }

    /// Whether this credential may manage API tokens.
    fn manager(&self, user: &CurrentUser) -> Result<Manager, Refusal> {
        if is_login(user) {
            return Ok(Manager::Login);
        }
        let refusal = Refusal::new(RefusalKind::Denied).with_reason("only a login manages API tokens");
        match &self.managing_ability {
            Some(needed) if needed.are_within(user.abilities()) => Ok(Manager::Token),
            Some(needed) => Err(refusal.with_missing_abilities(needed.clone())),
            None => Err(refusal),
        }
    }

    async fn list(&self, user: &CurrentUser) -> Result<Response<EndpointBody>, Refusal> {
        let records = self.records(user).await?;
        Ok(answer::json(StatusCode::OK, &records.iter().map(ListedBody::of).collect::<Vec<_>>()))
    }

    async fn create(
        &self,
        user: &CurrentUser,
        manager: Manager,
        new: NewApiToken,
    ) -> Result<Response<EndpointBody>, Refusal> {
        let NewApiToken { name, abilities, lifetime } = new;
        if !abilities.are_within(user.abilities()) {
            let why = "a token creates none with abilities that it has not itself";
            let refusal = Refusal::new(RefusalKind::Denied).with_reason(why);
            let missing = abilities.names().filter(|name| !user.has_ability(name));
            return Err(refusal.with_missing_abilities(Abilities::new(missing)?));
        }
        let mut generate = self.tokens.generate(user.id()).api_token().name(name).abilities(abilities);
        generate = generate.authenticated_at(user.authenticated_at());
        if let Some(lifetime) = lifetime {
            generate = generate.lifetime(lifetime);
        }
        if manager == Manager::Token
            && let Credential::Stored(record) = user.credential()
            && record.kind() != TokenKind::Access
        {
            if record.family().is_some() {
                let why = "a token that ends with another one creates none";
                return Err(Refusal::new(RefusalKind::Denied).with_reason(why));
            }
            generate = generate.within(record);
        }
        let issued = generate.await?;
        Ok(answer::json(StatusCode::CREATED, &IssuedBody::of(&issued)))
    }

    async fn revoke(&self, user: &CurrentUser, id: TokenId) -> Result<Response<EndpointBody>, Refusal> {
        let is_api_token = self.records(user).await?.iter().any(|record| record.id() == id);
        if is_api_token && self.tokens.destroy_by_id(user.id(), id).await? {
            return Ok(answer::empty(StatusCode::NO_CONTENT));
        }
        Err(Refusal::new(RefusalKind::NotFound))
    }

    /// The user's API tokens, newest first.
    async fn records(&self, user: &CurrentUser) -> Result<Vec<TokenRecord>, Error> {
        let page = PageRequest::first(PageRequest::MAX_LIMIT);
        Ok(self.tokens.list(user.id(), page).kinds(TokenKinds::API).await?.items)
    }
}

/// Whether this is a login, with all that its user may do.
fn is_login(user: &CurrentUser) -> bool {
    match user.credential() {
        Credential::Stored(record) => {
            // A login with an API token as the password ends with it, and is no more than it was.
            record.kind() == TokenKind::Login && record.family().is_none() && record.abilities().are_all()
        }
        Credential::SelfContained { .. } => false,
    }
}

fn user_of(parts: &Parts) -> Result<&CurrentUser, Refusal> {
    match (parts.extensions.get::<CurrentUser>(), Unauthenticated::from_extensions(&parts.extensions)) {
        (Some(user), _) => Ok(user),
        (None, Some(unauthenticated)) => Err(Refusal::from(unauthenticated)),
        (None, None) => Err(Refusal::new(RefusalKind::Misconfigured)
            .with_reason("no TokenAuthLayer was here: add one around the endpoint of API tokens")),
    }
}

/// The token in the path, and not the one of the request, is not valid.
fn absent_is_not_found(error: Error) -> Refusal {
    match error.kind() {
        ErrorKind::InvalidToken => Refusal::new(RefusalKind::NotFound).with_source(error),
        _ => Refusal::from(error),
    }
}

impl_service!(ApiTokensEndpoint);
