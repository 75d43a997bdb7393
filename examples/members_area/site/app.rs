//! The site put together: [`Site`], what it stands on, and [`app`], its router.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use tokio::sync::Mutex;
use tower_tokens::auth::{Authenticator, TokenAuthLayer};
use tower_tokens::clock::Clock;
use tower_tokens::endpoints::{RefreshEndpoint, RevocationEndpoint};
use tower_tokens::lifecycle::{PairSettings, Tokens};
use tower_tokens::policy::{SecurityPolicy, ability, any_level, level};
use tower_tokens::repository::{SqliteRepository, UserRepository as _};
use tower_tokens::respond::{RefusalResponses, TokenCookie};
use tower_tokens::same_origin::SameOriginLayer;
use tower_tokens::token::ApiTokenFormat;
use tower_tokens::user::CurrentUser;

use super::accounts::{Account, Accounts};
use super::failure::Failure;
use super::password::Passwords;
use super::reset::{Mailer, Resets};
use super::{api, api_tokens_json, pages, pairs, records, refusals};

/// The level of an administrator, and the name of the first one.
pub(super) const ADMIN: &str = "admin";
/// The level of everybody who registers.
pub(super) const MEMBER: &str = "member";

/// What every handler stands on. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) tokens: Tokens,
    pub(super) authenticator: Authenticator,
    pub(super) users: SqliteRepository,
    pub(super) accounts: Accounts,
    pub(super) passwords: Passwords,
    pub(super) resets: Resets,
    pub(super) policy: SecurityPolicy,
    /// Held while a level or a ban changes.
    pub(super) membership_changes: Arc<Mutex<()>>,
}

impl Site {
    /// The site on this database file, which is made if it is not there, and its keys beside it.
    pub(crate) async fn open(
        database: &Path,
        clock: impl Clock + Clone,
        cookie: TokenCookie,
        pairs: PairSettings,
        mailer: impl Mailer,
    ) -> Result<Self, Failure> {
        let users = SqliteRepository::open(database).await?;
        for level in [ADMIN, MEMBER] {
            users.create_level(level).await?;
        }
        let pool = users.pool().clone();
        let tokens = Tokens::new(users.clone())
            .with_clock(clock.clone())
            .with_cookie(cookie)
            .with_pairs(pairs)
            .with_api_tokens(ApiTokenFormat::new("members").map_err(Failure::from)?);
        records::create_table(&users).await?;
        Ok(Self {
            authenticator: TokenAuthLayer::new(tokens.clone()).authenticator(),
            resets: Resets::open(database, pool.clone(), clock, mailer).await?,
            tokens,
            accounts: Accounts::open(users.clone()).await?,
            passwords: Passwords::new().await?,
            policy: SecurityPolicy::new()
                .scenario("members area", any_level([MEMBER, ADMIN]))
                .scenario("admin panel", level(ADMIN))
                // No script makes tokens: none of theirs has this ability, and a login has all.
                .scenario("API tokens", any_level([MEMBER, ADMIN]).and(ability("tokens")))
                .scenario("read records", any_level([MEMBER, ADMIN]).and(ability("read")))
                .scenario("write records", any_level([MEMBER, ADMIN]).and(ability("write")))
                .with_responses(RefusalResponses::new().with_login_page("/login").with_page(refusals::page)),
            membership_changes: Arc::default(),
            users,
        })
    }

    /// Closes the database.
    pub(crate) async fn close(&self) {
        self.users.close().await;
    }

    /// The account of the user of this request.
    pub(super) async fn account_of(&self, user: &CurrentUser) -> Result<Account, Failure> {
        self.accounts.by_user(user.id()).await?.ok_or_else(|| Failure::internal("a user without an account"))
    }
}

/// The router of the whole site.
pub(crate) fn app(site: Site) -> Router {
    let members_area = Router::new()
        .route("/members", get(pages::members))
        .route("/account", get(pages::account))
        .route("/account/devices/{id}/end", post(pages::end_device))
        .route("/account/devices/end-others", post(pages::end_other_devices))
        .route("/api/me", get(api::me))
        .route_layer(site.policy.guard("members area"));

    let token_pages = Router::new()
        .route("/account/tokens", get(pages::api_tokens).post(pages::create_api_token))
        .route("/account/tokens/{id}/revoke", post(pages::revoke_api_token))
        .route("/api/tokens", get(api_tokens_json::list).post(api_tokens_json::create))
        .route("/api/tokens/{id}", delete(api_tokens_json::revoke))
        .route("/api/tokens/{id}/rotate", post(api_tokens_json::rotate))
        .route_layer(site.policy.guard("API tokens"));

    let reading = get(records::list).route_layer(site.policy.guard("read records"));
    let writing = post(records::create).route_layer(site.policy.guard("write records"));

    let admin_panel = Router::new()
        .route("/admin", get(pages::admin))
        .route("/admin/users/{id}/level", post(pages::change_level))
        .route("/admin/users/{id}/ban", post(pages::ban))
        .route("/admin/users/{id}/unban", post(pages::unban))
        .route("/api/admin/users", get(api::users))
        .route_layer(site.policy.guard("admin panel"));

    // These work without a credential. A form that another site sends would log the visitor in as somebody else, or out.
    let entrance = Router::new()
        .route("/login", get(pages::login).post(pages::log_in))
        .route("/register", get(pages::registration).post(pages::register))
        .route("/logout", post(pages::log_out))
        .route("/forgot", get(pages::forgot).post(pages::send_link))
        .route("/reset", get(pages::reset).post(pages::set_password))
        .route("/api/login", post(api::log_in))
        .route("/api/logout", post(api::log_out))
        .route("/api/token", post(pairs::log_in))
        .route_service("/api/token/refresh", RefreshEndpoint::new(site.tokens.clone()))
        .route_service("/api/token/revoke", RevocationEndpoint::new(site.tokens.clone()))
        .route_layer(SameOriginLayer::new());

    Router::new()
        .route("/", get(pages::home))
        .merge(members_area)
        .merge(token_pages)
        .route("/api/records", reading.merge(writing))
        .merge(admin_panel)
        .merge(entrance)
        .fallback(pages::not_found)
        // Whatever is refused, people see a page of this site, and scripts problem details.
        .layer(site.policy.refusal_layer())
        .layer(DefaultBodyLimit::max(16 * 1024))
        .layer(TokenAuthLayer::new(site.tokens.clone()))
        // Below the layer, so that no user is looked up for them.
        .route("/style.css", get(pages::style))
        .route("/copy.js", get(pages::copy_script))
        .route("/favicon.svg", get(pages::favicon))
        .layer(middleware::map_response(harden))
        .with_state(site)
}

/// Keeps injected markup and frames of other sites out.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: browsers would then send `Origin: null` with this site's own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                              base-uri 'none'; frame-ancestors 'none'";
