//! `examples/sealed`, as people run it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// The example's binary, which `cargo test` builds beside this one.
fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("examples").join(format!("sealed{}", std::env::consts::EXE_SUFFIX))
}

fn sealed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} is built by `cargo test --features sealed`: {error}", binary().display()));
    // It may end without reading: its exit status says so.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    std::str::from_utf8(&output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A directory of this test's own, removed on drop.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tower-tokens-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_sealed_opens_and_what_is_not_is_refused() {
    let directory = Directory::new("seal");
    let keys = directory.path("keys");
    assert!(sealed(&["generate-key", "--key-file", &keys], b"").status.success());
    assert_eq!(sealed(&["generate-key", "--key-file", &keys], b"").status.code(), Some(2), "overwritten");

    let of = |purpose| ["--key-file", keys.as_str(), "--purpose", purpose];
    let seal = |more: &[&str], payload: &str| {
        let output = sealed(&[&["seal"], &of("invitation")[..], more].concat(), payload.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let token = seal(&["--ttl", "3600"], "{\n  \"big\": 123456789012345678901234567890,\n  \"text\": \" a  b \"\n}\n");
    let output = sealed(&[&["open"], &of("invitation")[..]].concat(), &token);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains(r#""payload":{"big":123456789012345678901234567890,"text":" a  b "}"#), "{text}");
    let fact = &lines(&output)[0];
    assert_eq!((&fact["valid"], &fact["expired"]), (&json!(true), &json!(false)));
    assert_eq!(fact["uuid"].as_str().unwrap().len(), 36);
    assert!(fact["expires_at"].as_str().unwrap().ends_with('Z'));

    let never = seal(&["--ttl", "never"], "null");
    let input = [&token[..], b"rubbish\n\n\xff\xfe\r\n", &never].concat();
    let output = sealed(&[&["open"], &of("invitation")[..]].concat(), &input);
    assert_eq!(output.status.code(), Some(1));
    let facts = lines(&output);
    assert_eq!(facts.iter().map(|fact| fact["valid"] == true).collect::<Vec<_>>(), [true, false, false, false, true]);
    assert_eq!(facts[1], json!({"valid": false, "reason": "the token is not valid"}));
    assert_eq!((&facts[4]["expires_at"], &facts[4]["payload"]), (&Value::Null, &Value::Null));

    assert_eq!(sealed(&[&["open"], &of("login")[..]].concat(), &token).status.code(), Some(1), "another purpose");
    assert_eq!(sealed(&[&["open"], &of("invitation")[..]].concat(), b"").status.code(), Some(0), "nothing to open");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("mode");
    let keys = directory.path("keys");
    let key = sealed(&["generate-key", "--id", "2026-11"], b"").stdout;
    assert!(key.starts_with(b"active 2026-11 "));
    fs::write(&keys, key).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    let output = sealed(&["open", "--key-file", &keys, "--purpose", "p"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("chmod 600"));
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(sealed(&["seal", "--key-file", &keys, "--purpose", "p"], b"1").status.success());
}

#[cfg(unix)]
#[test]
fn a_key_that_is_redirected_into_a_file_is_private_at_once() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("redirected");
    let keys = directory.path("keys");
    let file = fs::File::create(&keys).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Command::new(binary()).arg("generate-key").stdout(file).status().unwrap().success());
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(sealed(&["seal", "--key-file", &keys, "--purpose", "p"], b"1").status.success());
}

#[test]
fn the_tokens_of_the_php_class_open() {
    let directory = Directory::new("primordyx");
    let fixtures: Value = serde_json::from_str(include_str!("../../fixtures/primordyx.json")).unwrap();
    let passphrase = directory.path("passphrase");
    fs::write(&passphrase, format!("{}\n", fixtures["passphrase"].as_str().unwrap())).unwrap();
    let of = ["--primordyx", "--passphrase-file", passphrase.as_str()];
    let cases = fixtures["cases"].as_array().unwrap();
    let tokens: Vec<_> = cases.iter().map(|case| case["token"].as_str().unwrap()).collect();
    let output = sealed(&[&["open"], &of[..]].concat(), format!("{}\n", tokens.join("\n")).as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let facts = lines(&output);
    assert_eq!(facts.len(), cases.len(), "one line a token");
    for (fact, case) in facts.iter().zip(cases) {
        assert_eq!(fact["valid"], case["opens"], "{}", case["name"]);
        if case["opens"] == true {
            assert_eq!((&fact["payload"], &fact["uuid"]), (&case["custom"], &Value::Null), "{}", case["name"]);
            assert_eq!(fact["expires_at"].is_null(), case["never_expires"] == true, "{}", case["name"]);
        }
    }

    let token = sealed(&[&["seal", "--ttl", "60"], &of[..]].concat(), b"[]").stdout;
    let output = sealed(&[&["open"], &of[..]].concat(), &token);
    assert_eq!((output.status.code(), &lines(&output)[0]["payload"]), (Some(0), &json!([])));
}

#[test]
fn a_passphrase_file_may_hold_any_bytes() {
    let directory = Directory::new("bytes");
    let file = directory.path("passphrase");
    fs::write(&file, b"\xff\xfe\x00 passphrase\r\n").unwrap();
    let of = ["--primordyx", "--passphrase-file", file.as_str()];
    let token = sealed(&[&["seal"], &of[..]].concat(), b"[1]").stdout;
    let output = sealed(&[&["open"], &of[..]].concat(), &token);
    assert_eq!((output.status.code(), &lines(&output)[0]["payload"]), (Some(0), &json!([1])));
    let php = tower_tokens::sealed::Primordyx::new(b"\xff\xfe\x00 passphrase");
    let text = std::str::from_utf8(&token).unwrap().trim_end();
    assert_eq!(php.open::<Vec<i32>>(text).unwrap().payload(), &[1], "the line end is no part of it");
}

#[test]
fn a_command_line_that_makes_no_sense_does_nothing() {
    for arguments in [
        &[][..],
        &["frobnicate", "--key-file", "k", "--purpose", "p"],
        &["seal"],
        &["seal", "--key-file", "k"],
        &["seal", "--key-file", "k", "--purpose", "p", "--ttl", "0"],
        &["open", "--key-file", "k", "--purpose", "p", "--ttl", "5"],
        &["open", "--primordyx"],
        &["open", "--primordyx", "--passphrase-file", "f", "--purpose", "p"],
        &["open", "--key-file", "/nonexistent", "--purpose", "p"],
        &["generate-key", "--purpose", "p"],
    ] {
        let output = sealed(arguments, b"1");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && output.stderr.starts_with(b"sealed: "), "{arguments:?}");
    }
    assert!(sealed(&["--help"], b"").stdout.starts_with(b"Encrypted"));
}
