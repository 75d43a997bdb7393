//! [`OAuth2Endpoint`]: the token endpoint of an OAuth 2.0 authorization server.

use async_trait::async_trait;
use http::header::ACCEPT;
use http::{HeaderValue, Uri};

use crate::client::endpoints::oauth2_answer::{Purpose, issued, revoked};
use crate::client::endpoints::oauth2_client::OAuth2Client;
use crate::client::{ClientError, ClientErrorKind, HttpPost, IssuedTokens, SecretText, StoredTokens, TokenEndpoint};

/// The token endpoint of an OAuth 2.0 authorization server: logs in with client credentials or with a password, and
/// refreshes.
///
/// The answer may be without a refresh token; then the former one stays, or the manager logs in again when the access
/// token ends. The lifetime (`expires_in`) may be a number or a text. A description of an error is kept for the log, unless
/// it repeats a part of a secret.
///
/// # Errors
/// Those of [`HttpPost`], and:
/// - [`Refused`](ClientErrorKind::Refused) for `invalid_grant`, `invalid_client`, a 401, and a refresh that this client is
///   not allowed to do.
/// - [`Configuration`](ClientErrorKind::Configuration) for a grant, a scope or a resource that the server does not have.
/// - [`Malformed`](ClientErrorKind::Malformed) for an answer of another shape, a token that is no Bearer token, and a
///   lifetime that is negative.
///
/// # Source
/// RFC 6749 §2.3.1 (the client's name), §4.3 (password), §4.4 (client credentials), §5 (answers), §6 (refresh); RFC 7009
/// (revocation).
///
/// # Example
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower_tokens::client::{HttpPost, OAuth2Endpoint, TokenEndpoint};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // In place of an HTTP client.
/// let client = tower::service_fn(async |request: Request<Full<Bytes>>| {
///     assert_eq!(request.headers()["authorization"], "Basic cmVwb3J0czpzM2NyZXQ=");
///     let form = request.into_body().collect().await?.to_bytes();
///     assert_eq!(form, "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi.example");
///     let answer = r#"{"access_token": "2YotnFZF", "token_type": "Bearer", "expires_in": 3600}"#;
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(answer)))
/// });
/// let url = "https://login.example/oauth2/token";
/// let endpoint = OAuth2Endpoint::client_credentials(HttpPost::new(client), url, "reports", "s3cret")?
///     .with_scope("read write")
///     .with_parameter("audience", "https://api.example");
/// endpoint.log_in().await?;
/// # Ok::<(), tower_tokens::client::ClientError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a TokenManager logs in with it"]
pub struct OAuth2Endpoint {
    http: HttpPost,
    url: Uri,
    revocation_url: Option<Uri>,
    grant: Grant,
    client: OAuth2Client,
    scope: Option<String>,
    parameters: Vec<(String, SecretText)>,
}

#[derive(Debug, Clone)]
enum Grant {
    ClientCredentials,
    Password { user_name: String, password: SecretText },
    RefreshToken,
}

impl OAuth2Endpoint {
    /// Logs in with the client's own credentials (RFC 6749 §4.4), by HTTP Basic.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) if the address is not one for credentials, as
    /// [`HttpPost::url`] says.
    pub fn client_credentials(
        http: HttpPost,
        url: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretText>,
    ) -> Result<Self, ClientError> {
        Ok(Self::new(http, url, Grant::ClientCredentials)?.with_client(client_id, client_secret))
    }

