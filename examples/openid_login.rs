//! Log in at an OpenID Connect provider: run it with the issuer, the client's id and its secret as arguments.

use std::{collections::HashMap, sync::Arc};

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use axum::{Router, http::request::Parts, routing::get, routing::post};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreErrorResponseType as Reply, CoreProviderMetadata};
use openidconnect::{AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, TokenResponse as _};
use openidconnect::{EndpointMaybeSet as Maybe, EndpointNotSet as NotSet, EndpointSet, PkceCodeChallenge, reqwest};
use openidconnect::{PkceCodeVerifier, RedirectUrl, RequestTokenError::ServerResponse};
use tower_tokens::sealed::{Key, KeyRing, Opened, Sealer};
use tower_tokens::{auth::Authenticator, clock::Timestamp, prelude::*, request::RequestHead, respond::safe_next};

/// A login that this browser has begun, and the page to return to: sealed in a cookie for ten minutes.
type Begun = (CsrfToken, Nonce, PkceCodeVerifier, String);

/// The provider, and what it knows this site by.
pub(crate) type Provider = (IssuerUrl, ClientId, ClientSecret, RedirectUrl);
type Users = Arc<dyn UserRepository>;
type Fields = Query<HashMap<String, String>>;
type Fault = Box<dyn std::error::Error>;

#[derive(Clone)]
struct Site {
    users: Users,
    tokens: Tokens,
    provider: Provider,
    http: reqwest::Client,
    sealer: Sealer,
    cookie: TokenCookie,
    own: Authenticator,
    begun: Authenticator,
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().collect();
    let [_, issuer, id, secret] = &args[..] else { return Err("ISSUER ID SECRET".into()) };
    let redirect = RedirectUrl::new("http://127.0.0.1:3000/callback".to_owned())?;
    let users = Arc::new(MemoryRepository::new());
    users.create_level("member").await?;
    let tokens = Tokens::new(Arc::clone(&users)).with_cookie(TokenCookie::builder("__Host-token").build()?);
    let (id, secret) = (ClientId::new(id.clone()), ClientSecret::new(secret.clone()));
    let provider = (IssuerUrl::new(issuer.clone())?, id, secret, redirect);
    let keys = KeyRing::new(Key::generate("1")?); // a real site keeps its keys in a file
    let app = app(users, tokens, provider, Sealer::new(keys, "begun log-in")?)?;
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

pub(crate) fn app(users: Users, tokens: Tokens, provider: Provider, sealer: Sealer) -> Result<Router, Fault> {
    let cookie = TokenCookie::builder("__Host-begun").build()?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let http = http.timeout(std::time::Duration::from_secs(5)).build()?;
    let layer = TokenAuthLayer::new(tokens.clone());
    let begun = TokenAuthLayer::new(tokens.clone()).sources([TokenSource::cookie(cookie.name())]).authenticator();
    let policy = SecurityPolicy::new().scenario("members area", level("member")).login_page("/login");
    Ok(Router::new()
        .route("/members", get(async |user: CurrentUser| format!("Hello, {}!", user.id())))
        .route_layer(policy.guard("members area"))
        .route("/login", get(begin))
        .route("/callback", get(finish))
        .route("/logout", post(log_out))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(Site { users, tokens, provider, http, sealer, cookie, own: layer.authenticator(), begun })
        .layer(layer))
}

async fn begin(State(site): State<Site>, fields: Fields) -> Result<impl IntoResponse, Refusal> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (flow, client) = (CoreAuthenticationFlow::AuthorizationCode, site.client().await?);
    let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random).set_pkce_challenge(challenge);
    let (url, state, nonce) = request.url();
    let next = fields.get("next").and_then(|next| safe_next(next)).unwrap_or("/members");
    let sealed = site.sealer.seal(&(state, nonce, verifier, next), Lifetime::seconds(600))?;
    Ok((site.cookie.set_session(&sealed.to_token()?), Redirect::to(url.as_str())))
}

async fn finish(State(site): State<Site>, head: Parts, fields: Fields) -> Result<impl IntoResponse, Refusal> {
    let head = RequestHead::of_parts(&head);
    let open = |cookie: &Token| site.sealer.open::<Begun>(cookie.expose_secret()).ok().map(Opened::into_payload);
    let is_answered = |(state, ..): &Begun| Some(state.secret()) == fields.get("state");
    let begun = site.begun.presented_tokens(head).await?.iter().filter_map(open).find(is_answered);
    let (Some((_, nonce, verifier, next)), Some(code)) = (begun, fields.get("code")) else {
        return Err(RefusalKind::InvalidInput.into()); // or the visitor said no at the provider
    };
    let client = site.client().await?;
    let code = client.exchange_code(AuthorizationCode::new(code.clone())).map_err(|_| RefusalKind::Misconfigured)?;
    let answer = code.set_pkce_verifier(verifier).request_async(&site.http).await.map_err(|error| match error {
        ServerResponse(why) if *why.error() == Reply::InvalidClient => RefusalKind::Misconfigured.into(), // our secret
        ServerResponse(why) => Refusal::wrong_credentials().with_reason(why.to_string()),
        _ => RefusalKind::Unavailable.into(), // without its source, which may hold the answer, and so a token
    })?;
    let id_token = answer.id_token().ok_or_else(Refusal::wrong_credentials)?;
    let claims = id_token.claims(&client.id_token_verifier(), &nonce);
    let claims = claims.map_err(|why| Refusal::wrong_credentials().with_source(why))?;
    let user = UserId::from(claims.subject().as_str());
    let created = site.users.create_user(Some(user.clone()), "member").await.map(drop);
    created.or_else(|error| (error.kind() == ErrorKind::AlreadyExists).then_some(()).ok_or(error))?;
    let _ = site.own.log_out(head).await?; // whoever was logged in here before
    // The provider may have asked for the password days ago, and need not say when.
    let at = claims.auth_time().map_or(0, |at| at.timestamp());
    let issued = site.tokens.generate(user).authenticated_at(Timestamp::from_unix_seconds(at)).await?;
    Ok((issued.session_cookie(), site.cookie.removal(), Redirect::to(&next)))
}

async fn log_out(State(site): State<Site>, head: Parts) -> Result<impl IntoResponse, Refusal> {
    Ok((site.own.log_out(RequestHead::of_parts(&head)).await?, Redirect::to("/members")))
}

impl Site {
    /// Reads the provider's settings and keys, which change: keep the client for some minutes if many people log in.
    async fn client(&self) -> Result<CoreClient<EndpointSet, NotSet, NotSet, NotSet, Maybe, Maybe>, Refusal> {
        let (issuer, id, secret, redirect) = self.provider.clone();
        let found = CoreProviderMetadata::discover_async(issuer, &self.http).await;
        let found = found.map_err(|error| Refusal::new(RefusalKind::Unavailable).with_source(error))?;
        Ok(CoreClient::from_provider_metadata(found, id, Some(secret)).set_redirect_uri(redirect))
    }
}
