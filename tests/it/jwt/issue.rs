//! Tokens of our own: what they say, their cookies, and the rotation of their keys.

use serde_json::{Value, json};
use time::Duration;
use tower_tokens::clock::ManualClock;
use tower_tokens::error::ErrorKind;
use tower_tokens::jwt::{JwtIssuer, JwtIssuerBuilder, JwtKey, JwtKeys};
use tower_tokens::respond::TokenCookie;
use tower_tokens::token::{Abilities, Lifetime};
use tower_tokens::user::{Credential, UserId};

use super::*;

fn signing_keys() -> [(&'static str, JwtKey); 4] {
    [
        ("HS256", JwtKey::hs256(secret()).unwrap()),
        ("RS256", JwtKey::rs256_private_pem(RS256_PRIVATE).unwrap()),
        ("ES256", JwtKey::es256_private_pem(ES256_PRIVATE).unwrap()),
        ("EdDSA", JwtKey::eddsa_private_pem(EDDSA_PRIVATE).unwrap()),
    ]
}

fn builder(key: JwtKey) -> JwtIssuerBuilder {
    JwtIssuer::builder(JwtKeys::new([key]).unwrap()).issuer(ISSUER).audience(AUDIENCE).clock(clock())
}

fn issuer() -> JwtIssuer {
    builder(JwtKey::eddsa_private_pem(EDDSA_PRIVATE).unwrap().with_id("eddsa")).build().unwrap()
}

fn part(text: &str, number: usize) -> Value {
    let part = text.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn every_algorithm_signs_what_its_validator_accepts() {
    for (algorithm, key) in signing_keys() {
        let issuer = builder(key.with_id("own")).build().unwrap();
        let issued = issuer.issue("ann", &member()).sign().unwrap();
        let text = issued.token().expose_secret();
        assert_eq!(part(text, 0), json!({"alg": algorithm, "typ": "at+jwt", "kid": "own"}));
        let found = user(&issuer.validator().build().unwrap(), text).unwrap();
        assert_eq!((found.id(), found.level()), (&UserId::from("ann"), &member()), "{algorithm}");
        assert!(matches!(found.credential(), Credential::SelfContained { id, .. } if id == issued.id()));
    }
}

#[test]
fn the_claims_are_those_of_an_access_token() {
    let issued = issuer().issue(42, &member()).lifetime(Duration::minutes(5)).claim("client_id", "app").sign().unwrap();
    let claims = part(issued.token().expose_secret(), 1);
    let expected = json!({
        "iss": ISSUER, "sub": "42", "uid": 42, "aud": AUDIENCE, "client_id": "app", "level": "member", "level_id": 2, "scope": "*",
        "iat": NOW, "auth_time": NOW, "exp": NOW + 300, "jti": issued.id().to_string(),
    });
    assert_eq!(claims, expected);
    assert_eq!((issued.expires_in(), issued.user_id()), (Duration::minutes(5), &UserId::from(42)));
    let of_two = builder(JwtKey::hs256(secret()).unwrap()).audience("second").token_type("JWT").build().unwrap();
    let issued = of_two.issue("ann", &member()).sign().unwrap();
    let text = issued.token().expose_secret();
    assert_eq!(part(text, 0), json!({"alg": "HS256", "typ": "JWT"}));
    let claims = part(text, 1);
    assert_eq!((&claims["aud"], claims.get("uid")), (&json!([AUDIENCE, "second"]), None));
    assert_eq!(claims["exp"], json!(NOW + 15 * 60), "the default");
    assert!(user(&of_two.validator().build().unwrap(), text).is_some());
}

#[test]
fn an_integer_and_its_text_stay_two_users() {
    let validator = issuer().validator().build().unwrap();
    let found = |id: UserId| {
        let issued = issuer().issue(id, &member()).sign().unwrap();
        user(&validator, issued.token().expose_secret()).unwrap().id().clone()
    };
    for id in [UserId::from(42), UserId::from("42"), UserId::from(i64::MIN), UserId::from("ann@example.org")] {
        assert_eq!(found(id.clone()), id);
    }
}

#[test]
fn abilities_travel_in_scope() {
    let validator = issuer().validator().build().unwrap();
    for (abilities, scope) in [
        (Abilities::all(), json!("*")),
        (Abilities::none(), Value::Null),
        (Abilities::new(["read", "devices:*"]).unwrap(), json!("read devices:*")),
    ] {
        let issued = issuer().issue("ann", &member()).abilities(abilities.clone()).sign().unwrap();
        let text = issued.token().expose_secret();
        assert_eq!(part(text, 1)["scope"], scope);
        assert_eq!(user(&validator, text).unwrap().token().abilities(), &abilities);
    }
    let all = issuer().issue("ann", &member()).sign().unwrap();
    let partner = settings(keys()).build().unwrap();
    let found = user(&partner, all.token().expose_secret()).unwrap();
    assert_eq!(found.token().abilities(), &Abilities::none(), "another issuer's * is no ability");
}

#[test]
fn the_cookie_ends_with_the_token() {
    let cookie = TokenCookie::builder("__Host-jwt").build().unwrap();
    let key = JwtKey::hs256(secret()).unwrap();
    let clock: ManualClock = clock();
    let issuer = builder(key).cookie(cookie).clock(clock.clone()).build().unwrap();
    let issued = issuer.issue("ann", &member()).lifetime(Duration::hours(1)).sign().unwrap();
    let text = issued.token().expose_secret();
    let at = Timestamp::from_unix_seconds(NOW + 3_600);
    assert_eq!((issued.expires_at().at(), part(text, 1)["exp"].as_i64()), (Some(at), Some(NOW + 3_600)));
    assert_eq!(
        issued.remember_me().header_value(),
        format!(
            "__Host-jwt={text}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600; Expires=Sat, 21 Nov 2026 20:01:41 GMT"
        )
    );
    let session = issued.session_cookie().header_value();
    assert_eq!(session, format!("__Host-jwt={text}; HttpOnly; SameSite=Lax; Secure; Path=/"));
    let validator = issuer.validator().build().unwrap();
    clock.advance(Duration::seconds(3_599));
    assert!(user(&validator, text).is_some());
    clock.advance(Duration::seconds(1));
    assert!(user(&validator, text).is_none(), "in the second in which the browser forgets it");
}

#[test]
fn what_cannot_be_issued_says_why() {
    let issuer = issuer();
    let fault = |issue: tower_tokens::jwt::Issue<'_>| {
        let error = issue.sign().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        why(Err(error))
    };
    let new = || issuer.issue("ann", &member());
    let lifetime = "a JWT lives for a second at least, has an end, and no idle limit";
    assert_eq!(fault(new().lifetime(Lifetime::never_expires())), lifetime);
    assert_eq!(fault(new().lifetime(Duration::milliseconds(999))), lifetime);
    assert_eq!(fault(new().lifetime(Lifetime::hours(1).with_idle_limit(Duration::minutes(1)))), lifetime);
    assert!(new().lifetime(Duration::seconds(1)).sign().is_ok());
    for own in
        ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "uid", "level", "level_id", "scope", "scp"]
    {
        assert_eq!(fault(new().claim(own, 1)), "the issuer writes this claim itself", "{own}");
    }
    let no_json = std::collections::HashMap::from([((1, 2), 3)]);
    assert_eq!(fault(new().claim("map", no_json)), "the claim cannot be written as JSON");
    assert_eq!(fault(new().claim("pad", "a".repeat(4_096))), "a JWT is at most 4096 bytes long");
}

