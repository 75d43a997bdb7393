//! The life of JSON Web Tokens and their keys.

use super::*;
use tower_tokens::jwt::{JwtIssuer, JwtKey, JwtKeys, JwtValidator};
use tower_tokens::user::UserLevel;
use tower_tokens::validator::{TokenValidator, Validation};

const PRIVATE: [&str; 3] = [
    include_str!("../../fixtures/jwt/rs256_private.pem"),
    include_str!("../../fixtures/jwt/es256_private.pem"),
    include_str!("../../fixtures/jwt/eddsa_private.pem"),
];

#[tokio::test]
async fn a_life_of_jwts_shows_no_secret() {
    let journal = Journal::open();
    let clock = ManualClock::at(START);
    let secret = journal.keep("a secret that both sides have, 40 bytes.");
    PRIVATE.iter().flat_map(|pem| pem.lines()).filter(|line| line.len() > 30 && !line.starts_with('-')).for_each(
        |line| {
            journal.keep(line);
        },
    );
    let makers = [JwtKey::rs256_private_pem, JwtKey::es256_private_pem, JwtKey::eddsa_private_pem];
    let mut keys = vec![JwtKey::hs256(secret.as_bytes()).unwrap().with_id("hs256")];
    for (make, pem) in makers.into_iter().zip(PRIVATE) {
        keys.push(make(pem).unwrap().with_id("own"));
        for wrong in makers.map(|make| make(&pem[..pem.len() / 2])) {
            journal.write_error(&wrong.unwrap_err());
        }
    }
    for key in keys {
        let set = JwtKeys::new([key.clone()]).unwrap();
        journal.write(&(&key, &set, set.to_jwks()));
        let builder = JwtIssuer::builder(set.clone()).issuer("https://a.example").audience("https://b.example");
        let issuer = builder.clone().clock(clock.clone()).build().unwrap();
        journal.write(&(&builder, &issuer, issuer.issue("ann", &UserLevel::new(2, "member"))));
        let issued = issuer.issue("ann", &UserLevel::new(2, "member")).sign().unwrap();
        let text = issued.token().expose_secret();
        // Each part by itself, without the header, which is no secret and begins as every other.
        text.split('.').skip(1).for_each(|part| {
            journal.keep(part);
        });
        journal.write(&(&issued, issued.remember_me()));
        let settings = issuer.validator();
        let validator = settings.clone().build().unwrap();
        let other =
            JwtValidator::builder(set).issuer("https://c.example").audience("d").level(UserLevel::new(2, "member"));
        let other = other.build().unwrap();
        journal.write(&(&settings, &validator, validator.open(text).unwrap()));
        let layer = TokenAuthLayer::new(validator.clone());
        journal.write(&layer);
        let app = Router::new().route("/", any(async || "welcome")).layer(layer);
        for bad in [text.to_owned(), format!("{text}x"), format!("x{text}"), text.replace('.', "..")] {
            let request = Request::get("/").header("authorization", format!("Bearer {bad}"));
            send(&app, request, &journal).await;
            journal.write_error(&other.open(&bad).unwrap_err());
            assert!(matches!(other.validate_now(TokenKey::new(&bad)), Some(Validation::Invalid)));
        }
        clock.advance(time::Duration::days(1));
        journal.write_error(&validator.open(text).unwrap_err());
    }
    assert!(journal.says("a JWT is not valid"), "nothing was logged");
    journal.assert_silent();
}
