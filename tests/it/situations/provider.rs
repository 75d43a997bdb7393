//! An OpenID Connect provider on the loopback interface: it checks what it is sent, and signs what it says.
//!
//! OpenID Connect Core 1.0 §3.1 (the authorization code flow), Discovery 1.0 §4, RFC 6749 §4.1, RFC 7636 (PKCE, S256).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::Server;

pub(super) const CLIENT: &str = "the site";
pub(super) const SECRET: &str = "what the provider and the site share: 50 % & more";
pub(super) const REDIRECT: &str = "https://site.example/callback";

/// What the provider does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    OtherNonce,
    NoNonce,
    OtherKey,
    NoSignature,
    /// HMAC with the public key, which the site knows, as the secret.
    HmacOfPublicKey,
    OtherAudience,
    OtherIssuer,
    Expired,
    NoIdToken,
    InternalError,
}

pub(super) struct Provider {
    server: Server,
    state: Arc<Inner>,
}

struct Inner {
    key: CoreEdDsaPrivateSigningKey,
    other_key: CoreEdDsaPrivateSigningKey,
    issuer: Mutex<String>,
    /// Who is logged in at the provider, in this browser.
    subject: Mutex<Option<&'static str>>,
    auth_time: Mutex<Option<u64>>,
    fault: Mutex<Option<Fault>>,
    codes: Mutex<HashMap<String, Grant>>,
}

struct Grant {
    challenge: String,
    nonce: Option<String>,
    subject: &'static str,
}

type Fields = HashMap<String, String>;

impl Provider {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Inner {
            key: new_key(),
            other_key: new_key(),
            issuer: Mutex::default(),
            subject: Mutex::new(Some("ann")),
            auth_time: Mutex::default(),
            fault: Mutex::default(),
            codes: Mutex::default(),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(Arc::clone(&state));
        let server = Server::start(app).await;
        *state.issuer.lock().unwrap() = format!("http://{}", server.host());
        Self { server, state }
    }

    pub(super) fn issuer(&self) -> String {
        self.state.issuer()
    }

    /// `None`: the visitor says no.
    pub(super) fn log_in(&self, subject: Option<&'static str>) {
        *self.state.subject.lock().unwrap() = subject;
    }

    pub(super) fn says_when(&self, auth_time: u64) {
        *self.state.auth_time.lock().unwrap() = Some(auth_time);
    }

    pub(super) fn fail(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = Some(fault);
    }

    /// Where the provider sends a browser that comes from this address of the site: a path and query of the site.
    pub(super) async fn visit(&self, location: &str) -> String {
        let path = location.strip_prefix(&self.issuer()).unwrap();
        let answer = self.server.get(path, &[]).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("location").unwrap().strip_prefix("https://site.example").unwrap().to_owned()
    }
}

impl Inner {
    fn issuer(&self) -> String {
        self.issuer.lock().unwrap().clone()
    }

    fn has(&self, fault: Fault) -> bool {
        *self.fault.lock().unwrap() == Some(fault)
    }

    fn id_token(&self, grant: &Grant) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": if self.has(Fault::OtherIssuer) { "https://evil.example".to_owned() } else { self.issuer() },
            "aud": if self.has(Fault::OtherAudience) { "another site" } else { CLIENT },
            "sub": grant.subject,
            "iat": now,
            "exp": if self.has(Fault::Expired) { now - 1 } else { now + 300 },
        });
        if let Some(nonce) = &grant.nonce
            && !self.has(Fault::NoNonce)
        {
            claims["nonce"] = if self.has(Fault::OtherNonce) { json!("another") } else { json!(nonce) };
        }
        if let Some(at) = *self.auth_time.lock().unwrap() {
            claims["auth_time"] = json!(at);
        }
        let algorithm = match () {
            () if self.has(Fault::NoSignature) => "none",
            () if self.has(Fault::HmacOfPublicKey) => "HS256",
            () => "EdDSA",
        };
        let [head, claims] = [json!({ "alg": algorithm, "kid": "1" }), claims].map(|part| encoded(part.to_string()));
        let message = format!("{head}.{claims}");
        let sign = |key: &CoreEdDsaPrivateSigningKey| {
            encoded(key.sign(&CoreJwsSigningAlgorithm::EdDsa, message.as_bytes()).unwrap())
        };
        let signature = match algorithm {
            "none" => String::new(),
            "HS256" => encoded(hmac_sha256(&public_bytes(&self.key), message.as_bytes())),
            _ if self.has(Fault::OtherKey) => sign(&self.other_key),
            _ => sign(&self.key),
        };
        format!("{message}.{signature}")
    }
}

