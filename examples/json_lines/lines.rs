//! What one line of the file says, and how lines are read and written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tower_tokens::token::{TokenDigest, TokenRecord};

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
    #[serde(flatten, with = "fields")]
    pub(super) record: TokenRecord,
}

/// A record as its fields by name. A field that a later release adds needs no change here.
mod fields {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};
    use tower_tokens::token::{FieldReader, FieldValue, TokenRecord};

    pub(super) fn serialize<S: Serializer>(record: &TokenRecord, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(TokenRecord::FIELDS.into_iter().zip(record.fields().map(|value| match value {
            FieldValue::Integer(number) => Value::from(number),
            FieldValue::Text(text) => Value::from(text),
        })))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenRecord, D::Error> {
        TokenRecord::from_fields(&Fields(Map::deserialize(deserializer)?)).map_err(D::Error::custom)
    }

    struct Fields(Map<String, Value>);

    impl Fields {
        fn value(&self, field: usize) -> Option<&Value> {
            self.0.get(TokenRecord::FIELDS[field]).filter(|value| !value.is_null())
        }
    }

    impl FieldReader for Fields {
        type Error = String;

        fn integer(&self, field: usize) -> Result<Option<i64>, String> {
            self.value(field).map(|value| value.as_i64().ok_or_else(|| self.missing(field))).transpose()
        }

        fn text(&self, field: usize) -> Result<Option<&str>, String> {
            self.value(field).map(|value| value.as_str().ok_or_else(|| self.missing(field))).transpose()
        }

        fn missing(&self, field: usize) -> String {
            format!("a token has no valid {}", TokenRecord::FIELDS[field])
        }
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
