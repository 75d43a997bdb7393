//! A forgotten password: the link in the letter, and what becomes of it.

use http::header::{CACHE_CONTROL, REFERRER_POLICY, RETRY_AFTER};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use time::Duration;
use tower_tokens::repository::SqliteRepository;
use tower_tokens::sealed::{BoundSealer, Key, KeyRing, Sealer};

use crate::server::{PASSWORD, Server};
use crate::visitor::{Answer, Visitor};

const NEW: &str = "staple battery horse";

#[tokio::test]
async fn a_link_sets_a_new_password_once() {
    let server = Server::start().await;
    server.member("ann").await;
    let mut ann = server.visitor();
    assert!(ann.get("/login").await.body.contains(r#"href="/forgot""#));
    assert_eq!(ann.get("/forgot").await.status, 200);

    let link = link_for(&server, "ann").await;
    assert!(ann.get("/forgot?notice=sent").await.body.contains("a link is on its way"));
    let form = open_from_a_mailbox(&mut ann, &link).await;
    assert_eq!(form.status, 200);
    assert!(form.body.contains("A new password for ann"));
    assert_eq!(form.between(r#"name="token" value=""#, "\""), Some(token_in(&link)));
    assert_eq!(form.headers[CACHE_CONTROL], "private, no-store");
    assert_eq!(form.headers[REFERRER_POLICY], "same-origin", "the token is in the address");
    assert!(!form.body.contains("://"), "nothing is loaded from, or leads to, another site");
    assert_eq!(open_from_a_mailbox(&mut ann, &link).await.status, 200, "looking at it does not use it up");

    let answer = set_password(&mut ann, &link, NEW).await;
    assert_eq!((answer.status, answer.location()), (303, "/login?notice=reset"));
    assert!(answer.cookie().is_none(), "whoever has the password logs in with it");
    assert!(ann.get(answer.location()).await.body.contains("Your new password is set"));
    assert_eq!(ann.log_in("ann", PASSWORD).await.status, 401);
    assert_eq!(ann.log_in("ann", NEW).await.status, 303);

    assert_dead(&ann.get(&link).await);
    assert_dead(&set_password(&mut ann, &link, "a third password").await);
    assert_eq!(ann.log_in("ann", NEW).await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_use_one_link_at_once_one_wins() {
    let server = Server::start().await;
    server.member("ann").await;
    for round in 0..5 {
        let link = link_for(&server, "ann").await;
        let (mut one, mut other) = (server.visitor(), server.visitor());
        let passwords = [format!("the one, round {round}"), format!("the other, round {round}")];
        let (first, second) =
            tokio::join!(set_password(&mut one, &link, &passwords[0]), set_password(&mut other, &link, &passwords[1]));
        let (winner, loser) = match (first.status, second.status) {
            (303, 410) => (0, 1),
            (410, 303) => (1, 0),
            both => panic!("round {round}: {both:?}"),
        };
        assert_eq!(one.log_in("ann", &passwords[winner]).await.status, 303, "round {round}");
        assert_eq!(one.log_in("ann", &passwords[loser]).await.status, 401, "round {round}");
    }
}

#[tokio::test]
async fn a_link_works_for_15_minutes_to_the_second() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let link = link_for(&server, "ann").await;
    server.advance(Duration::minutes(15) - Duration::SECOND);
    assert_eq!(ann.get(&link).await.status, 200);
    server.advance(Duration::SECOND);
    assert_dead(&ann.get(&link).await);
    assert_dead(&set_password(&mut ann, &link, NEW).await);
    assert_eq!(ann.log_in("ann", PASSWORD).await.status, 303, "nothing has changed");

    let link = link_for(&server, "ann").await;
    server.advance(Duration::minutes(15) - Duration::SECOND);
    assert_eq!(set_password(&mut ann, &link, NEW).await.status, 303);
}

#[tokio::test]
async fn a_link_dies_when_the_password_changes() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let mut bob = server.member("bob").await;
    let (first, second) = (link_for(&server, "ann").await, link_for(&server, "ann").await);
    let bobs = link_for(&server, "bob").await;
    assert_ne!(first, second);
    assert_eq!(set_password(&mut ann, &second, NEW).await.status, 303);
    assert_dead(&ann.get(&first).await);
    assert_dead(&set_password(&mut ann, &first, "a third password").await);
    assert_eq!(ann.log_in("ann", NEW).await.status, 303);

    let back = link_for(&server, "ann").await;
    assert_eq!(set_password(&mut ann, &back, PASSWORD).await.status, 303);
    assert_dead(&ann.get(&first).await);
    assert_eq!(set_password(&mut bob, &bobs, NEW).await.status, 303, "his own password has not changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_links_that_are_used_at_once_one_wins() {
    let server = Server::start().await;
    server.member("ann").await;
    for round in 0..5 {
        let (first, second) = (link_for(&server, "ann").await, link_for(&server, "ann").await);
        let (mut one, mut other) = (server.visitor(), server.visitor());
        let name = format!("of round {round}");
        let (one, other) =
            tokio::join!(set_password(&mut one, &first, &name), set_password(&mut other, &second, &name));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 410], "round {round}");
    }
}

#[tokio::test]
async fn an_unknown_user_gets_the_same_answer_and_no_letter() {
    let server = Server::start().await;
    server.member("ann").await;
    let known = ask(&server, "ann").await;
    assert_eq!(server.letters().len(), 1);
    assert_eq!((known.status, known.location()), (303, "/forgot?notice=sent"));
    for unknown_name in ["bob", "bob@example.org", "", "' OR 1 = 1 --", "%", "ann@example.com", &"x".repeat(10_000)] {
        let unknown = ask(&server, unknown_name).await;
        assert_eq!((unknown.status, unknown.location()), (known.status, known.location()), "{unknown_name}");
        assert_eq!(unknown.body, known.body, "{unknown_name}");
        let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&unknown), names(&known), "{unknown_name}");
        assert!(server.letters().is_empty(), "{unknown_name}");
    }
}

#[tokio::test]
async fn the_letter_goes_to_the_address_of_the_account_whatever_was_typed() {
    let server = Server::start().await;
    server.member("Ann").await;
    for typed in ["ann", " ANN ", "ann@example.org", "Ann@Example.org"] {
        ask(&server, typed).await;
        let letters = server.letters();
        assert_eq!(letters.len(), 1, "{typed}");
        assert_eq!((letters[0].username.as_str(), letters[0].email.as_str()), ("Ann", "Ann@example.org"), "{typed}");
        assert!(letters[0].link.starts_with("/reset?token="), "{typed}");
    }
}

#[tokio::test]
async fn accounts_that_share_an_address_have_a_link_each_and_few_letters_come_at_once() {
    let server = Server::start().await;
    for number in 0..7 {
        let name = format!("twin{number}");
        let fields = [
            ("username", name.as_str()),
            ("email", "twins@example.org"),
            ("password", PASSWORD),
            ("password_confirmation", PASSWORD),
        ];
        assert_eq!(server.visitor().post("/register", &fields).await.status, 303);
    }
    ask(&server, "twins@example.org").await;
    let letters = server.letters();
    let names: Vec<_> = letters.iter().map(|letter| letter.username.as_str()).collect();
    assert_eq!(names, ["twin0", "twin1", "twin2", "twin3", "twin4"]);
    assert_eq!(set_password(&mut server.visitor(), &letters[1].link, NEW).await.status, 303);
    assert_eq!(server.visitor().log_in("twin1", NEW).await.status, 303);
    assert_eq!(server.visitor().log_in("twin0", NEW).await.status, 401);
}

#[tokio::test]
async fn all_devices_are_out_afterwards() {
    let server = Server::start().await;
    let mut laptop = server.member("ann").await;
    let mut phone = server.visitor();
    assert_eq!(phone.log_in_remembered("ann", PASSWORD).await.status, 303);
    let mut bob = server.member("bob").await;
    let link = link_for(&server, "ann").await;
    assert!(laptop.is_in().await && phone.is_in().await);

    assert_eq!(set_password(&mut laptop, &link, NEW).await.status, 303);
    assert!(!laptop.is_in().await, "the browser that did it too");
    assert!(!phone.is_in().await);
    assert!(bob.is_in().await);
    assert_eq!(laptop.get("/login?notice=reset").await.status, 200, "with a cookie that is worth nothing any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_logging_in_with_the_old_password_meanwhile_is_not_in_afterwards() {
    let server = Server::start().await;
    server.member("ann").await;
    let link = link_for(&server, "ann").await;
    let log_in = || {
        let mut thief = server.visitor();
        tokio::spawn(async move {
            let status = thief.log_in("ann", PASSWORD).await.status;
            (thief, status)
        })
    };
    let mut thieves: Vec<_> = (0..6).map(|_| log_in()).collect();
    let mut ann = server.visitor();
    let reset = tokio::spawn(async move { set_password(&mut ann, &link, NEW).await.status });
    thieves.extend((0..12).map(|_| log_in()));
    assert_eq!(reset.await.unwrap(), 303);
    for thief in thieves {
        let (mut thief, status) = thief.await.unwrap();
        assert!([303, 401].contains(&status), "{status}");
        assert!(!thief.is_in().await);
    }
}

#[tokio::test]
async fn a_form_with_mistakes_does_not_use_the_link_up() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let link = link_for(&server, "ann").await;
    let mistakes = [
        ("short", "short", "at least 8 characters"),
        (NEW, "something else", "not the same"),
        (&"x".repeat(1025), &"x".repeat(1025), "longer than 1,024 bytes"),
        ("", "", "at least 8 characters"),
    ];
    for (password, confirmation, problem) in mistakes {
        let answer = send_form(&mut ann, &link, password, confirmation).await;
        assert_eq!(answer.status, 422, "{problem}");
        assert!(answer.body.contains(problem), "{problem}: {}", answer.body);
        assert_eq!(answer.between(r#"name="token" value=""#, "\""), Some(token_in(&link)), "{problem}");
        assert!(password.is_empty() || !answer.body.contains(password), "{problem}");
        assert!(ann.is_in().await);
    }
    assert_eq!(set_password(&mut ann, &link, NEW).await.status, 303);
}

#[tokio::test]
async fn an_outage_is_reported_as_one_and_does_not_use_the_link_up() {
    let mut server = Server::start().await;
    server.member("ann").await;
    let link = link_for(&server, "ann").await;
    server.lose_database().await;
    let mut ann = server.visitor();
    let answers = [
        ann.get(&link).await,
        set_password(&mut ann, &link, NEW).await,
        ask(&server, "ann").await,
        ask(&server, "bob").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains_key(RETRY_AFTER));
    }
    assert!(server.letters().is_empty());
    server.restart().await;
    assert_eq!(set_password(&mut ann, &link, NEW).await.status, 303, "the keys outlive a restart");
}

#[tokio::test]
async fn a_password_that_cannot_be_stored_does_not_use_the_link_up() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let link = link_for(&server, "ann").await;
    // One connection: another one would create and drop triggers by a schema that it read before.
    let file = SqliteConnectOptions::new().filename(server.database());
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(file).await.unwrap();
    let run = async |sql: &'static str| sqlx::query(sql).execute(&pool).await.unwrap();
    let used = async || -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM tower_tokens_redemptions WHERE used = 1");
        count.fetch_one(&pool).await.unwrap()
    };

    for full in [
        "CREATE TRIGGER full BEFORE UPDATE ON members_area_accounts BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        "CREATE TRIGGER full BEFORE DELETE ON tower_tokens_tokens BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    ] {
        run(full).await;
        assert_eq!(set_password(&mut ann, &link, NEW).await.status, 503, "{full}");
        run("DROP TRIGGER full").await;
        assert_eq!(used().await, 0, "{full}");
        assert_eq!(ann.log_in("ann", PASSWORD).await.status, 303, "the old password is still the password: {full}");
    }
    assert_eq!(set_password(&mut ann, &link, NEW).await.status, 303);
    assert_eq!(used().await, 1);

    // Used numbers are kept for two days longer.
    server.advance(Duration::minutes(15) + Duration::hours(48));
    let next = link_for(&server, "ann").await;
    assert_eq!(set_password(&mut ann, &next, PASSWORD).await.status, 303);
    assert_eq!(used().await, 1, "what was used and has expired is forgotten");
}

