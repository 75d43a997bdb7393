//! The origin of a request: scheme, host and port.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

use crate::client::{ClientError, ClientErrorKind};

/// Scheme, host and port, normalized: in lower case, an IPv6 address as a number, the scheme's own port filled in.
///
/// # Source
/// RFC 6454 §4 and §5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Name(String),
    V6(Ipv6Addr),
}

impl Origin {
    /// The origin that is written here: `https://api.example`, with a port if it is not 443.
    pub(super) fn parse(text: &str) -> Result<Self, ClientError> {
        let uri = absolute(text)?;
        match uri.path_and_query().map_or("/", |rest| rest.as_str()) {
            "/" => Self::of(&uri).ok_or_else(|| configuration("an origin is `https://host` or `https://host:port`")),
            _ => Err(configuration("an origin ends after host and port: it has no path")),
        }
    }

    /// The origin of an absolute `http` or `https` address.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let (scheme, host, port) = parts(uri)?;
        let host = match v6(host) {
            Some(address) => Host::V6(address),
            None => Host::Name(host.to_ascii_lowercase()),
        };
        Some(Self { scheme, host, port })
    }

    /// Whether a request to this address goes to this origin. It allocates nothing.
    pub(super) fn is_of(&self, uri: &Uri) -> bool {
        let Some((scheme, host, port)) = parts(uri) else { return false };
        let is_same_host = match &self.host {
            Host::Name(name) => name.eq_ignore_ascii_case(host),
            Host::V6(address) => v6(host).as_ref() == Some(address),
        };
        is_same_host && (scheme, port) == (self.scheme, self.port)
    }

    /// Whether what is sent there can be read on the way: it is not encrypted, and leaves this machine.
    pub(super) fn is_exposed(&self) -> bool {
        self.scheme == Scheme::Http && !self.is_loopback()
    }

    fn is_loopback(&self) -> bool {
        match &self.host {
            // RFC 6761 §6.3: `localhost` and what ends so is the machine itself.
            Host::Name(name) => {
                let is_local_name = name == "localhost" || name.ends_with(".localhost");
                is_local_name || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
            }
            Host::V6(address) => address.is_loopback(),
        }
    }
}

/// An absolute address without user information and fragment.
pub(super) fn absolute(text: &str) -> Result<Uri, ClientError> {
    let uri: Uri = text.parse().map_err(|_| configuration("this is not an address"))?;
    if text.contains('#') {
        return Err(configuration("an address without a fragment is wanted"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(configuration("user name and password do not belong into an address"));
    }
    if parts(&uri).is_none() {
        return Err(configuration("an address begins with `https://` or `http://` and a host"));
    }
    Ok(uri)
}

pub(super) fn configuration(what: &'static str) -> ClientError {
    ClientError::new(ClientErrorKind::Configuration, what)
}

fn parts(uri: &Uri) -> Option<(Scheme, &str, u16)> {
    let (scheme, own_port) = match uri.scheme_str()? {
        scheme if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, 443),
        scheme if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, 80),
        _ => return None,
    };
    let authority = uri.authority()?;
    let host = authority.host();
    let port =
        match authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, rest)| rest).strip_prefix(host)? {
            "" | ":" => own_port,
            // What is no number up to 65535 is no port, and not the scheme's own one.
            text => text.strip_prefix(':').and_then(|digits| digits.parse().ok())?,
        };
    (!host.is_empty()).then_some((scheme, host, port))
}

fn v6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_same_in_each_spelling() {
        for (origin, addresses) in [
            (
                "https://api.example",
                &[
                    "https://api.example/a?b",
                    "https://API.Example",
                    "https://api.example:443/",
                    "HTTPS://api.example:/",
                ][..],
            ),
            ("https://API.example:443/", &["https://api.example/"]),
            ("http://localhost", &["http://localhost:80/x", "HTTP://LOCALHOST"]),
            ("http://127.0.0.1:3000", &["http://127.0.0.1:3000/"]),
            ("https://[2001:DB8::1]:8443", &["https://[2001:db8:0::1]:8443/"]),
            ("https://u.example", &["https://name:password@u.example/", "https://a@u.example:443/"]),
        ] {
            let origin = Origin::parse(origin).unwrap();
            for address in addresses {
                let uri = address.parse().unwrap();
                assert!(origin.is_of(&uri), "{origin:?} {address}");
                assert_eq!(Origin::of(&uri).as_ref(), Some(&origin), "{address}");
            }
        }
    }

    #[test]
    fn another_scheme_host_or_port_is_another_origin() {
        let origin = Origin::parse("https://api.example").unwrap();
        for address in [
            "http://api.example/",
            "http://api.example:443/",
            "https://api.example:444/",
            "https://api.example:99999/",
            "https://api.example:80/",
            "https://api.example./",
            "https://example/",
            "https://api.example.evil/",
            "https://evil-api.example/",
            "https://www.api.example/",
            "https://api.example@evil.example/",
            "https://api.example:443@evil.example/",
            "https://evil.example/https://api.example",
            "https://evil.example?https://api.example",
            "wss://api.example/",
            "/path",
            "api.example:443",
            "*",
        ] {
            let Ok(uri) = address.parse() else { continue };
            assert!(!origin.is_of(&uri), "{address}");
        }
        let v6 = Origin::parse("https://[::1]").unwrap();
        assert!(!v6.is_of(&Uri::from_static("https://[::2]/")));
        assert!(!v6.is_of(&Uri::from_static("https://0.0.0.1/")));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "api.example",
            "api.example:443",
            "/",
            "*",
            "https://",
            "https:///",
            "ftp://a",
            "https://a/b",
            "https://a?b",
            "https://a/#b",
            "https://a#b",
            "https://user@a",
            "https://user:password@a",
            "https://a:b",
            "https://a:65536",
            "https://a b",
            "https:// a",
        ] {
            let error = Origin::parse(text).expect_err(text);
            assert_eq!(error.kind(), ClientErrorKind::Configuration, "{text}");
        }
    }

    #[test]
    fn only_plain_http_that_leaves_the_machine_is_exposed() {
        for (text, is_exposed) in [
            ("https://api.example", false),
            ("http://api.example", true),
            ("http://localhost:3000", false),
            ("http://api.localhost", false),
            ("http://127.0.0.1:3000", false),
            ("http://127.1.2.3", false),
            ("http://[::1]:3000", false),
            ("http://localhost.example", true),
            ("http://notlocalhost", true),
            ("http://10.0.0.1", true),
            ("http://[::2]", true),
        ] {
            assert_eq!(Origin::parse(text).unwrap().is_exposed(), is_exposed, "{text}");
        }
    }
}
