//! What one authenticated request costs above the bare router: the crate beside a hand-written floor and
//! tower-sessions, all in one run, as paired medians.
//!
//! `cargo bench --features full --bench overhead`. The profile has link-time optimization: without it, where the compiler
//! happens to place a function moves a figure by a tenth.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

mod floor;
mod measure;
#[path = "../measure/median.rs"]
mod median;
mod rigs;

use measure::{Contestant, Table};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rigs = runtime.block_on(rigs::Rigs::new());

    let mut hits = Table::new("a hit, around the router", "bare router", "floor");
    hits.add(Contestant::new("bare router", rigs.bare(), rigs.hit()));
    hits.add(Contestant::new("floor", rigs.floor_around(), rigs.hit()));
    hits.add(Contestant::new("floor, roomy template", rigs.floor_roomy_around(), rigs.hit()));
    hits.add(Contestant::new("tower-tokens", rigs.ours_around(), rigs.hit()));
    hits.add(Contestant::new("tower-tokens, API token", rigs.ours_around(), rigs.api_hit()));
    hits.add(Contestant::new("tower-sessions", rigs.tower_sessions_around(&runtime), rigs.session_hit()));
    hits.run(&runtime);

    let mut layered = Table::new("a hit, Router::layer", "bare router", "floor");
    layered.add(Contestant::new("bare router", rigs.bare(), rigs.hit()));
    layered.add(Contestant::new("floor", rigs.floor_layered(), rigs.hit()));
    layered.add(Contestant::new("tower-tokens", rigs.ours_layered(), rigs.hit()));
    layered.add(Contestant::new("tower-sessions", rigs.tower_sessions_layered(&runtime), rigs.session_hit()));
    layered.run(&runtime);

    let mut guarded = Table::new("a hit, guarded", "bare router", "around the router");
    guarded.add(Contestant::new("bare router", rigs.bare(), rigs.hit()));
    guarded.add(Contestant::new("around the router", rigs.guarded_around(), rigs.hit()));
    guarded.add(Contestant::new("one attachment to the handler", rigs.guarded_handler(), rigs.hit()));
    guarded.add(Contestant::new("one attachment to the route", rigs.guarded_route(), rigs.hit()));
    guarded.add(Contestant::new("route_layer and layer", rigs.guarded_apart(), rigs.hit()));
    guarded.add(Contestant::new("four layers apart", rigs.program_apart(), rigs.hit()));
    guarded.run(&runtime);

    let mut extracted = Table::new("a hit, extractor alone", "bare router", "floor");
    extracted.add(Contestant::new("bare router", rigs.bare(), rigs.hit()));
    extracted.add(Contestant::new("floor", rigs.floor_extracted(), rigs.hit()));
    extracted.add(Contestant::new("tower-tokens", rigs.ours_extracted(), rigs.hit()));
    extracted.run(&runtime);

    for (name, request) in [
        ("no cookie", rigs.miss(None)),
        ("an unknown token", rigs.miss(Some("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"))),
        ("a malformed token", rigs.miss(Some("zzzz zzzz"))),
    ] {
        let mut refused = Table::new(&format!("{name}, passed on around the router"), "bare router", "floor");
        refused.add(Contestant::new("bare router", rigs.bare(), request.clone()));
        refused.add(Contestant::new("floor", rigs.floor_roomy_around(), request.clone()));
        refused.add(Contestant::new("tower-tokens", rigs.ours_around(), request.clone()));
        refused.run(&runtime);
    }

    measure::two_threads("floor", rigs.floor_around(), &rigs.hit());
    measure::two_threads("tower-tokens", rigs.ours_around(), &rigs.hit());
    measure::two_threads("tower-tokens, guarded", rigs.guarded_around(), &rigs.hit());
}
