//! The names of the files of an account.

use std::fmt;
use std::path::{Path, PathBuf};

/// The digits of a [stem](super::account).
const STEM_DIGITS: usize = 64;

/// The files of one account in one directory.
#[derive(Clone)]
pub(super) struct Names {
    directory: PathBuf,
    stem: String,
    /// Whether the name was made of a password: then no error and no log line shows it.
    is_secret: bool,
}

/// What a file of an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `STEM.json`
    Tokens,
    /// `STEM.lock`, empty
    Lock,
    /// `STEM.tmp-` and 16 hexadecimal digits
    Temporary,
    /// `STEM.corrupt-`, a time in milliseconds of 13 digits, `-`, and the CRC-32 of its beginning in 8 hexadecimal digits
    SetAside,
}

impl Names {
    pub(super) fn new(directory: PathBuf, stem: String, is_secret: bool) -> Self {
        Self { directory, stem, is_secret }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    #[cfg(any(test, feature = "sealed"))]
    pub(super) fn stem(&self) -> &str {
        &self.stem
    }

    pub(super) fn tokens(&self) -> PathBuf {
        self.with_end(".json")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.with_end(".lock")
    }

    pub(super) fn temporary(&self, random: [u8; 8]) -> PathBuf {
        self.with_end(&format!(".tmp-{}", hex::encode(random)))
    }

    pub(super) fn set_aside(&self, milliseconds: u128, checksum: u32) -> PathBuf {
        self.with_end(&format!(".corrupt-{:013}-{checksum:08x}", milliseconds.min(9_999_999_999_999)))
    }

    /// The files of this account in this role that are there, the oldest of those set aside first.
    pub(super) fn existing(&self, role: Role) -> std::io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_str().and_then(parse) == Some((&self.stem, role)) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    fn with_end(&self, end: &str) -> PathBuf {
        self.directory.join(format!("{}{end}", self.stem))
    }
}

/// For errors and the log.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => write!(f, "the file of an account in {}", self.directory.display()),
            false => write!(f, "{}", self.tokens().display()),
        }
    }
}

/// The stem and the role of a file with this name. `None`: it is not ours.
pub(super) fn parse(name: &str) -> Option<(&str, Role)> {
    let (stem, end) = name.split_once('.')?;
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_decimal = |text: &str| text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
    let role = match end {
        "json" => Role::Tokens,
        "lock" => Role::Lock,
        _ => match end.split_once('-')? {
            ("tmp", random) if is_hex(random, 16) => Role::Temporary,
            ("corrupt", rest) => {
                rest.split_once('-').filter(|(time, sum)| is_decimal(time) && is_hex(sum, 8))?;
                Role::SetAside
            }
            _ => return None,
        },
    };
    is_hex(stem, STEM_DIGITS).then_some((stem, role))
}

/// The checksum that the name of a file set aside has, so that the file can be recognized.
pub(super) fn checksum_of(name: &str) -> Option<u32> {
    let (_, digits) = name.rsplit_once('-')?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let names = Names::new("/d".into(), "0a".repeat(32), false);
        for (path, role) in [
            (names.tokens(), Role::Tokens),
            (names.lock(), Role::Lock),
            (names.temporary([0xab; 8]), Role::Temporary),
            (names.set_aside(1_800_000_000_000, 0xdead), Role::SetAside),
            (names.set_aside(u128::MAX, 0), Role::SetAside),
            (names.set_aside(0, u32::MAX), Role::SetAside),
        ] {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(parse(name), Some((names.stem(), role)), "{name}");
        }
        let aside = names.set_aside(1_800_000_000_000, 0xdead);
        assert_eq!(checksum_of(aside.to_str().unwrap()), Some(0xdead));
    }

    #[test]
    fn other_names_are_not_ours() {
        let stem = "0a".repeat(32);
        for name in [
            "tokens.json".to_owned(),
            stem.clone(),
            format!("{stem}.jso"),
            format!("{stem}.json.bak"),
            format!("x{stem}.json"),
            format!("{}.json", stem.to_uppercase()),
            format!("{}.json", &stem[1..]),
            format!("{stem}.tmp-"),
            format!("{stem}.tmp-012345678901234g"),
            format!("{stem}.corrupt-1800000000000"),
            format!("{stem}.corrupt-180000000000x-00000000"),
            format!("{stem}.corrupt-1800000000000-0000000"),
            format!("{stem}.lock2"),
            format!(".{stem}.json"),
            String::new(),
        ] {
            assert_eq!(parse(&name), None, "{name}");
        }
    }

    #[test]
    fn a_name_made_of_a_password_is_not_shown() {
        let stem = "0a".repeat(32);
        assert!(!Names::new("/d".into(), stem.clone(), true).to_string().contains(&stem[..8]));
        assert!(Names::new("/d".into(), stem.clone(), false).to_string().contains(&stem));
    }
}
