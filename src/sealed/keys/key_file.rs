//! Key files: a key ring as text that others cannot read.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::sealed::keys::key::{Key, KeyId};
use crate::sealed::keys::prepared::Keys;

/// The largest key file in bytes: some 800 keys. Our choice.
const MAX_FILE_BYTES: u64 = 65_536;

/// The id of the key in a file that holds nothing but base64.
const BARE_KEY_ID: &str = "default";

pub(in crate::sealed) fn read(path: &Path) -> Result<Keys, Error> {
    let unreadable = |error: io::Error| refused(path, &format!("cannot be read: {error}"));
    // Opening a pipe would wait for somebody who writes into it.
    check_kind(path, &std::fs::metadata(path).map_err(unreadable)?)?;
    let file = File::open(path).map_err(unreadable)?;
    // The facts of what was opened, not of what the path names by now.
    let metadata = file.metadata().map_err(unreadable)?;
    check_kind(path, &metadata)?;
    check_mode(path, &metadata)?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES as usize));
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text).map_err(|(line, why)| refused(path, &format!("line {line}: {why}")))
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_file() && metadata.len() <= MAX_FILE_BYTES {
        return Ok(());
    }
    Err(refused(path, "is not a file of at most 64 KiB"))
}

pub(in crate::sealed) fn create(path: &Path, active: &Key) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = Zeroizing::new(format!("active {} {}\n", active.id(), *Zeroizing::new(active.expose_secret_base64())));
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::with_source(ErrorKind::AlreadyExists, format!("{}", path.display())),
        _ => refused(path, &format!("cannot be written: {error}")),
    })
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    let owner = std::os::unix::fs::MetadataExt::uid(metadata);
    if mode & !allowed_mode(owner) == 0 {
        return Ok(());
    }
    let group = if mode & !allowed_mode(ROOT) == 0 { ", and its group may read it if root owns it" } else { "" };
    let why = format!(
        "has mode {mode:04o}, and a key file is for its owner alone{group}: chmod 600 it (chmod 400 if it is never \
         written); on a read-only mount, set the mode where the file is mounted from (Kubernetes: defaultMode: 0440 and an \
         fsGroup; systemd: LoadCredential=)"
    );
    Err(refused(path, &why))
}

/// The bits of a key file's mode that may be set.
///
/// What its owner may do is the owner's affair. A secret that is mounted for a service belongs to root, which the service
/// is not, and is read through its group (Kubernetes with an `fsGroup`: 0440) or an access control list, whose mask stands
/// where the group's bits are (systemd's `LoadCredential=`: 0440). PostgreSQL draws the same line for its TLS key.
#[cfg(unix)]
const fn allowed_mode(owner: u32) -> u32 {
    if owner == ROOT { 0o740 } else { 0o700 }
}

#[cfg(unix)]
const ROOT: u32 = 0;

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
fn check_mode(_path: &Path, _metadata: &Metadata) -> Result<(), Error> {
    Ok(())
}

