//! Sessions that php-redis keeps in Redis: PHP itself, on a real server, with its locking and without.

use std::path::Path;
use std::time::{Duration, Instant};

use http::Request;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use tokio::task::JoinHandle;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::request::RequestHead;
use tower_tokens::source::{MAX_SESSION_BYTES, PhpSessions, TokenSession};
use tower_tokens::user::{Reason, SourceKind};

use crate::repository::servers::{shared, unique_name};
use crate::source::php_session::{HANDLERS, TOKEN, php, session, token_of};

const ID: &str = "0123456789abcdefghijklmnop";

/// Sessions under a prefix of their own, in database 1.
struct Site {
    sessions: PhpSessions,
    connection: MultiplexedConnection,
    prefix: String,
}

impl Site {
    async fn new() -> Self {
        let prefix = format!("{}:", unique_name());
        let sessions = PhpSessions::in_redis(&format!("{}1", url())).unwrap().with_redis_prefix(&prefix).with_removal();
        sessions.check().await.unwrap();
        Self { sessions, connection: beside().await, prefix }
    }

    fn key(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }

    /// PHP's settings for this site.
    fn settings(&self, locking: bool) -> Vec<String> {
        let address = url().replace("redis://", "tcp://").trim_end_matches('/').to_owned();
        vec![
            "session.save_handler=redis".to_owned(),
            format!("session.save_path=\"{address}?database=1&prefix={}\"", self.prefix),
            "session.use_cookies=0".to_owned(),
            "session.cache_limiter=".to_owned(),
            "session.gc_maxlifetime=500".to_owned(),
            format!("redis.session.locking_enabled={}", u8::from(locking)),
            "redis.session.lock_retries=-1".to_owned(),
        ]
    }

    async fn php(&self, locking: bool, handler: &str, script: &str, arguments: &[&str]) -> String {
        let settings = self.settings(locking);
        let settings: Vec<&str> = settings.iter().map(String::as_str).chain([handler]).collect();
        php(&settings, script, arguments).await
    }

    /// A page of PHP that goes on in the background.
    fn page(&self, locking: bool, script: &'static str, arguments: &[&str]) -> JoinHandle<String> {
        let settings = self.settings(locking);
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        tokio::spawn(async move {
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            php(&settings, script, &arguments).await
        })
    }

    async fn ask<T: FromRedisValue>(&mut self, name: &str, arguments: &[&[u8]]) -> T {
        let mut command = cmd(name);
        for argument in arguments {
            command.arg(*argument);
        }
        command.query_async(&mut self.connection).await.unwrap()
    }

    async fn write(&mut self, id: &str, content: &[u8]) {
        let key = self.key(id);
        self.ask::<()>("SETEX", &[key.as_bytes(), b"500", content]).await;
    }

    /// What the session holds, and the millisecond at which it ends.
    async fn content_and_end(&mut self, id: &str) -> (Option<Vec<u8>>, i64) {
        let key = self.key(id);
        (self.ask("GET", &[key.as_bytes()]).await, self.ask("PEXPIRETIME", &[key.as_bytes()]).await)
    }
}

fn url() -> String {
    shared("TOWER_TOKENS_REDIS_URL", "redis")
}

