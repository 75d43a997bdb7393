//! Organisations that share one site.

use tempfile::TempDir;
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{SqliteRepository, UserRepository};

use crate::http::{Answer, Server};

#[path = "../../../examples/organisations.rs"]
#[expect(dead_code, reason = "the tests do not call `main`")]
mod program;

/// Users 1 and 2 own `acme` and `globex`, user 3 is a member of both, user 4 of none. Invoice 1 is of `acme`, 2 of `globex`.
struct Site {
    server: Server,
    users: SqliteRepository,
    tokens: Tokens,
    _directory: TempDir,
}

impl Site {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let users = SqliteRepository::open(directory.path().join("site.db")).await.unwrap();
        let tokens = Tokens::new(users.clone());
        let server = Server::start(program::app(users.clone(), tokens.clone()).await.unwrap()).await;
        for _ in 0..4 {
            users.create_user(None, "user").await.unwrap();
        }
        let rows = "INSERT INTO memberships VALUES ('acme', 1, 'owner'), ('globex', 2, 'owner'), ('acme', 3, 'member'),
            ('globex', 3, 'member'); INSERT INTO invoices VALUES (1, 'acme', 100), (2, 'globex', 200)";
        sqlx::raw_sql(rows).execute(users.pool()).await.unwrap();
        Self { server, users, tokens, _directory: directory }
    }

    async fn read(&self, user: i64, path: &str) -> Answer {
        let issued = self.tokens.generate(user).await.unwrap();
        self.server.get(path, &[("authorization", &format!("Bearer {}", issued.token().expose_secret()))]).await
    }

    async fn set_role(&self, user: i64, org: &str, form: &str) -> u16 {
        let bearer = format!("Bearer {}", self.tokens.generate(user).await.unwrap().token().expose_secret());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.server.send_with_body("POST", &format!("/orgs/{org}/members"), &headers, form).await.status
    }
}

#[tokio::test]
async fn who_belongs_to_one_organisation_has_no_access_to_another() {
    let site = Site::start().await;
    for (user, path, status) in [
        (1, "/orgs/acme/invoices/1", 200),
        (1, "/orgs/globex/invoices/2", 403),
        (2, "/orgs/globex/invoices/2", 200),
        (2, "/orgs/acme/invoices/1", 403),
        (3, "/orgs/acme/invoices/1", 200),
        (3, "/orgs/globex/invoices/2", 200),
        (4, "/orgs/acme/invoices/1", 403),
    ] {
        assert_eq!(site.read(user, path).await.status, status, "{user} {path}");
    }
    assert_eq!(site.server.get("/orgs/acme/invoices/1", &[]).await.status, 401);
    assert_eq!(site.read(1, "/orgs/acme/invoices/1").await.body, "100");
}

#[tokio::test]
async fn the_number_of_a_foreign_invoice_gives_nothing_in_the_own_organisation() {
    let site = Site::start().await;
    assert_eq!(site.read(1, "/orgs/acme/invoices/2").await.status, 404);
    assert_eq!(site.read(3, "/orgs/acme/invoices/2").await.status, 404, "a member of both uses the right address too");
    assert_eq!(site.read(1, "/orgs/acme/invoices/99").await.body, site.read(1, "/orgs/acme/invoices/2").await.body);
}

#[tokio::test]
async fn which_organisations_exist_is_not_to_be_learnt() {
    let site = Site::start().await;
    let (foreign, absent) =
        (site.read(1, "/orgs/globex/invoices/2").await, site.read(1, "/orgs/none/invoices/2").await);
    assert_eq!((foreign.status, &foreign.body), (absent.status, &absent.body));
}

#[tokio::test]
async fn the_guard_and_the_handler_read_one_organisation_however_it_is_written() {
    let site = Site::start().await;
    assert_eq!(site.read(2, "/orgs/%67lobex/invoices/2").await.body, "200");
    for path in ["/orgs/acme%2F..%2Fglobex/invoices/1", "/orgs/acme%00/invoices/1", "/orgs/ACME/invoices/1"] {
        assert_eq!(site.read(2, path).await.status, 403, "{path}");
    }
    assert_eq!(site.read(2, "/orgs/globex/../acme/invoices/1").await.status, 404, "no such route");
    assert_eq!(site.read(2, "/orgs/globex/invoices/2?org=acme").await.body, "200");
}

#[tokio::test]
async fn a_role_counts_in_its_own_organisation() {
    let site = Site::start().await;
    assert_eq!(site.set_role(3, "acme", "user=4&role=member").await, 403, "a member does not manage");
    assert_eq!(site.set_role(1, "globex", "user=1&role=owner").await, 403, "an owner of another organisation neither");
    assert_eq!(site.set_role(4, "acme", "user=4&role=owner").await, 403);
    assert_eq!(site.set_role(1, "acme", "user=4&role=member&org=globex").await, 204);
    assert_eq!(site.read(4, "/orgs/acme/invoices/1").await.status, 200);
    assert_eq!(site.read(4, "/orgs/globex/invoices/2").await.status, 403);
}

#[tokio::test]
async fn a_change_of_role_holds_at_the_next_request_of_a_token_that_was_there_before() {
    let site = Site::start().await;
    let bearer = format!("Bearer {}", site.tokens.generate(3).await.unwrap().token().expose_secret());
    let read = async || site.server.get("/orgs/acme/invoices/1", &[("authorization", &bearer)]).await.status;
    assert_eq!(read().await, 200);
    assert_eq!(site.set_role(1, "acme", "user=3&role=none").await, 204);
    assert_eq!(read().await, 403);
    assert_eq!(site.set_role(1, "acme", "user=3&role=owner").await, 204);
    assert_eq!(site.set_role(3, "acme", "user=1&role=none").await, 204);
    assert_eq!(site.read(1, "/orgs/acme/invoices/1").await.status, 403);
}

#[tokio::test]
async fn an_organisation_keeps_an_owner() {
    let site = Site::start().await;
    for role in ["none", "member"] {
        assert_eq!(site.set_role(1, "acme", &format!("user=1&role={role}")).await, 403, "{role}");
        assert_eq!(site.set_role(1, "acme", "user=3&role=member").await, 204, "still the owner");
    }
    // Two owners who remove each other at once leave one.
    assert_eq!(site.set_role(1, "acme", "user=3&role=owner").await, 204);
    let (one, other) =
        tokio::join!(site.set_role(1, "acme", "user=3&role=none"), site.set_role(3, "acme", "user=1&role=none"));
    assert_eq!([one, other].iter().filter(|status| **status == 204).count(), 1, "{one} {other}");
}

#[tokio::test]
async fn what_visitors_get_wrong_is_no_outage() {
    let site = Site::start().await;
    assert_eq!(site.set_role(1, "acme", "user=99&role=member").await, 404, "there is no such user");
    assert_eq!(site.set_role(1, "acme", "user=4&role=emperor").await, 400);
    assert!(site.users.delete_user(&3.into()).await.unwrap());
    let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM memberships WHERE user_id = 3");
    assert_eq!(left.fetch_one(site.users.pool()).await.unwrap(), 0, "a deleted user belongs to nothing");
}

#[tokio::test]
async fn an_outage_neither_allows_nor_denies() {
    let site = Site::start().await;
    sqlx::raw_sql("ALTER TABLE memberships RENAME TO lost").execute(site.users.pool()).await.unwrap();
    assert_eq!(site.read(1, "/orgs/acme/invoices/1").await.status, 503);
    assert_eq!(site.read(4, "/orgs/acme/invoices/1").await.status, 503);
}
