//! The settings of a validator, and the user that it gives.

use serde_json::json;
use time::Duration;
use tower_tokens::error::ErrorKind;
use tower_tokens::jwt::JwtValidator;
use tower_tokens::respond::TokenCookie;
use tower_tokens::token::{Abilities, Token, TokenKind};
use tower_tokens::user::{Credential, Issuer, UserId};

use super::*;

#[test]
fn what_a_validator_needs_must_be_set() {
    let fault = |builder: JwtValidatorBuilder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        why(Err(error))
    };
    let new = || JwtValidator::builder(keys());
    let missing_audience = "an audience is missing; or set insecure_any_audience, and no audience";
    assert_eq!(fault(new().audience("a").level(member())), "the issuer of the tokens is missing");
    assert_eq!(fault(new().issuer("").audience("a").level(member())), "the issuer of the tokens is missing");
    assert_eq!(fault(new().issuer("i").level(member())), missing_audience);
    assert_eq!(fault(settings(keys()).audience("")), missing_audience);
    assert_eq!(fault(settings(keys()).insecure_any_audience()), missing_audience);
    assert_eq!(fault(new().issuer("i").audience("a")), "the level of the users is missing");
    assert_eq!(fault(settings(keys()).token_type("")), "the type of the tokens is empty");
    for leeway in [Duration::seconds(-1), Duration::seconds(301)] {
        assert_eq!(fault(settings(keys()).leeway(leeway)), "the leeway is 0 to 5 minutes");
    }
    for leeway in [Duration::ZERO, Duration::minutes(5)] {
        assert!(settings(keys()).leeway(leeway).build().is_ok());
    }
}

#[test]
fn one_of_several_audiences_is_enough() {
    let validator = settings(keys()).audience("second").build().unwrap();
    for aud in [json!(AUDIENCE), json!("second"), json!(["other", "second"]), json!([AUDIENCE])] {
        assert!(user(&validator, &token("HS256", &header("HS256"), &with("aud", aud.clone()))).is_some(), "{aud}");
    }
    let any = JwtValidator::builder(keys()).issuer(ISSUER).level(member()).clock(clock()).insecure_any_audience();
    let any = any.build().unwrap();
    for aud in [None, Some(json!("other")), Some(json!([]))] {
        assert!(user(&any, &token("HS256", &header("HS256"), &with("aud", aud))).is_some());
    }
    assert!(user(&any, &token("HS256", &header("HS256"), &with("aud", json!(1)))).is_none(), "of a wrong type");
}

#[test]
fn the_type_jwt_stands_for_tokens_without_a_type() {
    let validator = settings(keys()).token_type("JWT").build().unwrap();
    for (header, is_valid) in [
        (json!({"alg": "HS256", "kid": "hs256"}), true),
        (json!({"alg": "HS256", "kid": "hs256", "typ": "JWT"}), true),
        (json!({"alg": "HS256", "kid": "hs256", "typ": "application/jwt"}), true),
        (json!({"alg": "HS256", "kid": "hs256", "typ": "at+jwt"}), false),
        (json!({"alg": "HS256", "kid": "hs256", "typ": null}), false),
    ] {
        assert_eq!(user(&validator, &token("HS256", &header, &claims())).is_some(), is_valid, "{header}");
    }
}

#[test]
fn times_and_number_come_from_the_claims() {
    let mut claims = claims();
    claims["auth_time"] = json!(NOW - 7_200);
    claims["jti"] = json!("00010203-0405-4607-8809-0a0b0c0d0e0f");
    let user = user(&validator(), &token("ES256", &header("ES256"), &claims)).unwrap();
    let at = |seconds| Timestamp::from_unix_seconds(NOW + seconds);
    assert_eq!((user.token().created_at(), user.authenticated_at(), user.checked_at()), (at(-60), at(-7_200), at(0)));
    let Credential::SelfContained { id, issuer, expires_at } = user.credential() else { panic!("it is in no store") };
    assert_eq!((id.to_string().as_str(), expires_at.at()), ("00010203-0405-4607-8809-0a0b0c0d0e0f", Some(at(300))));
    assert_ne!(issuer, Issuer::new(ISSUER), "a sealer whose purpose is the same text is another issuer");
}

#[test]
fn a_time_that_the_token_does_not_say_reads_as_long_ago() {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("iat");
    let user = user(&validator(), &token("ES256", &header("ES256"), &claims)).unwrap();
    let epoch = Timestamp::from_unix_seconds(0);
    assert_eq!((user.token().created_at(), user.authenticated_at()), (epoch, epoch), "no rule takes it for recent");
}

#[test]
fn the_number_of_a_token_is_stable_and_no_second_signature_changes_it() {
    let number = |text: &str| match user(&validator(), text).unwrap().credential() {
        Credential::SelfContained { id, .. } => id,
        other => panic!("{other:?}"),
    };
    let text = token("ES256", &header("ES256"), &claims());
    assert_eq!(number(&text), number(&text));
    // ECDSA: (r, n - s) is a signature too.
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let other = format!("{signed}.{}", encode(other_signature(signature)));
    assert_eq!(user(&validator(), &other).map(|_| number(&other)), Some(number(&text)));
    assert_ne!(number(&text), number(&token("ES256", &header("ES256"), &with("sub", json!("bob")))));
    let named = |jti: &str| number(&token("HS256", &header("HS256"), &with("jti", json!(jti))));
    assert_eq!(named("a"), number(&token("ES256", &header("ES256"), &with("jti", json!("a")))), "of jti alone");
    assert_ne!(named("a"), named("b"));
}

