//! What decides a scenario: [`Rule`], what makes one, and how it reads.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use time::Duration;

use crate::error::{Error, ErrorKind};
use crate::rules::effect::{Combination, Fault};
use crate::text::Text;
use crate::token::Abilities;
use crate::user::CurrentUser;

pub(crate) type CheckFuture = Pin<Box<dyn Future<Output = Result<bool, Fault>> + Send>>;
type Check<C> = dyn Fn(&CurrentUser, &C) -> bool + Send + Sync;
type AsyncCheck<C> = dyn Fn(CurrentUser, &C) -> CheckFuture + Send + Sync;

/// What decides a scenario whose parameters are a `C`; `()` for a scenario that is a mere name. Cheap to clone.
///
/// Made by [`level`], [`any_level`], [`authenticated`], [`authenticated_within`], [`ability`], [`checked_now`], [`check`] and
/// [`check_async`], and put together by [`all`], [`any`], [`not`], [`deny_if`], [`and`](Self::and) and [`or`](Self::or). How effects add up is a
/// table in [`policy`](crate::policy). `Display` writes it in words.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::policy::{Rule, any_level, authenticated_within, check, deny_if};
///
/// let banned = check(|user, _| user.token().code() == Some("ban")).named("banned");
/// let rule: Rule = any_level(["admin", "editor"]).and(authenticated_within(Duration::minutes(5))).and(deny_if(banned));
/// assert_eq!(
///     rule.to_string(),
///     "all of (level is admin or editor, logged in at most 300 s ago, deny if banned)"
/// );
/// ```
#[must_use = "a rule does nothing until a scenario has it"]
pub struct Rule<C = ()> {
    pub(crate) kind: Kind<C>,
    pub(crate) name: Option<Text>,
    /// Whether an explicit deny is in it, so that it must always be asked.
    pub(crate) can_forbid: bool,
    /// Whether the store has to be asked for the user before the rule is evaluated.
    pub(crate) insists: bool,
}

pub(crate) enum Kind<C> {
    Levels(Arc<[Text]>),
    Authenticated,
    AuthenticatedWithin(Duration),
    Ability(Arc<Abilities>),
    CheckedNow,
    /// What cannot be the name of an ability. No scenario accepts such a rule.
    NotAnAbility(Arc<str>),
    Check(Arc<Check<C>>),
    CheckAsync(Arc<AsyncCheck<C>>),
    Combined(Combination, Arc<[Rule<C>]>),
    Not(Arc<Rule<C>>),
    DenyIf(Arc<Rule<C>>),
}

/// The rule [`checked_now`] in words.
pub(crate) const CHECKED_NOW: &str = "valid in the store at this moment";

/// Allows users of this level; titles are compared byte for byte.
pub fn level<C>(title: &str) -> Rule<C> {
    any_level([title])
}

/// Allows users of one of these levels; titles are compared byte for byte. Without titles, it denies.
pub fn any_level<'t, C>(titles: impl IntoIterator<Item = &'t str>) -> Rule<C> {
    Rule::simple(Kind::Levels(titles.into_iter().map(Text::new).collect()))
}

/// Allows every user.
pub fn authenticated<C>() -> Rule<C> {
    Rule::simple(Kind::Authenticated)
}

/// Allows users who proved who they are at most `max_age` ago, in whole seconds; for the others a new login helps.
///
/// A login in the future does not count as recent: a clock that was wrong recorded it. A login that is ahead by at most
/// [`CLOCK_TOLERANCE`](crate::clock::CLOCK_TOLERANCE), and by at most `max_age`, counts as one of now, because the clocks of
/// two nodes differ.
///
/// # Source
/// RFC 9470 §3: `max_age` is the allowable elapsed time since the last active authentication.
pub fn authenticated_within<C>(max_age: Duration) -> Rule<C> {
    Rule::simple(Kind::AuthenticatedWithin(Duration::seconds(max_age.whole_seconds())))
}

/// Allows tokens that have this ability. A login of a browser has every ability, so this rule allows it.
///
/// An ability adds nothing to what a level allows: combine the two by [`and`](Rule::and). If nothing but an ability is missing,
/// the challenge of the answer names it, `scope="devices:write"`, so that the client knows for which token to ask.
///
/// - Rules in [`all`]: the challenge names every missing ability.
/// - Rules in [`any`]: it names those of one rule, the one that lacks the fewest, and of as many the first by the alphabet.
/// - A rule in [`not`] or [`deny_if`] names no ability.
///
/// The name is one that [`Abilities::new`] accepts. A scenario whose rule has another name is a
/// [`Configuration`](ErrorKind::Configuration) error when the policy is built.
///
/// # Source
/// RFC 6750 §3: `insufficient_scope`, and `scope` with what is needed. That logins have every ability is Laravel Sanctum's
/// rule (`tokenCan`).
///
/// # Example
/// ```
/// use tower_tokens::policy::{Rule, SecurityPolicy, ability, any_level};
/// use tower_tokens::token::Abilities;
///
/// let writes: Rule = any_level(["member", "admin"]).and(ability("devices:write"));
/// assert_eq!(writes.to_string(), "all of (level is member or admin, ability devices:write)");
/// assert!(SecurityPolicy::new().try_scenario("write a device", writes).is_ok());
/// assert!(SecurityPolicy::new().try_scenario("write a device", ability("devices write")).is_err());
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
pub fn ability<C>(name: &str) -> Rule<C> {
    Rule::simple(match Abilities::new([name]) {
        Ok(needed) => Kind::Ability(Arc::new(needed)),
        Err(_) => Kind::NotAnAbility(Arc::from(name)),
    })
}

