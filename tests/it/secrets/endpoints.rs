//! Requests to the endpoints, with tokens in bodies that can and cannot be read.

use super::*;
use tower_tokens::endpoints::{ApiTokensEndpoint, IntrospectionEndpoint, RefreshEndpoint, RevocationEndpoint};
use tower_tokens::policy::authenticated;

#[tokio::test]
async fn the_endpoints_show_no_secret() {
    let journal = Journal::open();
    let store = Arc::new(FaultyRepository::new(MemoryRepository::new()));
    store.create_level("member").await.unwrap();
    let ann = store.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(Arc::clone(&store)).with_api_tokens(ApiTokenFormat::new("acme").unwrap());
    let policy = SecurityPolicy::new().scenario("introspect", authenticated());
    let refresh = RefreshEndpoint::new(tokens.clone());
    let revocation = RevocationEndpoint::new(tokens.clone());
    let introspection = IntrospectionEndpoint::behind(policy.guard("introspect"), tokens.clone());
    let api_tokens = ApiTokensEndpoint::new(tokens.clone());
    journal.write(&(&refresh, &revocation, &introspection, &api_tokens));
    let app = Router::new()
        .route_service("/refresh", refresh)
        .route_service("/revoke", revocation)
        .route_service("/introspect", introspection)
        .nest_service("/api/tokens", api_tokens)
        .layer(TokenAuthLayer::new(tokens.clone()));

    let (login, pair) = (tokens.generate(&ann).await.unwrap(), tokens.generate_pair(&ann).await.unwrap());
    let login = journal.keep(login.token().expose_secret());
    let refresh = journal.keep(pair.refresh_token().expose_secret());
    journal.keep(pair.access_token().expose_secret());
    for is_down in [true, false] {
        for path in ["/refresh", "/revoke", "/introspect", "/api/tokens"] {
            for body in [
                format!("refresh_token={refresh}&token={refresh}"),
                format!("{refresh}&refresh_token={refresh}%FF&token={refresh}%FF&grant_type=refresh_token"),
                format!("token={refresh}&token={refresh}&refresh_token={refresh}&refresh_token={refresh}"),
                format!(
                    r#"{{"refresh_token":["{refresh}"],"token":{{"{refresh}":1}},"name":"a","abilities":"{refresh}"}}"#
                ),
                format!(r#"{{"refresh_token":"{refresh}"#),
                format!(r#"{{"refresh_token":"{refresh}","token":"{refresh}","{refresh}":"{refresh}"}}"#),
            ] {
                for media_type in ["application/x-www-form-urlencoded", "application/json", "text/plain"] {
                    let request = Request::post(path)
                        .header("authorization", format!("Bearer {login}"))
                        .header("content-type", media_type)
                        .body(Body::from(body.clone()))
                        .unwrap();
                    if is_down {
                        store.fail();
                    }
                    let response = app.clone().oneshot(request).await.unwrap();
                    store.heal();
                    let status = response.status();
                    journal.write(&response);
                    let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
                    // The next pair is for its client alone, and is the one thing that is shown.
                    if !(path == "/refresh" && status.is_success()) {
                        journal.write_text(std::str::from_utf8(&body).unwrap());
                    }
                }
            }
        }
    }
    assert!(journal.says("tower_tokens"), "nothing was logged");
    journal.assert_silent();
}