async fn configuration(State(provider): State<Arc<Inner>>) -> Json<Value> {
    let issuer = provider.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "code_challenge_methods_supported": ["S256"],
    }))
}

async fn keys(State(provider): State<Arc<Inner>>) -> Json<Value> {
    Json(json!({ "keys": [provider.key.as_verification_key()] }))
}

/// Sends the browser back only to the address that the site has registered.
async fn authorize(State(provider): State<Arc<Inner>>, Query(fields): Query<Fields>) -> Response {
    let field = |name: &str| fields.get(name).map(String::as_str);
    if field("client_id") != Some(CLIENT) || field("redirect_uri") != Some(REDIRECT) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let state = field("state").unwrap_or_default();
    let challenge = field("code_challenge").filter(|_| field("code_challenge_method") == Some("S256"));
    let is_openid = field("scope").is_some_and(|scopes| scopes.split(' ').any(|scope| scope == "openid"));
    let (true, Some(challenge), Some("code")) = (is_openid, challenge, field("response_type")) else {
        return Redirect::to(&format!("{REDIRECT}?error=invalid_request&state={state}")).into_response();
    };
    let Some(subject) = *provider.subject.lock().unwrap() else {
        return Redirect::to(&format!("{REDIRECT}?error=access_denied&state={state}")).into_response();
    };
    let code = random();
    let grant = Grant { challenge: challenge.to_owned(), nonce: field("nonce").map(str::to_owned), subject };
    provider.codes.lock().unwrap().insert(code.clone(), grant);
    Redirect::to(&format!("{REDIRECT}?code={code}&state={state}")).into_response()
}

async fn token(State(provider): State<Arc<Inner>>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    if provider.has(Fault::InternalError) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "<h1>Oops</h1>").into_response();
    }
    let error = |status, error| (status, Json(json!({ "error": error }))).into_response();
    if !is_the_site(&headers) {
        return error(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "authorization_code" {
        return error(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    // A code is used up by the first who sends it, also if the rest is wrong.
    let grant = provider.codes.lock().unwrap().remove(field("code"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
    let Some(grant) = grant.filter(|grant| grant.challenge == challenge && field("redirect_uri") == REDIRECT) else {
        return error(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let mut answer = json!({ "access_token": random(), "token_type": "Bearer", "expires_in": 300 });
    if !provider.has(Fault::NoIdToken) {
        answer["id_token"] = json!(provider.id_token(&grant));
    }
    ([("cache-control", "no-store")], Json(answer)).into_response()
}

/// Basic authentication, whose two parts are form-encoded (RFC 6749 §2.3.1).
fn is_the_site(headers: &HeaderMap) -> bool {
    let basic = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let decoded = basic.and_then(|basic| STANDARD.decode(basic).ok()).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    let pair = decoded.split_once(':').map(|(id, secret)| [id, secret].map(form_decoded));
    pair == Some([CLIENT, SECRET].map(str::to_owned))
}

fn form_decoded(text: &str) -> String {
    form_urlencoded::parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned()
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn random() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    encoded(bytes)
}

/// A new key, in PKCS #8 (RFC 8410 §7): a prefix, and 32 random bytes.
fn new_key() -> CoreEdDsaPrivateSigningKey {
    let mut der = hex::decode("302e020100300506032b657004220420").unwrap();
    der.extend_from_slice(&URL_SAFE_NO_PAD.decode(random()).unwrap());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new("1".to_owned()))).unwrap()
}

fn public_bytes(key: &CoreEdDsaPrivateSigningKey) -> Vec<u8> {
    let jwk = serde_json::to_value(key.as_verification_key()).unwrap();
    URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap()
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