/// A connection to database 1, past the sessions.
async fn beside() -> MultiplexedConnection {
    let client = redis::Client::open(format!("{}1", url())).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

fn entry() -> String {
    format!("trongatetoken|s:32:\"{TOKEN}\";")
}

/// Waits for a file that a page of PHP makes.
async fn appears(path: &Path, page: &JoinHandle<String>) {
    while !path.exists() {
        assert!(!page.is_finished(), "PHP ended too early");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn php_writes_it_and_a_read_changes_nothing() {
    let mut site = Site::new().await;
    let script = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['before'] = ['list' => [1, 2.5, true, null, "trongatetoken|s:3:\"abc\";"], 'o' => new ArrayObject([1])];
        $_SESSION['self'] = &$_SESSION['before'];
        $_SESSION['trongatetoken'] = $argv[2];
        $_SESSION['after ünï'] = "é\0\"}";
        session_write_close();
        echo 'ok';
    "#;
    for locking in [false, true] {
        for (number, handler) in HANDLERS.into_iter().enumerate() {
            let id = format!("php{number}-,abcdefghijklmnopqr{locking}");
            assert_eq!(site.php(locking, handler, script, &[&id, TOKEN]).await, "ok");
            let before = site.content_and_end(&id).await;
            assert_eq!(token_of(&site.sessions, &id).await.as_deref(), Some(TOKEN), "{handler}");
            assert_eq!(
                site.content_and_end(&id).await,
                before,
                "not a byte is changed, and it ends when it would have"
            );
        }
    }
}

#[tokio::test]
async fn the_keys_of_php_are_found_without_a_setting() {
    let site = Site::new().await;
    let id = unique_name().replace('_', "-") + "0123456789";
    let script = "session_id($argv[1]); session_start(); $_SESSION['trongatetoken'] = $argv[2];";
    let address = url().replace("redis://", "tcp://");
    let save_path = format!("session.save_path=\"{}\"", address.trim_end_matches('/'));
    php(&["session.save_handler=redis", "session.gc_maxlifetime=60", &save_path], script, &[&id, TOKEN]).await;
    let sessions = PhpSessions::in_redis(&url()).unwrap();
    assert_eq!(token_of(&sessions, &id).await.as_deref(), Some(TOKEN));
    assert_eq!(token_of(&site.sessions, &id).await, None, "another prefix, another database");
}

#[tokio::test]
async fn php_reads_what_is_left_when_the_token_is_removed() {
    let mut site = Site::new().await;
    let write = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['cart'] = ['a' => 1];
        $_SESSION['trongatetoken'] = $argv[2];
        $_SESSION['note'] = 'trongatetoken|s:3:"abc";';
    "#;
    let read = r#"
        session_id($argv[1]);
        session_start();
        $_SESSION['cart']['a']++;
        echo json_encode([isset($_SESSION['trongatetoken']), $_SESSION['cart'], $_SESSION['note']]);
    "#;
    for locking in [false, true] {
        for handler in HANDLERS {
            let id = format!("{}abcdefghijklmnopqrstuv{locking}", handler.len());
            site.php(locking, handler, write, &[&id, TOKEN]).await;
            let (_, end) = site.content_and_end(&id).await;
            let named = session(&site.sessions, &format!("PHPSESSID={id}")).unwrap();
            named.remove_token().await.unwrap();
            assert!(named.token().await.unwrap().is_none());
            assert_eq!(site.content_and_end(&id).await.1, end, "the session lives no longer than before");
            named.remove_token().await.expect("none there is not an error");
            let expected = r#"[false,{"a":2},"trongatetoken|s:3:\"abc\";"]"#;
            assert_eq!(site.php(locking, handler, read, &[&id]).await, expected, "{handler}, {locking}");
        }
    }
}

/// Reads its session, says so, and writes it when it is allowed to.
const PAGE: &str = r#"
    session_id($argv[1]);
    session_start();
    touch($argv[2] . '/has read');
    while (!file_exists($argv[2] . '/go on')) { usleep(1000); clearstatcache(); }
    $_SESSION['page'] = 'was here';
    session_write_close();
    echo 'ok';
"#;

#[tokio::test]
async fn a_page_of_php_that_locks_its_session_loses_nothing() {
    let mut site = Site::new().await;
    let directory = tempfile::tempdir().unwrap();
    site.write(ID, entry().as_bytes()).await;
    let page = site.page(true, PAGE, &[ID, directory.path().to_str().unwrap()]);
    appears(&directory.path().join("has read"), &page).await;

    let at_once = site.sessions.clone().with_lock_timeout(Duration::ZERO);
    let named = session(&at_once, &format!("PHPSESSID={ID}")).unwrap();
    assert!(named.token().await.unwrap().is_some(), "a lock stops no read");
    assert_eq!(named.remove_token().await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(site.content_and_end(ID).await.0.unwrap(), entry().as_bytes());

    std::fs::write(directory.path().join("go on"), "").unwrap();
    let long_wait = site.sessions.clone().with_lock_timeout(Duration::from_secs(60));
    session(&long_wait, &format!("PHPSESSID={ID}")).unwrap().remove_token().await.unwrap();
    assert_eq!(page.await.unwrap(), "ok");
    assert_eq!(site.content_and_end(ID).await.0.unwrap(), b"page|s:8:\"was here\";");
}

#[tokio::test]
async fn a_page_of_php_without_a_lock_writes_back_what_it_read_and_nothing_is_damaged() {
    let mut site = Site::new().await;
    let directory = tempfile::tempdir().unwrap();
    site.write(ID, entry().as_bytes()).await;
    let page = site.page(false, PAGE, &[ID, directory.path().to_str().unwrap()]);
    appears(&directory.path().join("has read"), &page).await;
    let named = session(&site.sessions, &format!("PHPSESSID={ID}")).unwrap();
    named.remove_token().await.unwrap();
    assert_eq!(site.content_and_end(ID).await.0.unwrap(), b"");
    std::fs::write(directory.path().join("go on"), "").unwrap();
    assert_eq!(page.await.unwrap(), "ok");
    let written = format!("{}page|s:8:\"was here\";", entry());
    assert_eq!(site.content_and_end(ID).await.0.unwrap(), written.as_bytes(), "PHP wrote the token back");
    named.remove_token().await.unwrap();
    assert_eq!(site.content_and_end(ID).await.0.unwrap(), b"page|s:8:\"was here\";");
}

/// Counts in its session without a pause, and prints how often.
const COUNTER: &str = r#"
    for ($i = 0; !file_exists($argv[3] . '/done'); $i++) {
        session_id($argv[1]);
        session_start();
        $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
        $_SESSION['filler'] = str_repeat('x', $i % 2 ? 9000 : 10);
        $_SESSION['trongatetoken'] = $argv[2];
        session_write_close();
        clearstatcache();
        touch($argv[3] . '/started');
    }
    echo $i;
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_among_phps_own_writes_loses_none_of_them() {
    for locking in [true, false] {
        let mut site = Site::new().await;
        let directory = tempfile::tempdir().unwrap();
        let page = site.page(locking, COUNTER, &[ID, TOKEN, directory.path().to_str().unwrap()]);
        appears(&directory.path().join("started"), &page).await;
        let long_wait = site.sessions.clone().with_lock_timeout(Duration::from_secs(60));
        let named = session(&long_wait, &format!("PHPSESSID={ID}")).unwrap();
        for _ in 0..500 {
            named.remove_token().await.unwrap();
        }
        std::fs::write(directory.path().join("done"), "").unwrap();
        let count = page.await.unwrap();
        named.remove_token().await.unwrap();
        let (content, _) = site.content_and_end(ID).await;
        let content = String::from_utf8(content.unwrap()).unwrap();
        assert!(content.starts_with(&format!("count|i:{count};filler|s:")), "{count}: {content:.40}");
        assert!(!content.contains("trongatetoken"));
        let lock = format!("{}_LOCK", site.key(ID));
        assert!(!site.ask::<bool>("EXISTS", &[lock.as_bytes()]).await, "no lock is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_php_writes_without_a_pause_is_read_at_every_look() {
    for locking in [true, false] {
        let site = Site::new().await;
        let directory = tempfile::tempdir().unwrap();
        let page = site.page(locking, COUNTER, &[ID, TOKEN, directory.path().to_str().unwrap()]);
        appears(&directory.path().join("started"), &page).await;
        for number in 0..5_000 {
            assert_eq!(token_of(&site.sessions, ID).await.as_deref(), Some(TOKEN), "{number}");
        }
        std::fs::write(directory.path().join("done"), "").unwrap();
        let count: u32 = page.await.unwrap().parse().unwrap();
        assert!(count > 100, "PHP wrote {count} times only");
    }
}

#[tokio::test]
async fn the_layer_finds_the_user_in_redis_and_an_outage_logs_no_one_out() {
    let mut site = Site::new().await;
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository);
    let issued = tokens.generate(&user).await.unwrap();
    site.write(ID, format!("trongatetoken|s:32:\"{}\";", issued.token().expose_secret()).as_bytes()).await;
    let request = Request::post("/logout").header("Cookie", format!("PHPSESSID={ID}")).body(()).unwrap();
    let head = RequestHead::of(&request);

    // An address at which no server is, and one that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [gone, silent.local_addr().unwrap()] {
        let sessions = PhpSessions::in_redis(&format!("redis://:secret@{address}/")).unwrap();
        let layer = TokenAuthLayer::new(tokens.clone()).sources([sessions.source()]);
        let started = Instant::now();
        let refused = layer.authenticator().authenticate(head).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Unavailable, "{address}");
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        let error = sessions.check().await.unwrap_err();
        assert!(error.is_outage(), "{error:?}");
        assert!(!format!("{sessions:?} {error:?}").contains("secret"), "a password is not shown");
    }

    let authenticator = TokenAuthLayer::new(tokens.clone()).sources([site.sessions.source()]).authenticator();
    let found = authenticator.authenticate(head).await.unwrap();
    assert_eq!((found.id(), found.source()), (&user, SourceKind::Session));
    assert_eq!(authenticator.log_out(head).await.unwrap().ended(), 1);
    assert_eq!(site.content_and_end(ID).await.0.unwrap(), b"");
    assert_eq!(authenticator.authenticate(head).await.unwrap_err().reason(), Reason::NoCredential);
}

#[tokio::test]
async fn a_value_that_cannot_be_a_session_holds_no_token() {
    let mut site = Site::new().await;
    let named = session(&site.sessions, &format!("PHPSESSID={ID}")).unwrap();
    let key = site.key(ID);
    let filler = MAX_SESSION_BYTES as usize - entry().len() - "a|s:1000000:\"\";".len();
    let largest = format!("a|s:{filler}:\"{}\";{}", "x".repeat(filler), entry());
    assert_eq!(largest.len() as u64, MAX_SESSION_BYTES);
    site.write(ID, largest.as_bytes()).await;
    assert!(named.token().await.unwrap().is_some());
    for broken in [largest + "b|N;", entry().replace("32", "31"), "\u{1f}\u{8b}".to_owned()] {
        site.write(ID, broken.as_bytes()).await;
        assert_eq!(named.token().await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(named.remove_token().await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(site.content_and_end(ID).await.0.unwrap(), broken.as_bytes(), "not a byte is changed");
    }
    site.ask::<i64>("DEL", &[key.as_bytes()]).await;
    assert!(named.token().await.unwrap().is_none());
    named.remove_token().await.unwrap();
    assert_eq!(site.content_and_end(ID).await.0, None, "no session is made");
    site.ask::<i64>("RPUSH", &[key.as_bytes(), entry().as_bytes()]).await;
    let error = named.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "a list is no session");
    assert!(!format!("{error:?} {named:?}").contains(ID), "the id of a session is a secret");
}

#[tokio::test]
async fn an_id_of_256_characters_names_a_session_in_redis() {
    let mut site = Site::new().await;
    let id = "a".repeat(256);
    site.write(&id, entry().as_bytes()).await;
    assert_eq!(token_of(&site.sessions, &id).await.as_deref(), Some(TOKEN));
    for no_id in ["a".repeat(257), format!("{ID}_LOCK"), format!("{ID}:a"), format!("{ID}*")] {
        assert!(session(&site.sessions, &format!("PHPSESSID={no_id}")).is_none(), "{no_id}");
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_parsed_is_a_setting_that_is_wrong() {
    for url in ["", "tcp://127.0.0.1:6379", "127.0.0.1:6379", "redis://127.0.0.1:port/"] {
        assert_eq!(PhpSessions::in_redis(url).unwrap_err().kind(), ErrorKind::Configuration, "{url}");
    }
}
