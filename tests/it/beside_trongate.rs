//! The example beside a Trongate site: its tables on a real server, its sessions, and PHP itself.
#![expect(clippy::expect_used, reason = "these are tests")]

use std::path::Path;
use std::process::Stdio;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::process::Command;
use tower::ServiceExt as _;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::{Clock, SystemClock};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::request::RequestHead;
use tower_tokens::source::{DEFAULT_NAME, PhpSessions, TokenSource};

use crate::trongate_site::TrongateSite;
use site::{Site, app};

#[path = "../../examples/beside_trongate/site.rs"]
mod site;

const TOKEN: &str = "Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv";
const SESSION_TOKEN: &str = "hM3kVwYq2BzTgNcXsR9dPfLuJ7aEt4Kn";
const SESSION: &str = "q1w2e3r4t5z6u7i8o9p0asdfgh";

struct Beside {
    site: TrongateSite,
    app: Router,
    sessions: tempfile::TempDir,
    /// A user at level 1 and one at level 2.
    admin: i64,
    member: i64,
    /// A second an hour from now.
    later: i64,
}

impl Beside {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Site)) -> Self {
        let site = TrongateSite::new().await;
        let sessions = tempfile::tempdir().unwrap();
        let (admin, member) = (site.add_user(1).await, site.add_user(2).await);
        let mut beside = Site {
            tokens: Tokens::new(site.repository().await).with_touch_interval(None),
            sessions: Some(PhpSessions::new(sessions.path())),
            insecure_allow_login_as: false,
        };
        change(&mut beside);
        let later = SystemClock.now().unix_seconds() + 3_600;
        Self { site, app: app(beside), sessions, admin, member, later }
    }

    /// Puts a token where Trongate's `generate_token` puts it by default.
    fn write_session(&self, token: &str) {
        let content = format!("csrf_token|s:1:\"x\";trongatetoken|s:32:\"{token}\";");
        std::fs::write(self.session_file(), content).unwrap();
    }

    fn session_file(&self) -> std::path::PathBuf {
        self.sessions.path().join(format!("sess_{SESSION}"))
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::builder().method(method).uri(path).header("Host", "site.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.ask(method, path, headers).await.0.as_u16()
    }

    async fn tokens_left(&self) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM trongate_tokens").fetch_one(&self.site.pool).await.unwrap()
    }
}

fn cookie(token: &str) -> (&'static str, String) {
    ("Cookie", format!("trongatetoken={token}"))
}

fn session_cookie() -> (&'static str, String) {
    ("Cookie", format!("PHPSESSID={SESSION}"))
}

#[tokio::test]
async fn a_visitor_of_php_is_known_wherever_the_token_is() {
    let beside = Beside::new().await;
    beside.site.add_token(TOKEN, beside.member, beside.later).await;
    beside.write_session(TOKEN);
    let places = [
        ("header", ("trongatetoken", TOKEN.to_owned())),
        ("cookie", cookie(TOKEN)),
        ("session", session_cookie()),
        ("bearer", ("Authorization", format!("bearer {TOKEN}"))),
    ];
    let end = time::OffsetDateTime::from_unix_timestamp(beside.later).unwrap();
    let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
    for (source, (name, value)) in places {
        let (status, _, body) = beside.ask("GET", "/whoami", &[(name, &value)]).await;
        assert_eq!(status, 200, "{source}");
        let expected = json!({
            "user_id": beside.member, "level": "member", "level_id": 2, "source": source, "expires_at": end
        });
        assert_eq!(body, expected);
    }
    assert_eq!(beside.status("GET", "/whoami", &[]).await, 401);
    let (_, value) = cookie(&TOKEN.to_lowercase());
    assert_eq!(beside.status("GET", "/whoami", &[("Cookie", &value)]).await, 401, "Trongate would let this one in");
}

