//! Claims by their type.

use tower_tokens::error::ErrorKind;
use tower_tokens::jwt::JwtClaims;

fn claims(json: &str) -> JwtClaims {
    json.parse().unwrap()
}

#[test]
fn a_claim_is_there_absent_or_of_another_type() {
    let claims =
        claims(r#"{"text": "a", "integer": -7, "list": ["a", "b"], "mixed": ["a", 1], "null": null, "real": 1.5}"#);
    assert_eq!(claims.text("text").unwrap(), Some("a"));
    assert_eq!(claims.integer("integer").unwrap(), Some(-7));
    assert_eq!(claims.texts("list").unwrap(), ["a", "b"]);
    assert_eq!(claims.texts("text").unwrap(), ["a"]);
    assert_eq!((claims.text("x").unwrap(), claims.integer("x").unwrap()), (None, None));
    assert!(claims.texts("x").unwrap().is_empty());
    for name in ["integer", "list", "null", "real"] {
        assert_eq!(claims.text(name).unwrap_err().kind(), ErrorKind::InvalidToken, "{name}");
    }
    for name in ["text", "list", "null", "real"] {
        assert!(claims.integer(name).is_err(), "{name}");
    }
    for name in ["integer", "mixed", "null", "real"] {
        assert!(claims.texts(name).is_err(), "{name}");
    }
    assert!(claims.required_text("x").is_err() && claims.required_integer("x").is_err());
}

#[test]
fn all_claims_become_a_type_of_the_application() {
    #[derive(serde::Deserialize)]
    struct Mine {
        org: Org,
    }
    #[derive(serde::Deserialize)]
    struct Org {
        id: u32,
    }
    assert_eq!(claims(r#"{"org": {"id": 7}}"#).parse_as::<Mine>().unwrap().org.id, 7);
    let error = claims(r#"{"org": {"id": "anna@example.org"}}"#).parse_as::<Mine>().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidToken);
    assert!(!format!("{error:?}").contains("anna"));
}

#[test]
fn debug_shows_names_and_no_values() {
    assert_eq!(format!("{:?}", claims(r#"{"email": "anna@example.org"}"#)), r#"JwtClaims(["email"])"#);
    assert!("[1]".parse::<JwtClaims>().is_err());
}
