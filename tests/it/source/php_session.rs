//! Sessions as PHP writes them: files that PHP wrote, and PHP itself.
#![expect(clippy::expect_used, reason = "these are tests")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use http::Request;
use tokio::process::Command;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::ErrorKind;
use tower_tokens::head::RequestHead;
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::source::{PhpSession, PhpSessions, TokenSession};
use tower_tokens::token::Token;
use tower_tokens::tokens::Tokens;
use tower_tokens::user::{Reason, SourceKind};

pub(crate) const TOKEN: &str = "Qd8Uk3zcKbcEKrJjEMbUxUhJzPcRBTrv";

pub(crate) fn session(sessions: &PhpSessions, cookie: &str) -> Option<PhpSession> {
    let request = Request::get("/").header("Cookie", cookie).body(()).unwrap();
    sessions.session(RequestHead::of(&request))
}

pub(crate) async fn token_of(sessions: &PhpSessions, id: &str) -> Option<String> {
    let session = session(sessions, &format!("PHPSESSID={id}")).expect("the cookie names a session");
    session.token().await.unwrap().map(|token| token.expose_secret().to_owned())
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/php_sessions")
}

/// Runs a PHP script and gives what it prints. The test command installs `php-cli`.
async fn php(settings: &[&str], script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("php");
    for setting in settings {
        command.args(["-d", setting]);
    }
    let output = command.args(["-r", script, "--"]).args(arguments).stderr(Stdio::inherit()).output().await;
    let output = output.expect("php is not there: this test needs the Debian package php-cli");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const HANDLERS: [&str; 2] = ["session.serialize_handler=php", "session.serialize_handler=php_serialize"];

#[tokio::test]
async fn the_token_is_found_in_real_sessions_and_no_decoy_is() {
    let sessions = PhpSessions::new(fixtures());
    sessions.check().unwrap();
    let expected = [
        ("01", Some(TOKEN)),
        ("02", Some("hM3kVwYq2BzTgNcXsR9dPfLuJ7aEt4Kn")),
        ("03", Some("wE5rTy8uKpLkJhGfDsAzXcVbNmQ2W3e4")),
        ("04", None),
        ("05", Some("Zk7mNq3rVs9tWx2yBz4cDf6gHj8kLp5Q")),
        ("06", None),
    ];
    for (number, token) in expected {
        let found = token_of(&sessions, &format!("aaaaaaaaaaaaaaaaaaaaaaaa{number}")).await;
        assert_eq!(found.as_deref(), token, "{number}");
    }
}

#[tokio::test]
async fn php_writes_it_and_it_is_read_with_either_handler() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = PhpSessions::new(directory.path());
    let save_path = format!("session.save_path={}", directory.path().display());
    let script = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['before'] = ['list' => [1, 2.5, true, null, "trongatetoken|s:3:\"abc\";"], 'o' => new ArrayObject([1])];
        $_SESSION['when'] = new DateTimeImmutable('2026-11-21');
        $_SESSION['self'] = &$_SESSION['before'];
        $_SESSION['trongatetoken'] = $argv[2];
        $_SESSION['after ünï'] = "é\0\"}";
        session_write_close();
        echo 'ok';
    "#;
    for (number, handler) in HANDLERS.into_iter().enumerate() {
        let id = format!("php{number}-,abcdefghijklmnopqrst");
        assert_eq!(php(&[&save_path, handler], script, &[&id, TOKEN]).await, "ok");
        assert_eq!(token_of(&sessions, &id).await.as_deref(), Some(TOKEN), "{handler}");
    }
}

