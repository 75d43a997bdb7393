//! Random interleavings of clients that refresh, lose answers, replay and log out, against a model.

use proptest::prelude::*;
use time::Duration;
use tower_tokens::lifecycle::{IssuedPair, PairSettings};

use crate::site::Site;

const GRACE: i64 = 10;
const IDLE: i64 = 300;
const FAMILY: i64 = 1_000;
const ACCESS: i64 = 60;

#[derive(Debug, Clone)]
enum Step {
    /// A new family.
    Issue,
    /// Presents the refresh token of a generation, counted back from the last one that this family has. The client keeps the
    /// answer or never gets it: for the server there is no difference.
    Refresh {
        family: usize,
        back: usize,
    },
    /// Logs out with a refresh token of the family, counted back.
    Destroy {
        family: usize,
        back: usize,
    },
    /// Uses an access token.
    Use {
        family: usize,
        back: usize,
    },
    Wait {
        seconds: u16,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (family, back) = (0_usize..3, prop_oneof![4 => Just(0_usize), 3 => Just(1), 1 => 2_usize..5]);
    let step = prop_oneof![
        2 => Just(Step::Issue),
        8 => (family.clone(), back.clone()).prop_map(|(family, back)| Step::Refresh { family, back }),
        1 => (family.clone(), back.clone()).prop_map(|(family, back)| Step::Destroy { family, back }),
        3 => (family, back).prop_map(|(family, back)| Step::Use { family, back }),
        5 => prop_oneof![6 => 0_u16..12, 1 => 250_u16..400].prop_map(|seconds| Step::Wait { seconds }),
    ];
    prop::collection::vec(step, 1..40)
}

/// What is known of a family: every pair that it ever gave, and when.
struct Family {
    pairs: Vec<(IssuedPair, i64)>,
    born: i64,
    is_ended: bool,
}

impl Family {
    fn last(&self) -> usize {
        self.pairs.len() - 1
    }

    fn is_alive(&self, now: i64) -> bool {
        !self.is_ended && now < self.pairs[self.last()].1 + IDLE && now < self.born + FAMILY
    }
}

async fn run(steps: Vec<Step>) {
    let site = Site::new().await;
    let seconds = Duration::seconds;
    let settings = PairSettings::new().access(seconds(ACCESS)).refresh(seconds(IDLE)).family(seconds(FAMILY));
    let tokens = site.tokens.clone().with_pairs(settings.grace(seconds(GRACE)));
    let (mut families, mut now): (Vec<Family>, i64) = (Vec::new(), 0);
    for step in steps {
        match step {
            Step::Issue => {
                let pair = tokens.generate_pair(&site.member).await.unwrap();
                families.push(Family { pairs: vec![(pair, now)], born: now, is_ended: false });
            }
            Step::Wait { seconds } => {
                site.clock.advance(Duration::seconds(seconds.into()));
                now += i64::from(seconds);
            }
            Step::Refresh { family, back } => {
                let Some(family) = families.get_mut(family) else { continue };
                let (place, last) = (family.last().saturating_sub(back), family.last());
                let token = family.pairs[place].0.refresh_token().clone();
                let answer = tokens.refresh(&token).await.unwrap();
                let since_last = now - family.pairs[last].1;
                if !family.is_alive(now) {
                    assert!(answer.is_none(), "a family that is over gives nothing");
                } else if place == last {
                    let pair = answer.unwrap();
                    assert!(family.pairs.iter().all(|(old, _)| old.refresh_token() != pair.refresh_token()));
                    family.pairs.push((pair, now));
                } else if place + 1 == last && since_last < GRACE {
                    let pair = answer.unwrap();
                    assert_eq!(pair.refresh_token(), family.pairs[last].0.refresh_token());
                    assert_eq!(pair.access_token(), family.pairs[last].0.access_token());
                } else {
                    assert!(answer.is_none(), "an older token is reuse");
                    family.is_ended = true;
                }
            }
            Step::Destroy { family, back } => {
                let Some(family) = families.get_mut(family) else { continue };
                let token = family.pairs[family.last().saturating_sub(back)].0.refresh_token();
                assert_eq!(tokens.destroy(token).await.unwrap(), family.is_alive(now));
                family.is_ended |= family.is_alive(now);
            }
            Step::Use { family, back } => {
                let Some(family) = families.get(family) else { continue };
                let (pair, born) = &family.pairs[family.last().saturating_sub(back)];
                // An access token lives on for its minute when its family is idle to death: no call has ended it.
                let is_valid = !family.is_ended && now < born + ACCESS && now < family.born + FAMILY;
                assert_eq!(tokens.validate(pair.access_token()).await.unwrap().is_some(), is_valid);
            }
        }
    }
    for family in &families {
        for (pair, _) in &family.pairs {
            let user = tokens.validate(pair.access_token()).await.unwrap();
            assert!(!family.is_ended || user.is_none(), "a family that was ended leaves no access token");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reuse_ends_a_family_exactly_when_it_should_and_never_otherwise(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(steps));
    }
}
