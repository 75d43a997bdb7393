//! What outlives a restart of the server, and what does not.

use time::Duration;

use crate::server::{PASSWORD, Server};

#[tokio::test]
async fn who_was_logged_in_still_is_and_who_was_logged_out_is_not() {
    let mut server = Server::start().await;
    let mut ann = server.visitor();
    ann.register("ann").await;
    ann.log_in_remembered("ann", PASSWORD).await;
    let mut bob = server.member("bob").await;
    let mut eve = server.member("eve").await;
    let mut stolen_from_eve = eve.copy_of_cookies();
    eve.post("/logout", &[]).await;

    server.restart().await;
    assert!(ann.is_in().await);
    assert!(bob.is_in().await);
    assert!(!eve.is_in().await);
    assert!(!stolen_from_eve.is_in().await);

    server.advance(Duration::hours(24) - Duration::SECOND);
    assert!(bob.is_in().await, "a session cookie's token lives for 24 hours");
    server.advance(Duration::SECOND);
    assert!(!bob.is_in().await, "to the second");
    server.restart().await;
    assert!(!bob.is_in().await);
    assert!(ann.is_in().await);

    server.advance(Duration::days(29) - Duration::SECOND);
    assert!(ann.is_in().await, "a remembered member's token lives for 30 days");
    server.advance(Duration::SECOND);
    assert!(!ann.is_in().await, "to the second");
}

#[tokio::test]
async fn closing_the_browser_forgets_who_was_not_to_be_remembered() {
    let server = Server::start().await;
    let mut ann = server.visitor();
    ann.register("ann").await;
    ann.log_in_remembered("ann", PASSWORD).await;
    let mut bob = server.member("bob").await;
    ann.close_browser();
    bob.close_browser();
    assert!(ann.is_in().await);
    assert!(!bob.is_in().await);
}

#[tokio::test]
async fn a_ban_and_a_level_outlive_a_restart() {
    let mut server = Server::start().await;
    let mut admin = server.admin().await;
    let mut ann = server.member("ann").await;
    let mut bob = server.member("bob").await;
    admin.post("/admin/users/2/level", &[("level", "admin")]).await;
    admin.post("/admin/users/3/ban", &[]).await;
    server.restart().await;
    assert_eq!(ann.get("/admin").await.status, 200);
    assert!(!bob.is_in().await);
}