/// Allows users whose token is valid in the store at this moment, whatever a cache keeps: for the admin panel, and for payments.
///
/// A scenario with this rule, wherever in its rule it stands, asks the store past every cache before it decides. Every rule of
/// the scenario then sees the user, the level and the abilities of that answer, and behind a guard the handler does too: an
/// administrator who was demoted on another node a millisecond ago is refused. The result does not depend on the order of the rules.
///
/// - The token has ended: the request has no user (401, or the login page), whatever the other rules say.
/// - The store does not answer, or takes longer than the policy's `rule_timeout`: 503.
/// - A [self-contained](crate::user::Credential::SelfContained) token (sealed, or a JSON Web Token) is in no store: this rule denies it,
///   without a look-up.
///
/// The layer keeps what is needed to ask again: [`TokenAuthLayer::checkable`](crate::auth::TokenAuthLayer::checkable). Without it each
/// such request is answered with 500, and a log line says what to do.
///
/// # Cost
/// One look-up in the store for each decision, also for a request whose token a miss of the cache has just looked up.
///
/// # Example
/// ```
/// use axum::{Router, routing::get};
/// use tower_tokens::auth::TokenAuthLayer;
/// use tower_tokens::lifecycle::Tokens;
/// use tower_tokens::policy::{SecurityPolicy, checked_now, level};
/// use tower_tokens::repository::{Cache, MemoryRepository, RepositoryExt};
///
/// let tokens = Tokens::new(MemoryRepository::new().cached(Cache::for_one_process()));
/// let policy = SecurityPolicy::new().scenario("admin panel", level("admin").and(checked_now()));
/// let app: Router = Router::new()
///     .route("/admin", get(|| async { "the panel" }))
///     .layer((TokenAuthLayer::new(tokens).checkable(), policy.guard("admin panel")));
/// ```
pub fn checked_now<C>() -> Rule<C> {
    Rule { insists: true, ..Rule::simple(Kind::CheckedNow) }
}

/// Allows if the function gives `true`. It must be quick, must not block, and may be called more than once.
pub fn check<C>(check: impl Fn(&CurrentUser, &C) -> bool + Send + Sync + 'static) -> Rule<C> {
    Rule::simple(Kind::Check(Arc::new(check)))
}

/// Allows if the future gives `true`; an error neither allows nor denies.
///
/// The function gets copies, so that the future may keep them: a [`CurrentUser`] is cheap to copy, and so should the
/// scenario be. Dropping the decision drops the future.
pub fn check_async<C, F, E>(check: impl Fn(CurrentUser, C) -> F + Send + Sync + 'static) -> Rule<C>
where
    C: Clone + 'static,
    F: Future<Output = Result<bool, E>> + Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    Rule::simple(Kind::CheckAsync(Arc::new(move |user, scenario: &C| {
        let answer = check(user, scenario.clone());
        Box::pin(async move { answer.await.map_err(|error| Fault::from(error.into())) })
    })))
}

/// Allows if every rule allows. Without rules, it allows.
pub fn all<C>(rules: impl IntoIterator<Item = Rule<C>>) -> Rule<C> {
    Rule::combined(Combination::All, rules.into_iter().collect())
}

/// Allows if at least one rule allows. Without rules, it denies.
pub fn any<C>(rules: impl IntoIterator<Item = Rule<C>>) -> Rule<C> {
    Rule::combined(Combination::Any, rules.into_iter().collect())
}

/// Allows what the rule denies, and the other way round. An explicit deny stays one.
pub fn not<C>(rule: Rule<C>) -> Rule<C> {
    let Rule { can_forbid, insists, .. } = rule;
    Rule { can_forbid, insists, ..Rule::simple(Kind::Not(Arc::new(rule))) }
}

/// Forbids if the rule allows: an explicit deny, which beats every other rule wherever it stands. Abstains if the rule does
/// not allow.
pub fn deny_if<C>(rule: Rule<C>) -> Rule<C> {
    let insists = rule.insists;
    Rule { can_forbid: true, insists, ..Rule::simple(Kind::DenyIf(Arc::new(rule))) }
}

impl<C> Rule<C> {
    /// Allows if both rules allow.
    pub fn and(self, other: Self) -> Self {
        self.joined(Combination::All, other)
    }