#[tokio::test]
async fn an_expired_token_has_no_user() {
    let beside = Beside::new().await;
    beside.site.add_token(TOKEN, beside.member, SystemClock.now().unix_seconds() - 1).await;
    let (name, value) = cookie(TOKEN);
    assert_eq!(beside.status("GET", "/whoami", &[(name, &value)]).await, 401);
}

#[tokio::test]
async fn the_admin_panel_is_for_level_1() {
    let beside = Beside::new().await;
    beside.site.add_token(TOKEN, beside.admin, beside.later).await;
    beside.site.add_token(SESSION_TOKEN, beside.member, beside.later).await;
    assert_eq!(beside.status("GET", "/admin", &[]).await, 401);
    for (token, status) in [(TOKEN, 200), (SESSION_TOKEN, 403)] {
        let (name, value) = cookie(token);
        assert_eq!(beside.status("GET", "/admin", &[(name, &value)]).await, status);
    }
    beside.site.run("UPDATE trongate_user_levels SET level_title = 'chief' WHERE id = 1").await;
    let (name, value) = cookie(TOKEN);
    assert_eq!(beside.status("GET", "/admin", &[(name, &value)]).await, 200, "the number counts, as in Trongate");
    beside.site.run("UPDATE trongate_users SET user_level_id = 2").await;
    assert_eq!(beside.status("GET", "/admin", &[(name, &value)]).await, 403, "a change of level counts at once");
}

#[tokio::test]
async fn log_out_ends_every_token_that_the_request_presents() {
    let beside = Beside::new().await;
    for token in [TOKEN, SESSION_TOKEN, "HeaderToken", "BearerToken", "Somebody"] {
        beside.site.add_token(token, beside.member, beside.later).await;
    }
    beside.site.add_token("Expired", beside.admin, 1_000).await;
    beside.write_session(SESSION_TOKEN);
    let before = std::fs::read(beside.session_file()).unwrap();
    let cookies = format!("PHPSESSID={SESSION}; trongatetoken={TOKEN}");
    let presented = [("Cookie", &*cookies), ("trongatetoken", "HeaderToken"), ("Authorization", "Bearer BearerToken")];
    let (status, headers, _) = beside.ask("POST", "/logout", &presented).await;
    assert_eq!(status, 204);
    let removal = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(removal.starts_with("trongatetoken=; ") && removal.contains("Max-Age=0"), "{removal}");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(beside.tokens_left().await, 1, "somebody else's is left; the expired one is cleared out");
    assert_eq!(beside.status("GET", "/whoami", &presented).await, 401);
    assert_eq!(std::fs::read(beside.session_file()).unwrap(), before, "PHP's session is PHP's");
    assert_eq!(beside.status("POST", "/logout", &[]).await, 204, "nothing to end is no error");
}

#[tokio::test]
async fn log_out_takes_the_token_out_of_the_session_only_if_that_is_allowed() {
    let beside = Beside::with(|site| {
        site.sessions = site.sessions.take().map(PhpSessions::with_removal);
    })
    .await;
    beside.site.add_token(SESSION_TOKEN, beside.member, beside.later).await;
    beside.write_session(SESSION_TOKEN);
    let (name, value) = session_cookie();
    assert_eq!(beside.status("POST", "/logout", &[(name, &value)]).await, 204);
    assert_eq!(std::fs::read_to_string(beside.session_file()).unwrap(), "csrf_token|s:1:\"x\";");
    assert_eq!(beside.tokens_left().await, 0);
}

#[tokio::test]
async fn another_site_cannot_log_a_user_out() {
    let beside = Beside::new().await;
    beside.site.add_token(TOKEN, beside.member, beside.later).await;
    beside.site.add_token("BearerToken", beside.member, beside.later).await;
    let (name, value) = cookie(TOKEN);
    let foreign = [(name, &*value), ("Sec-Fetch-Site", "cross-site")];
    let (status, headers, _) = beside.ask("POST", "/logout", &foreign).await;
    assert_eq!((status.as_u16(), headers.get(header::SET_COOKIE)), (403, None));
    assert_eq!(beside.tokens_left().await, 2);
    let explicit = [(name, &*value), ("Sec-Fetch-Site", "cross-site"), ("Authorization", "Bearer BearerToken")];
    let (status, headers, _) = beside.ask("POST", "/logout", &explicit).await;
    assert_eq!((status.as_u16(), headers.get(header::SET_COOKIE)), (204, None));
    assert_eq!(beside.tokens_left().await, 1, "only the token that was put into the request on purpose has ended");
}

