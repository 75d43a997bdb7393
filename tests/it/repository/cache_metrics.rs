//! The numbers of a cache, as a recorder of the crate `metrics` gets them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower_tokens::lifecycle::Tokens;
use tower_tokens::repository::{Cache, CachedRepository, MemoryRepository, RepositoryExt, UserRepository};

/// Keeps the last value of every metric, and what was said of it.
#[derive(Default)]
struct Kept {
    counters: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
    described: Mutex<BTreeMap<String, (Option<Unit>, String)>>,
    /// How often hits were reported.
    reports: AtomicU64,
}

impl Kept {
    fn describe(&self, key: &KeyName, unit: Option<Unit>, description: &SharedString) {
        self.described.lock().unwrap().insert(key.as_str().to_owned(), (unit, description.to_string()));
    }

    fn counter(&self, name: &str) -> u64 {
        let key = Key::from_name(name.to_owned());
        self.counters.lock().unwrap()[&key].load(Ordering::Relaxed)
    }

    fn gauge(&self, name: &str) -> f64 {
        let key = Key::from_name(name.to_owned());
        f64::from_bits(self.gauges.lock().unwrap()[&key].load(Ordering::Relaxed))
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {
        unreachable!("there is none");
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        self.reports.fetch_add(u64::from(key.name() == "tower_tokens_cache_hits"), Ordering::Relaxed);
        Counter::from_arc(Arc::clone(self.counters.lock().unwrap().entry(key.clone()).or_default()))
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::clone(self.gauges.lock().unwrap().entry(key.clone()).or_default()))
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        unreachable!("there is none");
    }
}

/// A cache that has answered `hits` requests from memory.
async fn used(hits: u64) -> CachedRepository<MemoryRepository> {
    let repository = MemoryRepository::new().cached(Cache::for_one_process());
    repository.create_level("member").await.unwrap();
    let user = repository.create_user(None, "member").await.unwrap();
    let tokens = Tokens::new(repository.clone());
    let issued = tokens.generate(&user).await.unwrap();
    for _ in 0..=hits {
        assert!(tokens.validate(issued.token()).await.unwrap().is_some());
    }
    repository
}

fn run<T>(recorder: &Kept, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(recorder, || runtime.block_on(work))
}

#[test]
fn every_number_is_reported_with_a_unit_and_a_description() {
    let recorder = Kept::default();
    let statistics = run(&recorder, async {
        let repository = used(10).await;
        assert!(recorder.described.lock().unwrap().is_empty(), "a request reports nothing");
        repository.report_metrics();
        repository.statistics()
    });
    let name = |of: &str| format!("tower_tokens_cache_{of}");
    for (of, value) in [
        ("hits", statistics.hits),
        ("look_ups", statistics.look_ups),
        ("joined", statistics.joined),
        ("evictions", statistics.evictions),
        ("changes", statistics.changes),
        ("announced", statistics.announced),
        ("interruptions", statistics.interruptions),
    ] {
        assert_eq!(recorder.counter(&name(of)), value, "{of}");
    }
    assert_eq!((statistics.hits, statistics.look_ups), (10, 1));
    for (of, value) in [
        ("tokens", 1.0),
        ("is_used", 1.0),
        ("bus_lag_seconds", statistics.bus_lag.as_secs_f64()),
        ("time_without_seconds", statistics.time_without.as_secs_f64()),
    ] {
        assert_eq!(recorder.gauge(&name(of)), value, "{of}");
    }
    let described = recorder.described.lock().unwrap();
    let keys: Vec<Key> =
        recorder.counters.lock().unwrap().keys().chain(recorder.gauges.lock().unwrap().keys()).cloned().collect();
    assert_eq!(keys.len(), described.len());
    for key in keys {
        let (unit, description) = &described[key.name()];
        assert_eq!(*unit, Some(if key.name().ends_with("_seconds") { Unit::Seconds } else { Unit::Count }));
        assert!(description.ends_with('.'), "{description}");
        assert_eq!(key.labels().count(), 0, "no label can hold a secret");
    }
}

#[test]
fn a_second_report_replaces_the_first() {
    let recorder = Kept::default();
    run(&recorder, async {
        let repository = used(3).await;
        repository.report_metrics();
        repository.report_metrics();
        assert_eq!(recorder.counter("tower_tokens_cache_hits"), 3);
    });
}

#[test]
fn a_cache_with_a_bus_reports_by_itself() {
    let recorder = Kept::default();
    run(&recorder, async {
        let bus = super::cache_bus::LocalBus::new();
        let _repository = MemoryRepository::new().cached(Cache::with_bus(bus));
        let is_used = || {
            let key = Key::from_name("tower_tokens_cache_is_used");
            recorder.gauges.lock().unwrap().contains_key(&key) && recorder.gauge(key.name()) == 1.0
        };
        tokio::time::timeout(Duration::from_secs(20), async {
            while !is_used() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    });
}

/// This bus has ten heartbeats a second.
#[test]
fn a_cache_with_a_bus_reports_at_most_once_a_second() {
    let recorder = Kept::default();
    run(&recorder, async {
        tokio::time::pause();
        let bus = super::cache_bus::LocalBus::new();
        let _repository = MemoryRepository::new().cached(Cache::with_bus(bus));
        tokio::time::sleep(Duration::from_millis(9_950)).await;
    });
    let reports = recorder.reports.load(Ordering::Relaxed);
    assert!((9..=10).contains(&reports), "{reports}");
}
