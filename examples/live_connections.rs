//! A WebSocket and server-sent events that end when their token ends, its user is disabled, or their level changes.
//!
//! `cargo run --example live_connections -- 127.0.0.1:3000`

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRef, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{sleep, timeout};
use tower_tokens::{auth::Authenticator, extract::CurrentToken, prelude::*};

const SCENARIO: &str = "members area";
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, FromRef)]
struct Club {
    tokens: Tokens,
    policy: SecurityPolicy,
    authenticator: Authenticator,
    every: CheckEvery,
}

/// How long a connection may outlive a revocation. Each open connection costs one look-up in this time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckEvery(pub(crate) Duration);

pub(crate) fn app(tokens: Tokens, every: CheckEvery) -> Router {
    let token_auth = TokenAuthLayer::new(tokens.clone());
    let policy = SecurityPolicy::new().scenario(SCENARIO, any_level(["member", "admin"]));
    let authenticator = token_auth.authenticator();
    Router::new()
        .route("/socket", get(socket))
        .route("/events", get(events))
        .route_layer(policy.guard(SCENARIO)) // refuses the handshake; of another site's page too
        .with_state(Club { tokens, policy, authenticator, every })
        .layer(token_auth)
}

/// Why a connection ends.
enum End {
    NotAllowed,
    Unknown,
}

impl Club {
    /// Waits until the user of this token may no longer be here. Of the request it keeps the token alone, which is wiped
    /// with the connection.
    async fn end_of(self, token: Token) -> End {
        loop {
            // One look-up: the token, whether its user is disabled, and their level now.
            let Ok(Ok(found)) = timeout(TIMEOUT, self.tokens.validate(&token).into_future()).await else {
                return End::Unknown; // no answer allows nothing; the client tries again
            };
            let Some(user) = found else { return End::NotAllowed };
            if let Err(refusal) = self.policy.make_sure_allowed(SCENARIO, &user).await {
                return if refusal.kind() == RefusalKind::Denied { End::NotAllowed } else { End::Unknown };
            }
            let left =
                user.expires_at().at().map(|end| Duration::try_from(end - user.checked_at()).unwrap_or_default());
            sleep(left.map_or(self.every.0, |left| left.min(self.every.0))).await;
        }
    }
}

async fn socket(State(club): State<Club>, CurrentToken(token): CurrentToken, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(64 * 1024).on_upgrade(async move |mut socket| {
        let end = tokio::select! {
            end = club.end_of(token) => end,
            () = talk(&mut socket) => return,
        };
        let (code, reason) = match end {
            End::NotAllowed => (1008, "log in again"), // RFC 6455 §7.4.1, policy violation
            End::Unknown => (1013, "try again later"), // IANA's registry, try again later
        };
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(TIMEOUT, socket.send(close)).await; // a client that reads nothing is cut off
    })
}

/// The application's own protocol: here it sends every text back.
async fn talk(socket: &mut WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn events(State(club): State<Club>, CurrentToken(token): CurrentToken) -> impl IntoResponse {
    Sse::new(news().take_until(Box::pin(club.end_of(token)))).keep_alive(KeepAlive::default())
}

/// The application's own events: here a number now and then.
fn news() -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(0, async |number| {
        sleep(Duration::from_millis(100)).await;
        Some((Ok(Event::default().data(number.to_string())), number + 1))
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = MemoryRepository::new();
    users.create_level("member").await?;
    let user = users.create_user(Some("ann".into()), "member").await?;
    let tokens = Tokens::new(users);
    println!("Authorization: Bearer {}", tokens.generate(user).await?.token().expose_secret());
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let app = app(tokens, CheckEvery(Duration::from_secs(15)));
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?)
}
