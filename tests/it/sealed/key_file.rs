use std::error::Error as _;
use std::fs;
use std::path::PathBuf;

use time::Duration;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

/// A directory of this test's own, removed on drop.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tower-tokens-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn key_file(&self, text: &str) -> PathBuf {
        let path = self.0.join("keys");
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &std::path::Path, _mode: u32) {}

fn why(refused: Result<KeyRing, Error>) -> (ErrorKind, String) {
    let error = refused.unwrap_err();
    (error.kind(), error.source().map(ToString::to_string).unwrap_or_default())
}

#[test]
fn a_created_file_opens_and_is_never_overwritten() {
    let directory = Directory::new("create");
    let path = directory.0.join("keys");
    let made = KeyRing::create_file(&path, Key::generate("2026-11").unwrap()).unwrap();
    let read = KeyRing::open_file(&path).unwrap();
    let token = Sealer::new(made, "p").unwrap().seal("payload", Duration::hours(1)).unwrap();
    assert_eq!(Sealer::new(read, "p").unwrap().open::<String>(token.expose_secret()).unwrap().payload(), "payload");
    let (kind, _) = why(KeyRing::create_file(&path, Key::generate("2026-12").unwrap()));
    assert_eq!(kind, ErrorKind::AlreadyExists);
    assert_eq!(KeyRing::open_file(&path).unwrap().active_id().as_str(), "2026-11");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused_and_told_why() {
    let directory = Directory::new("mode");
    let path = directory.key_file(&format!("active a {}\n", Key::generate("a").unwrap().expose_secret_base64()));
    for mode in [0o644, 0o640, 0o604, 0o660, 0o400, 0o700, 0o4600] {
        set_mode(&path, mode);
        let (kind, why) = why(KeyRing::open_file(&path));
        assert_eq!(kind, ErrorKind::Configuration, "{mode:o}");
        assert!(why.contains(&format!("has mode {mode:04o}")) && why.contains("0600"), "{why}");
    }
    set_mode(&path, 0o600);
    assert!(KeyRing::open_file(&path).is_ok());
}

#[test]
fn a_file_that_is_no_ring_is_refused_without_a_word_of_it() {
    let directory = Directory::new("refused");
    assert!(why(KeyRing::open_file(directory.0.join("nothing"))).1.contains("cannot be read"));
    let path = directory.key_file("active a SECRETSECRET");
    let (kind, why) = why(KeyRing::open_file(&path));
    assert_eq!(kind, ErrorKind::Configuration);
    assert!(why.contains("line 1: a key is the base64 of 32 bytes") && !why.contains("SECRET"), "{why}");
    for text in [vec![0xff; 10], vec![b'#'; 70_000]] {
        fs::write(&path, text).unwrap();
        assert!(KeyRing::open_file(&path).is_err());
    }
}

#[test]
fn a_reload_reaches_every_sealer_and_a_bad_file_changes_nothing() {
    let directory = Directory::new("reload");
    let [first, second] = ["1", "2"].map(|id| Key::generate(id).unwrap().expose_secret_base64());
    let path = directory.key_file(&format!("active 1 {first}\n"));
    let keys = KeyRing::open_file(&path).unwrap();
    let sealer = Sealer::new(keys.clone(), "p").unwrap();
    let token = sealer.seal("", Duration::hours(1)).unwrap();

    directory.key_file(&format!("old 1 {first}\nactive 2 {second}\n"));
    keys.reload().unwrap();
    assert_eq!(sealer.keys().active_id().as_str(), "2");
    assert!(sealer.open::<String>(token.expose_secret()).is_ok());

    directory.key_file("rubbish");
    assert_eq!(keys.reload().unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(sealer.keys().active_id().as_str(), "2");

    directory.key_file(&format!("revoked 1\nactive 2 {second}\n"));
    keys.reload().unwrap();
    assert!(sealer.open::<String>(token.expose_secret()).is_err());
    assert!(KeyRing::new(Key::generate("a").unwrap()).reload().is_err(), "there is no file");
}
