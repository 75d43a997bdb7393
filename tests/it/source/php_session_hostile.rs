//! Hostile and broken sessions: no token, no panic, no wait.

use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tower_tokens::error::ErrorKind;
use tower_tokens::source::{MAX_SESSION_BYTES, PhpSessions, TokenSession};

use crate::source::php_session::{TOKEN, session, token_of};

const ID: &str = "0123456789abcdefghijklmnop";

fn entry() -> String {
    format!("trongatetoken|s:32:\"{TOKEN}\";")
}

/// The kind of error that a session with this content gives, or what it holds.
async fn outcome(directory: &Path) -> Result<Option<String>, ErrorKind> {
    let sessions = PhpSessions::new(directory).with_removal();
    let session = session(&sessions, &format!("PHPSESSID={ID}")).unwrap();
    let token = session.token().await.map_err(|error| error.kind())?;
    Ok(token.map(|token| token.expose_secret().to_owned()))
}

async fn outcome_of(content: &[u8]) -> Result<Option<String>, ErrorKind> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(format!("sess_{ID}")), content).unwrap();
    outcome(directory.path()).await
}

/// The session is refused as a whole: nothing is read from it, and nothing is taken out of it.
async fn assert_refused(content: &[u8], what: &str) {
    assert_eq!(outcome_of(content).await, Err(ErrorKind::InvalidInput), "{what}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("sess_{ID}"));
    std::fs::write(&path, content).unwrap();
    let sessions = PhpSessions::new(directory.path()).with_removal();
    let removed = session(&sessions, &format!("PHPSESSID={ID}")).unwrap().remove_token().await;
    assert_eq!(removed.map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{what}");
    assert_eq!(std::fs::read(&path).unwrap(), content, "{what}: not a byte was changed");
}

#[tokio::test]
async fn a_session_that_is_cut_off_anywhere_holds_no_token() {
    let runs = format!("{}a|s:1:\"b\";", entry());
    let array = format!("a:2:{{s:13:\"trongatetoken\";s:32:\"{TOKEN}\";s:1:\"a\";i:1;}}");
    assert_eq!(outcome_of(runs.as_bytes()).await, Ok(Some(TOKEN.to_owned())));
    assert_eq!(outcome_of(array.as_bytes()).await, Ok(Some(TOKEN.to_owned())));
    for whole in [runs, array] {
        for length in (0..whole.len()).filter(|length| *length != entry().len()) {
            match length {
                0 => assert_eq!(outcome_of(b"").await, Ok(None), "an empty session is one"),
                _ => assert_refused(&whole.as_bytes()[..length], &format!("{length} bytes of {whole}")).await,
            }
        }
    }
}

#[tokio::test]
async fn lengths_and_counts_that_lie_are_not_believed() {
    let lies = [
        entry().replace("s:32", "s:31"),
        entry().replace("s:32", "s:33"),
        entry().replace("s:32", "s:-32"),
        entry().replace("s:32", "s:+32"),
        entry().replace("s:32", "s: 32"),
        entry().replace("s:32", "s:4294967328"),
        entry().replace("s:32", "s:18446744073709551648"),
        entry().replace("s:32", "s:99999999999999999999999999999999"),
        format!("a|s:9:\"x\";{}", entry()),
        format!("a|a:9:{{}}{}", entry()),
        format!("a|a:0:{{{}}}", entry()),
        format!("a|a:18446744073709551615:{{i:0;N;}}{}", entry()),
        format!("a|C:1:\"P\":9999:{{}}{}", entry()),
        format!("a:9:{{s:13:\"trongatetoken\";s:32:\"{TOKEN}\";}}"),
        format!("a:0:{{s:13:\"trongatetoken\";s:32:\"{TOKEN}\";}}"),
        format!("a:99999999999999999999:{{s:13:\"trongatetoken\";s:32:\"{TOKEN}\";}}"),
    ];
    for lie in lies {
        assert_refused(lie.as_bytes(), &lie).await;
    }
}

#[tokio::test]
async fn what_is_no_token_is_none() {
    for text in ["", "two words", "ünï", "a\0b", "<b>", "=", &"x".repeat(4_097)] {
        let content = format!("trongatetoken|s:{}:\"{text}\";", text.len());
        assert_eq!(outcome_of(content.as_bytes()).await, Err(ErrorKind::InvalidInput), "{text}");
    }
    assert_eq!(outcome_of(b"trongatetoken|i:5;").await, Err(ErrorKind::InvalidInput));
    assert_eq!(outcome_of(b"trongatetoken|N;").await, Ok(None));
    assert_eq!(outcome_of(b"\x0dtrongatetokens:3:\"abc\";").await, Err(ErrorKind::InvalidInput), "php_binary");
}

#[tokio::test]
async fn nesting_ten_thousand_deep_is_refused_and_a_thousand_is_not() {
    let nested = |depth: usize| format!("a|{}N;{}{}", "a:1:{i:0;".repeat(depth), "}".repeat(depth), entry());
    assert_eq!(outcome_of(nested(1_000).as_bytes()).await, Ok(Some(TOKEN.to_owned())));
    assert_refused(nested(10_000).as_bytes(), "arrays").await;
    let objects = format!("a|{}", "O:1:\"P\":1:{i:0;".repeat(10_000));
    assert_refused(objects.as_bytes(), "objects").await;
}

#[tokio::test]
async fn a_session_of_100_mb_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("sess_{ID}"));
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(entry().as_bytes()).unwrap();
    file.set_len(100_000_000).unwrap();
    let started = Instant::now();
    assert_eq!(outcome(directory.path()).await, Err(ErrorKind::InvalidInput));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    let largest = MAX_SESSION_BYTES as usize;
    let filler = largest - entry().len() - "a|s:1000000:\"\";".len();
    let padded = format!("a|s:{filler}:\"{}\";{}", "x".repeat(filler), entry());
    assert_eq!(padded.len(), largest);
    assert_eq!(outcome_of(padded.as_bytes()).await, Ok(Some(TOKEN.to_owned())));
    assert_eq!(outcome_of(format!("{padded}b|N;").as_bytes()).await, Err(ErrorKind::InvalidInput));
}

