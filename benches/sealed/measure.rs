//! Paired medians: in every round each contestant does the same number of calls, one after the other, so that a machine
//! that slows down slows all of them down.

use std::time::Instant;

use crate::median::median;

const ROUNDS: usize = 201;
const CALLS: usize = 500;

type Call = Box<dyn FnMut()>;

/// Contestants that do the same work; the first is what the others are measured by.
pub(crate) struct Table {
    title: &'static str,
    contestants: Vec<(&'static str, Call)>,
}

impl Table {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, contestants: Vec::new() }
    }

    /// Adds a contestant, whose `call` hides what it gives from the optimizer.
    pub(crate) fn add(&mut self, name: &'static str, call: impl FnMut() + 'static) {
        self.contestants.push((name, Box::new(call)));
    }

    /// Measures and prints.
    pub(crate) fn run(mut self) {
        let mut nanoseconds = vec![Vec::with_capacity(ROUNDS); self.contestants.len()];
        for _ in 0..ROUNDS {
            for ((_, call), nanoseconds) in self.contestants.iter_mut().zip(&mut nanoseconds) {
                let start = Instant::now();
                for _ in 0..CALLS {
                    call();
                }
                nanoseconds.push(start.elapsed().as_nanos() as f64 / CALLS as f64);
            }
        }
        println!("\n{:<48}{:>10}{:>10}", self.title, "ns", "ratio");
        for ((name, _), own) in self.contestants.iter().zip(&nanoseconds) {
            let ratio = median(own.iter().zip(&nanoseconds[0]).map(|(own, first)| own / first));
            println!("{name:<48}{:>10.0}{ratio:>10.2}", median(own.iter().copied()));
        }
    }
}
