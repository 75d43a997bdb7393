//! What a rule says, and the two orders in which outcomes add up.

use std::fmt;
use std::sync::Arc;

use time::Duration;

/// Why a rule failed; shared, for an outcome may stand in an explanation too.
pub(crate) type Fault = Arc<dyn std::error::Error + Send + Sync>;

/// What a rule says of one user and one scenario. The words are those of the table in [`policy`](super).
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Abstains,
    Allows,
    Denies,
    TooOld(Duration),
    Fails(Fault),
    Forbids,
    MayForbid(Fault),
}

/// How outcomes are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combination {
    All,
    Any,
}

impl Combination {
    /// The outcome of no rules at all.
    pub(crate) const fn of_none(self) -> Outcome {
        match self {
            Self::All => Outcome::Allows,
            Self::Any => Outcome::Denies,
        }
    }

    /// The stronger of two outcomes.
    pub(crate) fn of(self, a: Outcome, b: Outcome) -> Outcome {
        if let (Outcome::TooOld(a), Outcome::TooOld(b)) = (&a, &b) {
            return Outcome::TooOld(match self {
                Self::All => *a.min(b),
                Self::Any => *a.max(b),
            });
        }
        if self.strength(&b) > self.strength(&a) { b } else { a }
    }

    /// Whether no rule can change this outcome any more, if one that is left `can_forbid` or none.
    pub(crate) fn is_settled(self, outcome: &Outcome, can_forbid: bool) -> bool {
        let strongest_left = match (can_forbid, self) {
            (true, _) => Outcome::Forbids,
            (false, Self::All) => Outcome::Denies,
            (false, Self::Any) => Outcome::Allows,
        };
        self.strength(outcome) >= self.strength(&strongest_left)
    }

    const fn strength(self, outcome: &Outcome) -> u8 {
        match (outcome, self) {
            (Outcome::Forbids, _) => 6,
            (Outcome::MayForbid(_), _) => 5,
            (Outcome::Denies, Self::All) | (Outcome::Allows, Self::Any) => 4,
            (Outcome::Fails(_), _) => 3,
            (Outcome::TooOld(_), _) => 2,
            (Outcome::Allows, Self::All) | (Outcome::Denies, Self::Any) => 1,
            (Outcome::Abstains, _) => 0,
        }
    }
}

impl Outcome {
    pub(crate) const fn allows_if(allowed: bool) -> Self {
        if allowed { Self::Allows } else { Self::Denies }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Allows => Self::Denies,
            Self::Denies | Self::TooOld(_) => Self::Allows,
            unmoved @ (Self::Abstains | Self::Fails(_) | Self::Forbids | Self::MayForbid(_)) => unmoved,
        }
    }

    pub(crate) fn turned_into_deny(self) -> Self {
        match self {
            Self::Allows | Self::Forbids => Self::Forbids,
            Self::Abstains | Self::Denies | Self::TooOld(_) => Self::Abstains,
            Self::Fails(fault) | Self::MayForbid(fault) => Self::MayForbid(fault),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abstains => f.write_str("abstains"),
            Self::Allows => f.write_str("allows"),
            Self::Denies => f.write_str("denies"),
            Self::TooOld(max_age) => write!(f, "too old (at most {} s)", max_age.whole_seconds()),
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

    /// In the order of the words below: abstains, allows, denies, too old, fails, forbids, may forbid.
    fn outcomes() -> [Outcome; 7] {
        let fault = || Fault::from(Box::<dyn std::error::Error + Send + Sync>::from("down"));
        [
            Outcome::Abstains,
            Outcome::Allows,
            Outcome::Denies,
            Outcome::TooOld(Duration::minutes(5)),
            Outcome::Fails(fault()),
            Outcome::Forbids,
            Outcome::MayForbid(fault()),
        ]
    }

    fn letter(outcome: &Outcome) -> char {
        match outcome {
            Outcome::Abstains => '-',
            Outcome::Allows => 'A',
            Outcome::Denies => 'D',
            Outcome::TooOld(_) => 'O',
            Outcome::Fails(_) => 'E',
            Outcome::Forbids => 'F',
            Outcome::MayForbid(_) => 'X',
        }
    }

    fn table(combination: Combination) -> Vec<String> {
        let row =
            |a: &Outcome| outcomes().into_iter().map(|b| letter(&combination.of(a.clone(), b))).collect::<String>();
        outcomes().iter().map(row).collect()
    }

    #[test]
    fn all_pairs_add_up_as_the_table_says() {
        // Columns and rows: - A D O E F X
        let all = ["-ADOEFX", "AADOEFX", "DDDDDFX", "OODOEFX", "EEDEEFX", "FFFFFFF", "XXXXXFX"];
        let any = ["-ADOEFX", "AAAAAFX", "DADOEFX", "OAOOEFX", "EAEEEFX", "FFFFFFF", "XXXXXFX"];
        assert_eq!(table(All), all);
        assert_eq!(table(Any), any);
    }

    #[test]
    fn the_order_of_the_rules_does_not_matter() {
        for combination in [All, Any] {
            for a in outcomes() {
                for b in outcomes() {
                    let ab = letter(&combination.of(a.clone(), b.clone()));
                    assert_eq!(ab, letter(&combination.of(b.clone(), a.clone())));
                    for c in outcomes() {
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
        let letters = |turn: fn(Outcome) -> Outcome| {
            outcomes().into_iter().map(|outcome| letter(&turn(outcome))).collect::<String>()
        };
        assert_eq!(letters(Outcome::negated), "-DAAEFX");
        assert_eq!(letters(Outcome::turned_into_deny), "-F--XFX");
    }

    #[test]
    fn a_settled_outcome_is_one_that_nothing_left_can_change() {
        for combination in [All, Any] {
            for outcome in outcomes() {
                for can_forbid in [false, true] {
                    let left = outcomes().into_iter().filter(|left| can_forbid || !matches!(letter(left), 'F' | 'X'));
                    let unchanged = left.map(|left| letter(&combination.of(outcome.clone(), left)));
                    let settled = unchanged.into_iter().all(|after| after == letter(&outcome));
                    assert_eq!(combination.is_settled(&outcome, can_forbid), settled, "{combination:?} {outcome}");
                }
            }
        }
    }

    #[test]
    fn of_two_ages_all_takes_the_shorter_and_any_the_longer() {
        let (short, long) = (Duration::minutes(5), Duration::hours(1));
        for (a, b) in [(short, long), (long, short)] {
            let of = |combination: Combination| combination.of(Outcome::TooOld(a), Outcome::TooOld(b));
            assert!(matches!(of(All), Outcome::TooOld(age) if age == short));
            assert!(matches!(of(Any), Outcome::TooOld(age) if age == long));
        }
    }
}
