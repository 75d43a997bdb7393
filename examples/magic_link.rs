//! Log in by a link in an e-mail, which also proves the e-mail address: run it, and read the e-mails in the terminal.

use axum::extract::{Form, Query, State};
use axum::response::{Html, IntoResponse, Redirect};
use axum::{Router, http::header, http::request::Parts, routing::get};
use tower_tokens::sealed::{BoundSealer, Key, KeyRing, Opened, Sealer, SqliteRedemptions};
use tower_tokens::{auth::Authenticator, lifecycle::IssuedToken, prelude::*, request::RequestHead};

const FORM: &str = "<form method=post><input name=email type=email> <button>Send me a link</button></form>";
const ACCOUNTS: &str = "CREATE TABLE IF NOT EXISTS accounts (email TEXT PRIMARY KEY, id INT, logins INT DEFAULT 1)";

/// Queues an e-mail with a link to this path. Its host is a setting, since the `Host` of a request can be forged.
pub(crate) type SendLetter = std::sync::Arc<dyn Fn(&str, &str) + Send + Sync>;

#[derive(Clone)]
struct Site {
    users: SqliteRepository,
    tokens: Tokens,
    authenticator: Authenticator,
    links: BoundSealer,
    used: SqliteRedemptions,
    send_letter: SendLetter,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Fields {
    email: String,
    token: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = SqliteRepository::open("magic_link.db").await?;
    let links = Sealer::new(KeyRing::new(Key::generate("1")?), "log-in link")?; // a real site keeps its keys in a file
    let send = |to: &str, path: &str| println!("To {to}: http://127.0.0.1:3000{path}");
    let app = app(users, links, std::sync::Arc::new(send)).await?;
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}

pub(crate) async fn app(users: SqliteRepository, links: Sealer, send_letter: SendLetter) -> Result<Router, Refusal> {
    users.create_level("member").await?;
    sqlx::query(ACCOUNTS).execute(users.pool()).await.map_err(failed)?;
    let used = SqliteRedemptions::with_pool(users.pool().clone()).await?;
    let tokens = Tokens::new(users.clone()).with_cookie(TokenCookie::builder("__Host-token").build()?);
    let layer = TokenAuthLayer::new(tokens.clone());
    let (authenticator, links) = (layer.authenticator(), links.bound_to_state());
    let policy = SecurityPolicy::new().scenario("members area", level("member")).login_page("/login");
    Ok(Router::new()
        .route("/members", get(async |user: CurrentUser| format!("Hello, user {}!", user.id())))
        .route_layer(policy.guard("members area"))
        .route("/login", get(Html(FORM)).post(ask_for_link))
        .route("/link", get(show_link).post(use_link))
        .layer(SameOriginLayer::new())
        .layer(policy.refusal_layer())
        .with_state(Site { users, tokens, authenticator, links, used, send_letter })
        .layer(layer))
}

/// The answer, and the time it takes, are the same for every address.
async fn ask_for_link(State(site): State<Site>, form: Form<Fields>) -> Result<&'static str, Refusal> {
    let email = form.email.trim().to_ascii_lowercase(); // Unicode's lower case makes one address of two
    let is_address = email.len() <= 254 && email.bytes().all(|byte| byte.is_ascii_graphic()) && email.contains('@');
    let true = is_address else { return Err(RefusalKind::InvalidInput.into()) };
    tokio::spawn(async move {
        let token = site.links.seal(&email, Lifetime::seconds(15 * 60), site.state_of(&email).await?)?;
        (site.send_letter)(&email, &format!("/link?token={}", token.expose_secret()));
        Ok::<(), Refusal>(())
    });
    Ok("An e-mail is on its way.")
}

/// Uses nothing up: programs that check the links of an e-mail open them too.
async fn show_link(State(site): State<Site>, link: Query<Fields>) -> Result<impl IntoResponse, Refusal> {
    let email = site.open(&link.token).await?.into_payload().replace('&', "&amp;").replace('<', "&lt;");
    let form = format!("<form method=post action=/link><button name=token value={}>Log in as {email}", link.token);
    Ok(([(header::REFERRER_POLICY, "no-referrer"), (header::CACHE_CONTROL, "no-store")], Html(form)))
}

async fn use_link(State(site): State<Site>, head: Parts, link: Form<Fields>) -> Result<impl IntoResponse, Refusal> {
    let link = site.open(&link.token).await?;
    let _ = site.authenticator.log_out(RequestHead::of_parts(&head)).await?; // whoever was logged in here before
    let issued = link.redeem(&site.used, |link| site.log_in(link.into_payload())).await?;
    Ok((issued.remember_me(), Redirect::to("/members")))
}

impl Site {
    async fn open(&self, token: &str) -> Result<Opened<String>, Refusal> {
        let link = self.links.open::<String>(token)?;
        let state = self.state_of(link.claimed()).await?;
        Ok(link.confirm(state)?)
    }

    /// Changes with every login, so that the links that were sent before it are dead.
    async fn state_of(&self, email: &str) -> Result<String, Refusal> {
        let account = sqlx::query_as::<_, (i64, i64)>("SELECT id, logins FROM accounts WHERE email = ?").bind(email);
        Ok(format!("{:?}", account.fetch_optional(self.users.pool()).await.map_err(failed)?))
    }

    /// The first login makes the account, so that no address has one before it is verified.
    async fn log_in(&self, email: String) -> Result<IssuedToken, Refusal> {
        let mut transaction = self.users.begin().await?;
        let known = sqlx::query_scalar("UPDATE accounts SET logins = logins + 1 WHERE email = ? RETURNING id");
        let user = match known.bind(&email).fetch_optional(&mut *transaction).await.map_err(failed)? {
            Some::<i64>(user) => UserId::from(user),
            None => {
                let user = self.users.create_user_in(&mut transaction, None, "member").await?;
                let insert = sqlx::query("INSERT INTO accounts (email, id) VALUES (?, ?)").bind(email);
                insert.bind(user.as_integer()).execute(&mut *transaction).await.map_err(failed)?;
                user
            }
        };
        transaction.commit().await?;
        Ok(self.tokens.generate(user).lifetime(Lifetime::days(30)).await?)
    }
}

fn failed(error: sqlx::Error) -> Refusal {
    Refusal::new(RefusalKind::Unavailable).with_source(error)
}
