//! A time as headers write it.

use http::HeaderValue;
use time::OffsetDateTime;

use crate::clock::Timestamp;

/// The time as an IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let at = OffsetDateTime::from(at);
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    let (weekday, month) = (weekday.get(..3)?, month.get(..3)?);
    let (hour, minute, second) = at.to_hms();
    let text = format!("{weekday}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", at.day(), at.year());
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_rfc_9110_shows_it() {
        let date = |seconds| http_date(Timestamp::from_unix_seconds(seconds)).unwrap();
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