    /// Allows if at least one of the two rules allows.
    pub fn or(self, other: Self) -> Self {
        self.joined(Combination::Any, other)
    }

    /// Names the rule, for explanations and logs: `is the author`. Default: what it is made of.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(Text::new(name));
        self
    }

    /// `a.and(b).and(c)` is one list of three, not a list in a list; a name keeps its list to itself.
    fn joined(self, combination: Combination, other: Self) -> Self {
        match &self.kind {
            Kind::Combined(own, rules) if *own == combination && self.name.is_none() && !rules.is_empty() => {
                Self::combined(combination, rules.iter().cloned().chain([other]).collect())
            }
            _ => Self::combined(combination, Arc::new([self, other])),
        }
    }

    fn combined(combination: Combination, rules: Arc<[Self]>) -> Self {
        let can_forbid = rules.iter().any(|rule| rule.can_forbid);
        let insists = rules.iter().any(|rule| rule.insists);
        Self { can_forbid, insists, ..Self::simple(Kind::Combined(combination, rules)) }
    }

    const fn simple(kind: Kind<C>) -> Self {
        Self { kind, name: None, can_forbid: false, insists: false }
    }

    /// Whether every part of the rule can be evaluated.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.kind {
            Kind::NotAnAbility(name) => {
                let fault =
                    format!("{name:?} cannot be the name of an ability: it is a word such as \"devices:write\"");
                Err(Error::with_source(ErrorKind::Configuration, fault))
            }
            Kind::Combined(_, rules) => rules.iter().try_for_each(Self::check),
            Kind::Not(rule) | Kind::DenyIf(rule) => rule.check(),
            Kind::Levels(_)
            | Kind::Authenticated
            | Kind::AuthenticatedWithin(_)
            | Kind::Ability(_)
            | Kind::CheckedNow
            | Kind::Check(_)
            | Kind::CheckAsync(_) => Ok(()),
        }
    }

    /// What the rule is called, without what is inside it.
    pub(crate) fn title(&self) -> String {
        match (&self.name, &self.kind) {
            (Some(name), _) => name.as_str().to_owned(),
            (None, Kind::Combined(combination, _)) => combination.to_string(),
            (None, Kind::Not(_)) => "not".to_owned(),
            (None, Kind::DenyIf(_)) => "deny if".to_owned(),
            (None, _) => self.to_string(),
        }
    }
}

impl<C> Clone for Rule<C> {
    fn clone(&self) -> Self {
        Self { kind: self.kind.clone(), name: self.name.clone(), can_forbid: self.can_forbid, insists: self.insists }
    }
}

impl<C> Clone for Kind<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Levels(titles) => Self::Levels(Arc::clone(titles)),
            Self::Authenticated => Self::Authenticated,
            Self::AuthenticatedWithin(max_age) => Self::AuthenticatedWithin(*max_age),
            Self::Ability(needed) => Self::Ability(Arc::clone(needed)),
            Self::CheckedNow => Self::CheckedNow,
            Self::NotAnAbility(name) => Self::NotAnAbility(Arc::clone(name)),
            Self::Check(check) => Self::Check(Arc::clone(check)),
            Self::CheckAsync(check) => Self::CheckAsync(Arc::clone(check)),
            Self::Combined(combination, rules) => Self::Combined(*combination, Arc::clone(rules)),
            Self::Not(rule) => Self::Not(Arc::clone(rule)),
            Self::DenyIf(rule) => Self::DenyIf(Arc::clone(rule)),
        }
    }
}

impl<C> fmt::Display for Rule<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name.as_str());
        }
        match &self.kind {
            Kind::Levels(titles) => match &**titles {
                [] => f.write_str("no level"),
                [first, more @ ..] => {
                    write!(f, "level is {}", first.as_str())?;
                    more.iter().try_for_each(|title| write!(f, " or {}", title.as_str()))
                }
            },
            Kind::Authenticated => f.write_str("logged in"),
            Kind::AuthenticatedWithin(age) => write!(f, "logged in at most {} s ago", age.whole_seconds()),
            Kind::Ability(needed) => write!(f, "ability {needed}"),
            Kind::NotAnAbility(name) => write!(f, "ability {name:?}"),
            Kind::CheckedNow => f.write_str(CHECKED_NOW),
            Kind::Check(_) => f.write_str("check"),
            Kind::CheckAsync(_) => f.write_str("async check"),
            Kind::Combined(combination, rules) => {
                write!(f, "{combination} (")?;
                for (index, rule) in rules.iter().enumerate() {
                    write!(f, "{}{rule}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Kind::Not(rule) => write!(f, "not {rule}"),
            Kind::DenyIf(rule) => write!(f, "deny if {rule}"),
        }
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all of",
            Self::Any => "any of",
        })
    }
}

impl<C> fmt::Debug for Rule<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self})")
    }
}