#[cfg(unix)]
#[tokio::test]
async fn only_a_regular_file_is_a_session() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("sess_{ID}"));
    let target = directory.path().join("elsewhere");
    std::fs::write(&target, entry()).unwrap();

    symlink(&target, &path).unwrap();
    assert_eq!(outcome(directory.path()).await, Err(ErrorKind::InvalidInput), "a link");
    std::fs::remove_file(&path).unwrap();
    symlink(directory.path().join("nowhere"), &path).unwrap();
    assert_eq!(outcome(directory.path()).await, Err(ErrorKind::InvalidInput), "a link to nowhere");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(outcome(directory.path()).await, Err(ErrorKind::InvalidInput), "a directory");
    std::fs::remove_dir(&path).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(outcome(directory.path()).await, Err(ErrorKind::InvalidInput), "a socket");
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let outcome = tokio::time::timeout(Duration::from_secs(30), outcome(directory.path())).await;
    assert_eq!(outcome.expect("a pipe is not waited for"), Err(ErrorKind::InvalidInput));
    assert_eq!(std::fs::read_to_string(&target).unwrap(), entry());
}

#[cfg(unix)]
#[tokio::test]
async fn a_session_that_may_not_be_read_is_an_outage_and_not_a_logout() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("sess_{ID}"));
    std::fs::write(&path, entry()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // For root every file is readable: a way through something that is no directory is refused to root, too.
        let sessions = PhpSessions::new(path.join("sessions"));
        let session = session(&sessions, &format!("PHPSESSID={ID}")).unwrap();
        assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
        return;
    }
    assert_eq!(outcome(directory.path()).await, Err(ErrorKind::Unavailable));
}

