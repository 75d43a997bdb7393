//! How a client names itself to a token endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::{ClientError, PostRequest, SecretText};

/// How the client names itself (RFC 6749 §2.3 and §3.2.1).
#[derive(Debug, Clone)]
pub(super) enum OAuth2Client {
    Unnamed,
    Public { id: String },
    Basic { id: String, secret: SecretText },
    InBody { id: String, secret: SecretText },
}

impl OAuth2Client {
    /// The request with the client's name in its header, if it belongs there.
    pub(super) fn in_header<'a>(&self, request: PostRequest<'a>) -> Result<PostRequest<'a>, ClientError> {
        match self {
            // RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
            Self::Basic { id, secret } => request.basic(&encode(id), &encode(secret.expose_secret()).into()),
            Self::Unnamed | Self::Public { .. } | Self::InBody { .. } => Ok(request),
        }
    }

    /// The fields that name the client in the body.
    pub(super) fn in_body(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Unnamed | Self::Basic { .. } => Vec::new(),
            Self::Public { id } => vec![("client_id", id)],
            Self::InBody { id, secret } => vec![("client_id", id), ("client_secret", secret.expose_secret())],
        }
    }

    /// What must not be in an error.
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Unnamed | Self::Public { .. } => Vec::new(),
            Self::Basic { id, secret } => {
                let header = STANDARD.encode(format!("{}:{}", encode(id), encode(secret.expose_secret())));
                vec![secret.expose_secret().to_owned(), header]
            }
            Self::InBody { secret, .. } => vec![secret.expose_secret().to_owned()],
        }
    }
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