#[tokio::test]
async fn who_logged_in_just_before_the_password_changed_is_out_too() {
    let server = Server::start().await;
    let mut thief = server.member("ann").await;
    let link = link_for(&server, "ann").await;
    let repository = SqliteRepository::open(server.database()).await.unwrap();
    // The login comes back at the very moment at which the password is written.
    for sql in [
        "CREATE TABLE logins AS SELECT * FROM tower_tokens_tokens",
        "CREATE TRIGGER late BEFORE UPDATE ON members_area_accounts BEGIN
             INSERT OR IGNORE INTO tower_tokens_tokens SELECT * FROM logins;
         END",
    ] {
        sqlx::query(sql).execute(repository.pool()).await.unwrap();
    }
    assert!(thief.is_in().await);
    assert_eq!(set_password(&mut server.visitor(), &link, NEW).await.status, 303);
    assert!(!thief.is_in().await);
    sqlx::query("INSERT INTO tower_tokens_tokens SELECT * FROM logins").execute(repository.pool()).await.unwrap();
    assert!(thief.is_in().await, "it was the reset that ended it, and not the copy that was bad");
}

#[tokio::test]
async fn a_used_link_is_dead_after_a_restart() {
    let mut server = Server::start().await;
    let mut ann = server.member("ann").await;
    let link = link_for(&server, "ann").await;
    assert_eq!(set_password(&mut ann, &link, NEW).await.status, 303);
    server.restart().await;
    assert_dead(&set_password(&mut ann, &link, PASSWORD).await);
}

