//! Eight processes that share one file of tokens, and a server that ends a refresh token at its first use.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tower_tokens::client::{ClientError, ClientErrorKind, IssuedTokens, StoredTokens, TokenEndpoint, TokenManager};

use crate::client::file::{files, home, mode, store};
use crate::client::kill::Killed;

const PROCESSES: usize = 8;
const LIFETIME: Duration = Duration::from_secs(1);
const RUN: Duration = Duration::from_millis(4_500);

const ADDRESS: &str = "TOKENS_SERVER";
const DIRECTORY: &str = "TOKENS_DIRECTORY";

/// What the server has issued and counted.
#[derive(Default)]
struct Issued {
    number: u64,
    /// When each access token was issued.
    access: HashMap<String, Instant>,
    /// The refresh token that is valid. Any other one ends it: somebody stole one of the two.
    refresh: Option<String>,
    logins: u64,
    refreshes: u64,
    reuses: u64,
}

impl Issued {
    fn issue(&mut self) -> String {
        self.number += 1;
        let (access, refresh) = (format!("access-{}", self.number), format!("refresh-{}", self.number));
        self.access.insert(access.clone(), Instant::now());
        self.refresh = Some(refresh.clone());
        format!("{access} {refresh}")
    }

    fn answer(&mut self, line: &str) -> String {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("login", _) => {
                self.logins += 1;
                self.issue()
            }
            ("refresh", token) if self.refresh.as_deref() == Some(token) => {
                self.refreshes += 1;
                self.issue()
            }
            ("refresh", _) => {
                self.reuses += 1;
                self.refresh = None;
                self.access.clear();
                "refused".to_owned()
            }
            ("work", token) if self.access.get(token).is_some_and(|issued| issued.elapsed() < LIFETIME) => {
                "done".to_owned()
            }
            _ => "unauthorized".to_owned(),
        }
    }
}

/// Serves one line a request, and lets all processes begin at once.
fn serve(issued: &Arc<Mutex<Issued>>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (issued, line) = (Arc::clone(issued), Arc::new(Barrier::new(PROCESSES)));
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (issued, line) = (Arc::clone(&issued), Arc::clone(&line));
            std::thread::spawn(move || answer(connection.unwrap(), &issued, &line));
        }
    });
    address
}

fn answer(mut connection: TcpStream, issued: &Mutex<Issued>, start: &Barrier) {
    let lines = BufReader::new(connection.try_clone().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if line == "ready" {
            start.wait();
        }
        let answer = issued.lock().unwrap().answer(&line);
        if !line.starts_with("work") {
            // The answer is on its way, and the former refresh token is dead already.
            std::thread::sleep(Duration::from_millis(20));
        }
        if writeln!(connection, "{answer}").is_err() {
            return;
        }
    }
}

/// Asks the server of this process's parent.
#[derive(Debug)]
struct Endpoint;

impl Endpoint {
    async fn ask(&self, line: String) -> Result<String, ClientError> {
        let asked = async {
            let mut connection = tokio::net::TcpStream::connect(std::env::var(ADDRESS).unwrap()).await?;
            connection.write_all(format!("{line}\n").as_bytes()).await?;
            let mut answer = String::new();
            tokio::io::BufReader::new(connection).read_line(&mut answer).await?;
            Ok::<_, std::io::Error>(answer.trim_end().to_owned())
        };
        asked.await.map_err(|error| ClientError::new(ClientErrorKind::Unavailable, error))
    }

    async fn issued(&self, line: String) -> Result<IssuedTokens, ClientError> {
        let answer = self.ask(line).await?;
        let Some((access, refresh)) = answer.split_once(' ') else {
            return Err(ClientError::new(ClientErrorKind::Refused, answer));
        };
        Ok(IssuedTokens::new(access).expires_in(LIFETIME).refresh_token(refresh))
    }
}

#[async_trait]
impl TokenEndpoint for Endpoint {
    async fn log_in(&self) -> Result<IssuedTokens, ClientError> {
        self.issued("login".to_owned()).await
    }

    async fn refresh(&self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        self.issued(format!("refresh {}", stored.refresh_token().unwrap().expose_secret())).await
    }
}

#[tokio::test]
#[ignore = "a helper: the process that another test starts eight times"]
async fn work_until_the_time_is_up() {
    let directory = std::env::var_os(DIRECTORY).unwrap();
    let manager = TokenManager::new(Endpoint, store(directory.as_ref()));
    Endpoint.ask("ready".to_owned()).await.unwrap();
    let start = Instant::now();
    let (mut done, mut repeated) = (0, 0);
    while start.elapsed() < RUN {
        let token = manager.access_token().await.unwrap();
        let work = async |token: &str| Endpoint.ask(format!("work {token}")).await.unwrap();
        if work(token.expose_secret()).await != "done" {
            repeated += 1;
            let token = manager.access_token_after_rejection(&token).await.unwrap();
            assert_eq!(work(token.expose_secret()).await, "done", "the repeated request fails too");
            manager.accepted(&token);
        }
        done += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let statistics = manager.statistics();
    println!("\nreport {done} {repeated} {} {}", statistics.logins(), statistics.refreshes());
}

#[test]
fn eight_processes_share_a_file_and_none_is_logged_out() {
    let (_home, directory) = home();
    let issued = Arc::<Mutex<Issued>>::default();
    let address = serve(&issued);
    let module = module_path!().split_once("::").unwrap().1;
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", &format!("{module}::work_until_the_time_is_up")]);
        command.env(ADDRESS, address.to_string()).env(DIRECTORY, &directory).stdout(Stdio::piped());
        Killed(command.spawn().unwrap())
    };
    let processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    let (mut done, mut repeated, mut logins, mut refreshes) = (0, 0, 0, 0);
    for mut process in processes {
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        let report = lines.filter_map(|line| line.strip_prefix("report ").map(str::to_owned)).last();
        assert!(process.0.wait().unwrap().success(), "a process failed");
        let numbers: Vec<u64> = report.unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
        done += numbers[0];
        repeated += numbers[1];
        logins += numbers[2];
        refreshes += numbers[3];
    }
    let issued = issued.lock().unwrap();
    println!(
        "{done} requests, {repeated} of them repeated, {logins} logins, {refreshes} refreshes; the server counts {} and {}",
        issued.logins, issued.refreshes
    );
    assert_eq!((logins, issued.logins), (1, 1));
    assert_eq!(issued.reuses, 0, "a refresh token was used twice");
    assert_eq!(refreshes, issued.refreshes);
    assert!((2..=RUN.as_secs() + 2).contains(&refreshes), "one refresh a lifetime: {refreshes}");
    assert!(done > 500, "the drill is too slow to show anything: {done}");
    let all = files(&directory, "");
    assert!(all.len() == 2 && all.iter().all(|path| mode(path) == 0o600), "{all:?}");
}
