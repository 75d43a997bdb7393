//! The admin panel: levels and bans, and who may not be touched.

use serde_json::Value;

use crate::server::{PASSWORD, Server};
use crate::visitor::Visitor;

#[tokio::test]
async fn the_panel_is_for_administrators() {
    let server = Server::start().await;
    let mut visitor = server.visitor();
    let answer = visitor.get("/admin").await;
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Fadmin"));

    let mut ann = server.member("ann").await;
    for path in ["/admin", "/api/admin/users"] {
        assert_eq!(ann.get(path).await.status, 403, "{path}");
    }
    for action in ["level", "ban", "unban"] {
        assert_eq!(ann.post(&format!("/admin/users/1/{action}"), &[("level", "member")]).await.status, 403, "{action}");
    }
    let page = server.admin().await.get("/admin").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ann@example.org"));
}

#[tokio::test]
async fn a_change_of_level_is_seen_at_the_next_request() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let mut ann = server.member("ann").await;
    let path = format!("/admin/users/{}/level", id_of(&mut admin, "ann").await);

    let answer = admin.post(&path, &[("level", "admin")]).await;
    assert_eq!((answer.status, answer.location()), (303, "/admin?notice=level"));
    assert_eq!(ann.get("/admin").await.status, 200);
    assert_eq!(ann.get("/api/me").await.json()["level"], "admin");

    assert_eq!(admin.post(&path, &[("level", "member")]).await.status, 303);
    assert_eq!(ann.get("/admin").await.status, 403);
    assert!(ann.is_in().await, "and is still a member");

    assert_eq!(admin.post(&path, &[("level", "emperor")]).await.status, 409);
    assert_eq!(admin.post("/admin/users/999/level", &[("level", "member")]).await.status, 404);
}

#[tokio::test]
async fn a_banned_user_is_out_at_the_next_request_and_cannot_log_in() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let mut ann = server.member("ann").await;
    let user = format!("/admin/users/{}", id_of(&mut admin, "ann").await);

    let answer = admin.post(&format!("{user}/ban"), &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/admin?notice=banned"));
    assert!(!ann.is_in().await);
    assert_eq!(ann.log_in("ann", PASSWORD).await.status, 403);
    assert_eq!(ann.log_in("ann", "wrong").await.status, 401, "who does not know the password learns nothing");
    assert!(admin.get("/admin").await.body.contains("Let in again"));

    assert_eq!(admin.post(&format!("{user}/unban"), &[]).await.status, 303);
    assert!(ann.is_in().await, "the token has not ended meanwhile");
}

#[tokio::test]
async fn an_administrator_cannot_ban_themself() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let own = id_of(&mut admin, "admin").await;
    let answer = admin.post(&format!("/admin/users/{own}/ban"), &[]).await;
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("You cannot ban yourself"));
    assert!(admin.is_in().await);
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let own = id_of(&mut admin, "admin").await;
    let demote = format!("/admin/users/{own}/level");
    let answer = admin.post(&demote, &[("level", "member")]).await;
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("last administrator"));
    assert_eq!(admin.get("/admin").await.status, 200);

    let mut ann = server.member("ann").await;
    let ann_id = id_of(&mut admin, "ann").await;
    admin.post(&format!("/admin/users/{ann_id}/level"), &[("level", "admin")]).await;
    admin.post(&format!("/admin/users/{ann_id}/ban"), &[]).await;
    let answer = admin.post(&demote, &[("level", "member")]).await;
    assert_eq!(answer.status, 409, "an administrator who is banned does not count");

    admin.post(&format!("/admin/users/{ann_id}/unban"), &[]).await;
    assert_eq!(admin.post(&demote, &[("level", "member")]).await.status, 303);
    assert_eq!(admin.get("/admin").await.status, 403);
    assert_eq!(ann.get("/admin").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_who_remove_each_other_at_once_one_remains() {
    let server = Server::start().await;
    let (mut admin, mut ann) = (server.admin().await, server.member("ann").await);
    let (admin_id, ann_id) = (id_of(&mut admin, "admin").await, id_of(&mut admin, "ann").await);
    let (of_admin, of_ann) = (format!("/admin/users/{admin_id}/level"), format!("/admin/users/{ann_id}/level"));
    admin.post(&of_ann, &[("level", "admin")]).await;

    for round in 0..15 {
        let to_member = [("level", "member")];
        tokio::join!(admin.post(&of_ann, &to_member), ann.post(&of_admin, &to_member));
        let panels = (admin.get("/admin").await.status, ann.get("/admin").await.status);
        match panels {
            (200, 403) => admin.post(&of_ann, &[("level", "admin")]).await,
            (403, 200) => ann.post(&of_admin, &[("level", "admin")]).await,
            _ => panic!("round {round}: {panels:?}"),
        };
    }
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let registrations = (0..51).map(|number| {
        let mut visitor = server.visitor();
        tokio::spawn(async move { visitor.register(&format!("member{number}")).await.status })
    });
    for registration in registrations.collect::<Vec<_>>() {
        assert_eq!(registration.await.unwrap(), 303);
    }
    let first = admin.get("/api/admin/users").await.json();
    let second = admin.get("/api/admin/users?page=2").await.json();
    assert_eq!((first["users"].as_array().unwrap().len(), &first["next_page"]), (50, &Value::from(2)));
    assert_eq!((second["users"].as_array().unwrap().len(), &second["next_page"]), (2, &Value::Null));
    assert!(admin.get("/admin").await.body.contains("/admin?page=2"));
    assert!(admin.get("/admin?page=2").await.body.contains("/admin?page=1"));
    assert_eq!(admin.get("/admin?page=4294967295").await.status, 200);
}

async fn id_of(admin: &mut Visitor, name: &str) -> Value {
    let answer = admin.get("/api/admin/users").await.json();
    let user = answer["users"].as_array().unwrap().iter().find(|user| user["username"] == name);
    user.unwrap_or_else(|| panic!("no {name} in {answer}"))["user_id"].clone()
}
