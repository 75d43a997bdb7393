//! Scenarios, rules and how they add up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use time::Duration;
use tower_tokens::error::{Error, ErrorKind};
use tower_tokens::policy::{
    Decision, DenialKind, Rule, Scenario, SecurityPolicy, ability, all, any, any_level, authenticated,
    authenticated_within, check, check_async, deny_if, level, not,
};
use tower_tokens::token::Abilities;
use tower_tokens::user::CurrentUser;

use crate::policy_users::{logged_in, user};

#[derive(Debug, Clone)]
struct DiscussionForum {
    action: &'static str,
    record_id: i64,
}

impl Scenario for DiscussionForum {
    const NAME: &'static str = "discussion forum";
}

/// What a rule says, in the letters of the table: abstains `-`, allows `A`, denies `D`, too old `O`, lacks an
/// ability `L`, fails `E`, forbids `F`, may forbid `X`.
const OUTCOMES: &str = "-ADOLEFX";

fn async_rule(answer: Result<bool, &'static str>) -> Rule {
    check_async(move |_, ()| async move {
        tokio::task::yield_now().await;
        answer
    })
}

/// A rule with this outcome for [`old_hand`], synchronous where one can be.
fn sync_rule(outcome: char) -> Rule {
    match outcome {
        '-' => deny_if(level("unused")),
        'A' => authenticated(),
        'D' => level("unused"),
        'O' => authenticated_within(Duration::minutes(5)),
        'L' => ability("lacking"),
        'F' => deny_if(authenticated()),
        _ => slow_rule(outcome),
    }
}

/// The same outcome, by an asynchronous rule where one can give it.
fn slow_rule(outcome: char) -> Rule {
    match outcome {
        '-' => deny_if(async_rule(Ok(false))),
        'A' => async_rule(Ok(true)),
        'D' => async_rule(Ok(false)),
        'O' => all([async_rule(Ok(true)), authenticated_within(Duration::minutes(5))]),
        'L' => all([async_rule(Ok(true)), ability("lacking")]),
        'E' => async_rule(Err("down")),
        'F' => deny_if(async_rule(Ok(true))),
        _ => deny_if(async_rule(Err("down"))),
    }
}

fn old_hand() -> CurrentUser {
    logged_in(42, "member", Duration::hours(1)).with_abilities(Abilities::new(["read"]).unwrap())
}

async fn decide(rule: Rule, user: &CurrentUser) -> Result<Decision, Error> {
    SecurityPolicy::new().scenario("it", rule).decide("it", user).await
}

/// The decision in one letter: `A` allowed, `D` not allowed, `F` explicitly denied, `O` too old, `L` an ability is missing, `E` an
/// error.
fn letter(decision: &Result<Decision, Error>) -> char {
    match decision {
        Ok(Decision::Allow) => 'A',
        Ok(Decision::Deny(denial)) => match denial.kind() {
            DenialKind::NotAllowed => 'D',
            DenialKind::Forbidden => 'F',
            DenialKind::TooOld { .. } => 'O',
            DenialKind::MissingAbility => 'L',
            kind => panic!("{kind:?}"),
        },
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            'E'
        }
    }
}

#[tokio::test]
async fn every_pair_of_outcomes_decides_as_the_table_says_in_either_order_and_at_either_speed() {
    // Rows and columns in the order of OUTCOMES; an abstention denies at the end, and "may forbid" is an error.
    let all_table = ["DADOLEFE", "AADOLEFE", "DDDDDDFE", "OODOLEFE", "LLDLLEFE", "EEDEEEFE", "FFFFFFFF", "EEEEEEFE"];
    let any_table = ["DADOLEFE", "AAAAAAFE", "DADOLEFE", "OAOOOEFE", "LALOLEFE", "EAEEEEFE", "FFFFFFFF", "EEEEEEFE"];
    let user = old_hand();
    for (row, a) in OUTCOMES.chars().enumerate() {
        for (column, b) in OUTCOMES.chars().enumerate() {
            for (first, second) in [
                (sync_rule(a), sync_rule(b)),
                (sync_rule(a), slow_rule(b)),
                (slow_rule(a), sync_rule(b)),
                (slow_rule(a), slow_rule(b)),
            ] {
                let both = decide(first.clone().and(second.clone()), &user).await;
                let either = decide(first.or(second), &user).await;
                let expected = |table: [&str; 8]| table[row].chars().nth(column).unwrap();
                assert_eq!(letter(&both), expected(all_table), "{a} and {b}");
                assert_eq!(letter(&either), expected(any_table), "{a} or {b}");
            }
        }
    }
}

