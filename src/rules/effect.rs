//! What a rule says, and the two orders in which effects add up.

use std::fmt;
use std::sync::Arc;

use time::Duration;

use crate::token::Abilities;

/// Why a rule failed; shared, because an effect may stand in an explanation too.
pub(crate) type Fault = Arc<dyn std::error::Error + Send + Sync>;

/// What a rule says of one user and one scenario. The words are those of the table in [`policy`](crate::policy).
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Abstains,
    Allows,
    Denies,
    TooOld(Duration),
    /// It would allow a token that has these abilities too.
    Lacks(Arc<Abilities>),
    Fails(Fault),
    Forbids,
    MayForbid(Fault),
}

/// How effects are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combination {
    All,
    Any,
}

impl Combination {
    /// The effect of no rules at all.
    pub(crate) const fn of_none(self) -> Effect {
        match self {
            Self::All => Effect::Allows,
            Self::Any => Effect::Denies,
        }
    }

    /// The stronger of two effects.
    pub(crate) fn of(self, a: Effect, b: Effect) -> Effect {
        if let (Effect::TooOld(a), Effect::TooOld(b)) = (&a, &b) {
            return Effect::TooOld(match self {
                Self::All => *a.min(b),
                Self::Any => *a.max(b),
            });
        }
        if let (Effect::Lacks(a), Effect::Lacks(b)) = (&a, &b) {
            return Effect::Lacks(self.of_missing(a, b));
        }
        if self.strength(&b) > self.strength(&a) { b } else { a }
    }

    /// `all` needs the abilities of both. `any` is content with those of one: the fewer, and of as many the first by the
    /// alphabet, so that the order of the rules does not matter.
    fn of_missing(self, a: &Arc<Abilities>, b: &Arc<Abilities>) -> Arc<Abilities> {
        let rank = |missing: &Arc<Abilities>| (missing.names().count(), missing.to_string());
        match self {
            _ if a == b => Arc::clone(a),
            Self::All => Arc::new(a.union(b)),
            Self::Any => Arc::clone(if rank(b) < rank(a) { b } else { a }),
        }
    }

    /// Whether no rule can change this effect any more, if one that is left `can_forbid` or none.
    pub(crate) fn is_settled(self, effect: &Effect, can_forbid: bool) -> bool {
        let strongest_left = match (can_forbid, self) {
            (true, _) => Effect::Forbids,
            (false, Self::All) => Effect::Denies,
            (false, Self::Any) => Effect::Allows,
        };
        self.strength(effect) >= self.strength(&strongest_left)
    }

    const fn strength(self, effect: &Effect) -> u8 {
        match (effect, self) {
            (Effect::Forbids, _) => 7,
            (Effect::MayForbid(_), _) => 6,
            (Effect::Denies, Self::All) | (Effect::Allows, Self::Any) => 5,
            (Effect::Fails(_), _) => 4,
            (Effect::Lacks(_), Self::All) | (Effect::TooOld(_), Self::Any) => 3,
            (Effect::TooOld(_), Self::All) | (Effect::Lacks(_), Self::Any) => 2,
            (Effect::Allows, Self::All) | (Effect::Denies, Self::Any) => 1,
            (Effect::Abstains, _) => 0,
        }
    }
}

