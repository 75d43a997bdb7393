//! Tokens that are not valid, though each is almost one. The attacks are those of RFC 8725 §2.

use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use time::Duration;
use tower_tokens::auth::TokenAuthLayer;
use tower_tokens::clock::{Clock, ManualClock};
use tower_tokens::error::ErrorKind;
use tower_tokens::jwt::{JwtKey, JwtKeys};
use tower_tokens::request::RequestHead;
use tower_tokens::user::Reason;

use super::*;

/// The token is valid as it is, and not valid as `change` makes it.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let validator = validator();
    assert!(user(&validator, text).is_none(), "valid: {text}");
    let error = validator.open(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken, "{text}");
    assert_eq!(why(Err(error)), expected, "{text}");
}

#[test]
fn the_tokens_of_these_tests_are_valid_before_they_are_changed() {
    for algorithm in ALGORITHMS {
        let text = token(algorithm, &header(algorithm), &claims());
        assert_eq!(user(&validator(), &text).unwrap().id().as_text(), Some("ann"), "{algorithm}");
    }
}

#[test]
fn alg_none_in_any_spelling_with_or_without_a_signature() {
    for none in ["none", "None", "NONE", "nOnE", ""] {
        for kid in [None, Some("hs256"), Some("rs256")] {
            let mut header = json!({"alg": none, "typ": "at+jwt"});
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            let message = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
            let expected = if kid.is_some() { "alg is not the algorithm of the key" } else { "no key has this alg" };
            refused(&format!("{message}."), expected);
            refused(&format!("{message}.{}", encode("signature")), expected);
        }
    }
}

#[test]
fn a_public_key_is_never_a_secret() {
    let rsa_only = JwtKeys::new([JwtKey::rs256_public_pem(RS256_PUBLIC).unwrap().with_id("rs256")]).unwrap();
    let der = pem_content(RS256_PUBLIC);
    // What an attacker may take for the secret of HS256: the text of the public key, and its bytes.
    for public in [RS256_PUBLIC, RS256_PUBLIC.trim_ascii(), &der, ES256_PUBLIC, EDDSA_PUBLIC] {
        let secret = EncodingKey::from_secret(public);
        for kid in ["rs256", "es256", "eddsa", "hs256"] {
            let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}).to_string();
            let forged = signed_with(Algorithm::HS256, &secret, &header, &claims().to_string());
            assert!(user(&validator(), &forged).is_none(), "{kid}");
        }
        let header = json!({"alg": "HS256", "typ": "at+jwt"}).to_string();
        let forged = signed_with(Algorithm::HS256, &secret, &header, &claims().to_string());
        assert!(user(&settings(rsa_only.clone()).build().unwrap(), &forged).is_none());
    }
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    for signs in ALGORITHMS {
        for named in ALGORITHMS.into_iter().chain(["HS384", "HS512", "RS384", "PS256", "ES384", "rs256", "EDDSA"]) {
            for kid in ALGORITHMS {
                let header = json!({"alg": named, "typ": "at+jwt", "kid": kid.to_lowercase()});
                let text = token(signs, &header, &claims());
                let is_right = signs == named && named == kid;
                assert_eq!(user(&validator(), &text).is_some(), is_right, "{signs} {named} {kid}");
            }
        }
    }
}

#[test]
fn an_unknown_kid_is_invalid_whatever_it_says() {
    for kid in [
        "unknown",
        "",
        " hs256",
        "HS256",
        "hs256\0",
        "../../../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "https://evil.example/jwks.json",
        "hs256' OR '1'='1",
        "x' UNION SELECT 'secret' --",
        "| sleep 10 |",
        "%00",
        "ключ",
        &"k".repeat(2_500),
    ] {
        let text = token("HS256", &json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}), &claims());
        refused(&text, "no key has this kid");
    }
}