#[tokio::test]
async fn not_and_deny_if_decide_as_the_table_says() {
    let user = old_hand();
    for rule_of in [sync_rule, slow_rule] {
        for (outcome, (negated, denied)) in OUTCOMES.chars().zip("DDAAAEFE".chars().zip("DFDDDEFE".chars())) {
            assert_eq!(letter(&decide(not(rule_of(outcome)), &user).await), negated, "not {outcome}");
            assert_eq!(letter(&decide(deny_if(rule_of(outcome)), &user).await), denied, "deny if {outcome}");
        }
    }
}

#[tokio::test]
async fn all_of_none_allows_and_any_of_none_denies() {
    let user = user(1, "member");
    assert_eq!(letter(&decide(all([]), &user).await), 'A');
    assert_eq!(letter(&decide(any([]), &user).await), 'D');
    assert_eq!(letter(&decide(any_level([]), &user).await), 'D');
}

#[tokio::test]
async fn a_deny_rule_alone_opens_nothing() {
    let banned = || deny_if(check(|user, ()| user.id().as_integer() == Some(13)));
    let member = user(1, "member");
    assert!(decide(banned(), &member).await.unwrap().is_deny());
    assert!(decide(level("admin").or(banned()), &member).await.unwrap().is_deny());
    assert!(decide(level("member").and(banned()), &member).await.unwrap().is_allow());
    assert_eq!(letter(&decide(level("member").and(banned()), &user(13, "member")).await), 'F');
    assert_eq!(letter(&decide(level("member").or(banned()), &user(13, "member")).await), 'F');
}

/// A rule that counts how often it is asked, and then fails.
fn counted_failure(asked: &Arc<AtomicUsize>) -> Rule {
    let asked = Arc::clone(asked);
    check_async(move |_, ()| {
        asked.fetch_add(1, Ordering::SeqCst);
        async { Err::<bool, _>("the database is down") }
    })
}

