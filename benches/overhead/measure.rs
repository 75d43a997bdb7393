//! Paired medians: in every round each contestant serves the same number of requests, one after the other, so that a
//! machine that slows down slows all of them down.
//!
//! Not all of them alike, though: whoever runs more code suffers more from a neighbour on the same core. So the medians are
//! given a second time, over the quarter of the rounds in which the baseline was fastest: the calm ones.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{HeaderMap, Request};
use tower::{Service, ServiceExt};

use crate::median::median;

const ROUNDS: usize = 5_001;
/// Few enough to stay in the processor's cache, as a request does that has just come in.
const REQUESTS: usize = 64;

/// A service of any type, called without a box of its own.
pub(crate) trait Rig: Send {
    fn serve<'a>(&'a mut self, requests: Vec<Request<Body>>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;
    fn fork(&self) -> Box<dyn Rig>;
}

impl<S> Rig for S
where
    S: Service<Request<Body>, Error = Infallible> + Clone + Send + 'static,
{
    fn serve<'a>(&'a mut self, requests: Vec<Request<Body>>) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            for request in requests {
                let Ok(response) = self.ready().await.unwrap_or_else(|never| match never {}).call(request).await;
                black_box(&response);
            }
        })
    }

    fn fork(&self) -> Box<dyn Rig> {
        Box::new(self.clone())
    }
}

pub(crate) struct Contestant {
    name: String,
    rig: Box<dyn Rig>,
    headers: HeaderMap,
    nanoseconds: Vec<f64>,
}

impl Contestant {
    pub(crate) fn new(name: &str, rig: Box<dyn Rig>, headers: HeaderMap) -> Self {
        Self { name: name.to_owned(), rig, headers, nanoseconds: Vec::new() }
    }

    fn round(&mut self, runtime: &tokio::runtime::Runtime) {
        let requests = requests(&self.headers, REQUESTS);
        let start = Instant::now();
        runtime.block_on(self.rig.serve(requests));
        self.nanoseconds.push(start.elapsed().as_nanos() as f64 / REQUESTS as f64);
    }

    fn allocations(&mut self, runtime: &tokio::runtime::Runtime) -> u64 {
        let mut count = |number| {
            let requests = requests(&self.headers, number);
            allocation_counter::measure(|| runtime.block_on(self.rig.serve(requests))).count_total
        };
        count(1);
        count(2) - count(1)
    }
}

pub(crate) struct Table {
    title: String,
    baseline: String,
    floor: String,
    contestants: Vec<Contestant>,
}

impl Table {
    pub(crate) fn new(title: &str, baseline: &str, floor: &str) -> Self {
        Self {
            title: title.to_owned(),
            baseline: baseline.to_owned(),
            floor: floor.to_owned(),
            contestants: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, contestant: Contestant) {
        self.contestants.push(contestant);
    }

    pub(crate) fn run(mut self, runtime: &tokio::runtime::Runtime) {
        for _ in 0..ROUNDS {
            for contestant in &mut self.contestants {
                contestant.round(runtime);
            }
        }
        let allocations: Vec<_> = self.contestants.iter_mut().map(|one| one.allocations(runtime)).collect();
        let index = |name: &str| self.contestants.iter().position(|one| one.name == name).unwrap();
        let (baseline, floor) = (index(&self.baseline), index(&self.floor));
        let above = |one: usize, round: usize| {
            self.contestants[one].nanoseconds[round] - self.contestants[baseline].nanoseconds[round]
        };
        println!("\n{} (overhead above {})", self.title, self.baseline);
        let all: Vec<_> = (0..ROUNDS).collect();
        let mut calm = all.clone();
        calm.sort_by(|a, b| {
            self.contestants[baseline].nanoseconds[*a].total_cmp(&self.contestants[baseline].nanoseconds[*b])
        });
        calm.truncate(ROUNDS / 4);
        println!(
            "{:<24}{:>8}{:>10}{:>10}{:>16}{:>16}{:>14}",
            "", "ns", "overhead", "x floor", "overhead, calm", "x floor, calm", "allocations"
        );
        for (one, contestant) in self.contestants.iter().enumerate() {
            let overhead = |rounds: &[usize]| median(rounds.iter().map(|round| above(one, *round)));
            let ratio = |rounds: &[usize]| median(rounds.iter().map(|round| above(one, *round) / above(floor, *round)));
            let extra = i128::from(allocations[one]) - i128::from(allocations[baseline]);
            let absolute = median(contestant.nanoseconds.iter().copied());
            println!(
                "{:<24}{absolute:>8.0}{:>10.0}{:>10.2}{:>16.0}{:>16.2}{extra:>+14}",
                contestant.name,
                overhead(&all),
                ratio(&all),
                overhead(&calm),
                ratio(&calm),
            );
        }
    }
}

fn requests(headers: &HeaderMap, number: usize) -> Vec<Request<Body>> {
    let one = || {
        let mut request = Request::get("/members").body(Body::empty()).unwrap();
        *request.headers_mut() = headers.clone();
        request
    };
    (0..number).map(|_| one()).collect()
}

/// How much more two threads serve than one, all on one hot token.
pub(crate) fn two_threads(name: &str, rig: Box<dyn Rig>, headers: &HeaderMap) {
    let per_second = |threads: usize| {
        let start = Instant::now();
        let length = Duration::from_millis(250);
        let served: usize = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads)
                .map(|_| {
                    let mut rig = rig.fork();
                    scope.spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                        let mut served = 0;
                        while start.elapsed() < length {
                            runtime.block_on(rig.serve(requests(headers, 100)));
                            served += 100;
                        }
                        served
                    })
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).sum()
        });
        served as f64 / start.elapsed().as_secs_f64()
    };
    let ratio = median((0..11).map(|_| {
        let one = per_second(1);
        per_second(2) / one
    }));
    println!("\ntwo threads on one hot token, {name}: {ratio:.2} x the throughput of one");
}
