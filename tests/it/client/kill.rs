//! Processes that are killed, and disks that are full, in the middle of a save.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tower_tokens::client::{ClientErrorKind, StoredTokens, TokenStore};

use crate::client::file::{chain, files, home, mode, store, tokens};

/// The directory that a child is to use.
const DIRECTORY: &str = "TOKENS_DIRECTORY";
/// The number that a child is to begin with.
const FIRST: &str = "TOKENS_FIRST";

fn directory_of_the_child() -> PathBuf {
    std::env::var_os(DIRECTORY).unwrap().into()
}

/// This binary again, running one of the helpers below, under the settings that `shell` makes.
fn child(helper: &str, directory: &Path, shell: &str) -> Command {
    let module = module_path!().split_once("::").unwrap().1;
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell}; exec \"$0\" \"$@\"")).arg(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", &format!("{module}::{helper}")]);
    command.env(DIRECTORY, directory).stdout(Stdio::piped());
    command
}

/// A process that does not outlive its test.
pub(super) struct Killed(pub(super) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
#[ignore = "a helper: the process that another test kills"]
fn save_until_killed() {
    let store = store(&directory_of_the_child());
    let first: i64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut report = std::io::stdout();
    runtime().block_on(async {
        for n in first..first + 100_000 {
            let held = store.lock().await.unwrap();
            store.save(&padded(n)).await.unwrap();
            drop(held);
            // One call, so that a report is whole too.
            report.write_all(format!("\nsaved {n}\n").as_bytes()).unwrap();
            report.flush().unwrap();
        }
    });
}

/// Tokens of some kilobytes, as JSON Web Tokens are: a write that takes its time.
fn padded(n: i64) -> StoredTokens {
    let padding = "x".repeat(6_000);
    StoredTokens::new(format!("access-{n}-{padding}"))
        .with_access_expiry(tokens(n).access_expires_at())
        .with_refresh_token(format!("refresh-{n}-{padding}"))
        .with_refresh_expiry(tokens(n).refresh_expires_at())
}

/// The number of [`padded`] tokens.
fn number(tokens: &StoredTokens) -> i64 {
    let number = tokens.access_expires_at().unwrap().unix_seconds() - 1_800_000_000;
    assert_eq!(tokens, &padded(number), "the file is not whole");
    number
}

/// 500 times a process that saves is killed, at a moment that differs each time. What it reported as saved is there; the
/// next process has the lock at once; and what the killed one left is removed.
#[test]
fn a_file_is_whole_whenever_its_writer_is_killed() {
    const KILLS: u32 = 500;
    let (_home, directory) = home();
    let runtime = runtime();
    let store = store(&directory).with_lock_timeout(Duration::from_millis(500));
    runtime.block_on(store.save(&padded(0))).unwrap();
    let (mut last, mut left_behind, mut unreported) = (0, 0, 0);
    for kill in 0..KILLS {
        let writer = child("save_until_killed", &directory, ":").env(FIRST, (last + 1).to_string()).spawn();
        let mut writer = Killed(writer.unwrap());
        let mut lines = BufReader::new(writer.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        let saved = |line: &String| line.strip_prefix("saved ").and_then(|number| number.parse::<i64>().ok());
        let first = lines.find_map(|line| saved(&line)).expect("the child saves");
        std::thread::sleep(Duration::from_micros(u64::from(kill * 7_919 % 4_000)));
        drop(writer);
        let reported = lines.filter_map(|line| saved(&line)).last().unwrap_or(first);

        let temporary = files(&directory, ".tmp-");
        assert!(temporary.len() <= 1, "leftovers pile up: {temporary:?}");
        left_behind += temporary.len();
        let all = files(&directory, "");
        assert!(all.len() <= 3 && all.iter().all(|path| mode(path) == 0o600), "{all:?}");
        assert_eq!(mode(&directory), 0o700);

        runtime.block_on(async {
            drop(store.lock().await.expect("the lock died with its holder"));
            let found = number(&store.load().await.unwrap().expect("there are tokens"));
            assert!(found == reported || found == reported + 1, "{found} is there, {reported} was reported");
            unreported += found - reported;
            last = found;
        });
    }
    runtime.block_on(store.save(&padded(0))).unwrap();
    assert!(files(&directory, ".tmp-").is_empty());
    println!("{KILLS} kills: {left_behind} during a write, {unreported} after it and before the report");
    assert!(left_behind > 0, "no kill came in the middle of a write: the drill shows nothing");
}

#[test]
#[ignore = "a helper: the process whose disk is full"]
fn save_once_and_report() {
    let store = store(&directory_of_the_child());
    let first: i64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let saved = runtime().block_on(store.save(&padded(first)));
    match saved {
        Ok(()) => println!("\nsaved"),
        Err(error) => {
            assert_eq!(error.kind(), ClientErrorKind::Store);
            println!("\nfailed {}", chain(&error));
        }
    }
}

fn save_in_a_child(directory: &Path, first: i64, shell: &str) -> String {
    let output = child("save_once_and_report", directory, shell).env(FIRST, first.to_string()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let line = lines.lines().find(|line| line.starts_with("saved") || line.starts_with("failed"));
    line.unwrap_or_else(|| panic!("{lines}")).to_owned()
}

/// A limit on the size of a file is refused in the middle of it, as a full disk is.
#[test]
fn a_full_disk_keeps_the_former_file() {
    let (_home, directory) = home();
    let runtime = runtime();
    let store = store(&directory);
    runtime.block_on(store.save(&tokens(1))).unwrap();
    for blocks in [0, 1, 8] {
        let report = save_in_a_child(&directory, 2, &format!("trap '' XFSZ; ulimit -f {blocks}"));
        assert!(report.starts_with("failed") && report.contains("cannot write"), "{report}");
        assert_eq!(runtime.block_on(store.load()).unwrap(), Some(tokens(1)));
        assert_eq!(files(&directory, ""), [store.path()], "nothing half-written is left");
    }
    assert_eq!(save_in_a_child(&directory, 2, ":"), "saved");
    assert_eq!(runtime.block_on(store.load()).unwrap(), Some(padded(2)));
}

/// The process's umask neither opens the files to others nor closes them to their owner.
#[test]
fn files_are_private_under_any_umask() {
    for umask in ["000", "022", "077"] {
        let (_home, directory) = home();
        assert_eq!(save_in_a_child(&directory, 1, &format!("umask {umask}")), "saved");
        assert_eq!(mode(&directory), 0o700, "{umask}");
        assert_eq!(mode(&store(&directory).path()), 0o600, "{umask}");
    }
    let (_home, directory) = home();
    fs::create_dir(&directory).unwrap();
    crate::client::file::set_mode(&directory, 0o700);
    assert_eq!(save_in_a_child(&directory, 1, "umask 377"), "saved");
    assert_eq!(mode(&store(&directory).path()), 0o600);
}