#[tokio::test]
async fn the_administrator_enters_without_the_database_being_asked() {
    let asked = Arc::default();
    let policy = SecurityPolicy::new()
        .scenario("admin first", level("admin").or(counted_failure(&asked)))
        .scenario("admin last", counted_failure(&asked).or(level("admin")))
        .scenario("members only", counted_failure(&asked).and(level("admin")));
    let admin = user(1, "admin");
    assert!(policy.decide("admin first", &admin).await.unwrap().is_allow());
    assert!(policy.decide("admin last", &admin).await.unwrap().is_allow());
    let member = user(2, "member");
    assert!(policy.decide("members only", &member).await.unwrap().is_deny());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    for scenario in ["admin first", "admin last"] {
        let error = policy.decide(scenario, &member).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(std::error::Error::source(&error).unwrap().source().unwrap().to_string().contains("database"));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_rule_that_can_forbid_is_asked_even_when_another_allows() {
    let asked = Arc::default();
    let admin = user(1, "admin");
    let rule = level("admin").or(deny_if(counted_failure(&asked)));
    assert_eq!(letter(&decide(rule, &admin).await), 'E', "it might have been a ban");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let rule = any([level("admin"), counted_failure(&asked), deny_if(async_rule(Ok(true)))]);
    assert_eq!(letter(&decide(rule, &admin).await), 'F');
    assert_eq!(asked.load(Ordering::SeqCst), 1, "what cannot forbid was not needed");
}

#[tokio::test]
async fn levels_are_compared_byte_for_byte() {
    for (title, is_allowed) in
        [("admin", true), ("Admin", false), ("admin ", false), ("administrator", false), ("", false)]
    {
        assert_eq!(decide(level("admin"), &user(1, title)).await.unwrap().is_allow(), is_allowed, "{title:?}");
    }
    assert!(decide(any_level(["member", "admin"]), &user(1, "admin")).await.unwrap().is_allow());
}

#[tokio::test]
async fn authentication_is_recent_up_to_the_very_second() {
    let rule = || authenticated_within(Duration::minutes(5));
    for (ago, expected) in [(0, 'A'), (299, 'A'), (300, 'A'), (301, 'O'), (-60, 'A')] {
        let user = logged_in(1, "member", Duration::seconds(ago));
        assert_eq!(letter(&decide(rule(), &user).await), expected, "{ago} s ago");
    }
}

#[tokio::test]
async fn a_record_is_written_by_its_author_and_by_administrators() {
    let is_author = check_async(|user: CurrentUser, forum: DiscussionForum| async move {
        Ok::<_, Error>(user.id().as_integer() == Some(forum.record_id / 10))
    });
    let reads = check(|_, forum: &DiscussionForum| forum.action == "read record");
    let policy = SecurityPolicy::new().typed_scenario(any([reads, level("admin"), is_author]));
    let may = async |action, id, title: &str| {
        let decision = policy.decide(&DiscussionForum { action, record_id: 42 }, &user(id, title)).await;
        decision.unwrap().is_allow()
    };
    assert!(may("write record", 4, "member").await, "the author");
    assert!(may("write record", 1, "admin").await, "an administrator");
    assert!(!may("write record", 5, "member").await, "somebody else");
    assert!(may("read record", 5, "member").await);
}

#[tokio::test]
async fn an_unknown_scenario_is_an_error_that_lists_the_known_ones() {
    let policy = SecurityPolicy::new().scenario("b", level("admin")).scenario("a", level("admin"));
    let error = policy.decide("c", &user(1, "admin")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, r#"there is no scenario "c"; the policy knows: "a", "b""#);
    let typed = policy.decide(&DiscussionForum { action: "", record_id: 0 }, &user(1, "admin")).await;
    assert_eq!(typed.unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_typed_scenario_is_not_asked_by_its_name_alone() {
    let policy = SecurityPolicy::new().typed_scenario::<DiscussionForum>(authenticated());
    let error = policy.decide(DiscussionForum::NAME, &user(1, "admin")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(policy.scenarios().eq(["discussion forum"]));
}

#[test]
fn a_scenario_has_one_rule() {
    let policy = SecurityPolicy::new().scenario("it", level("admin"));
    let error = policy.try_scenario("it", authenticated()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[test]
#[should_panic(expected = "has a rule already")]
fn a_second_rule_for_a_scenario_panics_while_the_policy_is_built() {
    let _ = SecurityPolicy::new().scenario("it", level("admin")).scenario("it", authenticated());
}

#[tokio::test]
async fn a_denial_says_why_and_debug_shows_the_rules() {
    let policy = SecurityPolicy::new().scenario("admin panel", level("admin"));
    let Decision::Deny(denial) = policy.decide("admin panel", &user(1, "member")).await.unwrap() else { panic!() };
    assert_eq!((denial.scenario(), denial.rule()), ("admin panel", "level is admin"));
    assert_eq!(denial.to_string(), "not allowed by the rule: level is admin");
    assert!(format!("{policy:?}").contains("Rule(level is admin)"));
}

#[tokio::test]
async fn an_explanation_asks_every_rule() {
    let rule = any([level("admin"), not(async_rule(Err("the database is down")).named("is banned")), sync_rule('O')]);
    let policy = SecurityPolicy::new().scenario("it", rule);
    let admin = logged_in(1, "admin", Duration::hours(1));
    let explanation = policy.explain("it", &admin).await.unwrap();
    assert!(explanation.decision().unwrap().is_allow());
    let lines = [
        r#""it" for user 1 (admin): allowed"#,
        "  any of: allows",
        "    level is admin: allows",
        "    not: fails: the database is down",
        "      is banned: fails: the database is down",
        "    logged in at most 300 s ago: too old (at most 300 s)",
    ];
    assert_eq!(explanation.to_string(), lines.join("\n"));
}

#[tokio::test]
async fn a_login_has_every_ability_and_an_ability_adds_nothing_to_a_level() {
    let login = user(1, "member");
    let limited = |names: &[&str]| user(1, "member").with_abilities(Abilities::new(names.iter().copied()).unwrap());
    let admin_writes = || level("admin").and(ability("devices:write"));
    for (rule, user, expected) in [
        (ability("devices:write"), login.clone(), 'A'),
        (ability("devices:write"), limited(&["devices:*"]), 'A'),
        (ability("devices:write"), limited(&["devices:read", "write"]), 'L'),
        (ability("devices:write"), limited(&[]), 'L'),
        (ability("devices:*"), limited(&["devices:write"]), 'L'),
        (admin_writes(), login, 'D'),
        (admin_writes(), limited(&["devices:write"]), 'D'),
        (admin_writes(), limited(&[]), 'D'),
    ] {
        assert_eq!(letter(&decide(rule.clone(), &user).await), expected, "{rule} for {}", user.abilities());
    }
}

#[tokio::test]
async fn a_denial_names_the_missing_abilities() {
    let script = user(1, "member").with_abilities(Abilities::new(["read"]).unwrap());
    for (rule, missing) in [
        (ability("write"), Some("write")),
        (level("member").and(ability("write")).and(ability("delete")).and(ability("read")), Some("delete write")),
        (ability("write").or(ability("delete")), Some("delete")),
        (all([ability("write"), ability("delete")]).or(ability("zap")), Some("zap")),
        (level("admin").or(ability("write")), Some("write")),
        (level("admin").and(ability("write")), None),
        (not(ability("read")), None),
        (not(not(ability("write"))), None),
        (ability("write").and(deny_if(ability("delete"))), Some("write")),
        (ability("write").and(deny_if(ability("read"))), None),
        (async_rule(Ok(true)).and(ability("write")), Some("write")),
        (async_rule(Ok(false)).and(ability("write")), None),
    ] {
        let Decision::Deny(denial) = decide(rule.clone(), &script).await.unwrap() else { panic!("{rule}") };
        assert_eq!(denial.missing_abilities().map(Abilities::to_string).as_deref(), missing, "{rule}");
        assert_eq!(denial.kind() == DenialKind::MissingAbility, missing.is_some(), "{rule}");
    }
    let policy = SecurityPolicy::new().scenario("it", level("member").and(ability("write")));
    let Decision::Deny(denial) = policy.decide("it", &script).await.unwrap() else { panic!() };
    let words = "not allowed without write by the rule: all of (level is member, ability write)";
    assert_eq!(denial.to_string(), words);
    assert_eq!(
        policy.explain("it", &script).await.unwrap().to_string(),
        "\"it\" for user 1 (member): denied\n  all of: lacks write\n    level is member: allows\n    ability write: lacks write"
    );
}

#[test]
fn no_scenario_accepts_a_name_that_cannot_be_an_ability() {
    for name in ["", "a b", "a\"b", "a\\b", "caf\u{e9}", "a\r\nSet-Cookie: x", "*", "de*"] {
        for rule in [ability(name), any([authenticated(), not(ability(name))]), deny_if(all([ability(name)]))] {
            let error = SecurityPolicy::new().try_scenario("it", rule).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name:?}");
        }
    }
}

/// A tree of rules as data, to build it twice.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(char, bool),
    Ability(&'static str),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    DenyIf(Box<Tree>),
}

impl Tree {
    fn rule(&self, is_reversed: bool) -> Rule {
        let inside = |trees: &[Self]| {
            let mut rules = trees.iter().map(|tree| tree.rule(is_reversed)).collect::<Vec<_>>();
            if is_reversed {
                rules.reverse();
            }
            rules
        };
        match self {
            Self::Leaf(outcome, is_slow) if *is_slow != is_reversed => slow_rule(*outcome),
            Self::Leaf(outcome, _) => sync_rule(*outcome),
            Self::Ability(name) => ability(name),
            Self::All(trees) => all(inside(trees)),
            Self::Any(trees) => any(inside(trees)),
            Self::Not(tree) => not(tree.rule(is_reversed)),
            Self::DenyIf(tree) => deny_if(tree.rule(is_reversed)),
        }
    }
}

/// Abilities that rules ask for; the others are letters of [`OUTCOMES`].
const NAMES: [&str; 3] = ["read", "write", "x:y"];

fn ability_trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!['A', 'D']).prop_map(|outcome| Tree::Leaf(outcome, true)),
        prop::sample::select(NAMES.to_vec()).prop_map(Tree::Ability),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::All),
            prop::collection::vec(inner, 0..4).prop_map(Tree::Any),
        ]
    })
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = (prop::sample::select(OUTCOMES.chars().collect::<Vec<_>>()), prop::bool::ANY)
        .prop_map(|(outcome, is_slow)| Tree::Leaf(outcome, is_slow));
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Any),
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            inner.prop_map(|tree| Tree::DenyIf(Box::new(tree))),
        ]
    })
}

