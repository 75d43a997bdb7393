//! Organisations that share one site, with a role in each: run it, and send one of the tokens that it prints.

use axum::extract::{Form, Path, State};
use axum::{Json, Router, http::StatusCode, routing::get, routing::post};
use tower_tokens::policy::{Rule, Scenario, check_async};
use tower_tokens::prelude::*;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS memberships (org TEXT, user_id INTEGER REFERENCES tower_tokens_users ON DELETE CASCADE,
        role TEXT, PRIMARY KEY (org, user_id));
    CREATE TABLE IF NOT EXISTS invoices (id INTEGER PRIMARY KEY, org TEXT NOT NULL, amount INTEGER NOT NULL)";

/// Reading what belongs to this organisation.
#[derive(Clone)]
struct Read(String);

/// Deciding who belongs to this organisation.
#[derive(Clone)]
struct Manage(String);

impl Scenario for Read {
    const NAME: &'static str = "read an organisation";
}

impl Scenario for Manage {
    const NAME: &'static str = "manage an organisation";
}

/// The organisation of a route, whatever other parameters its path has.
#[derive(serde::Deserialize)]
struct Org {
    org: String,
}

#[derive(serde::Deserialize)]
struct Member {
    user: i64,
    role: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = SqliteRepository::open("organisations.db").await?;
    let tokens = Tokens::new(users.clone());
    let app = app(users.clone(), tokens.clone()).await?;
    for org in ["acme", "globex"] {
        let owner = users.create_user(None, "user").await?;
        let insert = sqlx::query("INSERT INTO memberships VALUES (?, ?, 'owner')").bind(org).bind(owner.as_integer());
        insert.execute(users.pool()).await?;
        println!(
            "/orgs/{org}/invoices/1  Authorization: Bearer {}",
            tokens.generate(owner).await?.token().expose_secret()
        );
    }
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

pub(crate) async fn app(users: SqliteRepository, tokens: Tokens) -> Result<Router, Box<dyn std::error::Error>> {
    users.create_level("user").await?;
    sqlx::raw_sql(TABLES).execute(users.pool()).await?;
    let policy = SecurityPolicy::new()
        .typed_scenario(in_role(&users, &["member", "owner"], |Read(org)| org))
        .typed_scenario(in_role(&users, &["owner"], |Manage(org)| org));
    let read = policy.guard_extracting(|Path(Org { org })| Some(Read(org)));
    let manage = policy.guard_extracting(|Path(Org { org })| Some(Manage(org)));
    let managed = Router::new().route("/members", post(set_role)).route_layer(manage);
    let read = Router::new().route("/invoices/{id}", get(invoice)).route_layer(read);
    Ok(Router::new()
        .nest("/orgs/{org}", read.merge(managed))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(users)
        .layer(TokenAuthLayer::new(tokens)))
}

/// Allows users who have one of these roles in the organisation of the scenario, as of this request.
fn in_role<S: Clone + 'static>(users: &SqliteRepository, roles: &'static [&str], org: fn(S) -> String) -> Rule<S> {
    let pool = users.pool().clone();
    check_async(move |user: CurrentUser, scenario: S| {
        let role = sqlx::query_scalar::<_, String>("SELECT role FROM memberships WHERE org = ? AND user_id = ?");
        let (role, pool) = (role.bind(org(scenario)).bind(user.id().as_integer()), pool.clone());
        async move { role.fetch_optional(&pool).await.map(|role| role.is_some_and(|role| roles.contains(&&*role))) }
    })
}

/// Asks for the organisation too: the guard knows that the user may read in it, not that the invoice is in it.
async fn invoice(
    State(users): State<SqliteRepository>,
    Path((org, id)): Path<(String, i64)>,
) -> Result<Json<i64>, Refusal> {
    let amount = sqlx::query_scalar("SELECT amount FROM invoices WHERE org = ? AND id = ?").bind(org).bind(id);
    let amount = amount.fetch_optional(users.pool()).await.map_err(failed)?;
    amount.map(Json).ok_or_else(|| RefusalKind::NotFound.into())
}

async fn set_role(
    State(users): State<SqliteRepository>,
    Path(Org { org }): Path<Org>,
    Form(Member { user, role }): Form<Member>,
) -> Result<StatusCode, Refusal> {
    let change = match &*role {
        "member" | "owner" => "INSERT INTO memberships VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET role = ?3",
        "none" => "DELETE FROM memberships WHERE org = ?1 AND user_id = ?2 AND ?3 = 'none'",
        _ => return Err(RefusalKind::InvalidInput.into()),
    };
    let mut transaction = users.begin().await?;
    sqlx::query(change).bind(&org).bind(user).bind(role).execute(&mut *transaction).await.map_err(failed)?;
    let owners = sqlx::query_scalar("SELECT count(*) FROM memberships WHERE org = ? AND role = 'owner'").bind(org);
    let 1.. = owners.fetch_one(&mut *transaction).await.map_err(failed)? else {
        return Err(Refusal::new(RefusalKind::Denied).with_reason("an organisation keeps an owner")); // changes nothing
    };
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn failed(error: sqlx::Error) -> Refusal {
    let names_no_user = error.as_database_error().is_some_and(|error| error.is_foreign_key_violation());
    let kind = if names_no_user { RefusalKind::NotFound } else { RefusalKind::Unavailable };
    Refusal::new(kind).with_source(error)
}
