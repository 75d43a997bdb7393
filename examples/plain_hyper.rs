//! The layer and the guard around a Hyper service, without axum.
//!
//! ```text
//! cargo run --no-default-features --example plain_hyper
//! ```
//!
//! It keeps its tokens in memory, makes one user with one token, and prints how to try it.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer as _, Service, service_fn};
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::lifecycle::{IssuedToken, Tokens};
use tower_tokens::policy::{SecurityPolicy, any_level};
use tower_tokens::repository::{MemoryRepository, UserRepository as _};
use tower_tokens::user::CurrentUser;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (tokens, issued) = first_member().await?;
    let service = app(tokens);

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let address = listener.local_addr()?;
    println!("curl -i http://{address}/members");
    println!("curl -i http://{address}/members -H 'Authorization: Bearer {}'", issued.token().expose_secret());
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

/// The service, whatever the body of its requests: first who is asking, then whether they may, then the answer.
fn app<B: Send + 'static>(
    tokens: Tokens,
) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send> + Clone {
    let policy = SecurityPolicy::new().scenario("members area", any_level(["member", "admin"]));
    let members = policy.guard("members area").layer(service_fn(members));
    TokenAuthLayer::new(tokens).layer(members)
}

async fn members<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::default();
    match request.extensions().get::<CurrentUser>() {
        Some(user) => {
            let text = format!("welcome, user {} ({}), by {}\n", user.id(), user.level(), user.source());
            *response.body_mut() = Full::from(text);
        }
        // The guard refuses requests without a user. If it is removed, this still refuses them.
        None => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    Ok(response)
}

/// A user at the level `member`, and a token for them.
async fn first_member() -> Result<(Tokens, IssuedToken), Box<dyn Error>> {
    let repository = MemoryRepository::new();
    repository.create_level("member").await?;
    let user = repository.create_user(None, "member").await?;
    let tokens = Tokens::new(repository);
    let issued = tokens.generate(user).await?;
    Ok((tokens, issued))
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_token_is_accepted_in_a_header_and_in_a_cookie() {
        let (tokens, issued) = first_member().await.unwrap();
        let secret = issued.token().expose_secret();
        for (name, value, source) in [
            (AUTHORIZATION, format!("Bearer {secret}"), "bearer"),
            (COOKIE, format!("trongatetoken={secret}"), "cookie"),
        ] {
            let request = Request::get("/members").header(name, value).body(()).unwrap();
            let response = app(tokens.clone()).oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("welcome, user 1 (member), by {source}\n"));
        }
    }

    #[tokio::test]
    async fn every_other_request_is_refused() {
        let (tokens, _) = first_member().await.unwrap();
        let refused = app(tokens.clone()).oneshot(Request::get("/members").body(()).unwrap()).await.unwrap();
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.headers()[WWW_AUTHENTICATE], r#"Bearer realm="members""#);

        let request = Request::get("/members").header(AUTHORIZATION, "Bearer wrong").body(()).unwrap();
        assert_eq!(app(tokens).oneshot(request).await.unwrap().status(), 401);
    }
}
