//! The database does not answer.

use http::Method;
use http::header::RETRY_AFTER;

use crate::server::{PASSWORD, Server};

#[tokio::test]
async fn an_outage_is_reported_as_one_and_logs_no_user_out() {
    let mut server = Server::start().await;
    let mut ann = server.member("ann").await;
    server.lose_database().await;

    for path in ["/members", "/account", "/admin", "/", "/register"] {
        let answer = ann.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.headers.contains_key(RETRY_AFTER), "{path}");
        assert!(answer.body.contains("Back in a moment"), "{path}: {}", answer.body);
        assert!(answer.cookie().is_none(), "{path}");
    }
    assert_eq!(ann.json(Method::GET, "/api/me", None).await.json()["status"], 503);
    for path in ["/logout", "/api/logout"] {
        let answer = ann.post(path, &[]).await;
        assert_eq!(answer.status, 503, "{path}: the token lives on, so the response does not say otherwise");
        assert!(answer.cookie().is_none(), "{path}");
    }
    assert_eq!(server.visitor().log_in("ann", PASSWORD).await.status, 503, "neither right nor wrong");
    assert_eq!(ann.get("/login").await.status, 200, "the form itself needs no database");

    server.restart().await;
    assert!(ann.is_in().await);
}
