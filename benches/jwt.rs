//! What validating a JSON Web Token costs beside a token in memory, in one run: the best of several rounds, and the ratio.
//!
//! `cargo bench --features jwt --bench jwt`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::hint::black_box;
use std::time::Instant;

use tower_tokens::jwt::{JwtIssuer, JwtKey, JwtKeys, JwtValidator};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{MemoryRepository, UserRepository};
use tower_tokens::token::TokenKey;
use tower_tokens::user::UserLevel;
use tower_tokens::validator::{TokenValidator, Validation};

const ROUNDS: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (tokens, stored) = runtime.block_on(stored());
    let memory = measure(100_000, || validate(&tokens, &stored));
    println!("a token in memory: {memory:.0} ns");

    for (name, key) in keys() {
        let issuer = JwtIssuer::builder(JwtKeys::new([key.with_id("k")]).unwrap()).issuer("https://a.example");
        let issuer = issuer.audience("https://b.example").build().unwrap();
        let validator = issuer.validator().build().unwrap();
        let issued = issuer.issue("ann", &UserLevel::new(2, "member")).sign().unwrap();
        let text = issued.token().expose_secret();
        assert!(matches!(validator.validate_now(TokenKey::new(text)), Some(Validation::Valid(_))));
        row(&format!("{name}, {} bytes", text.len()), measure(500, || validate(&validator, text)), memory);
        if name == "HS256" {
            others(&validator, &stored, memory);
        }
    }
}

/// What a JWT validator adds to a chain for tokens that are not its own.
fn others(validator: &JwtValidator, stored: &str, memory: f64) {
    let longest = "a".repeat(4_096);
    for text in [stored, &longest] {
        let cost = measure(100_000, || validate(validator, text));
        row(&format!("no JWT, {} bytes", text.len()), cost, memory);
    }
}

fn validate(validator: &dyn TokenValidator, text: &str) {
    black_box(validator.validate_now(TokenKey::new(black_box(text))));
}

fn row(name: &str, nanoseconds: f64, memory: f64) {
    println!("{name}: {nanoseconds:.0} ns, {:.2} × a token in memory", nanoseconds / memory);
}

/// Nanoseconds of one call.
fn measure(calls: u32, mut call: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

async fn stored() -> (Tokens, String) {
    let repository = MemoryRepository::new();
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository).with_touch_interval(None);
    let text = tokens.generate(&user).await.unwrap().token().expose_secret().to_owned();
    (tokens, text)
}

fn keys() -> [(&'static str, JwtKey); 4] {
    [
        ("HS256", JwtKey::hs256([7; 32]).unwrap()),
        ("RS256", JwtKey::rs256_private_pem(include_bytes!("../tests/fixtures/jwt/rs256_private.pem")).unwrap()),
        ("ES256", JwtKey::es256_private_pem(include_bytes!("../tests/fixtures/jwt/es256_private.pem")).unwrap()),
        ("EdDSA", JwtKey::eddsa_private_pem(include_bytes!("../tests/fixtures/jwt/eddsa_private.pem")).unwrap()),
    ]
}
