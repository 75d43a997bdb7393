//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;
use time::Duration;
use tower_tokens::token::Lifetime;

/// What `sealed --help` prints.
pub(crate) const HELP: &str = "\
Encrypted, expiring tokens on the command line.

  sealed generate-key [--id ID] [--key-file F]
      Makes a key: a new key file of mode 0600, or a line for one on standard output, which is made private if it is a file.

  sealed seal --key-file F --purpose P [--ttl SECONDS] < payload.json
      Seals the JSON on standard input and prints the token.

  sealed open --key-file F --purpose P < tokens.txt
      Opens one token a line, and prints one line of JSON for each:
      {\"valid\":true,\"expired\":false,\"uuid\":…,\"issued_at\":…,\"expires_at\":…,\"payload\":…}
      {\"valid\":false,\"reason\":…}
      An expired token opens: it is \"valid\":true,\"expired\":true.

  sealed seal --primordyx --passphrase-file F [--ttl SECONDS] < payload.json
  sealed open --primordyx --passphrase-file F < tokens.txt
      The same for the tokens of the PHP framework Primordyx.

Options:
  --id ID              the key's id, 1 to 32 characters of [A-Za-z0-9._-] (default: default)
  --key-file F         a key file, private to its owner; `sealed generate-key --key-file F` makes one
  --purpose P          what the tokens are for, 1 to 128 bytes; a token opens for its own purpose only
  --ttl SECONDS        how long the token lives, 1 or more, or never (default: 86400)
  --passphrase-file F  a file with the passphrase; one line end at its end is not a part of it

Exit status: 0 if all opened, 1 if any did not, 2 if nothing could be done.
";

/// Lifetime of a token in seconds where the command line says nothing, as everywhere in the crate.
const DEFAULT_TTL: i64 = 86_400;

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    GenerateKey { id: String, key_file: Option<PathBuf> },
    Seal { keys: Keys, lifetime: Lifetime },
    Open { keys: Keys },
}

/// What tokens are sealed and opened with.
#[derive(Debug)]
pub(crate) enum Keys {
    Ring { key_file: PathBuf, purpose: String },
    Passphrase { file: PathBuf },
}

/// Reads the command line.
pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut verb: Option<String> = None;
    let (mut id, mut ttl, mut purpose) = (None, None, None);
    let (mut key_file, mut passphrase_file, mut primordyx) = (None, None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("id") => id = Some(parser.value()?.string()?),
            Long("key-file") => key_file = Some(PathBuf::from(parser.value()?)),
            Long("purpose") => purpose = Some(parser.value()?.string()?),
            Long("ttl") => ttl = Some(parser.value()?.parse_with(lifetime)?),
            Long("primordyx") => primordyx = true,
            Long("passphrase-file") => passphrase_file = Some(PathBuf::from(parser.value()?)),
            Value(word) if verb.is_none() => verb = Some(word.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    let verb = verb.ok_or("say what to do: generate-key, seal or open")?;
    if verb == "generate-key" {
        if purpose.is_some() || ttl.is_some() || primordyx || passphrase_file.is_some() {
            return Err("generate-key takes --id and --key-file alone".into());
        }
        return Ok(Command::GenerateKey { id: id.unwrap_or_else(|| "default".to_owned()), key_file });
    }
    if id.is_some() {
        return Err("--id goes with generate-key".into());
    }
    let keys = match (primordyx, key_file, purpose, passphrase_file) {
        (false, Some(key_file), Some(purpose), None) => Keys::Ring { key_file, purpose },
        (true, None, None, Some(file)) => Keys::Passphrase { file },
        (true, ..) => return Err("--primordyx takes --passphrase-file, and neither --key-file nor --purpose".into()),
        (false, ..) => return Err("--key-file and --purpose are needed (or --primordyx and --passphrase-file)".into()),
    };
    match (verb.as_str(), ttl) {
        ("seal", ttl) => {
            Ok(Command::Seal { keys, lifetime: ttl.unwrap_or_else(|| Duration::seconds(DEFAULT_TTL).into()) })
        }
        ("open", None) => Ok(Command::Open { keys }),
        ("open", Some(_)) => Err("--ttl goes with seal".into()),
        _ => Err(format!("{verb}? Say generate-key, seal or open").into()),
    }
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime::never_expires());
    }
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    seconds.map(|seconds| Duration::seconds(seconds).into()).ok_or_else(|| "1 or more seconds, or: never".to_owned())
}
