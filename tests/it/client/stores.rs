//! The contract of a store, kept by every store of this crate.

use std::collections::HashMap;
use std::sync::Mutex;

use tempfile::TempDir;
use tower_tokens::client::{Account, FileTokenStore, MemoryTokenStore, SecretText};
use tower_tokens::conformance::ClientStoresUnderTest;
use tower_tokens::sealed::{Key, KeyRing, Sealer};
use tower_tokens::token_store_conformance;

type Fresh = (ClientStoresUnderTest<FileTokenStore>, TempDir);

async fn files() -> Fresh {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("tokens");
    let open =
        move |user: &str| FileTokenStore::new(&directory, &Account::new(user, "https://api.example.org", "test"));
    (ClientStoresUnderTest::new(open), home)
}

async fn encrypted_files() -> Fresh {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("tokens");
    let sealer = Sealer::new(KeyRing::new(Key::generate("k1").unwrap()), "a client's tokens").unwrap();
    let open = move |user: &str| {
        let account = Account::new(user, "https://api.example.org", "test");
        FileTokenStore::new(&directory, &account).with_sealer(sealer.clone())
    };
    (ClientStoresUnderTest::new(open), home)
}

async fn ergani_files() -> Fresh {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("tokens");
    let password = SecretText::new("pass");
    let open = move |user: &str| FileTokenStore::shared_with_ergani_sdk(&directory, user, &password, "TEST");
    (ClientStoresUnderTest::new(open), home)
}

async fn memory() -> (ClientStoresUnderTest<MemoryTokenStore>, ()) {
    let accounts = Mutex::new(HashMap::<String, MemoryTokenStore>::new());
    let open = move |user: &str| accounts.lock().unwrap().entry(user.to_owned()).or_default().clone();
    (ClientStoresUnderTest::new(open), ())
}

token_store_conformance!(memory, super::memory());
token_store_conformance!(file, super::files());
token_store_conformance!(encrypted_file, super::encrypted_files());
token_store_conformance!(ergani_file, super::ergani_files());
