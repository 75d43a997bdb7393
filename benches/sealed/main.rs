//! What opening and sealing a token of 256 bytes costs beside the least that could do the same, in one run, as paired
//! medians. The comparison with other crates is a package of its own, `benches/compare`.
//!
//! `cargo bench --features sealed --bench sealed`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

mod contest;
mod measure;
#[path = "../measure/median.rs"]
mod median;

use measure::Table;

fn main() {
    let mut open = Table::new("opening 256 bytes (budget: 1.30)");
    contest::add_open(&mut open);
    open.run();
    let mut seal = Table::new("sealing 256 bytes");
    contest::add_seal(&mut seal);
    seal.run();
}