#[tokio::test]
async fn a_banned_user_cannot_reset_their_way_in() {
    let server = Server::start().await;
    let mut admin = server.admin().await;
    let mut ann = server.member("ann").await;
    let before = link_for(&server, "ann").await;
    assert_eq!(admin.post("/admin/users/2/ban", &[]).await.status, 303);
    let after = link_for(&server, "ann").await;
    for link in [&before, &after] {
        for answer in [ann.get(link).await, set_password(&mut ann, link, NEW).await] {
            assert_eq!(answer.status, 403);
            assert!(answer.body.contains("This account is banned"));
        }
    }
    assert_eq!(ann.log_in("ann", NEW).await.status, 401, "the password has not changed");
    assert_eq!(admin.post("/admin/users/2/unban", &[]).await.status, 303);
    assert_eq!(set_password(&mut ann, &before, NEW).await.status, 303, "a refusal does not use the link up");
}

#[tokio::test]
async fn what_is_forged_or_made_for_something_else_is_refused() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let link = link_for(&server, "ann").await;
    let repository = SqliteRepository::open(server.database()).await.unwrap();
    let state: String = sqlx::query("SELECT password_hash FROM members_area_accounts WHERE username = 'ann'")
        .fetch_one(repository.pool())
        .await
        .unwrap()
        .get(0);
    let keys = KeyRing::open_file(server.key_file()).unwrap();
    let sealer = |keys: &KeyRing, purpose| Sealer::new(keys.clone(), purpose).unwrap().with_clock(server.clock());
    let make = |sealer: &BoundSealer, user: i64, state: &str| {
        format!("/reset?token={}", sealer.seal(&user, Duration::minutes(15), state).unwrap().expose_secret())
    };

    let own = sealer(&keys, "password reset").bound_to_state();
    assert_eq!(ann.get(&make(&own, 2, &state)).await.status, 200, "otherwise the rest would prove nothing");
    let plain = sealer(&keys, "password reset").seal(&2_i64, Duration::minutes(15)).unwrap();
    let other_keys = KeyRing::new(Key::generate("1").unwrap());
    let (begin, end) = link.split_at(link.len() - 20);
    let changed = if end.starts_with('A') { end.replacen('A', "B", 1) } else { format!("A{}", &end[1..]) };
    let refused = [
        ("another purpose", make(&sealer(&keys, "e-mail address").bound_to_state(), 2, &state)),
        ("another key of this name", make(&sealer(&other_keys, "password reset").bound_to_state(), 2, &state)),
        ("another state", make(&own, 2, "$argon2id$other")),
        ("another user", make(&own, 1, &state)),
        ("no user", make(&own, 99, &state)),
        ("bound to no state", format!("/reset?token={}", plain.expose_secret())),
        ("one letter changed", format!("{begin}{changed}")),
        ("cut short", link[..link.len() - 1].to_owned()),
        ("one letter more", format!("{link}A")),
        ("empty", "/reset?token=".to_owned()),
        ("none", "/reset".to_owned()),
        ("nonsense", "/reset?token=%00%C3%BC%3Cscript%3E".to_owned()),
    ];
    let used = link_for(&server, "ann").await;
    for (what, forged) in &refused {
        let page = ann.get(forged).await;
        assert_dead(&page);
        let answer = set_password(&mut ann, forged, NEW).await;
        assert_eq!((answer.status, &answer.body), (410, &page.body), "{what}");
    }
    assert!(ann.is_in().await);
    assert_eq!(set_password(&mut ann, &used, NEW).await.status, 303);
    let (forged, used) = (server.visitor().get("/reset?token=x").await, server.visitor().get(&used).await);
    assert_eq!(forged.body, used.body, "the response does not say why it is not valid");
}