    /// Logs in with a user's name and password (RFC 6749 §4.3). RFC 9700 §2.4 warns against it: use it for servers that
    /// have nothing else. The client is unnamed: see [`with_client`](Self::with_client) and
    /// [`with_public_client`](Self::with_public_client).
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) as [`client_credentials`](Self::client_credentials).
    pub fn password(
        http: HttpPost,
        url: &str,
        user_name: impl Into<String>,
        password: impl Into<SecretText>,
    ) -> Result<Self, ClientError> {
        Self::new(http, url, Grant::Password { user_name: user_name.into(), password: password.into() })
    }

    /// Has no credentials, and refreshes tokens that are in the store already: those that a user granted in a browser. When
    /// the refresh token is refused, the login is refused, too, and the user has to be asked again.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) as [`client_credentials`](Self::client_credentials).
    pub fn refresh_token(http: HttpPost, url: &str) -> Result<Self, ClientError> {
        Self::new(http, url, Grant::RefreshToken)
    }

    fn new(http: HttpPost, url: &str, grant: Grant) -> Result<Self, ClientError> {
        let url = http.url(url)?;
        let (client, parameters) = (OAuth2Client::Unnamed, Vec::new());
        Ok(Self { http, url, revocation_url: None, grant, client, scope: None, parameters })
    }

    /// A client with a secret, by HTTP Basic (RFC 6749 §2.3.1, which every server has to support).
    pub fn with_client(mut self, id: impl Into<String>, secret: impl Into<SecretText>) -> Self {
        self.client = OAuth2Client::Basic { id: id.into(), secret: secret.into() };
        self
    }

    /// A client with a secret, for servers that want both in the body (`client_secret_post`).
    pub fn with_client_in_body(mut self, id: impl Into<String>, secret: impl Into<SecretText>) -> Self {
        self.client = OAuth2Client::InBody { id: id.into(), secret: secret.into() };
        self
    }

    /// A client without a secret: `client_id` in the body.
    pub fn with_public_client(mut self, id: impl Into<String>) -> Self {
        self.client = OAuth2Client::Public { id: id.into() };
        self
    }

    /// The scope to ask for at a login, separated by spaces (RFC 6749 §3.3). Default: the server's own. A refresh keeps it.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// One more parameter of each login and refresh, such as `audience`, or `resource` (RFC 8707). Its value is treated as a
    /// secret.
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<SecretText>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Where [`log_out`](crate::client::TokenManager::log_out) revokes the tokens (RFC 7009). Default: nowhere; they are
    /// forgotten, and end by themselves.
    ///
    /// # Errors
    /// [`Configuration`](ClientErrorKind::Configuration) as [`client_credentials`](Self::client_credentials).
    pub fn with_revocation_url(mut self, url: &str) -> Result<Self, ClientError> {
        self.revocation_url = Some(self.http.url(url)?);
        Ok(self)
    }

    async fn ask(&self, grant: &[(&str, &str)], purpose: Purpose) -> Result<IssuedTokens, ClientError> {
        let mut fields = grant.to_vec();
        fields.extend(self.client.in_body());
        fields.extend(self.parameters.iter().map(|(name, value)| (name.as_str(), value.expose_secret())));
        let request = self.http.to(&self.url).header(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.client.in_header(request)?.form(&fields).await?;
        let sent = fields.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| *value);
        let client = self.client.secrets();
        let parameters = self.parameters.iter().map(|(_, value)| value.expose_secret());
        let secrets: Vec<&str> = sent.chain(client.iter().map(String::as_str)).chain(parameters).collect();
        issued(&answer, purpose, &secrets)
    }

    async fn revoke(&self, url: &Uri, token: &SecretText, hint: &str) -> Result<(), ClientError> {
        let mut fields = vec![("token", token.expose_secret()), ("token_type_hint", hint)];
        fields.extend(self.client.in_body());
        let answer = self.client.in_header(self.http.to(url))?.form(&fields).await?;
        let client = self.client.secrets();
        let secrets: Vec<&str> = client.iter().map(String::as_str).chain([token.expose_secret()]).collect();
        revoked(&answer, &secrets)
    }
}

#[async_trait]
impl TokenEndpoint for OAuth2Endpoint {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        let mut fields = match &self.grant {
            Grant::ClientCredentials => vec![("grant_type", "client_credentials")],
            Grant::Password { user_name, password } => {
                vec![("grant_type", "password"), ("username", user_name), ("password", password.expose_secret())]
            }
            Grant::RefreshToken => {
                return Err(refused("there are no credentials to log in with: the user has to consent again"));
            }
        };
        fields.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        self.ask(&fields, Purpose::LogIn).await
    }

    fn has_credentials(&self) -> bool {
        !matches!(self.grant, Grant::RefreshToken)
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        let Some(token) = stored.refresh_token() else { return Err(refused("there is no refresh token")) };
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
        self.ask(&fields, Purpose::Refresh).await
    }

    /// Revokes both tokens, because a server may keep the access token of a revoked refresh token until it ends
    /// (RFC 7009 §2.1). The second is tried even if the first fails.
    async fn log_out(&self, stored: &StoredTokens) -> Result<(), ClientError> {
        let Some(url) = &self.revocation_url else { return Ok(()) };
        let refresh = match stored.refresh_token() {
            Some(token) => self.revoke(url, token, "refresh_token").await,
            None => Ok(()),
        };
        refresh.and(self.revoke(url, stored.access_token(), "access_token").await)
    }
}

fn is_secret(name: &str) -> bool {
    matches!(name, "password" | "refresh_token" | "client_secret")
}

fn refused(what: &'static str) -> ClientError {
    ClientError::new(ClientErrorKind::Refused, what)
}