#[test]
fn the_user_is_sub_as_a_text_an_integer_or_what_the_application_reads() {
    let of = |validator: &JwtValidator, sub: Value| {
        user(validator, &token("HS256", &header("HS256"), &with("sub", sub))).map(|user| user.id().clone())
    };
    assert_eq!(of(&validator(), json!("42")), Some(UserId::from("42")));
    assert_eq!(of(&validator(), json!(42)), None);
    let integers = settings(keys()).integer_subject().build().unwrap();
    for (sub, id) in [("42", 42), ("-1", -1), ("0", 0), ("9223372036854775807", i64::MAX)] {
        assert_eq!(of(&integers, json!(sub)), Some(UserId::from(id)));
    }
    for sub in ["", " 42", "+42", "042", "-0", "4.2", "ann", "9223372036854775808", "٤٢"] {
        assert_eq!(of(&integers, json!(sub)), None, "{sub}");
    }
    assert_eq!(of(&integers, json!(42)), None, "sub is a text");
    let own = settings(keys()).user_from(|claims| Ok(claims.required_integer("sub")?.into())).build().unwrap();
    assert_eq!((of(&own, json!(42)), of(&own, json!("42"))), (Some(UserId::from(42)), None));
}

#[test]
fn a_level_claim_names_one_of_the_levels_that_the_application_lists() {
    let levels = [UserLevel::new(1, "admin"), member()];
    let validator = settings(keys()).level_claim("role", levels).build().unwrap();
    let level = |role| user(&validator, &token("HS256", &header("HS256"), &with("role", role)));
    assert_eq!(level(json!("member")).unwrap().level(), &member());
    assert_eq!(level(json!("admin")).unwrap().level().id(), 1);
    for wrong in [json!("root"), json!("Admin"), json!(""), json!(1), json!(["admin"]), json!(null)] {
        assert!(level(wrong.clone()).is_none(), "{wrong}");
    }
    assert!(user(&validator, &token("HS256", &header("HS256"), &claims())).is_none(), "no role");
}

#[test]
fn scope_or_scp_gives_the_abilities_and_no_scope_gives_none() {
    let abilities = |claim, value: Value| {
        let user = user(&validator(), &token("HS256", &header("HS256"), &with(claim, value)));
        user.map(|user| user.token().abilities().clone())
    };
    let both = Abilities::new(["devices:read", "devices:write"]).unwrap();
    for (claim, value) in [
        ("scope", json!("devices:read devices:write")),
        ("scope", json!(["devices:read", "devices:write"])),
        ("scp", json!("devices:read devices:write")),
        ("scp", json!(["devices:read", "devices:write"])),
        ("scope", json!(" devices:read   devices:write ")),
        ("scope", json!("devices:read * \u{e4} devices:write a\"b d*")),
    ] {
        assert_eq!(abilities(claim, value.clone()).as_ref(), Some(&both), "{claim} {value}");
    }
    for value in [json!(""), json!("*"), json!([])] {
        assert_eq!(abilities("scope", value), Some(Abilities::none()));
    }
    assert_eq!(abilities("role", json!("x")), Some(Abilities::none()), "no scope");
    for wrong in [json!(null), json!(1), json!({}), json!(["a", 1]), json!(true)] {
        assert_eq!((abilities("scope", wrong.clone()), abilities("scp", wrong)), (None, None));
    }
    assert_eq!(abilities("scope", json!((0..300).map(|it| format!("s{it} ")).collect::<String>())), None, "too many");
    let mut two = with("scope", json!("a"));
    two["scp"] = json!("b");
    let user_of_two = user(&validator(), &token("HS256", &header("HS256"), &two)).unwrap();
    assert_eq!(user_of_two.token().abilities(), &Abilities::new(["a"]).unwrap());
    assert_eq!(user_of_two.token().kind(), TokenKind::Access);
    let fixed = settings(keys()).abilities(Abilities::all()).build().unwrap();
    assert!(user(&fixed, &token("HS256", &header("HS256"), &two)).unwrap().token().abilities().are_all());
}

#[test]
fn other_tokens_are_refused_without_reading_them() {
    for text in ["pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x", "traccar_abc", "a.b", "mF_9.B5f-4.1JqM.x", "~~~"] {
        assert_eq!(why(validator().open(text)), "it does not have two dots", "{text}");
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_cannot_be_ended_here() {
    let text = golden("EdDSA");
    let current = user(&validator(), text).unwrap();
    let error = validator().destroy_current(&current).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotIssuedHere);
    let error = validator().destroy(&Token::parse(text).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotIssuedHere);
    assert!(matches!(validator().validate(TokenKey::new(text)).await, Validation::Valid(_)));
}

#[test]
fn a_cookie_is_read_and_removed_if_it_is_named() {
    assert!(validator().removal_cookie().is_none());
    let cookie = TokenCookie::builder("__Host-jwt").build().unwrap();
    let validator = settings(keys()).cookie(cookie).build().unwrap();
    let removal = validator.removal_cookie().unwrap().header_value();
    assert!(removal.to_str().unwrap().starts_with("__Host-jwt=; "));
    assert!(format!("{:?}", validator.sources()[0]).contains("__Host-jwt"));
}

/// The other signature that ECDSA has for the same message: `s` becomes `n - s`.
fn other_signature(signature: &str) -> Vec<u8> {
    /// The order of P-256, big endian (SEC 2 §2.4.2).
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let difference = i16::from(ORDER[index]) - i16::from(signature[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + index] = difference.rem_euclid(256) as u8;
    }
    signature
}
