//! Sessions as PHP writes them: files that PHP wrote, and PHP itself.
#![expect(clippy::expect_used, reason = "these are tests")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use http::Request;
use tokio::process::Command;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::request::RequestHead;
use tower_tokens::source::{PhpSession, PhpSessions, TokenSession};
use tower_tokens::token::Token;
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
pub(crate) async fn php(settings: &[&str], script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("php");
    for setting in settings {
        command.args(["-d", setting]);
    }
    let output = command.args(["-r", script, "--"]).args(arguments).stderr(Stdio::inherit()).output().await;
    let output = output.expect("php is not there: this test needs the Debian package php-cli");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) const HANDLERS: [&str; 2] = ["session.serialize_handler=php", "session.serialize_handler=php_serialize"];

#[tokio::test]
async fn the_token_is_found_in_real_sessions_and_no_decoy_is() {
    let sessions = PhpSessions::new(fixtures());
    sessions.check().await.unwrap();
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
    let sessions = PhpSessions::new(directory.path()).with_lock_timeout(Duration::from_secs(60));
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
    let sessions = PhpSessions::new(directory.path()).with_lock_timeout(Duration::ZERO).with_removal();
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

#[tokio::test]
async fn ids_are_decoded_as_php_decodes_them() {
    let directory = tempfile::tempdir().unwrap();
    let save_path = format!("session.save_path={}", directory.path().display());
    let sessions = PhpSessions::new(directory.path());
    // PHP makes the id itself, and prints what it sends in the cookie.
    let script = r#"
        session_start();
        $_SESSION['trongatetoken'] = $argv[1];
        session_write_close();
        echo rawurlencode(session_id());
    "#;
    let mut has_seen_a_comma = false;
    for length in [22, 48, 250] {
        for handler in HANDLERS {
            let length = format!("session.sid_length={length}");
            let settings = [&*save_path, handler, &*length, "session.sid_bits_per_character=6"];
            for _ in 0..4 {
                let id = php(&settings, script, &[TOKEN]).await;
                has_seen_a_comma |= id.contains("%2C");
                for id in [id.replace("%2C", "%2c"), id.replace("%2C", ","), id] {
                    assert_eq!(token_of(&sessions, &id).await.as_deref(), Some(TOKEN), "{id}");
                }
            }
        }
    }
    assert!(has_seen_a_comma, "the ids had no comma: the test proves nothing");
    for length in [251, 256, 257, 1_000] {
        let id = "a".repeat(length);
        assert!(session(&sessions, &format!("PHPSESSID={id}")).is_none(), "{length}: such a visitor has no session");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_php_writes_all_the_time_never_loses_its_token() {
    // In microseconds, for which PHP holds the lock before it writes.
    for pause in ["0", "100"] {
        read_while_php_writes(pause).await;
    }
}

async fn read_while_php_writes(pause: &str) {
    const READINGS: u32 = 10_000;
    let pause = pause.to_owned();
    // In memory, where there is such a directory: a busy disk would keep PHP from writing for seconds.
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let id = "0123456789abcdefghijklmnop";
    // Longer and shorter by turns: PHP empties the file before it writes the shorter one.
    let script = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['trongatetoken'] = $argv[2];
        session_write_close();
        touch($argv[3] . '/started');
        for ($i = 0; !file_exists($argv[3] . '/done'); $i++) {
            session_start();
            $_SESSION['filler'] = str_repeat('x', $i % 2 ? 9000 : 10);
            unset($_SESSION['trongatetoken']);
            $_SESSION['trongatetoken'] = $argv[2];
            if ($argv[4]) usleep((int) $argv[4]);
            session_write_close();
            clearstatcache();
        }
        echo $i;
    "#;
    let folder = directory.path().to_string_lossy().into_owned();
    let writer = tokio::spawn(async move {
        let save_path = format!("session.save_path={folder}");
        let settings = [&*save_path, "session.use_cookies=0", "session.cache_limiter="];
        php(&settings, script, &[id, TOKEN, &folder, &pause]).await
    });
    let started = directory.path().join("started");
    while !started.exists() {
        assert!(!writer.is_finished(), "PHP ended before it began");
        tokio::task::yield_now().await;
    }
    let sessions = PhpSessions::new(directory.path());
    let mut longest = Duration::ZERO;
    for number in 0..READINGS {
        let started = std::time::Instant::now();
        assert_eq!(token_of(&sessions, id).await.as_deref(), Some(TOKEN), "{number}");
        longest = longest.max(started.elapsed());
    }
    std::fs::write(directory.path().join("done"), "").unwrap();
    let writes: u32 = writer.await.unwrap().parse().unwrap();
    println!("PHP wrote {writes} times; the longest of {READINGS} readings took {longest:?}");
    assert!(writes > 100, "PHP wrote {writes} times only");
}

#[tokio::test]
async fn a_page_of_php_that_holds_its_session_makes_no_request_wait() {
    let directory = tempfile::tempdir().unwrap();
    let id = "0123456789abcdefghijklmnop";
    let path = directory.path().join(format!("sess_{id}"));
    std::fs::write(&path, format!("trongatetoken|s:32:\"{TOKEN}\";")).unwrap();
    let page = std::fs::File::options().write(true).open(&path).unwrap();
    page.lock().unwrap();
    let sessions = PhpSessions::new(directory.path());
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = std::time::Instant::now();
        assert_eq!(token_of(&sessions, id).await.as_deref(), Some(TOKEN));
        times.push(started.elapsed());
    }
    times.sort_unstable();
    println!("median {:?}", times[100]);
    assert!(times[100] < Duration::from_millis(100), "median {:?}", times[100]);
}

#[tokio::test]
async fn an_emptied_session_says_nothing_until_php_has_written_it_or_left_it_so() {
    let directory = tempfile::tempdir().unwrap();
    let id = "0123456789abcdefghijklmnop";
    let path = directory.path().join(format!("sess_{id}"));
    std::fs::write(&path, format!("trongatetoken|s:32:\"{TOKEN}\";")).unwrap();
    let page = std::fs::File::options().write(true).open(&path).unwrap();
    page.lock().unwrap();
    page.set_len(0).unwrap();
    // Just now, however slow this machine is.
    page.set_modified(std::time::SystemTime::now() + Duration::from_secs(60)).unwrap();
    let sessions = PhpSessions::new(directory.path()).with_lock_timeout(Duration::ZERO);
    let named = session(&sessions, &format!("PHPSESSID={id}")).unwrap();
    assert_eq!(named.token().await.unwrap_err().kind(), ErrorKind::TimedOut, "emptied, and not yet written");
    page.set_modified(std::time::SystemTime::now() - Duration::from_secs(5)).unwrap();
    assert!(named.token().await.unwrap().is_none(), "emptied long ago");
}

#[tokio::test]
async fn half_a_write_that_ends_between_two_entries_does_not_log_anybody_out() {
    let directory = tempfile::tempdir().unwrap();
    let id = "0123456789abcdefghijklmnop";
    let path = directory.path().join(format!("sess_{id}"));
    let sessions = PhpSessions::new(directory.path()).with_lock_timeout(Duration::ZERO);
    for half in ["a|i:1;", "a|i:1;b|N;"] {
        std::fs::write(&path, half).unwrap();
        let page = std::fs::File::options().write(true).open(&path).unwrap();
        page.lock().unwrap();
        page.set_modified(std::time::SystemTime::now() + Duration::from_secs(60)).unwrap();
        let named = session(&sessions, &format!("PHPSESSID={id}")).unwrap();
        assert_eq!(named.token().await.unwrap_err().kind(), ErrorKind::TimedOut, "{half}: the token may follow");
        page.set_modified(std::time::SystemTime::now() - Duration::from_secs(5)).unwrap();
        assert!(named.token().await.unwrap().is_none(), "{half}: written long ago");
        page.unlock().unwrap();
        page.set_modified(std::time::SystemTime::now()).unwrap();
        assert!(named.token().await.unwrap().is_none(), "{half}: whole, for PHP is not there");
    }
}

#[tokio::test]
async fn a_log_out_ends_every_token_that_it_can_read() {
    let directory = tempfile::tempdir().unwrap();
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let anna = repository.create_user(None, "member").await.unwrap();
    let bob = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let ids = ["a", "b", "c"].map(|letter| letter.repeat(26));
    let file = |id: &str| directory.path().join(format!("sess_{id}"));
    let mut issued = Vec::new();
    for (id, user) in ids.iter().zip([&anna, &bob]) {
        let token = tokens.generate(user).await.unwrap();
        std::fs::write(file(id), format!("trongatetoken|s:32:\"{}\";", token.token().expose_secret())).unwrap();
        issued.push(token);
    }
    // The third cannot be decoded, the fourth cannot exist, and PHP holds the first.
    std::fs::write(file(&ids[2]), "broken").unwrap();
    let page = std::fs::File::open(file(&ids[0])).unwrap();
    page.lock().unwrap();
    let sessions = PhpSessions::new(directory.path()).with_removal().with_lock_timeout(Duration::from_millis(20));
    let authenticator = TokenAuthLayer::new(tokens.clone()).sources([sessions.source()]).authenticator();
    let cookies = [&ids[2], &ids[0], &ids[1], &"x".repeat(253)].map(|id| format!("PHPSESSID={id}"));
    let request = Request::post("/logout").header("Cookie", cookies.join("; ")).body(()).unwrap();
    let head = RequestHead::of(&request);
    assert_eq!(authenticator.authenticate(head).await.unwrap_err().reason(), Reason::Ambiguous, "two users");
    let logged_out = authenticator.log_out(head).await.unwrap();
    assert_eq!((logged_out.ended(), logged_out.left_in_sessions()), (2, 1));
    for token in &issued {
        assert!(tokens.validate(token.token()).await.unwrap().is_none());
    }
    let left = std::fs::read_to_string(file(&ids[0])).unwrap();
    assert!(left.contains("trongatetoken"), "PHP holds this session: the token has ended, and stays there");
    assert_eq!(std::fs::read_to_string(file(&ids[1])).unwrap(), "");
}

#[tokio::test]
async fn the_sessions_of_a_request_are_waited_for_once_and_not_one_after_the_other() {
    // Long enough that a busy machine does not take twice as long for one wait.
    const WAIT: Duration = Duration::from_secs(2);
    let directory = tempfile::tempdir().unwrap();
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let anna = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let (mut issued, mut pages, mut cookies) = (Vec::new(), Vec::new(), Vec::new());
    for letter in ["a", "b", "c", "d"] {
        let id = letter.repeat(26);
        let path = directory.path().join(format!("sess_{id}"));
        let token = tokens.generate(&anna).await.unwrap();
        std::fs::write(&path, format!("trongatetoken|s:32:\"{}\";", token.token().expose_secret())).unwrap();
        let page = std::fs::File::options().write(true).open(&path).unwrap();
        page.lock().unwrap();
        issued.push(token);
        pages.push(page);
        cookies.push(format!("PHPSESSID={id}"));
    }
    let sessions = PhpSessions::new(directory.path()).with_removal().with_lock_timeout(WAIT);
    let layer = TokenAuthLayer::new(tokens.clone()).sources([sessions.source()]).timeout(3 * WAIT);
    let authenticator = layer.authenticator();
    let request = Request::post("/logout").header("Cookie", cookies.join("; ")).body(()).unwrap();
    let head = RequestHead::of(&request);

    let started = std::time::Instant::now();
    let logged_out = authenticator.log_out(head).await.unwrap();
    println!("log-out: {:?}", started.elapsed());
    assert!(started.elapsed() < 2 * WAIT, "{:?}", started.elapsed());
    assert_eq!((logged_out.ended(), logged_out.left_in_sessions()), (4, 4), "all have ended, and PHP holds them all");
    for token in &issued {
        assert!(tokens.validate(token.token()).await.unwrap().is_none());
    }

    // Now PHP is in the middle of writing each of them.
    for page in &pages {
        page.set_len(20).unwrap();
        page.set_modified(std::time::SystemTime::now() + Duration::from_secs(60)).unwrap();
    }
    let started = std::time::Instant::now();
    let refused = authenticator.authenticate(head).await.unwrap_err();
    println!("authentication: {:?}", started.elapsed());
    assert_eq!(refused.reason(), Reason::Unavailable);
    assert!(started.elapsed() < 2 * WAIT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_session_that_may_not_be_changed_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = Tokens::new(MemoryRepository::new());
    let id = "0123456789abcdefghijklmnop";
    std::fs::write(directory.path().join(format!("sess_{id}")), format!("trongatetoken|s:32:\"{TOKEN}\";")).unwrap();
    let request = Request::post("/logout").header("Cookie", format!("PHPSESSID={id}")).body(()).unwrap();
    let sessions = PhpSessions::new(directory.path());
    for (sessions, left) in [(sessions.clone(), 1), (sessions.with_removal(), 0)] {
        let authenticator = TokenAuthLayer::new(tokens.clone()).sources([sessions.source()]).authenticator();
        let logged_out = authenticator.log_out(RequestHead::of(&request)).await.unwrap();
        assert_eq!((logged_out.ended(), logged_out.left_in_sessions()), (0, left));
    }
}
