//! Where the Ergani SDK is wrong about its file, a manager over the same file is right.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use tower_tokens::client::{
    ClientErrorKind, FakeCall, FakeEndpoint, FileTokenStore, SecretText, TokenManager, TokenStore,
};
use tower_tokens::clock::Timestamp;
use tower_tokens::sealed::{Key, KeyRing, Sealer};

use crate::client::calls;
use crate::client::file::{files, home, store};

fn shared(directory: &Path) -> FileTokenStore {
    FileTokenStore::shared_with_ergani_sdk(directory, "user", &SecretText::new("pass"), "TEST")
}

/// The SDK fails at each call until somebody removes the file.
#[tokio::test]
async fn after_a_broken_or_half_written_file_it_logs_in_once() {
    let whole = r#"{"token":{"accessToken":"A1","accessTokenExpiresAt":1795630985,"refreshToken":"R1"}}"#;
    for broken in [&whole[..50], &whole[..1], "", "not JSON", r#"{"token":5}"#, r#"{"token":{"accessToken":[]}}"#] {
        let (_home, directory) = home();
        fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        fs::write(shared(&directory).path(), broken).unwrap();
        let endpoint = FakeEndpoint::new();
        for _ in 0..3 {
            // Each is another process.
            let manager = TokenManager::new(endpoint.clone(), shared(&directory));
            assert_eq!(manager.access_token().await.unwrap().expose_secret(), "access-1", "{broken}");
        }
        assert_eq!(calls(&endpoint), (1, 0), "{broken}");
        assert!(shared(&directory).load().await.unwrap().is_some());
        assert!(files(&directory, ".corrupt-").len() <= 1);
    }
}

/// Two processes of the SDK refresh with one token, and the API logs one of them out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_managers_one_refreshes_and_the_other_adopts() {
    for _ in 0..10 {
        let (_home, directory) = home();
        let endpoint = FakeEndpoint::new();
        TokenManager::new(endpoint.clone(), shared(&directory)).access_token().await.unwrap();
        let expired = shared(&directory).load().await.unwrap().unwrap();
        let long_ago = Timestamp::from_unix_seconds(1_000_000_000);
        shared(&directory).save(&expired.with_access_expiry(long_ago)).await.unwrap();

        let [one, two] = [(); 2].map(|()| TokenManager::new(endpoint.clone(), shared(&directory)));
        let (first, second) = tokio::join!(one.access_token(), two.access_token());
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!(calls(&endpoint), (1, 1));
    }
}

#[tokio::test]
async fn refused_credentials_remove_the_file() {
    let (_home, directory) = home();
    let endpoint = FakeEndpoint::new();
    TokenManager::new(endpoint.clone(), shared(&directory)).access_token().await.unwrap();
    let manager = TokenManager::new(endpoint.clone(), shared(&directory));
    endpoint.revoke_refresh_tokens();
    endpoint.revoke_access_tokens();
    endpoint.refuse_credentials();
    let stale = manager.access_token().await.unwrap();
    let error = manager.access_token_after_rejection(&stale).await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Refused);
    assert!(files(&directory, ".json").is_empty());
}

/// The SDK's logout leaves the file, and the next process goes on with tokens that are dead.
#[tokio::test]
async fn a_log_out_removes_the_file() {
    let (_home, directory) = home();
    let endpoint = FakeEndpoint::new();
    let manager = TokenManager::new(endpoint.clone(), shared(&directory));
    manager.access_token().await.unwrap();
    manager.log_out().await.unwrap();
    assert!(files(&directory, ".json").is_empty());
    let next = TokenManager::new(endpoint.clone(), shared(&directory));
    let token = next.access_token().await.unwrap();
    assert!(endpoint.accepts(&token));
    assert_eq!(calls(&endpoint), (2, 0));
}

/// Logging in over a file that another key sealed would end the tokens that others use.
#[tokio::test]
async fn with_a_wrong_key_a_manager_does_nothing() {
    let (_home, directory) = home();
    let sealed = || {
        let keys = KeyRing::new(Key::generate("k1").unwrap());
        store(&directory).with_sealer(Sealer::new(keys, "a client's tokens").unwrap())
    };
    let endpoint = FakeEndpoint::new();
    TokenManager::new(endpoint.clone(), sealed()).access_token().await.unwrap();
    let before = fs::read(sealed().path()).unwrap();
    let error = TokenManager::new(endpoint.clone(), sealed()).access_token().await.unwrap_err();
    assert_eq!(error.kind(), ClientErrorKind::Configuration);
    assert_eq!((endpoint.calls(FakeCall::LogIn), endpoint.calls(FakeCall::Refresh)), (1, 0));
    assert_eq!(fs::read(sealed().path()).unwrap(), before);
}
