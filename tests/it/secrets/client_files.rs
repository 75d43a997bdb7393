//! The files of a client's tokens: nothing that is logged, written or said of them shows a token, or a name made of a password.

use std::fs;
use std::time::Duration;

use tower_tokens::client::{Account, FileTokenStore, SecretText, StoredTokens, TokenStore};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use crate::secrets::journal::Journal;

#[tokio::test]
async fn a_life_in_files_shows_no_secret() {
    let journal = Journal::open();
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("tokens");
    let password = SecretText::new(journal.keep("correct horse battery staple"));
    let keys = KeyRing::new(Key::generate("k1").unwrap());
    let account = Account::new("ann", "https://api.example.org", "production");
    let plain = FileTokenStore::new(&directory, &account).with_lock_timeout(Duration::ZERO);
    let shared = FileTokenStore::shared_with_ergani_sdk(&directory, "ann", &password, "TEST");
    let shared = shared.with_lock_timeout(Duration::ZERO);
    // The name is the password for whoever can try many.
    journal.keep(shared.path().file_stem().unwrap().to_str().unwrap());
    let sealer = |keys: &KeyRing| Sealer::new(keys.clone(), "a client's tokens").unwrap();
    let sealed = plain.clone().with_sealer(sealer(&keys));
    let other = plain.clone().with_sealer(sealer(&KeyRing::new(Key::generate("k2").unwrap())));
    journal.write(&(&account, &plain, &shared, &sealed, &password));

    let tokens = StoredTokens::new(journal.keep("the-access-token-of-ann"))
        .with_refresh_token(journal.keep("the-refresh-token-of-ann"));
    for store in [&plain, &shared, &sealed] {
        let held = store.lock().await.unwrap();
        journal.write(&held);
        journal.write_error(&store.lock().await.unwrap_err());
        store.save(&tokens).await.unwrap();
        journal.write(&store.load().await.unwrap());
        let text = fs::read_to_string(store.path()).unwrap();
        // A half-written file and one in the place of which there is something else.
        fs::write(store.path(), &text[..text.len() - 1]).unwrap();
        assert!(store.load().await.unwrap().is_none());
        fs::create_dir(store.path()).unwrap();
        for error in [store.load().await.unwrap_err(), store.save(&tokens).await.unwrap_err()] {
            journal.write_error(&error);
        }
        fs::remove_dir(store.path()).unwrap();
        let too_large = StoredTokens::new(journal.keep("a-token-that-is-too-large".repeat(4_000)));
        journal.write_error(&store.save(&too_large).await.unwrap_err());
        store.save(&tokens).await.unwrap();
        drop(held);
    }
    assert!(journal.says("a file of tokens is broken, and was moved aside"), "nothing was logged");
    for store in [&plain, &other] {
        journal.write_error(&store.load().await.unwrap_err());
    }
    plain.clear().await.unwrap();
    plain.save(&tokens).await.unwrap();
    assert!(sealed.load().await.unwrap().is_none());
    assert!(journal.says("a file of tokens is ignored"));
    journal.write(&FileTokenStore::forget_all(&directory).await);
    journal.assert_silent();
}
