//! Register, log in, be let in or kept out, log out.

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE};
use time::Duration;

use crate::server::{COOKIE, PASSWORD, Server};

#[tokio::test]
async fn a_visitor_registers_logs_in_and_reads_the_members_page() {
    let server = Server::start().await;
    let mut ann = server.visitor();
    assert!(!ann.is_in().await);

    let answer = ann.register("ann").await;
    assert_eq!((answer.status, answer.location()), (303, "/login?notice=registered"));
    assert!(ann.get("/login?notice=registered").await.body.contains("Your account is ready"));
    assert!(!ann.is_in().await, "registering alone does not log in");

    let answer = ann.log_in("ann", PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (303, "/members"));
    let page = ann.get("/members").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Welcome, ann"));
    assert!(page.body.contains(r#"<span class="tag">member</span>"#));
    assert_eq!(page.headers[CACHE_CONTROL], "private, no-store");
    assert_eq!(ann.get("/api/me").await.headers[CACHE_CONTROL], "private", "the guard's own");
    assert!(page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
}

#[tokio::test]
async fn the_cookie_says_how_long_it_stays() {
    let server = Server::start().await;
    let mut ann = server.visitor();
    ann.register("ann").await;

    let answer = ann.log_in("ann", PASSWORD).await;
    let session = answer.cookie().unwrap();
    assert_eq!(session.name(), COOKIE);
    assert_eq!((session.http_only(), session.secure()), (Some(true), Some(true)));
    assert_eq!((session.same_site(), session.path()), (Some(cookie::SameSite::Lax), Some("/")));
    assert_eq!((session.max_age(), session.expires()), (None, None));
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");

    let remembered = ann.log_in_remembered("ann", PASSWORD).await.cookie().unwrap();
    assert_eq!(remembered.max_age(), Some(Duration::days(30)));
    assert!(remembered.expires().is_some());
    assert_ne!(session.value(), remembered.value());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_read_the_same() {
    let server = Server::start().await;
    let mut ann = server.visitor();
    ann.register("ann").await;

    let wrong = ann.log_in("ann", "not her password").await;
    let unknown = ann.log_in("bob", "not her password").await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.headers[WWW_AUTHENTICATE], r#"Bearer realm="members""#);
    assert!(wrong.cookie().is_none() && unknown.cookie().is_none());
    assert!(wrong.body.contains(r#"name="username" value="ann""#), "what was typed is still there");
    assert!(!wrong.body.contains("not her password"));
    assert_eq!(wrong.body.replace(r#""ann""#, r#""bob""#), unknown.body);
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_with_what_was_typed_but_the_passwords() {
    let server = Server::start().await;
    let mut ann = server.visitor();
    let answer = ann
        .post(
            "/register",
            &[
                ("username", "<script>alert(1)</script>"),
                ("email", "ann at example\" autofocus"),
                ("password", "hunter2"),
                ("password_confirmation", "hunter3"),
            ],
        )
        .await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body.matches("<li>").count(), 4, "{}", answer.body);
    assert!(!answer.body.contains("<script>"), "escaped");
    assert!(answer.body.contains("alert(1)"), "and still there");
    assert!(!answer.body.contains("example\" autofocus"));
    assert!(!answer.body.contains("hunter"));
}

#[tokio::test]
async fn a_user_name_is_taken_in_any_case_and_logs_in_in_any_case() {
    let server = Server::start().await;
    let mut ann = server.member("Ann").await;
    let answer = server.visitor().register("aNN").await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("This user name is taken"));
    assert_eq!(ann.log_in("ANN", PASSWORD).await.status, 303);
    assert!(ann.get("/members").await.body.contains("Welcome, Ann"));
}

#[tokio::test]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    let server = Server::start().await;
    let attempts = (0..6).map(|_| {
        let mut visitor = server.visitor();
        tokio::spawn(async move { visitor.register("ann").await.status })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422, 422, 422, 422, 422]);
    let users = server.admin().await.get("/api/admin/users").await.json();
    assert_eq!(users["users"].as_array().unwrap().len(), 2, "the losers left nothing behind: {users}");
}

#[tokio::test]
async fn after_logging_in_a_visitor_is_where_they_wanted_to_go_and_nowhere_else() {
    let server = Server::start().await;
    let mut ann = server.visitor();
    ann.register("ann").await;

    let answer = ann.get("/account?notice=ended").await;
    assert_eq!((answer.status, answer.location()), (303, "/login?next=%2Faccount%3Fnotice%3Dended"));
    let form = ann.get(answer.location()).await;
    assert_eq!(form.between(r#"name="next" value=""#, "\""), Some("/account?notice=ended"));

    let login = async |next: &str| {
        let fields = [("username", "ann"), ("password", PASSWORD), ("next", next)];
        server.visitor().post("/login", &fields).await.location().to_owned()
    };
    assert_eq!(login("/account?notice=ended").await, "/account?notice=ended");
    for hostile in ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "members"] {
        assert_eq!(login(hostile).await, "/members", "{hostile}");
    }
    let form = ann.get("/login?next=https://evil.example").await;
    assert_eq!(form.between(r#"name="next" value=""#, "\""), Some(""));
}

#[tokio::test]
async fn logging_out_ends_the_token_and_not_only_the_cookie() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let mut thief = ann.copy_of_cookies();
    assert!(thief.is_in().await);

    let answer = ann.post("/logout", &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/login?notice=logged-out"));
    let removal = answer.cookie().unwrap();
    assert_eq!((removal.value(), removal.max_age()), ("", Some(Duration::ZERO)));
    assert_eq!((removal.secure(), removal.path()), (Some(true), Some("/")));
    assert!(!ann.is_in().await);
    assert!(!thief.is_in().await);
    assert_eq!(ann.post("/logout", &[]).await.status, 303, "logging out twice does no harm");
}

#[tokio::test]
async fn logging_in_again_replaces_the_login_before() {
    let server = Server::start().await;
    server.member("bob").await;
    let mut shared_computer = server.member("ann").await;
    let mut left_behind = shared_computer.copy_of_cookies();

    assert_eq!(shared_computer.log_in("bob", PASSWORD).await.status, 303);
    assert!(shared_computer.get("/members").await.body.contains("Welcome, bob"));
    assert!(!left_behind.is_in().await, "ann's token is ended");

    let mut kept = shared_computer.copy_of_cookies();
    assert_eq!(shared_computer.log_in("bob", "wrong").await.status, 401);
    assert!(kept.is_in().await, "a failed attempt ends nothing");
}

#[tokio::test]
async fn an_unknown_address_is_a_page_of_this_site() {
    let server = Server::start().await;
    let answer = server.visitor().get("/no/such/page").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("Nothing here"));
}