#[tokio::test]
async fn a_cookie_that_is_no_id_names_no_session() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(directory.path().join(format!("sess_{ID}")), entry()).unwrap();
    let sessions = PhpSessions::new(&inside);
    let up = format!("/../../sess_{ID}");
    for id in
        ["", "short", &up, &format!("../{ID}"), &format!("{ID}/."), &format!("%2e%2e%2f{ID}"), &format!("{ID}\u{e9}")]
    {
        let request = http::Request::get("/")
            .header("Cookie", http::HeaderValue::from_bytes(format!("PHPSESSID={id}").as_bytes()).unwrap());
        let request = request.body(()).unwrap();
        assert!(sessions.session(tower_tokens::request::RequestHead::of(&request)).is_none(), "{id}");
    }
    assert!(session(&sessions, &format!("phpsessid={ID}; PHPSESSID2={ID}")).is_none());
    assert_eq!(token_of(&sessions, ID).await, None, "it is not there");
    assert!(PhpSessions::new(directory.path().join("nowhere")).check().await.is_err());
}

#[tokio::test]
async fn two_sessions_with_different_tokens_are_none() {
    let directory = tempfile::tempdir().unwrap();
    let ids = ["a", "b", "c"].map(|letter| letter.repeat(26));
    std::fs::write(directory.path().join(format!("sess_{}", ids[0])), entry()).unwrap();
    let sessions = PhpSessions::new(directory.path());
    let both = |one: &str, two: &str| session(&sessions, &format!("PHPSESSID={one}; PHPSESSID={two}")).unwrap();
    assert!(both(&ids[1], &ids[0]).token().await.unwrap().is_some(), "a stale cookie hides no good one");
    std::fs::write(directory.path().join(format!("sess_{}", ids[1])), "trongatetoken|s:3:\"abc\";").unwrap();
    assert_eq!(both(&ids[0], &ids[1]).token().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    std::fs::write(directory.path().join(format!("sess_{}", ids[2])), entry()).unwrap();
    assert!(both(&ids[0], &ids[2]).token().await.unwrap().is_some());
}

/// A writer that does not lock writes and cuts the file all the time: a reading gives one of the tokens that were written
/// whole, or no token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_changes_while_it_is_read_gives_what_was_written_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("sess_{ID}"));
    std::fs::write(&path, entry()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut file = std::fs::File::options().write(true).open(path).unwrap();
            let long = format!("a|s:50000:\"{}\";{}", "x".repeat(50_000), entry());
            while !done.load(Ordering::Relaxed) {
                for content in [long.as_bytes(), b"a|N;", entry().as_bytes(), b""] {
                    file.rewind().unwrap();
                    file.write_all(content).unwrap();
                    file.set_len(content.len() as u64).unwrap();
                }
            }
        }
    });
    for _ in 0..300 {
        match outcome(directory.path()).await {
            Ok(Some(token)) => assert_eq!(token, TOKEN),
            Ok(None) | Err(ErrorKind::InvalidInput) => {}
            Err(kind) => panic!("{kind:?}"),
        }
    }
    done.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

/// Writers that lock as PHP does, and a removal among them: nothing that PHP writes is lost or mixed up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_among_phps_own_writes_loses_none_of_them() {
    const ROUNDS: u32 = 300;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("sess_{ID}"));
    std::fs::write(&path, "").unwrap();
    let rounds = Arc::new(AtomicU32::new(0));
    let writer = std::thread::spawn({
        let (rounds, path) = (Arc::clone(&rounds), path.clone());
        move || {
            for count in 0..ROUNDS {
                let mut file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
                file.lock().unwrap();
                let before = std::io::read_to_string(&file).unwrap().replace(&entry(), "");
                assert_eq!(before, if count == 0 { String::new() } else { format!("count|i:{count};") });
                let content = format!("{}count|i:{};", entry(), count + 1);
                file.rewind().unwrap();
                file.write_all(content.as_bytes()).unwrap();
                file.set_len(content.len() as u64).unwrap();
                drop(file);
                rounds.store(count + 1, Ordering::Relaxed);
                std::thread::yield_now();
            }
        }
    });
    let sessions = PhpSessions::new(directory.path()).with_removal().with_lock_timeout(Duration::from_secs(60));
    let named = session(&sessions, &format!("PHPSESSID={ID}")).unwrap();
    while rounds.load(Ordering::Relaxed) < ROUNDS {
        named.remove_token().await.unwrap();
    }
    writer.join().unwrap();
    named.remove_token().await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("count|i:{ROUNDS};"));
}
