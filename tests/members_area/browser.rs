//! A real browser visits the site.

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use fantoccini::{Client, Locator};
use http::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::chromium::{Browser, TIME_OUT};
use crate::server::{COOKIE, PASSWORD, Server};

#[tokio::test]
async fn a_member_registers_stays_in_looks_at_their_devices_and_logs_out() {
    let server = Server::start_now().await;
    let browser = Browser::start().await;
    let page = Page { client: browser.client.clone(), site: format!("http://{}", server.address) };

    page.open("/members").await;
    assert_eq!(page.path().await, "/login?next=%2Fmembers", "no user is logged in yet");
    page.show("login").await;
    page.open("/register").await;
    page.type_into("username", "ann").await;
    page.type_into("email", "ann@example.org").await;
    page.type_into("password", PASSWORD).await;
    page.type_into("password_confirmation", "something else").await;
    page.press("main button").await;
    assert!(page.text(".problem").await.contains("not the same"));
    assert_eq!(page.value("username").await, "ann");
    assert_eq!(page.value("password").await, "");
    page.show("register").await;
    page.type_into("password", PASSWORD).await;
    page.type_into("password_confirmation", PASSWORD).await;
    page.press("main button").await;
    assert!(page.text(".notice").await.contains("Your account is ready"));

    page.open("/account").await;
    page.type_into("username", "ann").await;
    page.type_into("password", PASSWORD).await;
    page.tick("remember").await;
    page.press("main button").await;
    assert_eq!(page.path().await, "/account", "where she wanted to go");
    assert_eq!(page.text(".device strong").await, "Headless Chrome on Linux");
    assert!(page.text(".device").await.contains("this device"));

    let cookie = page.client.get_named_cookie(COOKIE).await.unwrap();
    assert_eq!((cookie.http_only(), cookie.secure()), (Some(true), Some(true)));
    assert_eq!((cookie.same_site(), cookie.path()), (Some(cookie::SameSite::Lax), Some("/")));
    let end = cookie.expires_datetime().expect("remembered, so the browser keeps it until a date");
    let days = (end - time::OffsetDateTime::now_utc()).as_seconds_f64() / 86_400.0;
    assert!((29.9..30.1).contains(&days), "{days}");
    assert_eq!(page.client.execute("return document.cookie", vec![]).await.unwrap(), "", "no script can read it");

    let mut phone = server.visitor();
    assert_eq!(phone.log_in("ann", PASSWORD).await.status, 303);
    page.open("/account").await;
    page.show("account").await;
    page.press("#end-others").await;
    assert!(page.text(".notice").await.contains("All other devices"));
    assert!(!phone.is_in().await);

    page.open("/members").await;
    assert_eq!(page.text("h1").await, "Welcome, ann");
    page.show("members").await;
    page.open("/admin").await;
    assert_eq!(page.text("h1").await, "Not for you");
    page.show("not-allowed").await;
    page.open("/members").await;
    page.press("#log-out").await;
    assert!(page.text(".notice").await.contains("You are logged out"));
    assert!(page.client.get_named_cookie(COOKIE).await.is_err(), "the cookie is gone");
    page.client.back().await.unwrap();
    assert!(!page.client.source().await.unwrap().contains("Welcome, ann"), "no way back into the members page");
    page.open("/members").await;
    assert_eq!(page.path().await, "/login?next=%2Fmembers");
}

#[tokio::test]
async fn a_member_makes_an_api_token_copies_it_and_ends_it() {
    let server = Server::start_now().await;
    server.member("ann").await;
    let browser = Browser::start().await;
    let page = Page { client: browser.client.clone(), site: format!("http://{}", server.address) };

    page.open("/account/tokens").await;
    page.type_into("username", "ann").await;
    page.type_into("password", PASSWORD).await;
    page.press("main button").await;
    assert_eq!(page.path().await, "/account/tokens", "where she wanted to go");
    page.type_into("name", "Backup script").await;
    page.tick("write").await;
    page.press("#make").await;
    page.show("api-tokens").await;
    let token = page.text("#made").await;
    assert!(token.starts_with("members_"), "{token}");
    let mut script = server.visitor();
    assert_eq!(script.bearer(Method::GET, "/api/records", &token).await.status, 200);
    assert!(page.text(".device").await.contains("May: read, write"));

    page.client.find(Locator::Css("#copy")).await.unwrap().click().await.unwrap();
    page.client
        .wait()
        .at_most(TIME_OUT)
        .for_element(Locator::XPath("//button[@id='copy' and text()='Copied']"))
        .await
        .unwrap();

    page.open("/account/tokens").await;
    assert!(!page.client.source().await.unwrap().contains(&token), "it is shown once");
    page.press(".device button").await;
    assert!(page.text(".notice").await.contains("That token has ended"));
    assert_eq!(script.bearer(Method::GET, "/api/records", &token).await.status, 401);
}

#[tokio::test]
async fn an_administrator_bans_a_member_in_the_panel() {
    let server = Server::start_now().await;
    let mut ann = server.member("ann").await;
    let browser = Browser::start().await;
    let page = Page { client: browser.client.clone(), site: format!("http://{}", server.address) };

    page.open("/admin").await;
    page.type_into("username", "admin").await;
    page.type_into("password", &server.admin_password).await;
    page.press("main button").await;
    assert_eq!(page.path().await, "/admin");
    let cookie = page.client.get_named_cookie(COOKIE).await.unwrap();
    assert!(cookie.expires_datetime().is_none(), "not remembered: gone when the browser is closed");
    page.press("tr[data-user=ann] .danger").await;
    assert!(page.text("tr[data-user=ann]").await.contains("banned"));
    page.show("admin").await;
    assert!(!ann.is_in().await);
    page.open("/").await;
    page.show("home").await;
}

