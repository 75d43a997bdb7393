//! `Debug` says how much a value holds, and never all of it.

use std::fmt::Debug;
use std::sync::Arc;

use tower::Layer;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::policy::{SecurityPolicy, level};
use tower_tokens::repository::{FaultyRepository, MemoryRepository, TokenRepository, UserRepository};
use tower_tokens::validator::TokenValidator;

/// Long enough for every setting, far too short for a store. In bytes.
const LONGEST: usize = 1_000;

fn shown(value: &impl Debug) -> String {
    let shown = format!("{value:?}");
    assert!(shown.len() < LONGEST, "{} bytes: {}", shown.len(), &shown[..LONGEST]);
    shown
}

#[tokio::test]
async fn whatever_holds_a_store_shows_how_much_it_holds_and_not_what() {
    let store = Arc::new(MemoryRepository::new());
    store.create_level("member").await.unwrap();
    let mut users = Vec::new();
    for _ in 0..100 {
        users.push(store.create_user(None, "member").await.unwrap());
    }
    let tokens = Tokens::new(Arc::clone(&store));
    let mut last = None;
    for user in &users {
        for _ in 0..100 {
            last = Some(tokens.generate(user).name("a device of mine").await.unwrap());
        }
    }
    let last = last.unwrap();
    let summary = shown(&*store);
    assert!(summary.contains("tokens: 10000") && summary.contains("users: 100"), "{summary}");
    assert!(!summary.contains("device"), "{summary}");
    shown(&store);
    shown(&(Arc::clone(&store) as Arc<dyn TokenRepository>));
    shown(&FaultyRepository::new(Arc::clone(&store)));
    shown(&tokens);
    shown(&(Arc::new(tokens.clone()) as Arc<dyn TokenValidator>));
    shown(&tokens.clone().or(tokens.clone()));
    shown(&tokens.generate(&users[0]));
    shown(&tokens.regenerate(last.token()));
    shown(&tokens.validate(last.token()));
    let layer = TokenAuthLayer::new(tokens.clone());
    shown(&layer);
    shown(&layer.authenticator());
    shown(&layer.layer(()));
    let policy = SecurityPolicy::new().scenario("members area", level("member"));
    shown(&policy);
    shown(&policy.guard("members area"));
    shown(&tower::ServiceBuilder::new().layer(layer.clone()).layer(policy.guard("members area")).into_inner());
    shown(&policy.guard("members area").layer(layer.layer(())));
}

#[cfg(feature = "sealed")]
#[tokio::test]
async fn what_remembers_numbers_shows_how_many_and_not_which() {
    use tower_tokens::sealed::{Key, KeyRing, RevocationList, Sealer};
    use tower_tokens::token::Expiry;

    let revoked = RevocationList::new();
    let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11").unwrap()), "login").unwrap();
    let sealer = sealer.with_revocation_list(revoked.clone());
    for number in 0..1_000 {
        let token = sealer.seal(&number, time::Duration::hours(1)).unwrap();
        let opened = sealer.open::<i32>(token.expose_secret()).unwrap();
        revoked.revoke(opened.uuid(), Expiry::Never);
    }
    assert_eq!(shown(&revoked), "RevocationList { revoked: 1000, .. }");
    shown(&sealer);
}
