//! How this API logs in and refreshes.

use std::time::Duration;

use async_trait::async_trait;
use http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;
use tower_tokens::client::{
    ClientError, ClientErrorKind, HttpAnswer, HttpPost, IssuedTokens, SecretText, StoredTokens, TokenEndpoint,
};

use crate::options::Options;

#[derive(Debug)]
pub(crate) struct LoginEndpoint {
    http: HttpPost,
    log_in: Uri,
    refresh: Uri,
    log_out: Uri,
    username: String,
    password: SecretText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    access_token: String,
    access_token_expires_in: u64,
    refresh_token: Option<String>,
    refresh_token_expires_in: Option<u64>,
}

impl LoginEndpoint {
    pub(crate) fn new(http: HttpPost, options: &Options) -> Result<Self, ClientError> {
        let url = |path: &str| http.url(&format!("{}/auth/{path}", options.base_url));
        Ok(Self {
            log_in: url("login")?,
            refresh: url("refresh")?,
            log_out: url("logout")?,
            username: options.username.clone(),
            password: options.password.clone(),
            http,
        })
    }
}

#[async_trait]
impl TokenEndpoint for LoginEndpoint {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        let body = json!({ "username": self.username, "password": self.password.expose_secret() });
        issued(&self.http.to(&self.log_in).json(&body).await?)
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        issued(&self.http.to(&self.refresh).json(&both(stored)).await?)
    }

    async fn log_out(&self, stored: &StoredTokens) -> Result<(), ClientError> {
        let answer = self.http.to(&self.log_out).bearer(stored.access_token())?.json(&both(stored)).await?;
        if answer.status().is_success() { Ok(()) } else { Err(failure(&answer)) }
    }
}

fn both(stored: &StoredTokens) -> serde_json::Value {
    json!({
        "accessToken": stored.access_token().expose_secret(),
        "refreshToken": stored.refresh_token().map(SecretText::expose_secret),
    })
}

fn issued(answer: &HttpAnswer) -> Result<IssuedTokens, ClientError> {
    if !answer.status().is_success() {
        return Err(failure(answer));
    }
    let tokens: Tokens = answer.json()?;
    let mut issued =
        IssuedTokens::new(tokens.access_token).expires_in(Duration::from_secs(tokens.access_token_expires_in));
    if let Some(text) = tokens.refresh_token {
        issued = issued.refresh_token(text);
    }
    if let Some(seconds) = tokens.refresh_token_expires_in {
        issued = issued.refresh_expires_in(Duration::from_secs(seconds));
    }
    Ok(issued)
}

/// What answers 429 or 5xx is an error before it comes here.
fn failure(answer: &HttpAnswer) -> ClientError {
    match answer.status() {
        status @ (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            ClientError::new(ClientErrorKind::Refused, format!("status {status}"))
        }
        _ => answer.unexpected(),
    }
}