#[tokio::test]
async fn a_user_acts_as_another_user_only_if_that_is_allowed() {
    let beside = Beside::new().await;
    assert_eq!(beside.status("POST", &format!("/login-as/{}", beside.admin), &[]).await, 404);
    let beside = Beside::with(|site| site.insecure_allow_login_as = true).await;
    let (status, headers, body) = beside.ask("POST", &format!("/login-as/{}", beside.admin), &[]).await;
    assert_eq!((status.as_u16(), &body["user_id"]), (200, &json!(beside.admin)));
    let token = body["token"].as_str().unwrap();
    assert!(headers[header::SET_COOKIE].to_str().unwrap().starts_with(&format!("trongatetoken={token}; ")));
    assert!(beside.site.accepts(token, SystemClock.now().unix_seconds()).await);
    let (name, value) = cookie(token);
    assert_eq!(beside.status("GET", "/admin", &[(name, &value)]).await, 200);
    assert_eq!(beside.status("POST", "/login-as/4711", &[]).await, 404);
    assert_eq!(beside.status("POST", "/login-as/me", &[]).await, 400);
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_503_and_logs_no_user_out() {
    let beside = Beside::new().await;
    beside.site.add_token(TOKEN, beside.member, beside.later).await;
    beside.site.pool.close().await;
    let (name, value) = cookie(TOKEN);
    for (method, path) in [("GET", "/whoami"), ("GET", "/admin"), ("POST", "/logout")] {
        let (status, headers, _) = beside.ask(method, path, &[(name, &value)]).await;
        assert_eq!((status.as_u16(), headers.get(header::SET_COOKIE)), (503, None), "{path}");
        assert!(headers.contains_key(header::RETRY_AFTER), "{path}");
    }
}

/// What a Trongate site does with its tokens, in PHP, on the same database and the same sessions.
const PHP_SIDE: &str = r#"
    [, $action, $url, $session, $argument] = $argv;
    $at = parse_url($url);
    $dsn = "mysql:host={$at['host']};port={$at['port']};dbname=" . ltrim($at['path'], '/') . ';charset=utf8mb4';
    $db = new PDO($dsn, $at['user'], $at['pass'] ?? '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    session_id($session);
    session_start();
    $presented = array_filter([$_SESSION['trongatetoken'] ?? null, $action === 'log in' ? null : $argument]);
    if ($action === 'log in') {
        $token = bin2hex(random_bytes(16));
        $insert = $db->prepare('INSERT INTO trongate_tokens (user_id, expiry_date, token) VALUES (?, ?, ?)');
        $insert->execute([(int) $argument, time() + 86400, $token]);
        $_SESSION['trongatetoken'] = $token;
    } elseif ($action === 'log out') {
        foreach ($presented as $token) {
            $db->prepare('DELETE FROM trongate_tokens WHERE token = ?')->execute([$token]);
        }
        unset($_SESSION['trongatetoken']);
        $db->prepare('DELETE FROM trongate_tokens WHERE expiry_date < ?')->execute([time()]);
    } else {
        $found = [];
        $select = 'SELECT u.user_level_id FROM trongate_tokens t JOIN trongate_users u ON t.user_id = u.id
            WHERE t.token = ? AND t.expiry_date > ?';
        // As `attempt_get_valid_token(1)`: a token of another level is passed over.
        if ($action === 'admin panel') $select .= ' AND u.user_level_id = 1';
        foreach ($presented as $token) {
            $query = $db->prepare($select);
            $query->execute([$token, time()]);
            $found = array_merge($found, $query->fetchAll(PDO::FETCH_COLUMN));
        }
        echo $action === 'admin panel' ? ($found ? 200 : 403) : json_encode($found);
    }
"#;

async fn php(beside: &Beside, action: &str, session: &str, argument: &str) -> String {
    let save_path = format!("session.save_path={}", Path::new(beside.sessions.path()).display());
    let arguments = ["-d", &save_path, "-r", PHP_SIDE, "--", action, &beside.site.url, session, argument];
    let output = Command::new("php").args(arguments).stderr(Stdio::inherit()).output().await;
    let output = output.expect("php is not there: this test needs the Debian packages php-cli and php-mysql");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn log_in_and_log_out_on_either_side_count_on_both() {
    let beside = Beside::with(|site| site.insecure_allow_login_as = true).await;
    let admin = beside.admin.to_string();
    let (name, session) = session_cookie();
    let in_session = [(name, &*session)];

    php(&beside, "log in", SESSION, &admin).await;
    assert_eq!(beside.status("GET", "/admin", &in_session).await, 200, "logged in there, known here");
    php(&beside, "log out", SESSION, "").await;
    assert_eq!(beside.status("GET", "/whoami", &in_session).await, 401, "logged out there, unknown here");

    php(&beside, "log in", SESSION, &admin).await;
    assert_eq!(php(&beside, "ask", SESSION, "").await, r#"[1]"#);
    assert_eq!(beside.status("POST", "/logout", &in_session).await, 204);
    assert_eq!(php(&beside, "ask", SESSION, "").await, "[]", "logged out here, unknown there");

    let (_, _, body) = beside.ask("POST", &format!("/login-as/{}", beside.member), &[]).await;
    let token = body["token"].as_str().unwrap();
    let (name, value) = cookie(token);
    let in_cookie = [(name, &*value)];
    assert_eq!(php(&beside, "ask", SESSION, token).await, "[2]", "logged in here, known there");
    assert_eq!(beside.status("GET", "/whoami", &in_cookie).await, 200);
    php(&beside, "log out", SESSION, token).await;
    assert_eq!(beside.status("GET", "/whoami", &in_cookie).await, 401, "logged out there, unknown here");
}

/// The contrast that the chapter "Coming from Trongate" describes under "Several tokens, several levels".
#[tokio::test]
async fn of_two_tokens_php_looks_for_the_administrators_and_we_take_the_first() {
    let beside = Beside::new().await;
    let levels =
        [("admin in the session", SESSION_TOKEN, TOKEN, 403), ("admin in the cookie", TOKEN, SESSION_TOKEN, 200)];
    for (what, admins, members, ours) in levels {
        beside.site.run("DELETE FROM trongate_tokens").await;
        beside.site.add_token(admins, beside.admin, beside.later).await;
        beside.site.add_token(members, beside.member, beside.later).await;
        beside.write_session(SESSION_TOKEN);
        let cookies = format!("PHPSESSID={SESSION}; trongatetoken={TOKEN}");
        assert_eq!(php(&beside, "admin panel", SESSION, TOKEN).await, "200", "{what}: PHP");
        assert_eq!(
            beside.status("GET", "/admin", &[("Cookie", &cookies)]).await,
            ours,
            "{what}: the cookie comes first"
        );

        // A layer for the administrators' routes alone, whose sources begin with the session.
        let sessions = PhpSessions::new(beside.sessions.path());
        let layer = TokenAuthLayer::new(Tokens::new(beside.site.repository().await));
        let layer = layer.sources([sessions.source(), TokenSource::cookie(DEFAULT_NAME)]);
        let request = Request::get("/admin").header("Cookie", &cookies).body(()).unwrap();
        let user = layer.authenticator().authenticate(RequestHead::of(&request)).await.unwrap();
        let is_admin = what == "admin in the session";
        assert_eq!(user.level().id() == 1, is_admin, "{what}: the session comes first");
    }
}