#[test]
fn what_an_issuer_needs_must_be_set() {
    let fault = |builder: JwtIssuerBuilder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        why(Err(error))
    };
    let key = || JwtKey::hs256(secret()).unwrap();
    let bare = || JwtIssuer::builder(JwtKeys::new([key()]).unwrap());
    assert_eq!(fault(bare().audience("a")), "the issuer of the tokens is missing");
    assert_eq!(fault(bare().issuer("i")), "the audience of the tokens is missing");
    assert_eq!(fault(builder(key()).audience("")), "the audience of the tokens is missing");
    assert_eq!(fault(builder(key()).token_type("")), "the type of the tokens is empty");
    let nothing_signs = "no key of the set has a private part, which signing needs";
    assert_eq!(fault(builder(JwtKey::es256_public_pem(ES256_PUBLIC).unwrap())), nothing_signs);
    let issuer = issuer();
    issuer.keys().reload_jwks(JWKS).unwrap();
    let error = issuer.issue("ann", &member()).sign().unwrap_err();
    assert_eq!((error.kind(), why(Err(error)).as_str()), (ErrorKind::Configuration, nothing_signs));
}

#[test]
fn a_rotated_key_verifies_until_it_is_left_out() {
    let old = || JwtKey::hs256([1; 32]).unwrap().with_id("old");
    let new = || JwtKey::hs256([2; 32]).unwrap().with_id("new");
    let issuer = builder(old()).build().unwrap();
    let validator = issuer.validator().build().unwrap();
    let before = issuer.issue("ann", &member()).sign().unwrap();
    issuer.keys().replace([new(), old()]).unwrap();
    let after = issuer.issue("ann", &member()).sign().unwrap();
    assert_eq!(part(after.token().expose_secret(), 0)["kid"], "new");
    assert!(user(&validator, before.token().expose_secret()).is_some());
    assert!(user(&validator, after.token().expose_secret()).is_some());
    issuer.keys().replace([new()]).unwrap();
    assert!(user(&validator, before.token().expose_secret()).is_none());
}

#[test]
fn an_issued_token_shows_no_secret() {
    let issued = issuer().issue("ann", &member()).sign().unwrap();
    let text = issued.token().expose_secret();
    let shown = format!("{issued:?} {:?} {:?}", issuer(), issuer().issue("ann", &member()));
    for part in text.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
}
