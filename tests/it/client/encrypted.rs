//! A store in an encrypted file.

use std::fs;
use std::path::Path;

use tower_tokens::client::{Account, ClientErrorKind, FileTokenStore, SecretText, StoredTokens, TokenStore};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use crate::client::file::{account, chain, files, home, mode, store, tokens};

fn key(id: &str) -> Key {
    Key::generate(id).unwrap()
}

fn sealed(directory: &Path, keys: &KeyRing) -> FileTokenStore {
    store(directory).with_sealer(Sealer::new(keys.clone(), "a client's tokens").unwrap())
}

async fn assert_refused(store: &FileTokenStore, why: &str) {
    let before = fs::read(store.path()).unwrap();
    let errors = [store.load().await.map(drop), store.save(&tokens(9)).await];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ClientErrorKind::Configuration);
        assert!(chain(&error).contains(why), "{}", chain(&error));
    }
    assert_eq!(fs::read(store.path()).unwrap(), before, "the file is as it was");
    assert!(files(store.path().parent().unwrap(), ".corrupt-").is_empty());
}

#[tokio::test]
async fn the_file_shows_no_token() {
    let (_home, directory) = home();
    let store = sealed(&directory, &KeyRing::new(key("k1")));
    store.save(&tokens(1)).await.unwrap();
    let text = fs::read_to_string(store.path()).unwrap();
    assert!(text.starts_with(r#"{"sealed":"AQ"#), "{text}");
    assert!(!text.contains("access") && !text.contains("1800000001"));
    assert_eq!(mode(&store.path()), 0o600);
    assert_eq!(store.load().await.unwrap(), Some(tokens(1)));
}

#[tokio::test]
async fn a_wrong_key_is_an_error_and_the_file_stays() {
    let (_home, directory) = home();
    let keys = KeyRing::new(key("k1"));
    sealed(&directory, &keys).save(&tokens(1)).await.unwrap();
    let why = "it was sealed with a key that this store does not have";
    assert_refused(&sealed(&directory, &KeyRing::new(key("k2"))), why).await;
    assert_refused(&sealed(&directory, &KeyRing::new(key("k1"))), why).await;
    let other_purpose = store(&directory).with_sealer(Sealer::new(keys.clone(), "invitations").unwrap());
    assert_refused(&other_purpose, "or for another purpose").await;
    assert_refused(&store(&directory), "it is encrypted, and this store has no sealer").await;
    assert_eq!(sealed(&directory, &keys).load().await.unwrap(), Some(tokens(1)));
    // Whoever logs out wants the file gone, whatever it holds.
    sealed(&directory, &KeyRing::new(key("k2"))).clear().await.unwrap();
    assert_eq!(sealed(&directory, &keys).load().await.unwrap(), None);
}

#[tokio::test]
async fn the_file_outlives_a_change_of_keys() {
    let (_home, directory) = home();
    let keys = KeyRing::new(key("k1"));
    let store = sealed(&directory, &keys);
    store.save(&tokens(1)).await.unwrap();
    keys.rotate(key("k2")).unwrap();
    assert_eq!(store.load().await.unwrap(), Some(tokens(1)), "the old key opens");
    store.save(&tokens(2)).await.unwrap();
    keys.revoke("k1").unwrap();
    assert_eq!(store.load().await.unwrap(), Some(tokens(2)), "the new key sealed");
    keys.rotate(key("k3")).unwrap();
    keys.revoke("k2").unwrap();
    assert_refused(&store, "it was sealed with a key that this store does not have").await;
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_whichever_byte_it_is() {
    let (_home, directory) = home();
    let store = sealed(&directory, &KeyRing::new(key("k1")));
    store.save(&tokens(1)).await.unwrap();
    let whole = fs::read(store.path()).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(store.path(), &damaged).unwrap();
        assert_eq!(store.load().await.unwrap(), None, "byte {at}");
        assert!(!store.path().exists(), "byte {at}");
        fs::write(store.path(), &whole[..at]).unwrap();
        assert_eq!(store.load().await.unwrap(), None, "{at} bytes");
    }
    fs::write(store.path(), &whole).unwrap();
    assert_eq!(store.load().await.unwrap(), Some(tokens(1)));
}

#[tokio::test]
async fn a_file_in_clear_is_not_trusted_and_the_next_save_encrypts_it() {
    let (_home, directory) = home();
    store(&directory).save(&tokens(1)).await.unwrap();
    let store = sealed(&directory, &KeyRing::new(key("k1")));
    assert_eq!(store.load().await.unwrap(), None, "anybody could have written it");
    assert_eq!(files(&directory, "").len(), 1, "it stays until the next save");
    store.save(&tokens(2)).await.unwrap();
    assert!(!fs::read_to_string(store.path()).unwrap().contains("access"));
    assert_eq!(files(&directory, "").len(), 1, "no copy in clear is left");
}

#[tokio::test]
async fn the_file_of_one_account_does_not_open_as_that_of_another() {
    let (_home, directory) = home();
    let keys = KeyRing::new(key("k1"));
    let sealer = Sealer::new(keys.clone(), "a client's tokens").unwrap();
    let bob = Account::new("bob", "https://api.example.org", "production");
    assert_ne!(bob, account());
    let bob = FileTokenStore::new(&directory, &bob).with_sealer(sealer);
    bob.save(&tokens(1)).await.unwrap();
    let ann = sealed(&directory, &keys);
    fs::copy(bob.path(), ann.path()).unwrap();
    assert_refused(&ann, "it holds the tokens of another account").await;
}

#[tokio::test]
async fn keys_of_others_inside_are_kept_and_sealed() {
    let (_home, directory) = home();
    let keys = KeyRing::new(key("k1"));
    let store = sealed(&directory, &keys);
    store.save(&tokens(1)).await.unwrap();
    store.save(&StoredTokens::new("b")).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Some(StoredTokens::new("b")));
    let too_large = StoredTokens::new("x".repeat(60_000));
    assert_eq!(store.save(&too_large).await.unwrap_err().kind(), ClientErrorKind::Store);
    assert_eq!(store.load().await.unwrap(), Some(StoredTokens::new("b")));
}

#[tokio::test]
async fn a_file_shared_with_the_sdk_cannot_be_encrypted() {
    let (_home, directory) = home();
    let sealer = Sealer::new(KeyRing::new(key("k1")), "a client's tokens").unwrap();
    let store = FileTokenStore::shared_with_ergani_sdk(&directory, "user", &SecretText::new("pass"), "TEST");
    let store = store.with_sealer(sealer);
    for error in [store.load().await.unwrap_err(), store.save(&tokens(1)).await.unwrap_err()] {
        assert_eq!(error.kind(), ClientErrorKind::Configuration);
        assert!(chain(&error).contains("cannot be encrypted"), "{}", chain(&error));
    }
    assert!(!directory.exists());
}
