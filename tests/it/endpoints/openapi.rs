//! The OpenAPI description says what the endpoints answer.

use serde_json::Value;
use tower_tokens::endpoints::{
    ApiTokensEndpoint, IntrospectionEndpoint, RefreshEndpoint, RevocationEndpoint, security_schemes,
};
use tower_tokens::token::Abilities;
use utoipa::openapi::{Info, OpenApiBuilder, PathsBuilder};

use super::club::{Club, FORM, json};

fn document() -> Value {
    let mut paths = PathsBuilder::new()
        .path("/refresh", RefreshEndpoint::path_item())
        .path("/revoke", RevocationEndpoint::path_item())
        .path("/introspect-named", IntrospectionEndpoint::path_item())
        .build();
    paths.merge(ApiTokensEndpoint::paths("/api/tokens/"));
    let document = OpenApiBuilder::new().info(Info::new("Club", "1")).paths(paths);
    serde_json::to_value(document.components(Some(security_schemes("trongatetoken"))).build()).unwrap()
}

fn schema<'d>(document: &'d Value, path: &str, method: &str, status: &str) -> &'d Value {
    &document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
}

/// The answer has every required property, and no property that is not described; each is of a described type.
fn assert_described(answer: &Value, schema: &Value) {
    let (answer, properties) = (answer.as_object().unwrap(), schema["properties"].as_object().unwrap());
    for required in schema["required"].as_array().unwrap() {
        assert!(answer.contains_key(required.as_str().unwrap()), "{required} is not in {answer:?}");
    }
    for (name, value) in answer {
        let property = properties.get(name).unwrap_or_else(|| panic!("{name} is not described"));
        let actual = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let described = &property["type"];
        let is_described = described == actual || described.as_array().is_some_and(|all| all.contains(&actual.into()));
        assert!(is_described, "{name} is {actual}, described as {described}");
    }
}

#[tokio::test]
async fn every_answer_is_as_it_is_described() {
    let (club, document) = (Club::open().await, document());
    let abilities = || Abilities::new(["read"]).unwrap();
    let pair = club.tokens.generate_pair(&club.ann).abilities(abilities()).await.unwrap();
    let form = format!("grant_type=refresh_token&refresh_token={}", pair.refresh_token().expose_secret());
    let answer = json(&club.post("/refresh", FORM, &form).await);
    assert_described(&answer, schema(&document, "/refresh", "post", "200"));
    let error = json(&club.post("/refresh", FORM, "").await);
    assert_described(&error, schema(&document, "/refresh", "post", "400"));
    assert_described(&error, schema(&document, "/revoke", "post", "400"));

    let caller = club.tokens.generate(&club.bob).api_token().await.unwrap();
    for token in [answer["access_token"].as_str().unwrap(), "unknown"] {
        let body = format!(r#"{{"token":"{token}"}}"#);
        let answer = json(&club.call("POST", "/introspect-named", caller.token(), &body).await);
        assert_described(&answer, schema(&document, "/introspect-named", "post", "200"));
    }

    let login = club.login().await;
    let body = r#"{"name":"a","abilities":["read"],"expires_in":null}"#;
    let created = json(&club.call("POST", "/api/tokens", login.token(), body).await);
    assert_described(&created, schema(&document, "/api/tokens", "post", "201"));
    let listed = json(&club.call("GET", "/api/tokens", login.token(), "").await);
    assert_described(&listed[0], &schema(&document, "/api/tokens", "get", "200")["items"]);
    let rotate = format!("/api/tokens/{}/rotate", created["id"].as_str().unwrap());
    let rotated = json(&club.call("POST", &rotate, login.token(), "").await);
    assert_described(&rotated, schema(&document, "/api/tokens/{id}/rotate", "post", "201"));
    let refused = club.call("DELETE", "/api/tokens/1", login.token(), "").await;
    let problem = &document["paths"]["/api/tokens/{id}"]["delete"]["responses"]["404"]["content"];
    let refused: Value = serde_json::from_str(&refused.body).unwrap();
    assert_described(&refused, &problem["application/problem+json"]["schema"]);
}

#[test]
fn each_operation_says_which_credential_it_needs() {
    let document = document();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!((&schemes["bearer"]["scheme"], &schemes["cookie"]["in"]), (&"bearer".into(), &"cookie".into()));
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needed = operation["security"].as_array().unwrap();
            let is_open = ["/refresh", "/revoke"].contains(&path.as_str());
            assert_eq!(needed.is_empty(), is_open, "{method} {path}");
            assert!(operation["responses"]["503"].is_object(), "{method} {path}");
            for scheme in needed.iter().flat_map(|needed| needed.as_object().unwrap().keys()) {
                assert!(schemes[scheme].is_object(), "{scheme}");
            }
            operations += 1;
        }
    }
    assert_eq!(operations, 7);
}