#[tokio::test]
async fn an_unknown_kid_is_an_invalid_credential_and_no_outage() {
    let authenticator = TokenAuthLayer::new(validator()).authenticator();
    let text = token("HS256", &json!({"alg": "HS256", "typ": "at+jwt", "kid": "unknown"}), &claims());
    let request = Request::get("/").header("authorization", format!("Bearer {text}")).body(()).unwrap();
    let answer = authenticator.authenticate_now(RequestHead::of(&request)).expect("nothing has to be waited for");
    assert_eq!(answer.unwrap_err().reason(), Reason::Invalid);
}

#[test]
fn keys_in_the_header_are_ignored() {
    let own = EncodingKey::from_secret(b"a secret that the attacker has chosen");
    let jwk =
        json!({"kty": "oct", "k": encode("a secret that the attacker has chosen"), "alg": "HS256", "kid": "hs256"});
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/certificate.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let mut header = header("HS256");
        header[name] = value;
        let forged = signed_with(Algorithm::HS256, &own, &header.to_string(), &claims().to_string());
        refused(&forged, "the signature is not the key's");
        assert!(user(&validator(), &token("HS256", &header, &claims())).is_some(), "{name} does no harm");
    }
}

#[test]
fn exp_is_mandatory_and_a_number() {
    refused(&token("ES256", &header("ES256"), &with("exp", None)), "the claim exp is missing");
    for wrong in [
        Value::Null,
        json!("1795288001"),
        json!(true),
        json!([NOW + 300]),
        json!({"at": NOW + 300}),
        json!((NOW + 300) * 1_000),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(-1e300),
    ] {
        let text = token("ES256", &header("ES256"), &with("exp", wrong));
        refused(&text, "the claim exp is not a time in seconds up to the year 9999");
    }
    let text = signed(
        "ES256",
        &header("ES256").to_string(),
        &claims().to_string().replace("\"exp\":", "\"exp\":1e999,\"x\":"),
    );
    refused(&text, "the claims are not a JSON object");
}

#[test]
fn a_claim_of_a_wrong_type_is_not_an_absent_claim() {
    for claim in ["nbf", "iat", "auth_time"] {
        for wrong in [Value::Null, json!("1795288001"), json!(false), json!([])] {
            let text = token("HS256", &header("HS256"), &with(claim, wrong));
            refused(&text, &format!("the claim {claim} is not a time in seconds up to the year 9999"));
        }
    }
    for claim in ["iss", "sub", "jti"] {
        for wrong in [Value::Null, json!(1), json!([ISSUER]), json!({})] {
            refused(
                &token("HS256", &header("HS256"), &with(claim, wrong)),
                &format!("the claim {claim} is not a text"),
            );
        }
    }
    for wrong in [json!(1), json!({}), json!(true), Value::Null] {
        let text = token("HS256", &header("HS256"), &with("aud", wrong));
        refused(&text, "the claim aud is not a text or a list of texts");
    }
    refused(
        &token("HS256", &header("HS256"), &with("aud", json!([AUDIENCE, 1]))),
        "the claim aud is not a list of texts",
    );
}

