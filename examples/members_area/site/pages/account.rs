//! A user's own account: their devices, and how to end them.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use tower_tokens::repository::PageRequest;
use tower_tokens::token::{TokenId, TokenKinds, TokenRecord};
use tower_tokens::user::CurrentUser;

use super::super::app::Site;
use super::super::failure::Failure;
use super::super::view::{self, Frame};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    frame: Frame,
    notice: Option<&'static str>,
    username: String,
    email: String,
    level: &'a str,
    devices: Vec<Device>,
    has_more: bool,
}

/// API tokens have a page of their own.
const DEVICES: TokenKinds = TokenKinds::ALL.without(TokenKinds::API).without(TokenKinds::ACCESS);

struct Device {
    id: TokenId,
    name: String,
    created: String,
    last_used: String,
    ends: String,
    is_this: bool,
}

impl Device {
    fn new(record: &TokenRecord, user: &CurrentUser) -> Self {
        let now = user.checked_at();
        let is_this = record.id() == user.token().log_out_id();
        // The last use is noted in the background, at most once a minute: for this device the present time is more exact.
        let last_used = if is_this { Some(now) } else { record.last_used_at() };
        Self {
            id: record.id(),
            name: record.name().unwrap_or("A device without a name").to_owned(),
            created: view::ago(record.created_at(), now),
            last_used: last_used
                .map_or_else(|| "not used since".to_owned(), |time| format!("last used {}", view::ago(time, now))),
            ends: view::end(record.expires_at()),
            is_this,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct AccountQuery {
    #[serde(default)]
    notice: String,
}

/// `GET /account`
pub(crate) async fn account(
    State(site): State<Site>,
    user: CurrentUser,
    Query(query): Query<AccountQuery>,
) -> Result<Response, Failure> {
    let account = site.account_of(&user).await?;
    let records = site.tokens.list(user.id(), PageRequest::default()).kinds(DEVICES).await?;
    let page = AccountPage {
        frame: Frame::new("/account", Some(&user)),
        notice: match query.notice.as_str() {
            "ended" => Some("That device is logged out."),
            "ended-others" => Some("All other devices are logged out."),
            _ => None,
        },
        username: account.username,
        email: account.email,
        level: user.level().title(),
        devices: records.items.iter().map(|record| Device::new(record, &user)).collect(),
        has_more: records.next.is_some(),
    };
    view::page(StatusCode::OK, &page)
}

/// `POST /account/devices/{id}/end`
pub(crate) async fn end_device(
    State(site): State<Site>,
    user: CurrentUser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let id: TokenId = id.parse().map_err(|_| Failure::NotFound)?;
    // Only a token of this user's own can be ended here, whatever the number.
    if !site.tokens.destroy_by_id(user.id(), id).await? {
        return Err(Failure::NotFound);
    }
    if id == user.token().log_out_id() {
        return Ok((site.tokens.removal_cookie(), Redirect::to("/login?notice=logged-out")).into_response());
    }
    Ok(Redirect::to("/account?notice=ended").into_response())
}

/// `POST /account/devices/end-others`
pub(crate) async fn end_other_devices(State(site): State<Site>, user: CurrentUser) -> Result<Redirect, Failure> {
    site.tokens.destroy_others(user.id(), user.token()).await?;
    Ok(Redirect::to("/account?notice=ended-others"))
}
