//! The command line.

use std::error::Error;
use std::path::PathBuf;

use http::Uri;
use lexopt::prelude::{Long, Short, ValueExt as _};
use tower_tokens::client::SecretText;

pub(crate) const USAGE: &str =
    "usage: api_client --base-url URL --username U --password-file F --store-dir DIR --environment NAME
                  [--requests N] [--concurrency C] [--log-out]

  --base-url URL      https://…, or http:// on this machine
  --password-file F   the password, without the end of its line
  --store-dir DIR     where the tokens are kept; it is created with mode 0700
  --environment NAME  such as production or test: each has its own tokens
  --requests N        default 100
  --concurrency C     how many at a time, default 10
  --log-out           revoke the tokens at the end";

pub(crate) struct Options {
    pub(crate) base_url: String,
    pub(crate) username: String,
    pub(crate) password: SecretText,
    pub(crate) store_dir: PathBuf,
    pub(crate) environment: String,
    pub(crate) requests: u64,
    pub(crate) concurrency: u64,
    pub(crate) logs_out: bool,
}

impl Options {
    /// `None`: somebody asked for help.
    pub(crate) fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        let (mut base_url, mut username, mut password, mut store_dir, mut environment) = (None, None, None, None, None);
        let (mut requests, mut concurrency, mut logs_out) = (100, 10, false);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("base-url") => base_url = Some(arguments.value()?.string()?),
                Long("username") => username = Some(arguments.value()?.string()?),
                Long("password-file") => password = Some(read(arguments.value()?.into())?),
                Long("store-dir") => store_dir = Some(arguments.value()?.into()),
                Long("environment") => environment = Some(arguments.value()?.string()?),
                Long("requests") => requests = arguments.value()?.parse()?,
                Long("concurrency") => concurrency = arguments.value()?.parse()?,
                Long("log-out") => logs_out = true,
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(format!("{}\n{USAGE}", argument.unexpected()).into()),
            }
        }
        let missing = |option: &str| format!("{option} is missing\n{USAGE}");
        Ok(Some(Self {
            base_url: base_url.ok_or_else(|| missing("--base-url"))?.trim_end_matches('/').to_owned(),
            username: username.ok_or_else(|| missing("--username"))?,
            password: password.ok_or_else(|| missing("--password-file"))?,
            store_dir: store_dir.ok_or_else(|| missing("--store-dir"))?,
            environment: environment.ok_or_else(|| missing("--environment"))?,
            requests,
            concurrency,
            logs_out,
        }))
    }

    /// Scheme, host and port of the API.
    pub(crate) fn origin(&self) -> Result<String, Box<dyn Error>> {
        let uri: Uri = self.base_url.parse()?;
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => Ok(format!("{scheme}://{authority}")),
            _ => Err("--base-url begins with https:// or http://".into()),
        }
    }
}

/// The password, which an editor may have ended with a line break.
fn read(file: PathBuf) -> Result<SecretText, Box<dyn Error>> {
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(SecretText::new(text.trim_end_matches(['\r', '\n'])))
}
