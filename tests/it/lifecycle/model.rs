//! The whole life cycle, with requests through the layer, against a model and with the clock moving.

use std::convert::Infallible;

use http::Request;
use proptest::prelude::*;
use time::Duration;
use tower::{Layer, ServiceExt, service_fn};
use tower_tokens::clock::Timestamp;
use tower_tokens::repository::{PageRequest, UserRepository};
use tower_tokens::token::{Lifetime, Token, TokenId, TokenRecord};
use tower_tokens::user::{CurrentUser, UserId};

use crate::site::Site;

#[derive(Debug, Clone, Copy)]
enum Limits {
    Keep,
    AtMost(u32),
    FreshStart(u32),
}

#[derive(Debug, Clone)]
enum Step {
    Generate { of_admin: bool, lifetime: u32, idle: Option<u8> },
    Validate(usize),
    Request(usize),
    Regenerate(usize, Limits),
    Destroy(usize),
    DestroyById { of_admin: bool, token: usize },
    DestroyOthers(usize),
    DestroyAll { of_admin: bool },
    Disable { of_admin: bool, disabled: bool },
    Advance(u8),
    Prune,
}

fn step() -> impl Strategy<Value = Step> {
    let token = 0_usize..12;
    let limits = prop_oneof![
        Just(Limits::Keep),
        (0_u32..400).prop_map(Limits::AtMost),
        (0_u32..400).prop_map(Limits::FreshStart),
    ];
    prop_oneof![
        4 => (any::<bool>(), 0_u32..400, proptest::option::of(4_u8..200))
            .prop_map(|(of_admin, lifetime, idle)| Step::Generate { of_admin, lifetime, idle }),
        3 => token.clone().prop_map(Step::Validate),
        6 => token.clone().prop_map(Step::Request),
        2 => (token.clone(), limits).prop_map(|(token, limits)| Step::Regenerate(token, limits)),
        1 => token.clone().prop_map(Step::Destroy),
        1 => (any::<bool>(), token.clone()).prop_map(|(of_admin, token)| Step::DestroyById { of_admin, token }),
        1 => token.prop_map(Step::DestroyOthers),
        1 => any::<bool>().prop_map(|of_admin| Step::DestroyAll { of_admin }),
        1 => any::<(bool, bool)>().prop_map(|(of_admin, disabled)| Step::Disable { of_admin, disabled }),
        6 => any::<u8>().prop_map(Step::Advance),
        1 => Just(Step::Prune),
    ]
}

/// What the model knows of a token.
struct Known {
    token: Token,
    id: TokenId,
    of_admin: bool,
    is_there: bool,
    end: i64,
    idle: Option<i64>,
    last_active: i64,
}

#[derive(Default)]
struct Model {
    now: i64,
    known: Vec<Known>,
    disabled: [bool; 2],
}

impl Model {
    fn has_ended(&self, known: &Known) -> bool {
        self.now >= known.end || known.idle.is_some_and(|idle| self.now >= known.last_active + idle)
    }

    fn is_valid(&self, index: usize) -> bool {
        let known = &self.known[index];
        known.is_there && !self.has_ended(known) && !self.disabled[usize::from(known.of_admin)]
    }

    /// A use, which is noted if the last note is old enough.
    fn use_token(&mut self, index: usize) {
        let known = &mut self.known[index];
        let interval = known.idle.map_or(60, |idle| 60.min(idle / 4)).max(1);
        if self.now - known.last_active >= interval {
            known.last_active = self.now;
        }
    }
}

