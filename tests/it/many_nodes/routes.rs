//! Each route of the example, over HTTP.

use serde_json::{Value, json};

use crate::many_nodes::nodes::{NODES, Nodes, binary};
use crate::trongate_site::TrongateSite;

#[tokio::test]
async fn the_routes_answer_as_the_example_says() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("site.db").display());
    let nodes = Nodes::start(&url, [&[]; 3]).await;
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

#[tokio::test]
async fn the_routes_have_the_numbers_of_a_trongate_site_on_trongate() {
    let site = TrongateSite::new().await;
    let nodes = Nodes::start(&site.url, [&["--trongate"]; 3]).await;
    let rows = "SELECT (SELECT COUNT(*) FROM trongate_users), (SELECT COUNT(*) FROM trongate_user_levels)";
    let rows: (i64, i64) = sqlx::query_as(rows).fetch_one(&site.pool).await.unwrap();
    assert_eq!(rows, (2, 2), "the demo is created once, and the site's levels are used");
    let (mut one, mut other) = (nodes.client(0), nodes.client(1));
    let (anna, admin) = (nodes.log_in(0, "anna").await, nodes.log_in(1, "admin").await);
    let number: i64 = sqlx::query_scalar("SELECT user_id FROM trongate_tokens WHERE token = ?")
        .bind(&anna)
        .fetch_one(&site.pool)
        .await
        .unwrap();
    let me = one.get("/api/me", &anna).await.body;
    assert_eq!(me, json!({ "user_id": number, "level": "member", "cached": me["cached"] }));

    let path = format!("/api/users/{number}/level");
    let change = json!({ "level": "admin" });
    assert_eq!(other.post(&path, &anna, change.clone()).await.status, 403);
    for absent in ["anna", "4242", "99999999999999999999"] {
        let path = format!("/api/users/{absent}/level");
        assert_eq!(other.post(&path, &admin, change.clone()).await.status, 404, "{absent}");
    }
    assert_eq!(other.post(&path, &admin, json!({ "level": "none" })).await.status, 422);
    assert_eq!(other.post(&path, &admin, change).await.status, 204);
    assert_eq!(other.get("/api/me", &anna).await.body["level"], "admin");

    assert_eq!(one.post("/api/logout", &anna, Value::Null).await.status, 204);
    assert_eq!(one.get("/api/me", &anna).await.status, 401);
    let second = nodes.log_in(1, "anna").await;
    assert_eq!(other.post("/api/logout-everywhere", &second, Value::Null).await.status, 204);
    assert_eq!(other.get("/api/me", &second).await.status, 401);
}

#[tokio::test]
async fn a_trongate_site_has_no_other_bus() {
    let options = ["--database-url", "mysql://127.0.0.1/site", "--trongate", "--bus", "redis://127.0.0.1"];
    let output = tokio::process::Command::new(binary()).args(options).output().await.unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("usage"), "{output:?}");
}

/// Each node judges by its own clock, and one that is wrong by more than a lifetime takes no token from the others.
#[tokio::test]
async fn a_node_whose_clock_is_25_hours_ahead_refuses_what_the_others_go_on_to_accept() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("site.db").display());
    let nodes = Nodes::start(&url, [&[], &["--clock-ahead", "90000"], &["--clock-ahead", "-90000"]]).await;
    for maker in 0..NODES {
        let token = nodes.log_in(maker, "anna").await;
        for _ in 0..2 {
            for (node, clock) in [0, 25, -25].into_iter().enumerate() {
                let is_valid = clock - [0, 25, -25][maker] < 24;
                let answer = nodes.client(node).get("/api/me", &token).await;
                assert_eq!(answer.status, if is_valid { 200 } else { 401 }, "of node {maker} on node {node}");
            }
        }
    }
}
