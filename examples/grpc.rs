//! A gRPC service for members, with tonic: the layers of a site, and refusals as gRPC statuses.
//!
//! `cargo run --example grpc -- 127.0.0.1:3000`. The methods of `club.Members` take and return a text.

use axum::extract::Request as HttpRequest;
use axum::routing::post;
use axum::{Extension, Router};
use bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tower::service_fn;
use tower_tokens::prelude::*;

/// The service. With generated code, each of these routes is one line: `.route_service("/club.Members/{*method}",
/// MembersServer::new(…))`.
pub(crate) fn app(tokens: Tokens) -> Router {
    // A gRPC client is no browser: no cookie, only the metadata `authorization: Bearer …`.
    let token_auth = TokenAuthLayer::new(tokens.clone()).sources([TokenSource::bearer()]);
    let policy = SecurityPolicy::new()
        .scenario("members area", any_level(["member", "admin"]))
        .scenario("admin panel", level("admin"))
        .realm("the club");
    Router::new()
        .route("/club.Members/WhoAmI", post(async |call: HttpRequest| rpc().unary(service_fn(who_am_i), call).await))
        .route("/club.Members/Ban", post(async |call: HttpRequest| rpc().unary(service_fn(ban), call).await))
        .route_layer(policy.guard("members area"))
        .route("/club.Members/LogIn", post(async |call: HttpRequest| rpc().unary(service_fn(log_in), call).await))
        .layer(Extension(policy)) // tonic gives the extensions of the HTTP request to the method
        .layer(Extension(tokens))
        .layer(token_auth)
}

async fn who_am_i(call: Request<String>) -> Result<Response<String>, Status> {
    let user = extension::<CurrentUser>(&call)?;
    Ok(Response::new(format!("{}, you are {}, {}", call.get_ref(), user.id(), user.level())))
}

async fn ban(call: Request<String>) -> Result<Response<String>, Status> {
    let (policy, user) = (extension::<SecurityPolicy>(&call)?, extension::<CurrentUser>(&call)?);
    policy.make_sure_allowed("admin panel", user).await.map_err(status)?;
    Ok(Response::new(format!("{} is banned", call.get_ref())))
}

/// Takes `name:password`, and returns a token.
async fn log_in(call: Request<String>) -> Result<Response<String>, Status> {
    // Stands for the check of the application; `examples/quickstart.rs` has one with argon2.
    let Some((name, "correct horse")) = call.get_ref().split_once(':') else {
        return Err(status(Refusal::wrong_credentials()));
    };
    let issued = extension::<Tokens>(&call)?.generate(name).await.map_err(|error| status(error.into()))?;
    Ok(Response::new(issued.token().expose_secret().to_owned()))
}

/// The status of what a method refuses. The client learns the kind alone.
fn status(refusal: Refusal) -> Status {
    Status::new(refusal.kind().grpc_code().into(), refusal.kind().to_string())
}

fn extension<T: Send + Sync + 'static>(call: &Request<String>) -> Result<&T, Status> {
    call.extensions().get().ok_or_else(|| Status::internal("a layer is missing"))
}

fn rpc() -> Grpc<Text> {
    Grpc::new(Text)
}

/// Messages that are a text. Generated code uses a codec of Protocol Buffers in its place.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        String::from_utf8(bytes.into()).map(Some).map_err(|_| Status::invalid_argument("the message is not UTF-8"))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = MemoryRepository::new();
    users.create_level("member").await?;
    users.create_user(Some("ann".into()), "member").await?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    // HTTP/2 without TLS, as behind a proxy; axum recognises it with its feature `http2`.
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app(Tokens::new(users))).await?)
}
