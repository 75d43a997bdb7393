//! A file of a client's tokens with any content: nothing panics or fails, what is read is saved and read again, what is broken is
//! kept, and no forgery opens.

use std::cell::LazyCell;
use std::fs;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower_tokens::client::{Account, FileTokenStore, TokenStore};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

struct Files {
    _home: TempDir,
    plain: FileTokenStore,
    sealed: FileTokenStore,
    runtime: Runtime,
}

thread_local! {
    static FILES: LazyCell<Files> = const { LazyCell::new(Files::new) };
}

impl Files {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let plain =
            FileTokenStore::new(home.path().join("tokens"), &Account::new("ann", "https://api.example.org", ""));
        let keys = KeyRing::new(Key::from_bytes("k", &[7; 32]).unwrap());
        let sealed = plain.clone().with_sealer(Sealer::new(keys, "fuzzing").unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Makes the directory.
        drop(runtime.block_on(plain.lock()).unwrap());
        Self { _home: home, plain, sealed, runtime }
    }
}

pub(crate) fn read(data: &[u8]) {
    FILES.with(|files| files.runtime.block_on(check(files, data)));
}

async fn check(files: &Files, data: &[u8]) {
    let path = files.plain.path();
    fs::write(&path, data).unwrap();
    assert!(!matches!(files.sealed.load().await, Ok(Some(_))), "a forgery opened");
    fs::write(&path, data).unwrap();
    // A whole encrypted file is not for a store without a key.
    let Ok(loaded) = files.plain.load().await else {
        assert!(data.windows(6).any(|bytes| bytes == b"sealed"));
        assert_eq!(fs::read(&path).unwrap(), data, "it was changed");
        return;
    };
    match loaded {
        Some(tokens) => {
            assert_eq!(fs::read(&path).unwrap(), data, "a load changes nothing");
            files.plain.save(&tokens).await.unwrap();
            assert_eq!(files.plain.load().await.unwrap(), Some(tokens), "what was read is saved and read again");
            let text = fs::read_to_string(&path).unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|json| json.is_object()));
        }
        None if path.exists() => assert_eq!(fs::read(&path).unwrap(), data, "a load changes nothing"),
        None => {
            let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
            let aside: Vec<_> = entries.filter(|path| path.to_str().unwrap().contains(".corrupt-")).collect();
            assert!(aside.len() <= 3, "{aside:?}");
            assert!(aside.iter().any(|path| fs::read(path).unwrap() == data), "the broken file is gone");
        }
    }
}
