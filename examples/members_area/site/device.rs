//! What a device is called on the account page.

use http::HeaderMap;
use http::header::USER_AGENT;

/// Specific names first: Edge and Opera also call themselves Chrome, and every one of them Safari.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// A short name out of `User-Agent`: `Firefox on Linux`, `curl`. It is a label for a person and proves nothing.
pub(super) fn name(headers: &HeaderMap) -> String {
    headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .map_or_else(|| UNKNOWN.to_owned(), |agent| short_name(agent).unwrap_or_else(|| UNKNOWN.to_owned()))
}

const UNKNOWN: &str = "Unknown device";

fn short_name(agent: &str) -> Option<String> {
    let found =
        |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (found(&BROWSERS), found(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(name), None) => Some(name.to_owned()),
        // A script: the product without its version, `curl/8.5.0` → `curl`.
        (None, _) => {
            let product = agent.split(['/', ' ']).next().unwrap_or_default();
            (!product.is_empty()).then(|| product.chars().take(40).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_what_a_person_would_call_it() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/148.0.0.0 Safari/537.36";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.5 Mobile/15E148 Safari/604.1";
        assert_eq!(short_name(chrome).as_deref(), Some("Chrome on Windows"));
        assert_eq!(short_name(&format!("{chrome} Edg/148.0.0.0")).as_deref(), Some("Edge on Windows"));
        assert_eq!(short_name(phone).as_deref(), Some("Safari on iPhone"));
        assert_eq!(
            short_name("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").as_deref(),
            Some("Firefox on Linux")
        );
        assert_eq!(short_name("curl/8.5.0").as_deref(), Some("curl"));
        assert_eq!(short_name(""), None);
        assert_eq!(short_name(&"x".repeat(500)).map(|name| name.len()), Some(40));
    }

    #[test]
    fn a_request_without_a_user_agent_has_a_name_too() {
        assert_eq!(name(&HeaderMap::new()), "Unknown device");
    }
}
