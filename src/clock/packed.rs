//! A time in five bytes, for what is kept by the million.

use crate::clock::Timestamp;

/// A [`Timestamp`], or none, in five bytes: 40 bits hold every second of its range, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedTime([u8; 5]);

/// The number in place of a time that there is not: the lowest of 40 bits.
const NONE: i64 = -(1 << 39);

const _: () = {
    assert!(Timestamp::from_unix_seconds(i64::MIN).unix_seconds() > NONE);
    assert!(Timestamp::from_unix_seconds(i64::MAX).unix_seconds() < -NONE);
};

impl PackedTime {
    #[inline]
    fn seconds(self) -> i64 {
        let [a, b, c, d, e] = self.0;
        // The upper 24 bits become copies of the sign.
        i64::from_le_bytes([0, 0, 0, a, b, c, d, e]) >> 24
    }

    fn from_seconds(seconds: i64) -> Self {
        let [a, b, c, d, e, ..] = seconds.to_le_bytes();
        Self([a, b, c, d, e])
    }

    /// The time, if there is one.
    #[inline]
    pub(crate) fn get(self) -> Option<Timestamp> {
        let seconds = self.seconds();
        (seconds != NONE).then(|| Timestamp::from_packed(seconds))
    }

    /// A time that is always there.
    #[inline]
    pub(crate) fn time(self) -> Timestamp {
        Timestamp::from_packed(self.seconds())
    }
}

impl From<Timestamp> for PackedTime {
    fn from(time: Timestamp) -> Self {
        Self::from_seconds(time.unix_seconds())
    }
}

impl From<Option<Timestamp>> for PackedTime {
    fn from(time: Option<Timestamp>) -> Self {
        Self::from_seconds(time.map_or(NONE, Timestamp::unix_seconds))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_kept(seconds: i64) -> bool {
        let time = Timestamp::from_unix_seconds(seconds);
        PackedTime::from(time).time() == time && PackedTime::from(Some(time)).get() == Some(time)
    }

    #[test]
    fn the_ends_of_the_range_and_none_are_kept() {
        for seconds in [i64::MIN, -1, 0, 1, i64::from(u32::MAX), i64::MAX] {
            assert!(is_kept(seconds), "{seconds}");
        }
        assert_eq!(PackedTime::from(None).get(), None);
        assert_eq!(size_of::<PackedTime>(), 5);
    }

    proptest! {
        #[test]
        fn every_second_is_kept(any in any::<i64>(), near in -(1_i64 << 40)..1 << 40) {
            prop_assert!(is_kept(any) && is_kept(near));
        }
    }
}
