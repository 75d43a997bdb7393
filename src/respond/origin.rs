//! The origin of a site: scheme, host and port, as browsers write it.

use http::Uri;
use http::uri::Scheme;

/// The origin of a site, as browsers write it: `https://app.example`, in lower case and without the default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// The origin, if this text is one: `http` or `https`, a host, optionally a port, and at most a final `/`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let is_bare = uri.query().is_none() && matches!(uri.path(), "" | "/") && !text.contains('#');
        Self::of(&uri).filter(|_| is_bare)
    }

    /// The origin of this URL, if its scheme is `http` or `https`.
    pub(crate) fn of(url: &Uri) -> Option<Self> {
        let (scheme, authority) = (url.scheme()?, url.authority()?);
        let is_web = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        if !is_web || authority.as_str().contains(['@', '\\']) || authority.host().is_empty() {
            return None;
        }
        let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let host = authority.host().to_ascii_lowercase();
        Some(Self(match authority.port_u16() {
            Some(port) if port != default_port => format!("{}://{host}:{port}", scheme.as_str()),
            _ => format!("{}://{host}", scheme.as_str()),
        }))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443/", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("http://app.example:8080", "http://app.example:8080"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), origin);
        }
        for text in [
            "",
            "app.example",
            "/",
            "//app.example",
            "ftp://app.example",
            "https://a@app.example",
            "https://app.example/x",
            "https://app.example?x",
            "https://app.example/#x",
            "https://",
            "null",
            "https://app example",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
