mod command_line;
mod golden;
mod key_file;
mod login;
mod must_fail;
mod opened;
mod primordyx;
mod properties;
mod redeem;
mod redemption_mutants;
mod ring;
mod sealer;

use tower_tokens::clock::{ManualClock, Timestamp};
use tower_tokens::sealed::{Key, KeyRing, Sealer};

const NOW: i64 = 1_795_287_701;

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_unix_seconds(NOW))
}

fn key(id: &str, byte: u8) -> Key {
    Key::from_bytes(id, &[byte; 32]).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(key("k1", 1))
}

fn sealer(purpose: &str) -> Sealer {
    Sealer::new(ring(), purpose).unwrap().with_clock(clock())
}
