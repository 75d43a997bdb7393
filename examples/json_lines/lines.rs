//! What one line of the file says, and how lines are read and written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::token::{Expiry, Lifetime, TokenDigest, TokenId, TokenRecord};

/// One change. What has to happen together is one line, so that it is in the file as a whole or not at all.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// A member is there, at this level.
    Member { id: i64, level: String, disabled: bool },
    /// A member is gone, and their tokens with them.
    MemberGone { id: i64 },
    /// A token is there, or was used.
    Token(Row),
    /// A token is there in another one's place.
    Replaced { old: String, new: Row },
    /// These tokens have ended.
    Ended { digests: Vec<String> },
}

/// A token as the file holds it: never its text, only its digest.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) digest: String,
    pub(super) user: i64,
    id: i64,
    created_at: i64,
    authenticated_at: i64,
    last_used_at: Option<i64>,
    absolute_end: Option<i64>,
    idle_limit: Option<i64>,
    name: Option<String>,
    code: Option<String>,
}

impl Row {
    pub(super) fn new(digest: &TokenDigest, user: i64, record: &TokenRecord) -> Self {
        let seconds = Timestamp::unix_seconds;
        Self {
            digest: hex(digest),
            user,
            id: record.id().get(),
            created_at: seconds(record.created_at()),
            authenticated_at: seconds(record.authenticated_at()),
            last_used_at: record.last_used_at().map(seconds),
            absolute_end: record.absolute_expiry().at().map(seconds),
            idle_limit: record.idle_limit().map(Duration::whole_seconds),
            name: record.name().map(str::to_owned),
            code: record.code().map(str::to_owned),
        }
    }

    pub(super) fn id(&self) -> TokenId {
        TokenId::new(self.id)
    }

    pub(super) fn record(&self) -> TokenRecord {
        let time = Timestamp::from_unix_seconds;
        let mut lifetime = Lifetime::never_expires();
        if let Some(limit) = self.idle_limit {
            lifetime = lifetime.with_idle_limit(Duration::seconds(limit));
        }
        let mut record = TokenRecord::new(self.id(), time(self.created_at), lifetime)
            .with_authenticated_at(time(self.authenticated_at))
            .with_last_used_at(self.last_used_at.map(time))
            .with_absolute_expiry(Expiry::from(self.absolute_end.map(time)));
        if let Some(name) = &self.name {
            record = record.with_name(name);
        }
        if let Some(code) = &self.code {
            record = record.with_code(code);
        }
        record
    }

    /// The same token under another record.
    pub(super) fn with_record(&self, record: &TokenRecord) -> Self {
        Self { digest: self.digest.clone(), ..Self::new(&TokenDigest::from_bytes([0; 32]), self.user, record) }
    }
}

pub(super) fn hex(digest: &TokenDigest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file, open at its end.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// How much of the file is whole lines.
    length: u64,
}

impl Log {
    /// Opens the file, or creates it, and gives every line to `read`.
    pub(super) fn open(path: &Path, mut read: impl FnMut(Line)) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let (mut reader, mut length, mut line) = (BufReader::new(&file), 0, String::new());
        while reader.read_line(&mut line)? > 0 {
            if !line.ends_with('\n') {
                // The last line of a process that was killed while it wrote. It was never confirmed.
                break;
            }
            read(serde_json::from_str(&line)?);
            length += line.len() as u64;
            line.clear();
        }
        Ok(Self { file, length })
    }

    /// Adds a line, and returns when it is on disk.
    pub(super) fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        // Whatever an earlier write left behind that failed half-way.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.length += text.len() as u64;
        Ok(())
    }
}
