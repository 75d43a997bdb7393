//! The program when many come at once, and leave before they have an answer.

use std::time::Duration;

use sqlx::SqlitePool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::process::Program;
use crate::visitor::Visitor;

/// Sends a form, and gives the status if the answer comes within this time. Then the connection is closed.
async fn post_and_leave(program: &Program, path: &str, body: &str, limit: Duration) -> Option<u16> {
    let mut stream = TcpStream::connect(program.address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Sec-Fetch-Site: same-origin\r\nContent-Length: {}\r\n\r\n{body}",
        program.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = timeout(limit, stream.read_exact(&mut answer)).await;
    read.ok()?.ok()?;
    std::str::from_utf8(&answer[9..]).unwrap().parse().ok()
}

/// What the kernel says of the memory of the program, in MiB.
fn resident_mib(program: &Program, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches(|symbol: char| !symbol.is_ascii_digit()).parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_logins_whose_visitors_leave_cost_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(&directory.path().join("club.db")).await;
    for _ in 0..500 {
        post_and_leave(&program, "/login", "username=admin&password=guess", Duration::from_millis(4)).await;
    }
    let peak = resident_mib(&program, "VmHWM:");
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    assert!(peak < 200 + 40 * cores, "{peak} MiB at the peak");
    // A visitor who left holds no place.
    let password = program.admin_password.clone().unwrap();
    let mut admin = Visitor::new(program.address);
    let mut status = 0;
    for _ in 0..50 {
        status = admin.log_in("admin", &password).await.status;
        if status != 503 {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(status, 303);
    program.stop("-TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_asked_to_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(&directory.path().join("club.db")).await;
    let cores = std::thread::available_parallelism().unwrap().get();
    let mut visitors = JoinSet::new();
    for _ in 0..cores * 300 {
        let mut visitor = Visitor::new(program.address);
        visitors.spawn(async move { visitor.log_in("admin", "guess").await });
    }
    let answers = visitors.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 503)), "{answers:?}");
    assert!(!refused.is_empty() && refused.len() < answers.len(), "{} of {}", refused.len(), answers.len());
    assert!(refused.iter().all(|answer| answer.headers["retry-after"] == "5"));
    program.stop("-TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_whose_visitors_leave_become_a_user_with_an_account_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("club.db");
    let mut program = Program::start(&database).await;
    let mut answered = 0;
    for number in 0..400_u64 {
        let body = format!(
            "username=user{number}&email=u%40example.org&password=long%20enough&password_confirmation=long%20enough"
        );
        // Around the time that a hash and two inserts take, in an order that does not repeat.
        let limit = Duration::from_micros(number * 7_919 % 60_000);
        answered += u32::from(post_and_leave(&program, "/register", &body, limit).await == Some(303));
    }
    program.stop("-TERM").await;
    let pool = SqlitePool::connect(&format!("sqlite:{}", database.display())).await.unwrap();
    let count = async |query: &'static str| sqlx::query_scalar::<_, i64>(query).fetch_one(&pool).await.unwrap();
    let users = count("SELECT count(*) FROM tower_tokens_users").await;
    let accounts = count("SELECT count(*) FROM members_area_accounts").await;
    assert_eq!(users, accounts, "of 400 registrations, {answered} were answered");
    assert!(users > 1, "some registrations came through");
}
