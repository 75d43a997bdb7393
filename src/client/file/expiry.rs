//! The forms of a time in a file: seconds as a number or as text, a date, or a lifetime.

use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Timestamp;

/// Numbers below are lifetimes in seconds where a field may hold one, and not seconds since 1970. Our choice: a lifetime
/// of 31 years, or September 2001.
const LONGEST_LIFETIME: i64 = 1_000_000_000;

/// When a token ends, as far as a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The file does not say.
    Unknown,
    At(Timestamp),
    /// So many seconds after the file was written.
    After(i64),
    /// The file says something that is not a time.
    Unreadable,
}

impl End {
    /// Seconds since 1970 as a number or as text, or a date (RFC 3339, any digits of a second). With `is_lifetime`, a
    /// small number is a lifetime, as in the answers of the Ergani API.
    pub(super) fn read(value: &RawValue, is_lifetime: bool) -> Self {
        let json = value.get();
        if json == "null" {
            return Self::Unknown;
        }
        let text = if json.starts_with('"') { serde_json::from_str(json).unwrap_or_default() } else { json.to_owned() };
        let text = text.trim();
        let seconds = text.parse::<i64>().ok().or_else(|| {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            // A number beyond the range becomes the nearer end of it.
            number.map(|number| number.floor() as i64)
        });
        match seconds {
            Some(seconds) if is_lifetime && seconds < LONGEST_LIFETIME => Self::After(seconds),
            Some(seconds) => Self::At(Timestamp::from_unix_seconds(seconds)),
            None => OffsetDateTime::parse(text, &Rfc3339).map_or(Self::Unreadable, |date| Self::At(date.into())),
        }
    }

    /// The point in time, if the file was written at `written_at`. What cannot be read is `unreadable`.
    pub(super) fn resolve(self, written_at: Option<Timestamp>, unreadable: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Unknown => None,
            Self::At(time) => Some(time),
            Self::After(seconds) => {
                written_at.map_or(unreadable, |start| Some(start + time::Duration::seconds(seconds)))
            }
            Self::Unreadable => unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, is_lifetime: bool) -> End {
        End::read(&RawValue::from_string(json.to_owned()).unwrap(), is_lifetime)
    }

    fn at(seconds: i64) -> End {
        End::At(Timestamp::from_unix_seconds(seconds))
    }

    #[test]
    fn a_time_has_many_forms() {
        for is_lifetime in [false, true] {
            assert_eq!(read("1795630985", is_lifetime), at(1_795_630_985));
            assert_eq!(read("\"1795630985\"", is_lifetime), at(1_795_630_985));
            assert_eq!(read("1795630985.75", is_lifetime), at(1_795_630_985));
            assert_eq!(read("\" 1.795630985e9 \"", is_lifetime), at(1_795_630_985));
            assert_eq!(read("\"2026-12-21T14:44:28.2731304+02:00\"", is_lifetime), at(1_797_857_068));
            assert_eq!(read("\"2026-12-21T12:44:28Z\"", is_lifetime), at(1_797_857_068));
            assert_eq!(read("null", is_lifetime), End::Unknown);
            assert_eq!(read("1e300", is_lifetime), at(253_402_300_799));
            for bad in ["\"\"", "\"soon\"", "true", "{}", "[1]", "\"NaN\"", "\"inf\"", "\"2026-12-21\"", "\"1 2\""] {
                assert_eq!(read(bad, is_lifetime), End::Unreadable, "{bad}");
            }
        }
    }

    #[test]
    fn a_small_number_is_a_lifetime_where_the_field_may_hold_one() {
        assert_eq!(read("\"10800\"", true), End::After(10_800));
        assert_eq!(read("10800", true), End::After(10_800));
        assert_eq!(read("10800", false), at(10_800));
        let written_at = Timestamp::from_unix_seconds(1_000);
        assert_eq!(End::After(5).resolve(Some(written_at), None), Some(Timestamp::from_unix_seconds(1_005)));
        assert_eq!(End::After(5).resolve(None, Some(written_at)), Some(written_at));
        assert_eq!(End::Unreadable.resolve(None, Some(written_at)), Some(written_at));
    }
}