async fn run(steps: Vec<Step>, site: Site) {
    let mut model = Model::default();
    let user = |of_admin: bool| if of_admin { &site.admin } else { &site.member };
    let service = site.layer().layer(service_fn(async |request: Request<()>| {
        Ok::<Option<UserId>, Infallible>(request.extensions().get::<CurrentUser>().map(|user| user.id().clone()))
    }));
    for step in steps {
        let known_at = |index: usize| (!model.known.is_empty()).then(|| index % model.known.len());
        match step {
            Step::Generate { of_admin, lifetime, idle } => {
                let mut limits = Lifetime::seconds(lifetime);
                if let Some(idle) = idle {
                    limits = limits.with_idle_limit(Duration::seconds(idle.into()));
                }
                let issued = site.tokens.generate(user(of_admin)).lifetime(limits).await.unwrap();
                model.known.push(Known {
                    token: issued.token().clone(),
                    id: issued.record().id(),
                    of_admin,
                    is_there: true,
                    end: model.now + i64::from(lifetime),
                    idle: idle.map(i64::from),
                    last_active: model.now,
                });
            }
            Step::Validate(index) => {
                let Some(index) = known_at(index) else { continue };
                let found = site.tokens.validate(&model.known[index].token).await.unwrap();
                assert_eq!(found.is_some(), model.is_valid(index));
                if found.is_some() {
                    model.use_token(index);
                }
            }
            Step::Request(index) => {
                let Some(index) = known_at(index) else { continue };
                let known = &model.known[index];
                let cookie = format!("trongatetoken={}", known.token.expose_secret());
                let request = Request::get("/").header("cookie", cookie).body(()).unwrap();
                let found = service.clone().oneshot(request).await.unwrap();
                assert_eq!(found.as_ref(), model.is_valid(index).then(|| user(known.of_admin)));
                if found.is_some() {
                    model.use_token(index);
                }
            }
            Step::Regenerate(index, limits) => {
                let Some(index) = known_at(index) else { continue };
                let regenerate = site.tokens.regenerate(&model.known[index].token);
                let regenerated = match limits {
                    Limits::Keep => regenerate,
                    Limits::AtMost(lifetime) => regenerate.lifetime(Lifetime::seconds(lifetime)),
                    Limits::FreshStart(lifetime) => regenerate.fresh_start(Lifetime::seconds(lifetime)),
                };
                let regenerated = regenerated.await;
                assert_eq!(regenerated.is_ok(), model.is_valid(index));
                if let Ok(issued) = regenerated {
                    let now = model.now;
                    let old = &mut model.known[index];
                    assert_eq!(issued.record().id(), old.id);
                    old.is_there = false;
                    let (end, idle) = match limits {
                        Limits::Keep => (old.end, old.idle),
                        Limits::AtMost(lifetime) => (old.end.min(now + i64::from(lifetime)), old.idle),
                        Limits::FreshStart(lifetime) => (now + i64::from(lifetime), None),
                    };
                    let token = issued.token().clone();
                    let new = Known { token, is_there: true, end, idle, last_active: now, ..*old };
                    model.known.push(new);
                }
            }
            Step::Destroy(index) => {
                let Some(index) = known_at(index) else { continue };
                let was_there = site.tokens.destroy(&model.known[index].token).await.unwrap();
                // An expired one may have been pruned or not.
                assert!(was_there == model.known[index].is_there || model.has_ended(&model.known[index]));
                model.known[index].is_there = false;
            }
            Step::DestroyById { of_admin, token } => {
                let Some(index) = known_at(token) else { continue };
                let id = model.known[index].id;
                site.tokens.destroy_by_id(user(of_admin), id).await.unwrap();
                for known in model.known.iter_mut().filter(|known| known.id == id && known.of_admin == of_admin) {
                    known.is_there = false;
                }
            }
            Step::DestroyOthers(index) => {
                let Some(index) = known_at(index) else { continue };
                let (keep, of_admin) = (model.known[index].id, model.known[index].of_admin);
                let record = TokenRecord::new(keep, Timestamp::from_unix_seconds(0), Lifetime::default());
                site.tokens.destroy_others(user(of_admin), &record).await.unwrap();
                for known in model.known.iter_mut().filter(|known| known.id != keep && known.of_admin == of_admin) {
                    known.is_there = false;
                }
            }
            Step::DestroyAll { of_admin } => {
                site.tokens.destroy_all(user(of_admin)).await.unwrap();
                for known in model.known.iter_mut().filter(|known| known.of_admin == of_admin) {
                    known.is_there = false;
                }
            }
            Step::Disable { of_admin, disabled } => {
                site.store.set_disabled(user(of_admin), disabled).await.unwrap();
                model.disabled[usize::from(of_admin)] = disabled;
            }
            Step::Advance(seconds) => {
                site.clock.advance(Duration::seconds(seconds.into()));
                model.now += i64::from(seconds);
            }
            Step::Prune => {
                site.tokens.prune().await.unwrap();
            }
        }
        // What the step has started comes to rest: the note of a last use.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        for of_admin in [false, true] {
            let page = site.tokens.list(user(of_admin), PageRequest::first(1_000)).await.unwrap();
            let mut listed: Vec<_> = page.items.iter().map(|record| record.id()).collect();
            let live = model.known.iter().filter(|known| known.of_admin == of_admin && known.is_there);
            let mut expected: Vec<_> = live.filter(|known| !model.has_ended(known)).map(|known| known.id).collect();
            listed.sort_unstable();
            expected.sort_unstable();
            assert_eq!(listed, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_of_the_life_cycle_agrees_with_the_model(
        steps in proptest::collection::vec(step(), 1..60),
        is_async in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let site = if is_async { Site::async_only().await } else { Site::new().await };
            run(steps, site).await;
        });
    }
}