#[tokio::test]
async fn a_member_who_forgot_the_password_sets_a_new_one() {
    let server = Server::start_now().await;
    let mut phone = server.member("ann").await;
    let browser = Browser::start().await;
    let page = Page { client: browser.client.clone(), site: format!("http://{}", server.address) };

    page.open("/login").await;
    page.press("a[href='/forgot']").await;
    page.type_into("login", "ann@example.org").await;
    page.press("main button").await;
    assert!(page.text(".notice").await.contains("a link is on its way"));
    page.show("forgot").await;

    let link = server.letters().remove(0).link;
    page.open(&link).await;
    assert_eq!(page.text("h1").await, "A new password for ann");
    page.type_into("password", "staple battery horse").await;
    page.type_into("password_confirmation", "something else").await;
    page.press("main button").await;
    assert!(page.text(".problem").await.contains("not the same"));
    page.show("reset").await;
    page.type_into("password", "staple battery horse").await;
    page.type_into("password_confirmation", "staple battery horse").await;
    page.press("main button").await;
    assert_eq!(page.path().await, "/login?notice=reset");
    assert!(page.text(".notice").await.contains("Your new password is set"));
    assert!(!phone.is_in().await);
    page.type_into("username", "ann").await;
    page.type_into("password", "staple battery horse").await;
    page.press("main button").await;
    assert_eq!(page.text("h1").await, "Welcome, ann");

    page.open(&link).await;
    assert!(page.text(".problem").await.contains("does not work any more"));
    page.show("dead-link").await;
}

#[tokio::test]
async fn a_form_on_another_site_does_nothing_here() {
    let server = Server::start_now().await;
    let mut admin = server.admin().await;
    server.visitor().register("mallory").await;
    let browser = Browser::start().await;
    let page = Page { client: browser.client.clone(), site: format!("http://{}", server.address) };
    page.open("/login").await;
    page.type_into("username", "admin").await;
    page.type_into("password", &server.admin_password).await;
    page.press("main button").await;

    // `localhost` is another site than `127.0.0.1`, so the browser marks what it causes as cross-site.
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let forged = format!(
        r#"<form id="log-in" method="post" action="{site}/login"><input name="username" value="mallory">
           <input name="password" value="{PASSWORD}"><button>win a prize</button></form>
           <form id="log-out" method="post" action="{site}/logout"><button>win</button></form>
           <form id="ban" method="post" action="{site}/admin/users/2/ban"><button>win</button></form>"#,
        site = page.site
    );
    tokio::spawn(async move {
        axum::serve(elsewhere, Router::new().route("/", get(async || Html(forged)))).await.unwrap();
    });
    let refusals = [
        ("#log-in", Some("403"), "Sent from another site"),
        ("#log-out", Some("403"), "Sent from another site"),
        // SameSite=Lax already keeps the cookie at home, so here somebody without a login asks.
        ("#ban", None, "Log in"),
    ];
    for (form, status, title) in refusals {
        page.client.goto(&format!("http://localhost:{port}/")).await.unwrap();
        page.press(&format!("{form} button")).await;
        if let Some(status) = status {
            assert_eq!(page.text(".code").await, status, "{form}");
        }
        assert_eq!(page.text("h1").await, title, "{form}");
    }
    page.open("/admin").await;
    assert_eq!(page.text("h1").await, "Admin panel", "still logged in, and as the same user");
    assert!(page.client.find(Locator::Css("tr[data-user=mallory] .danger")).await.is_ok(), "no user is banned");
    assert!(admin.is_in().await);
}

/// The site as the browser shows it.
struct Page {
    client: Client,
    site: String,
}

impl Page {
    async fn open(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.site)).await.unwrap();
    }

    async fn tick(&self, field: &str) {
        self.client.find(Locator::Css(&format!("[name={field}]"))).await.unwrap().click().await.unwrap();
    }

    /// Clicks a button, and waits until the page that it leads to is there.
    async fn press(&self, css: &str) {
        self.client.execute("window.isThePageBefore = true", vec![]).await.unwrap();
        self.client.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
        let has_arrived = "return document.readyState === 'complete' && !window.isThePageBefore";
        let arrival = async {
            // Between two pages there is none to ask, which is an error.
            while self.client.execute(has_arrived, vec![]).await.ok() != Some(json!(true)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TIME_OUT, arrival).await.expect("the button leads to a page");
    }

    async fn type_into(&self, field: &str, text: &str) {
        let field = self.client.find(Locator::Css(&format!("[name={field}]"))).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn text(&self, css: &str) -> String {
        self.client.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    async fn value(&self, field: &str) -> String {
        let field = self.client.find(Locator::Css(&format!("[name={field}]"))).await.unwrap();
        field.prop("value").await.unwrap().unwrap_or_default()
    }

    /// The path and query of the page.
    async fn path(&self) -> String {
        self.client.current_url().await.unwrap().as_str().replacen(&self.site, "", 1)
    }

    /// Saves pictures of the page, for people who change its looks: `MEMBERS_AREA_PICTURES=some/folder`.
    async fn show(&self, name: &str) {
        let Some(folder) = std::env::var_os("MEMBERS_AREA_PICTURES").map(PathBuf::from) else { return };
        std::fs::create_dir_all(&folder).unwrap();
        for (kind, width, height) in [("desktop", 1100, 800), ("phone", 500, 900)] {
            self.client.set_window_size(width, height).await.unwrap();
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(folder.join(format!("{name}-{kind}.png")), picture).unwrap();
        }
    }
}
