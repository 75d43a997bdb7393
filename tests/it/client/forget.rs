//! `forget_all` removes what is ours, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tower_tokens::client::{Account, FileTokenStore, SecretText, TokenStore};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use crate::client::file::{as_ordinary_user, chain, files, home, mode, set_mode, store, tokens};

const STEM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn every_account_is_forgotten_whatever_its_file_is() {
    let (_home, directory) = home();
    assert_eq!(FileTokenStore::forget_all(&directory).await.unwrap(), 0, "there is no directory");
    let account = |user: &str| Account::new(user, "https://api.example.org", "test");
    let sealer = Sealer::new(KeyRing::new(Key::generate("k1").unwrap()), "a client's tokens").unwrap();
    let stores = [
        FileTokenStore::new(&directory, &account("ann")),
        FileTokenStore::new(&directory, &account("bob")).with_sealer(sealer),
        FileTokenStore::shared_with_ergani_sdk(&directory, "user", &SecretText::new("pass"), "TEST"),
    ];
    for (n, store) in (0..).zip(&stores) {
        drop(store.lock().await.unwrap());
        store.save(&tokens(n)).await.unwrap();
        // One was broken, and one writer was killed.
        fs::write(store.path(), format!("broken {n}")).unwrap();
        store.load().await.unwrap();
        store.save(&tokens(n)).await.unwrap();
        fs::write(store.path().with_extension("tmp-0000000000000001"), "{\"token\":{\"acc").unwrap();
    }
    assert_eq!(files(&directory, "").len(), 12);
    assert_eq!(FileTokenStore::forget_all(&directory).await.unwrap(), 3);
    assert_eq!(files(&directory, ""), [] as [std::path::PathBuf; 0]);
    for store in &stores {
        assert_eq!(store.load().await.unwrap(), None);
        store.save(&tokens(1)).await.unwrap();
        assert_eq!(store.load().await.unwrap(), Some(tokens(1)));
    }
}

#[tokio::test]
async fn what_is_not_ours_stays() {
    let (_home, directory) = home();
    let ours = store(&directory);
    ours.save(&tokens(1)).await.unwrap();
    let whole = fs::read(ours.path()).unwrap();
    ours.clear().await.unwrap();

    // Another content under one of our names.
    let contents: [(&str, &[u8]); 13] = [
        ("json", b""),
        ("json", b"{}"),
        ("json", b"[]"),
        ("json", b"{\"name\":\"package\"}"),
        ("json", b"{\"token\":{}}"),
        ("json", b"{\"token\":\"a\"}"),
        ("json", b"{\"sealed\":\"a\",\"sha256\":\"b\"}"),
        ("json", &[b' '; 70_000]),
        ("lock", b"pid 4711"),
        ("tmp-0000000000000001", b"precious"),
        ("tmp-0000000000000001", b"{\"name\""),
        ("corrupt-1800000000000-00000001", b"precious"),
        ("json.bak", &whole),
    ];
    let path = |end: &str| directory.join(format!("{STEM}.{end}"));
    for (end, content) in contents {
        fs::write(path(end), content).unwrap();
        set_mode(&path(end), 0o644);
        assert_eq!(FileTokenStore::forget_all(&directory).await.unwrap(), 0, "{end}");
        assert_eq!(fs::read(path(end)).unwrap(), content, "{end}");
        assert_eq!(mode(&path(end)), 0o644, "{end}");
        assert_eq!(files(&directory, STEM).len(), 1, "it leaves nothing of its own");
        fs::remove_file(path(end)).unwrap();
    }
}

#[tokio::test]
async fn names_links_and_directories_of_others_stay() {
    let (home, directory) = home();
    let ours = store(&directory);
    ours.save(&tokens(1)).await.unwrap();
    let whole = fs::read(ours.path()).unwrap();

    let victim = home.path().join(format!("{STEM}.json"));
    fs::write(&victim, &whole).unwrap();
    symlink(&victim, directory.join(format!("{STEM}.json"))).unwrap();
    symlink(home.path(), directory.join(format!("{STEM}.lock"))).unwrap();
    fs::create_dir(directory.join(format!("{STEM}.tmp-0000000000000001"))).unwrap();
    for name in
        ["tokens.json", "README", &STEM[1..], &format!("{}.json", STEM.to_uppercase()), &format!("{STEM}.json~")]
    {
        fs::write(directory.join(name), &whole).unwrap();
    }
    let below = directory.join("below");
    fs::create_dir(&below).unwrap();
    fs::write(below.join(format!("{STEM}.json")), &whole).unwrap();

    let before = files(&directory, "").len();
    assert_eq!(FileTokenStore::forget_all(&directory).await.unwrap(), 1, "our own");
    assert_eq!(files(&directory, "").len(), before - 1, "and nothing else");
    assert_eq!(fs::read(&victim).unwrap(), whole);
    assert_eq!(fs::read(below.join(format!("{STEM}.json"))).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_at_work_is_waited_for() {
    let (_home, directory) = home();
    let store = store(&directory);
    let held = store.lock().await.unwrap();
    store.save(&tokens(1)).await.unwrap();
    let mut forgetting = Box::pin(FileTokenStore::forget_all(&directory));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut forgetting).await.is_err());
    store.save(&tokens(2)).await.unwrap();
    drop(held);
    assert_eq!(forgetting.await.unwrap(), 1);
    assert_eq!(store.load().await.unwrap(), None);
}

/// Each process takes the lock, counts and saves, while another one removes everything again and again: the lock that it
/// removes with it excludes still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetting_breaks_no_lock() {
    use std::sync::atomic::{AtomicU32, Ordering};

    static INSIDE: AtomicU32 = AtomicU32::new(0);
    let (_home, directory) = home();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = store(&directory);
        workers.spawn(async move {
            for n in 0..25 {
                let held = store.lock().await.unwrap();
                assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0, "two have the lock");
                store.save(&tokens(n)).await.unwrap();
                assert_eq!(store.load().await.unwrap(), Some(tokens(n)));
                INSIDE.fetch_sub(1, Ordering::SeqCst);
                drop(held);
                tokio::task::yield_now().await;
            }
        });
    }
    while !workers.is_empty() {
        FileTokenStore::forget_all(&directory).await.unwrap();
        while let Some(worker) = workers.try_join_next() {
            worker.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_directory_that_is_not_private_is_left_alone() {
    let (home, directory) = home();
    store(&directory).save(&tokens(1)).await.unwrap();
    set_mode(&directory, 0o755);
    assert!(FileTokenStore::forget_all(&directory).await.is_err());
    assert_eq!(files(&directory, ".json").len(), 1);
    assert!(FileTokenStore::forget_all("/").await.is_err());
    drop(home);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_keeps_no_other_from_being_forgotten() {
    let (home, directory) = home();
    as_ordinary_user(home.path(), async move || {
        let ours = store(&directory);
        ours.save(&tokens(1)).await.unwrap();
        let unreadable = directory.join(format!("{STEM}.json"));
        fs::copy(ours.path(), &unreadable).unwrap();
        set_mode(&unreadable, 0o000);
        let error = FileTokenStore::forget_all(&directory).await.unwrap_err();
        assert!(chain(&error).contains("cannot read a file in"), "{}", chain(&error));
        assert!(!ours.path().exists() && unreadable.exists());
    });
}