#[test]
fn a_header_parameter_of_a_wrong_type_is_not_an_absent_one() {
    for parameter in ["alg", "kid", "typ"] {
        for wrong in [Value::Null, json!(1), json!(["HS256"]), json!({})] {
            let mut header = header("HS256");
            header[parameter] = wrong;
            refused(&token("HS256", &header, &claims()), "the header is not one of a JWT");
        }
    }
    for (text, expected) in [
        (r#"{"typ":"at+jwt","kid":"hs256"}"#, "the header is not one of a JWT"),
        (r#"{"alg":"HS256","alg":"HS256","typ":"at+jwt","kid":"hs256"}"#, "the header is not one of a JWT"),
        (r#"["HS256"]"#, "typ is not the expected type"),
        ("", "the header is not one of a JWT"),
        ("null", "the header is not one of a JWT"),
        (r#"{"alg":"HS256","typ":"at+jwt","kid":"hs256"}x"#, "the header is not one of a JWT"),
    ] {
        refused(&signed("HS256", text, &claims().to_string()), expected);
    }
}

#[test]
fn critical_extensions_are_refused() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), Value::Null, json!("b64")] {
        let mut header = header("HS256");
        header["crit"] = crit;
        header["b64"] = json!(false);
        refused(&token("HS256", &header, &claims()), "the header has critical extensions");
    }
}

#[test]
fn a_token_for_another_audience_or_from_another_issuer() {
    for (aud, expected) in [
        (None, "aud is not the audience"),
        (Some(json!("https://other.example")), "aud is not the audience"),
        (Some(json!("")), "aud is not the audience"),
        (Some(json!([])), "aud is not the audience"),
        (Some(json!(["https://other.example", "https://api.example/"])), "aud is not the audience"),
        (Some(json!("HTTPS://API.EXAMPLE")), "aud is not the audience"),
    ] {
        refused(&token("EdDSA", &header("EdDSA"), &with("aud", aud)), expected);
    }
    refused(&token("EdDSA", &header("EdDSA"), &with("iss", None)), "the claim iss is missing");
    for iss in ["", "https://partner.example/", "https://partner.example.evil.example", "HTTPS://PARTNER.EXAMPLE"] {
        refused(&token("EdDSA", &header("EdDSA"), &with("iss", json!(iss))), "iss is not the issuer");
    }
}

#[test]
fn a_token_of_another_type() {
    for typ in ["JWT", "", "id_token", "logout+jwt", "at", "dpop+jwt", "application/"] {
        let header = json!({"alg": "HS256", "kid": "hs256", "typ": typ});
        refused(&token("HS256", &header, &claims()), "typ is not the expected type");
    }
    refused(&token("HS256", &json!({"alg": "HS256", "kid": "hs256"}), &claims()), "typ is not the expected type");
}

#[test]
fn a_token_ends_at_the_second_of_exp_and_begins_at_the_second_of_nbf() {
    let clock: ManualClock = clock();
    let validator = settings(keys()).clock(clock.clone()).build().unwrap();
    let mut claims = claims();
    claims["nbf"] = json!(NOW + 10);
    claims["exp"] = json!(NOW + 20);
    let text = token("ES256", &header("ES256"), &claims);
    for (second, is_valid) in [(0, false), (9, false), (10, true), (19, true), (20, false), (21, false)] {
        clock.set(Timestamp::from_unix_seconds(NOW + second));
        assert_eq!(user(&validator, &text).is_some(), is_valid, "{second}");
        if is_valid {
            let user = user(&validator, &text).unwrap();
            assert!(!user.token().is_expired(clock.now()), "the record says the same");
            assert_eq!(user.expires_at().at(), Some(Timestamp::from_unix_seconds(NOW + 20)));
        }
    }
    assert_eq!(validator.open(&text).unwrap_err().kind(), ErrorKind::Expired, "it is genuine");
    assert!(why(validator.open(&token("ES256", &header("ES256"), &with("exp", json!(NOW - 1))))).contains("expired"));
}

#[test]
fn a_part_of_a_second_makes_no_token_live_longer() {
    let at = |claim, seconds: f64| user(&validator(), &token("HS256", &header("HS256"), &with(claim, json!(seconds))));
    assert!(at("exp", NOW as f64 + 0.9).is_none());
    assert!(at("exp", NOW as f64 + 1.0).is_some());
    assert!(at("nbf", NOW as f64 + 0.1).is_none());
    assert!(at("nbf", NOW as f64 - 0.1).is_some());
}

#[test]
fn a_leeway_is_as_long_as_it_is_set_to_and_the_record_ends_with_it() {
    let clock: ManualClock = clock();
    let validator = settings(keys()).clock(clock.clone()).leeway(Duration::seconds(30)).build().unwrap();
    let mut claims = claims();
    claims["nbf"] = json!(NOW + 30);
    claims["exp"] = json!(NOW + 60);
    let text = token("HS256", &header("HS256"), &claims);
    for (second, is_valid) in [(-1, false), (0, true), (60, true), (89, true), (90, false)] {
        clock.set(Timestamp::from_unix_seconds(NOW + second));
        let user = user(&validator, &text);
        assert_eq!(user.is_some(), is_valid, "{second}");
        assert!(user.is_none_or(|user| !user.token().is_expired(clock.now())));
    }
}

#[test]
fn a_token_is_at_most_4096_bytes_long() {
    let of_length = |length: usize| {
        let claims = with("pad", json!("a".repeat(length)));
        token("HS256", &header("HS256"), &claims)
    };
    let lengths = (2_700..2_900).map(of_length).filter(|text| (4_095..=4_098).contains(&text.len()));
    let mut seen = [false; 2];
    for text in lengths {
        let fits = text.len() <= 4_096;
        seen[usize::from(fits)] = true;
        assert_eq!(user(&validator(), &text).is_some(), fits, "{}", text.len());
    }
    assert_eq!(seen, [true, true]);
    refused(&of_length(100_000), "a token is at most 4096 bytes long");
}

#[test]
fn a_cut_or_changed_token() {
    for algorithm in ALGORITHMS {
        let text = token(algorithm, &header(algorithm), &claims());
        for end in 0..text.len() {
            assert!(user(&validator(), &text[..end]).is_none(), "{algorithm}: the first {end} bytes");
        }
        let parts: Vec<_> = text.split('.').collect();
        for changed in [
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}..{}", parts[0], parts[2]),
            format!(".{}.{}", parts[1], parts[2]),
            format!("{}.{}.{}.", parts[0], parts[1], parts[2]),
            format!(".{text}"),
            format!("{text}.{}", parts[2]),
            format!("{text}="),
            format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
            format!("{}.{}.{}", parts[1], parts[0], parts[2]),
            format!("{}.{}.{}", parts[0], encode(with("sub", json!("admin")).to_string()), parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], parts[2].to_uppercase()),
            format!("{}.{}.{}", parts[0], parts[1], encode([0; 64])),
            format!("{}.{}.{}", parts[0], parts[1], encode([0; 256])),
        ] {
            assert!(user(&validator(), &changed).is_none(), "{algorithm}: {changed}");
        }
    }
    for text in ["", ".", "..", "...", "a.b.c", "eyJ.eyJ.eyJ", "e30.e30.", "e30.e30.e30"] {
        assert!(user(&validator(), text).is_none(), "{text}");
    }
}