proptest! {
    /// Leaving rules out, their order and their speed change nothing.
    #[test]
    fn the_same_tree_decides_alike_however_it_is_evaluated(tree in trees()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let user = old_hand();
            let policy = SecurityPolicy::new().scenario("it", tree.rule(false)).scenario("mirrored", tree.rule(true));
            let decision = letter(&policy.decide("it", &user).await);
            prop_assert_eq!(decision, letter(&policy.decide("mirrored", &user).await));
            let explanation = policy.explain("it", &user).await.unwrap();
            let explained = match explanation.decision() {
                Ok(decision) => letter(&Ok(decision.clone())),
                Err(error) => letter(&Err(Error::new(error.kind()))),
            };
            prop_assert_eq!(decision, explained);
            Ok(())
        })?;
    }

    /// A denial names abilities if and only if they are all that is missing.
    #[test]
    fn whoever_gets_the_named_abilities_is_allowed(tree in ability_trees(), has in prop::sample::subsequence(NAMES.to_vec(), 0..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let script = |names: Vec<&str>| user(1, "member").with_abilities(Abilities::new(names).unwrap());
            let policy = SecurityPolicy::new().scenario("it", tree.rule(false)).scenario("mirrored", tree.rule(true));
            let decision = policy.decide("it", &script(has.clone())).await.unwrap();
            let mirrored = policy.decide("mirrored", &script(has.clone())).await.unwrap();
            let missing = |decision: &Decision| match decision {
                Decision::Deny(denial) => denial.missing_abilities().cloned(),
                Decision::Allow => None,
            };
            prop_assert_eq!(missing(&decision), missing(&mirrored));
            match missing(&decision) {
                Some(missing) => {
                    let more = has.iter().copied().chain(missing.names()).collect();
                    prop_assert!(missing.names().all(|name| !has.contains(&name)));
                    prop_assert!(policy.decide("it", &script(more)).await.unwrap().is_allow());
                }
                None => prop_assert_eq!(policy.decide("it", &user(1, "member")).await.unwrap().is_allow(), decision.is_allow()),
            }
            Ok(())
        })?;
    }
}
