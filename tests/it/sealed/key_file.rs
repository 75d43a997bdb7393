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
mod modes {
    use std::os::unix::fs::{MetadataExt, chown, symlink};
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn new_key_file(directory: &Directory) -> PathBuf {
        directory.key_file(&format!("active a {}\n", Key::generate("a").unwrap().expose_secret_base64()))
    }

    /// Gives the file to another user, which only root can do.
    fn is_given_to(path: &Path, owner: u32) -> bool {
        chown(path, Some(owner), None).is_ok()
    }

    #[test]
    fn a_file_of_which_its_owner_alone_can_read_is_read_whatever_the_owner_may_do_with_it() {
        let directory = Directory::new("private");
        let path = new_key_file(&directory);
        for mode in [0o400, 0o600, 0o500, 0o700] {
            set_mode(&path, mode);
            assert!(KeyRing::open_file(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_change_is_refused_with_the_reason() {
        let directory = Directory::new("mode");
        let path = new_key_file(&directory);
        for mode in [0o644, 0o604, 0o660, 0o620, 0o610, 0o601, 0o602, 0o444, 0o404, 0o646, 0o4600, 0o2600, 0o1600] {
            set_mode(&path, mode);
            let (kind, why) = why(KeyRing::open_file(&path));
            assert_eq!(kind, ErrorKind::Configuration, "{mode:o}");
            assert!(why.contains(&format!("has mode {mode:04o}")), "{why}");
            assert!(why.contains("chmod 600") && why.contains("chmod 400"), "{why}");
            assert!(why.contains("read-only") && why.contains("defaultMode: 0440"), "{why}");
        }
    }

    #[test]
    fn the_group_may_read_a_file_that_belongs_to_root_and_no_other() {
        let directory = Directory::new("group");
        let path = new_key_file(&directory);
        for owner in [0, 1_234] {
            if !is_given_to(&path, owner) && fs::metadata(&path).unwrap().uid() != owner {
                continue;
            }
            for mode in [0o440, 0o640] {
                set_mode(&path, mode);
                let opened = KeyRing::open_file(&path);
                assert_eq!(opened.is_ok(), owner == 0, "{mode:o} of user {owner}");
                if let Err(error) = opened {
                    let why = error.source().unwrap().to_string();
                    assert!(why.contains("its group may read it if root owns it"), "{why}");
                }
            }
            set_mode(&path, 0o460);
            assert!(KeyRing::open_file(&path).is_err(), "the group can change it");
        }
    }

    #[test]
    fn a_private_file_of_another_user_is_read_by_whoever_can() {
        let directory = Directory::new("owner");
        let path = new_key_file(&directory);
        if is_given_to(&path, 1_234) {
            for mode in [0o400, 0o600] {
                set_mode(&path, mode);
                assert!(KeyRing::open_file(&path).is_ok(), "{mode:o}");
            }
        }
    }

    #[test]
    fn a_symbolic_link_is_judged_by_the_file_that_it_leads_to() {
        let directory = Directory::new("link");
        let path = new_key_file(&directory);
        let link = directory.0.join("link");
        // As Kubernetes mounts a secret: a link to a directory, and through it.
        symlink(&directory.0, directory.0.join("..data")).unwrap();
        symlink("..data/keys", &link).unwrap();
        set_mode(&path, 0o400);
        assert!(KeyRing::open_file(&link).is_ok());
        set_mode(&path, 0o444);
        assert!(why(KeyRing::open_file(&link)).1.contains("has mode 0444"));
        fs::remove_file(&path).unwrap();
        assert!(why(KeyRing::open_file(&link)).1.contains("cannot be read"));
    }

    #[test]
    fn what_is_not_a_file_is_refused_at_once() {
        let directory = Directory::new("kinds");
        let inner = directory.0.join("directory");
        fs::create_dir(&inner).unwrap();
        let fifo = directory.0.join("fifo");
        assert!(Command::new("mkfifo").arg("-m").arg("600").arg(&fifo).status().unwrap().success());
        let socket = directory.0.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, mode) in [(inner, 0o700), (fifo, 0o600), (socket, 0o600), ("/dev/null".into(), 0)] {
            if mode != 0 {
                set_mode(&path, mode);
            }
            let (sender, receiver) = std::sync::mpsc::channel();
            let shown = path.display().to_string();
            std::thread::spawn(move || sender.send(why(KeyRing::open_file(path))));
            // A pipe without a writer would keep it waiting for ever.
            let answer = receiver.recv_timeout(std::time::Duration::from_secs(10));
            let (kind, why) = answer.unwrap_or_else(|_| panic!("{shown} is waited for"));
            assert_eq!(kind, ErrorKind::Configuration);
            assert!(why.contains("is not a file"), "{why}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_differs_from_one_that_is_too_open() {
        let directory = Directory::new("unreadable");
        let path = new_key_file(&directory);
        set_mode(&path, 0o000);
        // Root reads it all the same.
        if let Err(error) = KeyRing::open_file(&path) {
            assert!(error.source().unwrap().to_string().contains("cannot be read"));
        }
    }
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