/// Of one signature there is one text: the spare bits of its last character are 0.
#[test]
fn every_other_last_character_is_refused() {
    for algorithm in ALGORITHMS {
        let text = token(algorithm, &header(algorithm), &claims());
        let (start, last) = text.split_at(text.len() - 1);
        for other in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_', '+', '/', '=']) {
            if last != other.to_string() {
                assert!(user(&validator(), &format!("{start}{other}")).is_none(), "{algorithm}: {other}");
            }
        }
    }
}

#[test]
fn claims_that_are_no_object() {
    for json in ["", "null", "[]", "1", "\"sub\"", "{", "{}x", "\u{feff}{}"] {
        refused(&signed("HS256", &header("HS256").to_string(), json), "the claims are not a JSON object");
    }
    let bytes = [b"{\"sub\":\"".as_slice(), &[0xff], b"\"}"].concat();
    let message = format!("{}.{}", encode(header("HS256").to_string()), encode(bytes));
    let deep = "[".repeat(2_000);
    refused(&signed("HS256", &header("HS256").to_string(), &deep), "the claims are not a JSON object");
    assert!(user(&validator(), &format!("{message}.{}", encode([0; 32]))).is_none());
}

/// The bytes of a PEM text.
fn pem_content(pem: &[u8]) -> Vec<u8> {
    use base64::engine::general_purpose::STANDARD;
    let lines = std::str::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with('-'));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}
