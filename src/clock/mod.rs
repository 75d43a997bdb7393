//! Time: [`Timestamp`], the source of "now" ([`Clock`], [`SystemClock`]) and, for tests, `ManualClock`.

#[cfg(any(test, feature = "test-util"))]
mod manual;
mod monotonic;
mod packed;
mod system;
mod timestamp;

#[cfg(any(test, feature = "test-util"))]
pub use manual::ManualClock;
pub(crate) use monotonic::monotonic_milliseconds;
pub(crate) use packed::PackedTime;
pub use system::{Clock, SystemClock};
pub use timestamp::{CLOCK_TOLERANCE, Timestamp};