/// Reads the format that the module documents. The error is the line and what is wrong with it, never a key.
fn parse(text: &str) -> Result<Keys, (usize, &'static str)> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    if let [(number, line)] = lines.as_slice()
        && !line.contains(char::is_whitespace)
    {
        let key = Key::from_base64(BARE_KEY_ID, line).map_err(|_| (*number, "a key is the base64 of 32 bytes"))?;
        return Ok(Keys::new(&key));
    }
    let mut keys: Option<Keys> = None;
    let mut others = Vec::new();
    for (number, line) in lines {
        let mut words = line.split_whitespace();
        let (state, id) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let secret = words.next();
        let surplus = words.next().is_some();
        let id = KeyId::new(id).map_err(|_| (number, "a key id is 1 to 32 characters of [A-Za-z0-9._-]"))?;
        let key = secret.map(|secret| Key::from_base64(id.as_str(), secret)).transpose();
        let key = key.map_err(|_| (number, "a key is the base64 of 32 bytes"))?;
        match (state, key) {
            _ if surplus => return Err((number, "too many words")),
            ("active", Some(_)) if keys.is_some() => return Err((number, "there is one active key already")),
            ("active", Some(key)) => keys = Some(Keys::new(&key)),
            // The secret of a revoked key may stay in its line or be taken out of it.
            ("revoked", _) => others.push((number, id, None)),
            ("old", Some(key)) => others.push((number, id, Some(key))),
            ("active" | "old", None) => return Err((number, "the key is missing")),
            _ => return Err((number, "a line is: active, old or revoked, then the id, then the key")),
        }
    }
    let mut keys = keys.ok_or((1, "there is no active key"))?;
    let mut ids = vec![keys.active.id];
    for (number, id, key) in others {
        if ids.contains(&id) {
            return Err((number, "the id stands in the file twice"));
        }
        ids.push(id);
        let added = match key {
            Some(key) => keys.add_old(&key),
            None => keys.revoke(id),
        };
        added.map_err(|_| (number, "the id stands in the file twice"))?;
    }
    Ok(keys)
}

fn refused(path: &Path, why: &str) -> Error {
    Error::with_source(ErrorKind::Configuration, format!("the key file {} {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn a_ring_is_read_in_any_order() {
        let text = format!("# keys\n\nold 2026-10 {A}=\n  active\t2026-11 {A}\nrevoked 2026-09\n revoked x {A}\r\n");
        let keys = parse(&text).ok().unwrap();
        assert_eq!(keys.active.id.as_str(), "2026-11");
        assert!(keys.find(b"2026-10").is_some());
        assert!(keys.find(b"2026-09").is_none() && keys.find(b"x").is_none());
    }

    #[test]
    fn bare_base64_is_one_key() {
        assert_eq!(parse(&format!("{A}\n")).ok().unwrap().active.id.as_str(), BARE_KEY_ID);
    }

    #[test]
    fn a_bad_line_is_named() {
        let refused = |text: &str| parse(text).err().unwrap();
        assert_eq!(refused("").1, "there is no active key");
        assert_eq!(refused(&format!("old a {A}")).1, "there is no active key");
        assert_eq!(refused(&format!("active a {A}\nactive b {A}")).0, 2);
        assert_eq!(refused(&format!("active a {A}\nold a {A}")), (2, "the id stands in the file twice"));
        assert_eq!(refused(&format!("active a {A}\nrevoked b\nold b {A}")), (3, "the id stands in the file twice"));
        assert_eq!(refused("active a").1, "the key is missing");
        assert_eq!(refused("active a c2hvcnQ").1, "a key is the base64 of 32 bytes");
        assert_eq!(refused(&format!("active a {A} b")).1, "too many words");
        assert!(refused(&format!("actve a {A}")).1.starts_with("a line is"));
        assert!(refused(&format!("active ü {A}")).1.starts_with("a key id is"));
    }

    #[cfg(unix)]
    #[test]
    fn the_bound_of_a_mode_depends_on_whose_the_file_is() {
        let fits = |mode: u32, owner| mode & !allowed_mode(owner) == 0;
        for owner in [ROOT, 1_000] {
            assert!([0o000, 0o400, 0o500, 0o600, 0o700].iter().all(|mode| fits(*mode, owner)), "{owner}");
            let open = [0o404, 0o602, 0o601, 0o420, 0o610, 0o644, 0o604, 0o660, 0o4600, 0o2600, 0o1600];
            assert!(!open.iter().any(|mode| fits(*mode, owner)), "{owner}");
            assert!([0o440, 0o640].iter().all(|mode| fits(*mode, owner) == (owner == ROOT)), "{owner}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, lines in "((active|old|revoked) ?[a-z]{0,2} ?(A{43}=?)?\n){0,4}") {
            let _ = (parse(&text), parse(&lines));
        }
    }
}
