//! What a store in files does with files, directories and locks that are not as it left them.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tower_tokens::client::{
    Account, ClientError, ClientErrorKind, FileTokenStore, MAX_TOKEN_FILE_BYTES, SecretText, StoredTokens, TokenStore,
};
use tower_tokens::clock::Timestamp;

/// A directory of tokens that is not there yet, and the home that it is in.
pub(super) fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("tokens");
    (home, directory)
}

pub(super) fn account() -> Account {
    Account::new("ann", "https://api.example.org", "production")
}

pub(super) fn store(directory: &Path) -> FileTokenStore {
    FileTokenStore::new(directory, &account())
}

pub(super) fn tokens(n: i64) -> StoredTokens {
    StoredTokens::new(format!("access-{n}"))
        .with_access_expiry(Timestamp::from_unix_seconds(1_800_000_000 + n))
        .with_refresh_token(format!("refresh-{n}"))
        .with_refresh_expiry(Timestamp::from_unix_seconds(1_900_000_000 + n))
}

pub(super) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes a private directory, and in it the file of the account with this content.
fn write_file(directory: &Path, content: impl AsRef<[u8]>) -> PathBuf {
    let builder = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    builder.unwrap();
    let path = store(directory).path();
    fs::write(&path, content).unwrap();
    path
}

/// The files in a directory whose name has this text in it.
pub(super) fn files(directory: &Path, text: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.to_str().unwrap().contains(text)).collect();
    found.sort();
    found
}

/// The error and all its causes in one text.
pub(super) fn chain(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn assert_store_error<T: std::fmt::Debug>(result: Result<T, ClientError>, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Store, "{error:?}");
    assert!(chain(&error).contains(text), "{}", chain(&error));
}

#[tokio::test]
async fn directory_and_files_are_private() {
    let (home, _) = home();
    let directory = home.path().join("a/b/tokens");
    let store = store(&directory);
    assert_eq!(store.load().await.unwrap(), None);
    assert!(!home.path().join("a").exists(), "a load creates nothing");
    let held = store.lock().await.unwrap();
    store.save(&tokens(1)).await.unwrap();
    drop(held);
    for directory in ["a", "a/b", "a/b/tokens"] {
        assert_eq!(mode(&home.path().join(directory)), 0o700, "{directory}");
    }
    let all = files(&directory, "");
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|path| mode(path) == 0o600), "{all:?}");
    let name = store.path().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.len() == 69 && name.ends_with(".json"), "{name}");
}