impl Effect {
    pub(crate) const fn allows_if(allowed: bool) -> Self {
        if allowed { Self::Allows } else { Self::Denies }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Allows => Self::Denies,
            Self::Denies | Self::TooOld(_) | Self::Lacks(_) => Self::Allows,
            unmoved @ (Self::Abstains | Self::Fails(_) | Self::Forbids | Self::MayForbid(_)) => unmoved,
        }
    }

    pub(crate) fn turned_into_deny(self) -> Self {
        match self {
            Self::Allows | Self::Forbids => Self::Forbids,
            Self::Abstains | Self::Denies | Self::TooOld(_) | Self::Lacks(_) => Self::Abstains,
            Self::Fails(fault) | Self::MayForbid(fault) => Self::MayForbid(fault),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abstains => f.write_str("abstains"),
            Self::Allows => f.write_str("allows"),
            Self::Denies => f.write_str("denies"),
            Self::TooOld(max_age) => write!(f, "too old (at most {} s)", max_age.whole_seconds()),
            Self::Lacks(missing) => write!(f, "lacks {missing}"),
            Self::Fails(fault) => write!(f, "fails: {fault}"),
            Self::Forbids => f.write_str("forbids"),
            Self::MayForbid(fault) => write!(f, "may forbid, for it fails: {fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Combination::{All, Any};
    use super::*;

    /// In the order of the words below: abstains, allows, denies, too old, lacks, fails, forbids, may forbid.
    fn effects() -> [Effect; 8] {
        let fault = || Fault::from(Box::<dyn std::error::Error + Send + Sync>::from("down"));
        [
            Effect::Abstains,
            Effect::Allows,
            Effect::Denies,
            Effect::TooOld(Duration::minutes(5)),
            lacks(["read"]),
            Effect::Fails(fault()),
            Effect::Forbids,
            Effect::MayForbid(fault()),
        ]
    }

    fn lacks<const N: usize>(names: [&str; N]) -> Effect {
        Effect::Lacks(Arc::new(Abilities::new(names).unwrap()))
    }

    fn letter(effect: &Effect) -> char {
        match effect {
            Effect::Abstains => '-',
            Effect::Allows => 'A',
            Effect::Denies => 'D',
            Effect::TooOld(_) => 'O',
            Effect::Lacks(_) => 'L',
            Effect::Fails(_) => 'E',
            Effect::Forbids => 'F',
            Effect::MayForbid(_) => 'X',
        }
    }

    fn table(combination: Combination) -> Vec<String> {
        let row = |a: &Effect| effects().into_iter().map(|b| letter(&combination.of(a.clone(), b))).collect::<String>();
        effects().iter().map(row).collect()
    }

    #[test]
    fn all_pairs_add_up_as_the_table_says() {
        // Columns and rows: - A D O L E F X
        let all = ["-ADOLEFX", "AADOLEFX", "DDDDDDFX", "OODOLEFX", "LLDLLEFX", "EEDEEEFX", "FFFFFFFF", "XXXXXXFX"];
        let any = ["-ADOLEFX", "AAAAAAFX", "DADOLEFX", "OAOOOEFX", "LALOLEFX", "EAEEEEFX", "FFFFFFFF", "XXXXXXFX"];
        assert_eq!(table(All), all);
        assert_eq!(table(Any), any);
    }

    #[test]
    fn the_order_of_the_rules_does_not_matter() {
        for combination in [All, Any] {
            for a in effects() {
                for b in effects() {
                    let ab = letter(&combination.of(a.clone(), b.clone()));
                    assert_eq!(ab, letter(&combination.of(b.clone(), a.clone())));
                    for c in effects() {
                        let left = combination.of(combination.of(a.clone(), b.clone()), c.clone());
                        let right = combination.of(a.clone(), combination.of(b.clone(), c));
                        assert_eq!(letter(&left), letter(&right));
                    }
                }
            }
        }
    }

    #[test]
    fn not_and_deny_if_turn_each_outcome_as_the_table_says() {
        let letters =
            |turn: fn(Effect) -> Effect| effects().into_iter().map(|effect| letter(&turn(effect))).collect::<String>();
        assert_eq!(letters(Effect::negated), "-DAAAEFX");
        assert_eq!(letters(Effect::turned_into_deny), "-F---XFX");
    }

    #[test]
    fn a_settled_outcome_is_one_that_nothing_left_can_change() {
        for combination in [All, Any] {
            for effect in effects() {
                for can_forbid in [false, true] {
                    let left = effects().into_iter().filter(|left| can_forbid || !matches!(letter(left), 'F' | 'X'));
                    let unchanged = left.map(|left| letter(&combination.of(effect.clone(), left)));
                    let settled = unchanged.into_iter().all(|after| after == letter(&effect));
                    assert_eq!(combination.is_settled(&effect, can_forbid), settled, "{combination:?} {effect}");
                }
            }
        }
    }

    #[test]
    fn all_names_every_missing_ability_and_any_the_fewest() {
        let abilities = [lacks(["read"]), lacks(["write"]), lacks(["read", "write"]), lacks(["a", "b"])];
        let of = |combination: Combination, a: usize, b: usize| {
            combination.of(abilities[a].clone(), abilities[b].clone()).to_string()
        };
        for (a, b, all, any) in [
            (0, 0, "read", "read"),
            (0, 1, "read write", "read"),
            (1, 2, "read write", "write"),
            (2, 3, "a b read write", "a b"),
            (0, 3, "a b read", "read"),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                assert_eq!((of(All, a, b), of(Any, a, b)), (format!("lacks {all}"), format!("lacks {any}")));
            }
        }
    }

    #[test]
    fn of_two_ages_all_takes_the_shorter_and_any_the_longer() {
        let (short, long) = (Duration::minutes(5), Duration::hours(1));
        for (a, b) in [(short, long), (long, short)] {
            let of = |combination: Combination| combination.of(Effect::TooOld(a), Effect::TooOld(b));
            assert!(matches!(of(All), Effect::TooOld(age) if age == short));
            assert!(matches!(of(Any), Effect::TooOld(age) if age == long));
        }
    }
}