#[tokio::test]
async fn php_reads_what_is_left_when_the_token_is_taken_out() {
    let directory = tempfile::tempdir().unwrap();
    let sessions = PhpSessions::new(directory.path()).with_removal();
    let save_path = format!("session.save_path={}", directory.path().display());
    let write = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['cart'] = ['a' => 1];
        $_SESSION['trongatetoken'] = $argv[2];
        if ($argv[3] === 'references') { $_SESSION['same'] = &$_SESSION['cart']; $_SESSION['self'] = $_SESSION['cart']; }
        $_SESSION['note'] = 'trongatetoken|s:3:"abc";';
        session_write_close();
    "#;
    let read = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['cart']['a']++;
        echo json_encode([isset($_SESSION['trongatetoken']), $_SESSION['cart'], $_SESSION['same'] ?? null, $_SESSION['note']]);
    "#;
    for handler in HANDLERS {
        for (number, references) in ["none", "references"].into_iter().enumerate() {
            let id = format!("{}{number}abcdefghijklmnopqrstuvwxyz", handler.len());
            php(&[&save_path, handler], write, &[&id, TOKEN, references]).await;
            let session = session(&sessions, &format!("PHPSESSID={id}")).unwrap();
            assert!(session.token().await.unwrap().is_some());
            session.remove_token().await.unwrap();
            assert!(session.token().await.unwrap().is_none());
            session.remove_token().await.expect("none there is not an error");
            let same = if number == 0 { "null" } else { r#"{"a":2}"# };
            let expected = format!(r#"[false,{{"a":2}},{same},"trongatetoken|s:3:\"abc\";"]"#);
            assert_eq!(php(&[&save_path, handler], read, &[&id]).await, expected, "{handler}, {references}");
        }
    }
}

#[tokio::test]
async fn every_other_byte_of_a_session_stays() {
    for number in ["01", "02", "03", "05"] {
        let directory = tempfile::tempdir().unwrap();
        let name = format!("aaaaaaaaaaaaaaaaaaaaaaaa{number}");
        let path = directory.path().join(format!("sess_{name}"));
        std::fs::copy(fixtures().join(format!("sess_{name}")), &path).unwrap();
        let before = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        let sessions = PhpSessions::new(directory.path()).with_removal();
        let session = session(&sessions, &format!("PHPSESSID={name}")).unwrap();
        let token = session.token().await.unwrap().unwrap();
        session.remove_token().await.unwrap();
        let token = token.expose_secret();
        let expected = before
            .replace(&format!("trongatetoken|s:32:\"{token}\";"), "")
            .replace(&format!("s:13:\"trongatetoken\";s:32:\"{token}\";"), "")
            .replace("a:7:", "a:6:");
        assert_eq!(String::from_utf8(std::fs::read(&path).unwrap()).unwrap(), expected, "{number}");
    }
}

#[tokio::test]
async fn a_session_is_never_written_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let id = "0123456789abcdefghijklmnop";
    let path = directory.path().join(format!("sess_{id}"));
    let before = format!("trongatetoken|s:32:\"{TOKEN}\";");
    std::fs::write(&path, &before).unwrap();
    let sessions = PhpSessions::new(directory.path());
    let session = session(&sessions, &format!("PHPSESSID={id}")).unwrap();
    assert_eq!(session.remove_token().await.unwrap_err().kind(), ErrorKind::Configuration);
    let token = Token::parse("Other").unwrap();
    assert_eq!(session.put_token(&token).await.unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    assert!(!format!("{session:?}").contains(id), "the id of a session is a secret");
}

#[tokio::test]
async fn php_at_work_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let id = "0123456789abcdefghijklmnop";
    let path = directory.path().join(format!("sess_{id}"));
    std::fs::write(&path, "").unwrap();
    // As PHP does: lock, work, write, release.
    let mut busy = std::fs::File::options().write(true).open(&path).unwrap();
    busy.lock().unwrap();
    let sessions = PhpSessions::new(directory.path()).with_patience(Duration::from_secs(60));
    let reading = tokio::spawn(async move { token_of(&sessions, id).await });
    tokio::task::yield_now().await;
    std::io::Write::write_all(&mut busy, format!("trongatetoken|s:32:\"{TOKEN}\";").as_bytes()).unwrap();
    busy.unlock().unwrap();
    assert_eq!(reading.await.unwrap().as_deref(), Some(TOKEN));
}

#[tokio::test]
async fn a_long_request_in_php_does_not_log_anybody_out_here() {
    let directory = tempfile::tempdir().unwrap();
    let id = "0123456789abcdefghijklmnop";
    let path = directory.path().join(format!("sess_{id}"));
    std::fs::write(&path, format!("trongatetoken|s:32:\"{TOKEN}\";")).unwrap();
    let busy = std::fs::File::options().write(true).open(&path).unwrap();
    busy.lock().unwrap();
    let sessions = PhpSessions::new(directory.path()).with_patience(Duration::ZERO).with_removal();
    assert_eq!(token_of(&sessions, id).await.as_deref(), Some(TOKEN));
    let named = session(&sessions, &format!("PHPSESSID={id}")).unwrap();
    assert_eq!(named.remove_token().await.unwrap_err().kind(), ErrorKind::TimedOut, "writing needs the lock");
    assert_eq!(token_of(&sessions, id).await.as_deref(), Some(TOKEN));
    std::fs::write(&path, "trongatetoken|s:32:\"Qd8U").unwrap();
    let torn = named.token().await.unwrap_err();
    assert_eq!(torn.kind(), ErrorKind::TimedOut, "half a session that is being written says nothing");
}

#[tokio::test]
async fn the_layer_finds_the_user_in_the_session_of_php() {
    let directory = tempfile::tempdir().unwrap();
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let issued = tokens.generate(&user).await.unwrap();
    let id = "0123456789abcdefghijklmnop";
    let content = format!("trongatetoken|s:32:\"{}\";", issued.token().expose_secret());
    std::fs::write(directory.path().join(format!("sess_{id}")), content).unwrap();
    let sessions = PhpSessions::new(directory.path());
    let authenticator = TokenAuthLayer::new(tokens).sources([sessions.source()]).authenticator();

    let request = |method: &str, site: &str| {
        let request = Request::builder().method(method).header("Cookie", format!("PHPSESSID={id}"));
        request.header("Sec-Fetch-Site", site).body(()).unwrap()
    };
    let found = authenticator.authenticate(RequestHead::of(&request("POST", "same-origin"))).await.unwrap();
    assert_eq!((found.id(), found.source()), (&user, SourceKind::Session));
    let refused = authenticator.authenticate(RequestHead::of(&request("POST", "cross-site"))).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::CrossSite);
}
