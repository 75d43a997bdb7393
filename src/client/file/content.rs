//! Reads a file, and moves one aside that is broken.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::ClientError;
use crate::client::file::codec::Codec;
use crate::client::file::directory;
use crate::client::file::disk::{self, Content};
use crate::client::file::failure::{self, OrAbsent, failed, misconfigured};
use crate::client::file::format::Document;
use crate::client::file::lock::{self, Held};
use crate::client::file::names::{Names, Role};
use crate::client::file::unreadable::Unreadable;
use crate::log::log_warn;

/// The largest file in bytes that is read and written. Our choice: tokens that no header can carry.
pub const MAX_TOKEN_FILE_BYTES: u64 = 65_536;

/// How many broken files of an account are kept. Our choice: enough to see what happened.
const MAX_SET_ASIDE: usize = 3;

/// How often a file is read that another program may be writing at this moment, and the pause in between.
const SHARED_ATTEMPTS: usize = 4;
const SHARED_PAUSE: Duration = Duration::from_millis(15);

/// A file of tokens, how it is written, and who else writes it.
#[derive(Clone)]
pub(super) struct TokenFile {
    pub(super) names: Names,
    pub(super) codec: Codec,
    /// Whether another program writes the file too, in place.
    pub(super) is_shared: bool,
}

impl TokenFile {
    /// What is in the file. `None` if it is not there, or of no use. `held` is the lock, if the caller has it.
    pub(super) fn read(&self, held: Option<&Held>) -> Result<Option<Document>, ClientError> {
        if !directory::check(self.names.directory())? {
            return Ok(None);
        }
        let Some(content) = self.read_settled()? else { return Ok(None) };
        match self.decode(&content) {
            Ok(document) => Ok(Some(document)),
            Err(Unreadable::Refused(why, source)) => {
                Err(misconfigured(format!("cannot use {}: {why}", self.names), source))
            }
            #[cfg(feature = "sealed")]
            Err(Unreadable::Ignored(_why)) => {
                log_warn!(file = %self.names, why = _why, "a file of tokens is ignored, and replaced by the next save");
                Ok(None)
            }
            Err(Unreadable::Broken(why)) => self.set_aside(&content, why, held).map(|()| None),
        }
    }

    /// The content, once no other program is in the middle of writing it: PHP empties a file before it writes.
    fn read_settled(&self) -> Result<Option<Content>, ClientError> {
        let read = || self.read_bytes().map_err(failed("cannot read", &self.names));
        let mut content = read()?;
        for _ in 1..SHARED_ATTEMPTS {
            match &content {
                Some(found) if self.is_shared && self.may_be_half_written(found) => {
                    std::thread::sleep(SHARED_PAUSE);
                    content = read()?;
                }
                _ => break,
            }
        }
        Ok(content)
    }

    fn read_bytes(&self) -> io::Result<Option<Content>> {
        disk::read_own(&self.names.tokens(), MAX_TOKEN_FILE_BYTES)
    }

    fn may_be_half_written(&self, content: &Content) -> bool {
        content.bytes.trim_ascii().is_empty() || matches!(self.decode(content), Err(Unreadable::Broken(_)))
    }

    fn decode(&self, content: &Content) -> Result<Document, Unreadable> {
        if content.bytes.len() as u64 > MAX_TOKEN_FILE_BYTES {
            return Err(Unreadable::Broken("it is larger than 64 KiB"));
        }
        self.codec.decode(&content.bytes, content.written_at)
    }

    /// Moves a broken file out of the way, so that it can be looked at. Only under the lock, for another process may be
    /// replacing it; without the lock it stays, and the next one who has the lock moves it.
    fn set_aside(&self, broken: &Content, why: &str, held: Option<&Held>) -> Result<(), ClientError> {
        let own = if held.is_none() { lock::try_take(&self.names)? } else { None };
        if held.is_none() && own.is_none() {
            log_warn!(file = %self.names, why, "a file of tokens is broken");
            return Ok(());
        }
        let what = "cannot move a broken file aside:";
        let is_moved = self.move_if_same(broken).map_err(failed(what, &self.names))?;
        if is_moved {
            log_warn!(file = %self.names, why, "a file of tokens is broken, and was moved aside to *.corrupt-*");
        }
        let _ = why;
        Ok(())
    }

    /// Moves the file, if it is the one that was read.
    fn move_if_same(&self, broken: &Content) -> io::Result<bool> {
        let Some(present) = self.read_bytes()? else { return Ok(false) };
        if (present.identity, &present.bytes) != (broken.identity, &broken.bytes) {
            return Ok(false);
        }
        let checksum = crc32fast::hash(&broken.bytes);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let aside = self.names.set_aside(now.as_millis(), checksum);
        let Some(()) = fs::rename(self.names.tokens(), &aside).or_absent()? else { return Ok(false) };
        if disk::Identity::of(&fs::symlink_metadata(&aside)?) != broken.identity {
            self.put_back(&aside)?;
            return Ok(false);
        }
        let mut others = self.names.existing(Role::SetAside)?;
        others.retain(|path| *path != aside);
        for path in others.iter().take((others.len() + 1).saturating_sub(MAX_SET_ASIDE)) {
            failure::remove(path)?;
        }
        Ok(true)
    }

    /// A program that takes no lock replaced the file at the last moment: its file goes back, unless there is a still newer
    /// one.
    fn put_back(&self, aside: &Path) -> io::Result<()> {
        match fs::hard_link(aside, self.names.tokens()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => failure::remove(aside).map(drop),
        }
    }
}
