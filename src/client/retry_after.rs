//! How long a server asks to wait.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::clock::{Clock, SystemClock, Timestamp};

/// The longest wait that is obeyed. Our choice: a server that asks for more is asked again after an hour.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// The value of `Retry-After`: seconds, or a date. A date is compared with the `Date` of the same response, so that the
/// clocks need not agree, and with the system's clock only if there is none.
///
/// # Source
/// RFC 9110 §10.2.3. The two obsolete forms of a date (§5.6.7) count as no value.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too long for a number is a long wait.
        return Some(text.parse().map_or(MAX_WAIT, Duration::from_secs).min(MAX_WAIT));
    }
    let end = http_date(text)?;
    let wait = end - date(headers).unwrap_or_else(|| SystemClock.now());
    Some(Duration::try_from(wait).unwrap_or_default().min(MAX_WAIT))
}

/// When the server sent the response, by its own clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    OffsetDateTime::parse(text, &Rfc2822).ok().map(Timestamp::from)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wait(value: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_a_wait_up_to_an_hour() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3600", Some(3_600)),
            ("3601", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(wait(value, None), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_response() {
        let sent = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, expected) in [
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3_600)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", None),
            ("Sun Nov  6 08:50:07 1994", None),
        ] {
            assert_eq!(wait(value, sent), expected, "{value}");
        }
        let now = OffsetDateTime::from(SystemClock.now() + time::Duration::seconds(60)).format(&Rfc2822).unwrap();
        let seconds = wait(&now.replace("+0000", "GMT"), None).unwrap();
        assert!((58..=60).contains(&seconds), "{seconds}");
    }
}
