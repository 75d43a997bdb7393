//! The JSON of API tokens.

use bytes::Bytes;
use http::request::Parts;
use serde::{Deserialize, Deserializer, Serialize};
use time::Duration;

use crate::clock::Timestamp;
use crate::endpoints::answer::media_type;
use crate::endpoints::service::BodyFault;
use crate::lifecycle::IssuedToken;
use crate::respond::{Refusal, RefusalKind};
use crate::token::{Abilities, Lifetime, TokenId, TokenRecord};

/// The longest life that a request may ask for, in seconds: 100 years. Our choice: whoever wants more writes `null`.
const MAX_SECONDS: i64 = 100 * 365 * 86_400;

/// The request for a new token, checked.
pub(super) struct NewApiToken {
    pub(super) name: String,
    pub(super) abilities: Abilities,
    /// `None`: that of the service.
    pub(super) lifetime: Option<Lifetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    name: String,
    abilities: Vec<String>,
    /// A number of seconds, or `null` for a token that never expires.
    #[serde(default, deserialize_with = "present")]
    expires_in: Option<Option<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    #[serde(default)]
    overlap: i64,
}

/// A token that is shown once.
#[derive(Serialize)]
pub(super) struct IssuedBody<'a> {
    id: TokenId,
    token: &'a str,
    name: Option<&'a str>,
    abilities: &'a Abilities,
    expires_at: Option<Timestamp>,
}

/// A token in a list.
#[derive(Serialize)]
pub(super) struct ListedBody<'a> {
    id: TokenId,
    name: Option<&'a str>,
    abilities: &'a Abilities,
    last_four: Option<&'a str>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl NewApiToken {
    pub(super) fn parse(parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<Self, Refusal> {
        let body: CreateBody = parse(parts, body)?;
        let abilities = match &*body.abilities {
            [all] if all == "*" => Abilities::all(),
            names => Abilities::new(names.iter().map(String::as_str))?,
        };
        let lifetime = match body.expires_in {
            None => None,
            Some(None) => Some(Lifetime::never_expires()),
            Some(Some(seconds @ 1..=MAX_SECONDS)) => Some(Duration::seconds(seconds).into()),
            Some(Some(_)) => return Err(bad("expires_in is a number of seconds from 1 to 3,153,600,000, or null")),
        };
        if body.name.trim().is_empty() {
            return Err(bad("a token needs a name"));
        }
        Ok(Self { name: body.name, abilities, lifetime })
    }
}

/// The overlap that a rotation asks for. Without a body: none.
pub(super) fn parse_overlap(parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<Duration, Refusal> {
    if matches!(&body, Ok(body) if body.is_empty()) {
        return Ok(Duration::ZERO);
    }
    let body: RotateBody = parse(parts, body)?;
    Ok(Duration::seconds(body.overlap))
}

impl<'a> IssuedBody<'a> {
    pub(super) fn of(issued: &'a IssuedToken) -> Self {
        let record = issued.record();
        Self {
            id: record.id(),
            token: issued.token().expose_secret(),
            name: record.name(),
            abilities: record.abilities(),
            expires_at: record.expires_at().at(),
        }
    }
}

impl<'a> ListedBody<'a> {
    pub(super) fn of(record: &'a TokenRecord) -> Self {
        Self {
            id: record.id(),
            name: record.name(),
            abilities: record.abilities(),
            last_four: record.last_four(),
            created_at: record.created_at(),
            last_used_at: record.last_used_at(),
            expires_at: record.expires_at().at(),
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(parts: &Parts, body: Result<Bytes, BodyFault>) -> Result<T, Refusal> {
    let body = body.map_err(|fault| match fault {
        BodyFault::TooLong => bad("the body is too long"),
        BodyFault::Broken => bad("the body cannot be read"),
    })?;
    if media_type(parts).as_deref() != Some("application/json") {
        return Err(bad("the body must be application/json"));
    }
    let unreadable = || bad("the body has not the JSON that this endpoint takes");
    // serde reads an array as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable());
    }
    // The text of the error may repeat what the client sent.
    serde_json::from_slice(&body).map_err(|_| unreadable())
}

fn bad(why: &'static str) -> Refusal {
    Refusal::new(RefusalKind::InvalidInput).with_reason(why)
}

/// Tells `null` from a field that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
