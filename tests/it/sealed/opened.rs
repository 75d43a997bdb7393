use serde_json::{Value, json};
use time::Duration;
use time::macros::offset;
use tower_tokens::clock::Timestamp;
use tower_tokens::error::ErrorKind;
use tower_tokens::token::Lifetime;

use super::{key, sealer};

#[test]
fn the_facts_are_a_line_of_json() {
    let sealer = sealer("inspection");
    let token = sealer.seal(&json!({"user": 42}), Duration::hours(1)).unwrap();
    let opened = sealer.open::<Value>(token.expose_secret()).unwrap();
    let line = opened.to_json().unwrap();
    assert!(!line.contains(token.expose_secret()) && !line.contains('\n'));
    let expected = json!({
        "uuid": opened.uuid().to_string(),
        "issued_at": "2026-11-21T19:01:41Z",
        "expires_at": "2026-11-21T20:01:41Z",
        "payload": {"user": 42},
    });
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
}

#[test]
fn the_extras_judge_at_the_asked_time() {
    let sealer = sealer("inspection");
    let token = sealer.seal(&json!([1]), Duration::hours(1)).unwrap();
    let mut opened = sealer.open::<Value>(token.expose_secret()).unwrap();
    opened.payload_mut();
    let end = opened.expires_at().at().unwrap();
    let extras = |now: Timestamp| {
        let facts: Value = serde_json::from_str(&opened.to_json_with_extras(now).unwrap()).unwrap();
        [facts["current_time"].clone(), facts["expired"].clone(), facts["valid"].clone(), facts["changed"].clone()]
    };
    assert_eq!(
        extras(end - Duration::seconds(1)).map(|fact| fact.to_string()),
        ["\"2026-11-21T20:01:40Z\"", "false", "true", "true"]
    );
    assert_eq!(extras(end).map(|fact| fact.to_string()), ["\"2026-11-21T20:01:41Z\"", "true", "false", "true"]);
}

#[test]
fn never_is_null() {
    let sealer = sealer("inspection");
    let token = sealer.seal("", Lifetime::never_expires()).unwrap();
    let opened = sealer.open::<String>(token.expose_secret()).unwrap();
    assert!(opened.to_json().unwrap().contains(r#""expires_at":null"#));
    assert_eq!(opened.expires_at_text(offset!(UTC)), None);
}

#[test]
fn the_expiry_is_written_at_any_offset() {
    let sealer = sealer("inspection");
    let token = sealer.seal("", Duration::hours(1)).unwrap();
    let opened = sealer.open::<String>(token.expose_secret()).unwrap();
    assert_eq!(opened.expires_at_text(offset!(UTC)).unwrap(), "2026-11-21T20:01:41Z");
    assert_eq!(opened.expires_at_text(offset!(+5:30)).unwrap(), "2026-11-22T01:31:41+05:30");
    let last = sealer.seal("", Duration::MAX).unwrap();
    let opened = sealer.open::<String>(last.expose_secret()).unwrap();
    assert_eq!(opened.expires_at_text(offset!(+14)).unwrap(), "9999-12-31T23:59:59Z", "there is no local year 10000");
}

#[test]
fn resealing_takes_the_active_key_and_keeps_the_facts() {
    let sealer = sealer("basket");
    let token = sealer.seal(&vec![1], Duration::hours(1)).unwrap();
    let mut opened = sealer.open::<Vec<i32>>(token.expose_secret()).unwrap();
    assert!(sealer.reseal(&mut opened).unwrap().is_none());
    opened.payload_mut().push(2);
    assert!(opened.is_changed());
    sealer.keys().rotate(key("k2", 2)).unwrap();
    let changed = sealer.reseal(&mut opened).unwrap().unwrap();
    assert!(!opened.is_changed() && sealer.reseal(&mut opened).unwrap().is_none());

    sealer.keys().revoke("k1").unwrap();
    let again = sealer.open::<Vec<i32>>(changed.expose_secret()).unwrap();
    assert_eq!(again.payload(), &[1, 2]);
    assert_eq!(
        (again.uuid(), again.issued_at(), again.expires_at()),
        (opened.uuid(), opened.issued_at(), opened.expires_at())
    );
}

#[test]
fn resealing_keeps_the_binding() {
    let plain = sealer("reset");
    let bound = plain.clone().bound_to_state();
    let token = bound.seal(&1, Duration::hours(1), "old").unwrap();
    let mut opened = bound.open::<i32>(token.expose_secret()).unwrap().confirm("old").unwrap();
    *opened.payload_mut() = 2;
    assert_eq!(plain.reseal(&mut opened).unwrap_err().kind(), ErrorKind::InvalidInput);
    let changed = bound.reseal(&mut opened, "new").unwrap().unwrap();
    let open = || bound.open::<i32>(changed.expose_secret()).unwrap();
    assert!(open().confirm("old").is_err());
    assert_eq!(open().confirm("new").unwrap().payload(), &2);

    let token = plain.seal(&1, Duration::hours(1)).unwrap();
    let mut opened = plain.open::<i32>(token.expose_secret()).unwrap();
    assert_eq!(bound.reseal(&mut opened, "state").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_token_of_one_purpose_is_not_resealed_for_another() {
    let (invitations, logins) = (sealer("invitation"), sealer("login"));
    let token = invitations.seal("ann", Duration::hours(1)).unwrap();
    let mut opened = invitations.open::<String>(token.expose_secret()).unwrap();
    opened.payload_mut().push('a');
    assert_eq!(logins.reseal(&mut opened).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(opened.is_changed(), "what was not resealed is still changed");
    assert!(invitations.reseal(&mut opened).unwrap().is_some());

    let (resets, changes) = (sealer("password reset").bound_to_state(), sealer("e-mail change").bound_to_state());
    let token = resets.seal("ann", Duration::hours(1), "state").unwrap();
    let mut opened = resets.open::<String>(token.expose_secret()).unwrap().confirm("state").unwrap();
    opened.payload_mut().push('a');
    assert_eq!(changes.reseal(&mut opened, "state").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(resets.reseal(&mut opened, "state").unwrap().is_some());
}

#[test]
fn a_token_under_a_revoked_key_is_not_resealed_under_a_new_one() {
    let sealer = sealer("basket");
    let token = sealer.seal("tea", Duration::hours(1)).unwrap();
    let mut opened = sealer.open::<String>(token.expose_secret()).unwrap();
    opened.payload_mut().push('s');
    sealer.keys().rotate(key("k2", 2)).unwrap();
    sealer.keys().revoke("k1").unwrap();
    assert_eq!(sealer.reseal(&mut opened).unwrap_err().kind(), ErrorKind::InvalidToken);
}
