//! A member's API tokens: make, see and revoke them.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Deserialize;
use tower_tokens::clock::Timestamp;
use tower_tokens::lifecycle::IssuedToken;
use tower_tokens::token::{Expiry, TokenId, TokenRecord};
use tower_tokens::user::CurrentUser;

use super::super::api_tokens::{MAX_NAME, Refusal, Wanted};
use super::super::app::Site;
use super::super::failure::Failure;
use super::super::view::{self, Frame};

const DAY: i64 = 86_400;

#[derive(Template)]
#[template(path = "api_tokens.html")]
struct ApiTokensPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<&'static str>,
    /// The text of the token that was just made.
    made: Option<String>,
    max_name: usize,
    tokens: Vec<Line>,
    has_more: bool,
}

struct Line {
    id: TokenId,
    name: String,
    last_four: String,
    abilities: String,
    created: String,
    last_used: String,
    ends: String,
}

impl Line {
    fn new(record: &TokenRecord, now: Timestamp) -> Self {
        Self {
            id: record.id(),
            name: record.name().unwrap_or("A token without a name").to_owned(),
            last_four: record.last_four().unwrap_or_default().to_owned(),
            abilities: match record.abilities().to_string() {
                none if none.is_empty() => "nothing".to_owned(),
                names => names.replace(' ', ", "),
            },
            created: view::ago(record.created_at(), now),
            last_used: record
                .last_used_at()
                .map_or_else(|| "never used".to_owned(), |at| format!("last used {}", view::ago(at, now))),
            ends: match record.expires_at() {
                Expiry::Never => "never ends by itself".to_owned(),
                end => format!("ends {}", view::end(end)),
            },
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct TokensQuery {
    #[serde(default)]
    notice: String,
}

/// `GET /account/tokens`
pub(crate) async fn api_tokens(
    State(site): State<Site>,
    user: CurrentUser,
    Query(query): Query<TokensQuery>,
) -> Result<Response, Failure> {
    let notice =
        (query.notice == "revoked").then_some("That token has ended. A script that uses it is refused from now on.");
    page(&site, &user, StatusCode::OK, Shown { notice, ..Shown::default() }).await
}

#[derive(Deserialize)]
pub(crate) struct CreateForm {
    #[serde(default)]
    name: String,
    read: Option<String>,
    write: Option<String>,
    /// Days, or `never`.
    #[serde(default)]
    ends: String,
}

/// `POST /account/tokens`: the answer is the only page that shows the token.
pub(crate) async fn create_api_token(
    State(site): State<Site>,
    user: CurrentUser,
    Form(typed): Form<CreateForm>,
) -> Result<Response, Failure> {
    let ticked = [("read", typed.read.is_some()), ("write", typed.write.is_some())];
    let abilities = ticked.into_iter().filter(|(_, is_ticked)| *is_ticked).map(|(name, _)| name.to_owned()).collect();
    let seconds = match typed.ends.as_str() {
        "never" => None,
        days => Some(days.parse::<i64>().unwrap_or(0).saturating_mul(DAY)),
    };
    match site.create_api_token(&user, Wanted { name: typed.name, abilities, seconds }).await {
        Ok(issued) => page(&site, &user, StatusCode::CREATED, Shown { made: Some(&issued), ..Shown::default() }).await,
        Err(Refusal::Invalid(problem)) => {
            page(&site, &user, StatusCode::UNPROCESSABLE_ENTITY, Shown { problem: Some(problem), ..Shown::default() })
                .await
        }
        Err(Refusal::Failure(failure)) => Err(failure),
    }
}

/// `POST /account/tokens/{id}/revoke`
pub(crate) async fn revoke_api_token(
    State(site): State<Site>,
    user: CurrentUser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let id: TokenId = id.parse().map_err(|_| Failure::NotFound)?;
    if !site.revoke_api_token(user.id(), id).await? {
        return Err(Failure::NotFound);
    }
    Ok(Redirect::to("/account/tokens?notice=revoked").into_response())
}

/// `GET /copy.js`: the copy button, without which people select the text.
pub(crate) async fn copy_script() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("../copy.js"))
}

/// What the page says beside the list.
#[derive(Default)]
struct Shown<'a> {
    notice: Option<&'static str>,
    problem: Option<&'static str>,
    made: Option<&'a IssuedToken>,
}

async fn page(site: &Site, user: &CurrentUser, status: StatusCode, shown: Shown<'_>) -> Result<Response, Failure> {
    let (records, has_more) = site.api_tokens(user.id()).await?;
    let page = ApiTokensPage {
        frame: Frame::new("/account/tokens", Some(user)),
        notice: shown.notice,
        problem: shown.problem,
        made: shown.made.map(|issued| issued.token().expose_secret().to_owned()),
        max_name: MAX_NAME,
        tokens: records.iter().map(|record| Line::new(record, user.checked_at())).collect(),
        has_more,
    };
    view::page(status, &page)
}
