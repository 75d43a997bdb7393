//! Which tokens a request presents, for a log-out to end.

use async_trait::async_trait;
use http::Request;
use http::request::Builder;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::MemoryRepository;
use tower_tokens::request::RequestHead;
use tower_tokens::source::{TokenSession, TokenSource};
use tower_tokens::token::Token;

#[derive(Clone)]
struct Session(Result<&'static str, ErrorKind>);

#[async_trait]
impl TokenSession for Session {
    async fn token(&self) -> Result<Option<Token>, Error> {
        Ok(Some(Token::parse(self.0?)?))
    }
    async fn put_token(&self, _token: &Token) -> Result<(), Error> {
        unreachable!("nothing is written")
    }
    async fn remove_token(&self) -> Result<(), Error> {
        unreachable!("nothing is written")
    }
}

async fn presented_tokens(request: Builder) -> Result<Vec<String>, ErrorKind> {
    let sources = [
        TokenSource::header("trongatetoken"),
        TokenSource::cookie("trongatetoken"),
        TokenSource::session::<Session>(),
        TokenSource::bearer(),
    ];
    let layer = TokenAuthLayer::new(Tokens::new(MemoryRepository::new())).sources(sources);
    let presented = layer.authenticator().presented_tokens(RequestHead::of(&request.body(()).unwrap())).await;
    let presented = presented.map_err(|error| error.kind())?;
    Ok(presented.iter().map(|token| token.expose_secret().to_owned()).collect())
}

fn logout() -> Builder {
    Request::post("/logout")
        .header("trongatetoken", "header")
        .header("Cookie", "trongatetoken=cookie; trongatetoken=two words; trongatetoken=header; trongatetoken=other")
        .header("Authorization", "Bearer bearer")
}

#[tokio::test]
async fn every_token_is_given_once_in_the_order_of_the_sources() {
    let request = logout().extension(Session(Ok("session")));
    assert_eq!(presented_tokens(request).await.unwrap(), ["header", "cookie", "other", "session", "bearer"]);
    assert_eq!(presented_tokens(Request::post("/logout")).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn another_site_cannot_have_an_ambient_token_ended() {
    let request = logout().header("Sec-Fetch-Site", "cross-site").extension(Session(Ok("session")));
    assert_eq!(presented_tokens(request).await.unwrap(), ["header", "bearer"]);
}

#[tokio::test]
async fn a_session_that_does_not_answer_is_an_error_and_one_without_a_token_is_not() {
    let request = |session| logout().extension(Session(session));
    assert_eq!(presented_tokens(request(Err(ErrorKind::Unavailable))).await, Err(ErrorKind::Unavailable));
    let expected = ["header", "cookie", "other", "bearer"];
    assert_eq!(presented_tokens(request(Err(ErrorKind::InvalidInput))).await.unwrap(), expected);
    assert_eq!(presented_tokens(request(Ok("no token"))).await.unwrap(), expected);
}