#[tokio::test]
async fn a_file_that_others_can_read_is_made_private() {
    let (_home, directory) = home();
    let path = write_file(&directory, r#"{"token":{"accessToken":"a"}}"#);
    set_mode(&path, 0o644);
    assert_eq!(store(&directory).load().await.unwrap(), Some(StoredTokens::new("a")));
    assert_eq!(mode(&path), 0o600);
    set_mode(&path, 0o400);
    assert_eq!(store(&directory).load().await.unwrap(), Some(StoredTokens::new("a")));
    assert_eq!(mode(&path), 0o400, "what its owner may do is the owner's affair");
}

#[test]
fn a_relative_directory_stays_where_it_was() {
    let path = store(Path::new("tokens")).path();
    assert_eq!(path.parent().unwrap(), std::env::current_dir().unwrap().join("tokens"));
}

#[tokio::test]
async fn a_directory_that_others_have_access_to_is_refused_and_not_changed() {
    let (_home, directory) = home();
    let store = store(&directory);
    store.save(&tokens(1)).await.unwrap();
    for wide in [0o755, 0o750, 0o701, 0o770, 0o1777] {
        set_mode(&directory, wide);
        assert_store_error(store.load().await, "chmod 700");
        assert_store_error(store.save(&tokens(2)).await, "chmod 700");
        assert_store_error(store.clear().await, "chmod 700");
        assert_store_error(store.lock().await, "chmod 700");
        assert_store_error(FileTokenStore::forget_all(&directory).await, "chmod 700");
        assert_eq!(mode(&directory), wide);
    }
    set_mode(&directory, 0o700);
    assert_eq!(store.load().await.unwrap(), Some(tokens(1)));
}

#[tokio::test]
async fn what_is_not_a_directory_is_refused() {
    let (_home, directory) = home();
    fs::write(&directory, "").unwrap();
    assert_store_error(store(&directory).load().await, "is not a directory");
    assert_store_error(store(&directory.join("deeper")).load().await, "cannot look at the directory");
    assert_store_error(store(&directory.join("deeper")).save(&tokens(1)).await, "cannot look at the directory");
}

/// Runs `work` as a user who is not root, whom file modes hold for.
#[cfg(target_os = "linux")]
pub(super) fn as_ordinary_user(home: &Path, work: impl AsyncFnOnce() + Send + 'static) {
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(home, Some(65_534), Some(65_534)).unwrap();
    }
    let thread = std::thread::spawn(move || {
        if is_root {
            // Of this thread alone, and of those that it starts.
            let (group, user) = (rustix::fs::Gid::from_raw(65_534), rustix::fs::Uid::from_raw(65_534));
            set_thread_res_gid(group, group, group).unwrap();
            set_thread_res_uid(user, user, user).unwrap();
        }
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    });
    thread.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_no_tokens() {
    let (home, directory) = home();
    as_ordinary_user(home.path(), async move || {
        let store = store(&directory);
        store.save(&tokens(1)).await.unwrap();
        set_mode(&store.path(), 0o000);
        assert_store_error(store.load().await, "cannot read");
        assert_store_error(store.save(&tokens(2)).await, "cannot read");
        set_mode(&store.path(), 0o600);
        assert_eq!(store.load().await.unwrap(), Some(tokens(1)));

        set_mode(&directory, 0o500);
        assert_store_error(store.save(&tokens(2)).await, "cannot write");
        assert_store_error(store.clear().await, "cannot remove");
        assert_eq!(store.load().await.unwrap(), Some(tokens(1)), "the former tokens are there");
        set_mode(&directory, 0o700);
        assert!(files(&directory, ".tmp-").is_empty());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_of_another_user_is_refused() {
    let (home, directory) = home();
    if rustix::process::geteuid().is_root() {
        fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        std::os::unix::fs::chown(&directory, Some(4_711), None).unwrap();
    }
    as_ordinary_user(home.path(), async move || {
        // Root's, if no one else's can be made.
        let directory = if directory.exists() { directory } else { PathBuf::from("/usr") };
        assert_store_error(store(&directory).load().await, "belongs to user");
        assert_store_error(store(&directory).save(&tokens(1)).await, "belongs to user");
    });
}

#[tokio::test]
async fn root_refuses_the_directory_of_another_user_too() {
    let (_home, directory) = home();
    fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
    if std::os::unix::fs::chown(&directory, Some(65_534), None).is_ok() {
        assert_store_error(store(&directory).save(&tokens(1)).await, "belongs to user 65534");
    }
}

/// Makes something in the place of a file.
type Make<'a> = &'a dyn Fn(&Path);

#[tokio::test]
async fn links_pipes_and_directories_are_refused_and_left_alone() {
    let (home, directory) = home();
    let victim = home.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let path = write_file(&directory, "");
    let store = store(&directory).with_lock_timeout(Duration::ZERO);
    let make: [(&str, Make<'_>); 4] = [
        ("link", &|path| symlink(&victim, path).unwrap()),
        ("dangling link", &|path| symlink(home.path().join("absent"), path).unwrap()),
        ("pipe", &|path| assert!(Command::new("mkfifo").arg("-m").arg("600").arg(path).status().unwrap().success())),
        ("directory", &|path| fs::create_dir(path).unwrap()),
    ];
    let lock = path.with_extension("lock");
    for (what, make) in make {
        for path in [&path, &lock] {
            _ = fs::remove_file(path);
            make(path);
            let before = fs::symlink_metadata(path).unwrap().file_type();
            if *path == lock {
                assert_store_error(store.lock().await, "it is not a regular file");
            } else {
                assert_store_error(store.load().await, "it is not a regular file");
                assert_store_error(store.save(&tokens(1)).await, "it is not a regular file");
                store.clear().await.unwrap();
                assert_eq!(FileTokenStore::forget_all(&directory).await.unwrap(), 0);
            }
            assert_eq!(fs::symlink_metadata(path).unwrap().file_type(), before, "{what}");
            _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!home.path().join("absent").exists());
}

#[tokio::test]
async fn a_broken_file_is_moved_aside_and_the_next_save_works() {
    let whole = r#"{"token":{"accessToken":"a","refreshToken":"r"}}"#;
    for broken in [&whole[..30], "[]", "<?php", "{}}", "\u{0}", &"x".repeat(MAX_TOKEN_FILE_BYTES as usize + 1)] {
        let (_home, directory) = home();
        let path = write_file(&directory, broken);
        set_mode(&path, 0o644);
        let store = store(&directory);
        assert_eq!(store.load().await.unwrap(), None);
        assert!(!path.exists());
        let aside = files(&directory, ".corrupt-");
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!((fs::read_to_string(&aside[0]).unwrap().as_str(), mode(&aside[0])), (broken, 0o600));
        store.save(&tokens(1)).await.unwrap();
        assert_eq!(store.load().await.unwrap(), Some(tokens(1)));
        assert_eq!(files(&directory, ".corrupt-").len(), 1);
    }
}

/// The SDK takes a half-written file for no tokens for ever, and a program that reads it at that moment logs in.
#[tokio::test]
async fn a_half_written_file_of_any_length_is_no_tokens() {
    let (_home, directory) = home();
    let whole = r#"{"token":{"accessToken":"a"}}"#;
    for length in 0..whole.len() {
        write_file(&directory, &whole[..length]);
        assert_eq!(store(&directory).load().await.unwrap(), None, "{length}");
    }
    let aside = files(&directory, ".corrupt-");
    assert_eq!(aside.len(), 3, "a bounded number is kept: {aside:?}");
}

#[tokio::test]
async fn an_empty_file_is_no_tokens_and_not_broken() {
    for empty in ["", "\n", "{}", "null", r#"{"token":[]}"#] {
        let (_home, directory) = home();
        let path = write_file(&directory, empty);
        assert_eq!(store(&directory).load().await.unwrap(), None);
        assert_eq!(files(&directory, ""), [path]);
    }
}

#[tokio::test]
async fn a_broken_file_stays_while_another_process_has_the_lock() {
    let (_home, directory) = home();
    let other = store(&directory);
    let held = other.lock().await.unwrap();
    let path = write_file(&directory, "broken");
    let store = store(&directory);
    assert_eq!(store.load().await.unwrap(), None);
    assert!(path.exists(), "the holder of the lock may be replacing it");
    assert_eq!(other.load().await.unwrap(), None);
    assert!(!path.exists(), "the holder itself moves it");
    drop(held);
}

#[tokio::test]
async fn a_file_of_the_largest_size_is_read_and_a_larger_one_is_not_written() {
    let (_home, directory) = home();
    let store = store(&directory);
    let text = "x".repeat(MAX_TOKEN_FILE_BYTES as usize - r#"{"token":{"accessToken":""}}"#.len());
    let largest = StoredTokens::new(text.as_str());
    store.save(&largest).await.unwrap();
    assert_eq!(fs::metadata(store.path()).unwrap().len(), MAX_TOKEN_FILE_BYTES);
    assert_eq!(store.load().await.unwrap().as_ref(), Some(&largest));
    assert_store_error(store.save(&StoredTokens::new(format!("{text}x"))).await, "larger than 65536 bytes");
    assert_eq!(store.load().await.unwrap().as_ref(), Some(&largest));
}

#[tokio::test]
async fn what_others_wrote_into_the_file_is_kept_until_it_is_cleared() {
    let (_home, directory) = home();
    let path = write_file(&directory, r#"{"version": 2, "token": {"accessToken": "a", "scope": "all"}}"#);
    let store = store(&directory);
    store.save(&StoredTokens::new("b")).await.unwrap();
    store.save(&StoredTokens::new("c")).await.unwrap();
    let wanted = r#"{"token":{"accessToken":"c","scope":"all"},"version":2}"#;
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted);
    store.clear().await.unwrap();
    store.save(&StoredTokens::new("d")).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"token":{"accessToken":"d"}}"#);
}

#[tokio::test]
async fn what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not() {
    let (_home, directory) = home();
    let store = store(&directory);
    store.save(&tokens(1)).await.unwrap();
    let temporary = |end: &str| store.path().with_extension(format!("tmp-{end}"));
    let [left, written, foreign] =
        [temporary("0000000000000001"), temporary("0000000000000002"), temporary("not-a-number")];
    for path in [&left, &written, &foreign] {
        fs::write(path, "{\"token\"").unwrap();
    }
    let writer = fs::File::open(&written).unwrap();
    writer.lock().unwrap();
    store.save(&tokens(2)).await.unwrap();
    assert!(!left.exists() && written.exists() && foreign.exists());
    drop(writer);
    store.save(&tokens(3)).await.unwrap();
    assert!(!written.exists() && foreign.exists());
    assert_eq!(store.load().await.unwrap(), Some(tokens(3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_beside_each_other_do_not_take_another_for_one_that_was_killed() {
    let (_home, directory) = home();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let store = store(&directory);
        writers.spawn(async move {
            for n in 0..40 {
                store.save(&tokens(writer * 100 + n)).await.unwrap();
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert!(store(&directory).load().await.unwrap().is_some());
    assert!(files(&directory, ".tmp-").is_empty());
}

#[tokio::test]
async fn clear_leaves_nothing_that_could_hold_a_token() {
    let (_home, directory) = home();
    let store = store(&directory);
    let other = FileTokenStore::new(&directory, &Account::new("bob", "https://api.example.org", "production"));
    other.save(&tokens(5)).await.unwrap();
    write_file(&directory, "broken, with a token in it");
    store.load().await.unwrap();
    fs::write(store.path().with_extension("tmp-0000000000000001"), "{\"token\"").unwrap();
    store.save(&tokens(1)).await.unwrap();
    store.clear().await.unwrap();
    let left = files(&directory, "");
    assert_eq!(left, {
        let mut wanted = [store.path().with_extension("lock"), other.path()];
        wanted.sort();
        wanted
    });
    assert_eq!(other.load().await.unwrap(), Some(tokens(5)));
}

#[tokio::test]
async fn a_lock_that_is_not_free_in_time_is_a_clear_error() {
    let (_home, directory) = home();
    let store = store(&directory).with_lock_timeout(Duration::from_millis(80));
    let held = self::store(&directory).lock().await.unwrap();
    let started = Instant::now();
    assert_store_error(store.lock().await, "has held the lock");
    assert!(started.elapsed() >= Duration::from_millis(80));
    drop(held);
    drop(store.lock().await.unwrap());
}

#[tokio::test]
async fn a_lock_whose_file_was_removed_is_not_the_lock() {
    let (_home, directory) = home();
    let [one, other] = [store(&directory), store(&directory).with_lock_timeout(Duration::from_millis(50))];
    let removed = one.lock().await.unwrap();
    fs::remove_file(one.path().with_extension("lock")).unwrap();
    let held = one.lock().await.unwrap();
    assert_store_error(other.lock().await, "has held the lock");
    drop(removed);
    assert_store_error(other.lock().await, "has held the lock");
    drop(held);
    drop(other.lock().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_whose_caller_is_gone_keeps_the_lock_until_it_is_done() {
    let (_home, directory) = home();
    let [one, other] = [store(&directory), store(&directory)];
    one.save(&tokens(0)).await.unwrap();
    for n in 1..60 {
        let held = one.lock().await.unwrap();
        let next = tokens(n);
        let save = tokio::time::timeout(Duration::from_micros(n as u64 * 3 % 60), one.save(&next));
        let is_done = save.await.is_ok();
        drop(held);
        let _held = other.lock().await.unwrap();
        let seen = other.load().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(other.load().await.unwrap(), seen, "a save went on without the lock ({n}, {is_done})");
    }
}

#[test]
fn outside_of_a_runtime_it_is_an_error_and_no_panic() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    let (_home, directory) = home();
    let store = store(&directory);
    let mut load = Box::pin(store.load());
    let Poll::Ready(Err(error)) = load.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for a runtime");
    };
    assert_eq!(error.kind(), ClientErrorKind::Configuration);
}

/// The files of the real SDK: names and bytes.
#[tokio::test]
async fn the_file_of_the_ergani_sdk_is_shared() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ergani");
    let index: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(fixtures.join("index.json")).unwrap()).unwrap();
    let entries = index.as_array().unwrap();
    assert_eq!(entries.len(), 2);
    for entry in entries {
        let field = |name: &str| entry[name].as_str().unwrap();
        let (_home, directory) = home();
        let password = SecretText::new(field("password"));
        let open =
            || FileTokenStore::shared_with_ergani_sdk(&directory, field("username"), &password, field("environment"));
        assert_eq!(open().path(), directory.join(field("file")));
        let recorded = fs::read(fixtures.join(field("dir")).join(field("file"))).unwrap();
        fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        fs::write(open().path(), &recorded).unwrap();

        let tokens = open().load().await.unwrap().unwrap();
        assert_eq!(tokens.refresh_expires_at(), Some(Timestamp::from_unix_seconds(1_797_857_068)));
        open().clear().await.unwrap();
        open().save(&tokens).await.unwrap();
        assert_eq!(fs::read(open().path()).unwrap(), recorded);
        assert_eq!(mode(&open().path()), 0o600);
    }
}

#[tokio::test]
async fn accounts_of_the_sdk_differ_by_each_of_its_three_texts() {
    let store = |user: &str, password: &str, environment: &str| {
        FileTokenStore::shared_with_ergani_sdk("/d", user, &SecretText::new(password), environment).path()
    };
    let paths = [store("a", "b", "c"), store("x", "b", "c"), store("a", "x", "c"), store("a", "b", "x")];
    let different: std::collections::HashSet<_> = paths.iter().collect();
    assert_eq!(different.len(), 4);
}

/// The SDK empties the file and then writes it, without a lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_file_that_is_being_written_in_place_is_waited_for() {
    let (_home, directory) = home();
    let store = FileTokenStore::shared_with_ergani_sdk(&directory, "user", &SecretText::new("pass"), "TEST");
    store.save(&tokens(1)).await.unwrap();
    let path = store.path();
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 40, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let (path, whole) = (path.clone(), whole.clone());
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            fs::write(path, whole).unwrap();
        });
        assert_eq!(store.load().await.unwrap(), Some(tokens(1)), "{length}");
        writer.join().unwrap();
    }
    assert!(files(&directory, ".corrupt-").is_empty());
}
