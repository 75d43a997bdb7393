//! Each route of the example, over HTTP.

use serde_json::{Value, json};

use crate::many_nodes::nodes::Nodes;

#[tokio::test]
async fn the_routes_answer_as_the_example_says() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("site.db").display());
    let nodes = Nodes::start(&url, [None; 3]).await;
    let (mut one, mut other) = (nodes.client(0), nodes.client(1));
    for login in [json!({"username": "anna", "password": "wrong"}), json!({"username": "eve", "password": "x"})] {
        assert_eq!(one.post("/api/login", "", login).await.status, 401);
    }
    let (anna, admin) = (nodes.log_in(0, "anna").await, nodes.log_in(0, "admin").await);
    assert_eq!(one.get("/api/me", "").await.status, 401);
    let first = one.get("/api/me", &anna).await;
    assert_eq!((first.status, &first.body["user_id"], &first.body["level"]), (200, &json!("anna"), &json!("member")));
    assert_eq!(one.get("/api/me", &anna).await.body["cached"], true);

    let change = json!({ "level": "admin" });
    assert_eq!(one.post("/api/users/anna/level", "", change.clone()).await.status, 401);
    assert_eq!(one.post("/api/users/anna/level", &anna, change.clone()).await.status, 403);
    assert_eq!(one.post("/api/users/bob/level", &admin, change.clone()).await.status, 404);
    assert_eq!(one.post("/api/users/anna/level", &admin, json!({ "level": "none" })).await.status, 422);
    assert_eq!(one.post("/api/users/anna/level", &admin, change).await.status, 204);
    assert_eq!(one.get("/api/me", &anna).await.body["level"], "admin");

    assert_eq!(one.post("/api/logout", &anna, Value::Null).await.status, 204);
    assert_eq!(one.get("/api/me", &anna).await.status, 401);
    let (second, third) = (nodes.log_in(1, "anna").await, nodes.log_in(1, "anna").await);
    assert_eq!(other.post("/api/logout-everywhere", &second, Value::Null).await.status, 204);
    for token in [&second, &third] {
        assert_eq!(other.get("/api/me", token).await.status, 401);
    }
    let stats = nodes.stats(0).await;
    assert!(stats["hits"].as_u64().unwrap() > 0 && stats["is_used"] == true, "{stats}");
}
