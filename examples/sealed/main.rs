//! Seals and opens tokens on the command line. `sealed --help` says how.

mod arguments;
mod json;

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use serde_json::value::RawValue;
use tower_tokens::sealed::{Key, KeyRing, Primordyx, SealedToken, Sealer};
use tower_tokens::token::Lifetime;

use crate::arguments::{Command, Keys};
use crate::json::Outcome;

fn main() -> ExitCode {
    let command = match arguments::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("sealed: {error}\nTry: sealed --help");
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sealed: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Help => print!("{}", arguments::HELP),
        Command::GenerateKey { id, key_file } => generate_key(&id, key_file.as_deref())?,
        Command::Seal { keys, lifetime } => println!("{}", seal(&keys, lifetime)?.expose_secret()),
        Command::Open { keys } => return open(&Opener::new(&keys)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn generate_key(id: &str, key_file: Option<&std::path::Path>) -> Result<(), Box<dyn Error>> {
    let key = Key::generate(id)?;
    match key_file {
        Some(path) => drop(KeyRing::create_file(path, key)?),
        None => {
            keep_redirection_private()?;
            println!("active {id} {}", key.expose_secret_base64());
        }
    }
    Ok(())
}

/// Gives the file of `sealed generate-key > F` the mode 0600 before the key is in it, for a key file must be private.
#[cfg(unix)]
fn keep_redirection_private() -> io::Result<()> {
    use std::fs::{File, Permissions};
    use std::os::fd::AsFd;
    use std::os::unix::fs::PermissionsExt;

    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    if output.metadata()?.is_file() {
        output.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_redirection_private() -> io::Result<()> {
    Ok(())
}

fn seal(keys: &Keys, lifetime: Lifetime) -> Result<SealedToken, Box<dyn Error>> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    // Not a `serde_json::Value`: every digit of a number is kept.
    let payload: Box<RawValue> = serde_json::from_str(&input).map_err(|error| format!("standard input: {error}"))?;
    let payload = RawValue::from_string(json::on_one_line(payload.get()))?;
    Ok(match Opener::new(keys)? {
        Opener::Sealer(sealer) => sealer.seal(&payload, lifetime)?,
        Opener::Primordyx(php) => php.seal(&payload, lifetime)?,
    })
}

fn open(opener: &Opener) -> Result<ExitCode, Box<dyn Error>> {
    let mut output = io::stdout().lock();
    let mut all_open = true;
    for line in io::stdin().lock().split(b'\n') {
        let line = line?;
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        // What is not even UTF-8 is no token, like any other text that is none.
        let outcome = opener.open(std::str::from_utf8(text).unwrap_or_default());
        all_open &= outcome.is_valid();
        serde_json::to_writer(&mut output, &outcome)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(if all_open { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

enum Opener {
    Sealer(Sealer),
    Primordyx(Box<Primordyx>),
}

impl Opener {
    fn new(keys: &Keys) -> Result<Self, Box<dyn Error>> {
        Ok(match keys {
            Keys::Ring { key_file, purpose } => Self::Sealer(Sealer::new(KeyRing::open_file(key_file)?, purpose)?),
            Keys::Passphrase { file } => {
                // Bytes: a PHP string need not be UTF-8.
                let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
                let line = text.strip_suffix(b"\n").unwrap_or(&text);
                Self::Primordyx(Box::new(Primordyx::new(line.strip_suffix(b"\r").unwrap_or(line))))
            }
        })
    }

    fn open(&self, text: &str) -> Outcome {
        match self {
            Self::Sealer(sealer) => sealer.open_even_if_expired(text).map(Outcome::from).into(),
            Self::Primordyx(php) => php.open_even_if_expired(text).map(Outcome::from).into(),
        }
    }
}