#[cfg(unix)]
#[tokio::test]
async fn the_keys_are_for_their_owner_alone_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start().await;
    let mode = std::fs::metadata(server.key_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

/// Asks for a link and takes it out of the letter.
async fn link_for(server: &Server, name: &str) -> String {
    assert_eq!(ask(server, name).await.status, 303);
    let mut letters = server.letters();
    // Letters are written when the answer is on its way.
    for _ in 0..500 {
        if !letters.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        letters = server.letters();
    }
    assert_eq!(letters.len(), 1, "{name}");
    letters.remove(0).link
}

async fn ask(server: &Server, login: &str) -> Answer {
    server.visitor().post("/forgot", &[("login", login)]).await
}

async fn open_from_a_mailbox(visitor: &mut Visitor, link: &str) -> Answer {
    let headers = [("accept", "text/html"), ("sec-fetch-site", "cross-site")];
    visitor.send(http::Method::GET, link, &headers, String::new()).await
}

async fn set_password(visitor: &mut Visitor, link: &str, password: &str) -> Answer {
    send_form(visitor, link, password, password).await
}

async fn send_form(visitor: &mut Visitor, link: &str, password: &str, confirmation: &str) -> Answer {
    let fields = [("token", token_in(link)), ("password", password), ("password_confirmation", confirmation)];
    visitor.post("/reset", &fields).await
}

fn token_in(link: &str) -> &str {
    link.split_once("token=").map_or("", |(_, token)| token)
}

fn assert_dead(answer: &Answer) {
    assert_eq!(answer.status, 410, "{answer:?}");
    assert!(answer.body.contains("This link does not work any more"), "{answer:?}");
    assert!(answer.body.contains(r#"action="/forgot""#), "it offers a new one: {answer:?}");
}
