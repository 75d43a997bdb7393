use std::collections::BTreeMap;
use std::error::Error as _;

use serde_json::value::RawValue;
use time::Duration;
use tower_tokens::clock::Clock;
use tower_tokens::error::ErrorKind;
use tower_tokens::sealed::{RevocationList, Sealer, USED_NUMBERS_MARGIN};
use tower_tokens::token::{Expiry, Lifetime, is_token_text};
use tower_tokens::user::{UserId, UserLevel};

use super::{clock, ring, sealer};

#[test]
fn integers_beyond_2_to_the_53_come_back_exactly() {
    let sealer = sealer("numbers");
    let numbers = (u64::MAX, i64::MIN, 9_007_199_254_740_993_i64, i128::MAX);
    let token = sealer.seal(&numbers, Duration::hours(1)).unwrap();
    assert_eq!(sealer.open::<(u64, i64, i64, i128)>(token.expose_secret()).unwrap().into_payload(), numbers);

    let huge = RawValue::from_string("[123456789012345678901234567890,1e400]".to_owned()).unwrap();
    let token = sealer.seal(&huge, Duration::hours(1)).unwrap();
    assert_eq!(sealer.open::<Box<RawValue>>(token.expose_secret()).unwrap().payload().get(), huge.get());
}

#[test]
fn a_lifetime_is_a_second_or_more_or_written_out_as_never() {
    let sealer = sealer("lifetimes");
    for lifetime in
        [Lifetime::seconds(0), Duration::seconds(-5).into(), Duration::milliseconds(999).into(), Lifetime::AAL2]
    {
        assert_eq!(sealer.seal("", lifetime).unwrap_err().kind(), ErrorKind::InvalidInput, "{lifetime:?}");
    }
    let token = sealer.seal("", Lifetime::never_expires()).unwrap();
    assert_eq!(sealer.open::<String>(token.expose_secret()).unwrap().expires_at(), Expiry::Never);
    let token = sealer.seal("", Duration::MAX).unwrap();
    let end = sealer.open::<String>(token.expose_secret()).unwrap().expires_at().at().unwrap();
    assert_eq!(time::OffsetDateTime::from(end).year(), 9999);
}

#[test]
fn a_purpose_is_1_to_128_bytes() {
    for purpose in ["", &"x".repeat(129)] {
        assert_eq!(Sealer::new(ring(), purpose).unwrap_err().kind(), ErrorKind::Configuration);
    }
    let sealer = sealer(&"x".repeat(128));
    let token = sealer.seal("", Duration::hours(1)).unwrap();
    assert!(sealer.open::<String>(token.expose_secret()).is_ok());
}

#[test]
fn a_payload_of_another_type_is_named_and_not_repeated() {
    let sealer = sealer("types");
    let token = sealer.seal("a secret word", Duration::hours(1)).unwrap();
    let error = sealer.open::<u32>(token.expose_secret()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidToken);
    assert!(error.source().unwrap().to_string().contains("not of the expected type"));
    assert!(!format!("{error:?}").contains("secret word"));

    let no_json = BTreeMap::from([((1, 2), 3)]);
    let error = sealer.seal(&no_json, Duration::hours(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn no_two_tokens_are_alike() {
    let sealer = sealer("uniqueness");
    let texts = (0..1_000).map(|_| sealer.seal("", Duration::hours(1)).unwrap().expose_secret().to_owned());
    let texts: std::collections::HashSet<_> = texts.collect();
    assert_eq!(texts.len(), 1_000);
    let uuids = texts.iter().map(|text| sealer.open::<String>(text).unwrap().uuid());
    assert_eq!(uuids.collect::<std::collections::HashSet<_>>().len(), 1_000);
}

#[test]
fn debug_shows_no_secret() {
    let sealer = sealer("debugging");
    let token = sealer.seal("payload", Duration::hours(1)).unwrap();
    assert_eq!(format!("{token:?}"), "SealedToken([redacted])");
    let shown = format!("{sealer:?} {:?}", sealer.clone().bound_to_state());
    assert!(shown.contains("debugging") && shown.contains("k1"));
    assert!(!shown.contains("[1, 1"));
}

#[test]
fn a_login_names_its_user() {
    let sealer = sealer("login");
    for id in [UserId::from(42), UserId::from(i64::MIN), UserId::from("ann@\"example\".org"), UserId::from("42")] {
        let token = sealer.seal_login(&id, &UserLevel::new(1, "admin ü \"\\"), Duration::hours(1)).unwrap();
        assert!(is_token_text(token.to_token().unwrap().expose_secret().as_bytes()));
        let user = sealer.open_login(token.expose_secret()).unwrap();
        assert_eq!((user.id(), user.level().id(), user.level().title()), (&id, 1, "admin ü \"\\"));
        assert_eq!(user.expires_at().at(), Some(user.authenticated_at() + Duration::hours(1)));
        assert!(user.token().id().get() > 0);
    }
    let reset = sealer.seal(&serde_json::json!({"user": 42}), Duration::hours(1)).unwrap();
    assert_eq!(sealer.open_login(reset.expose_secret()).unwrap_err().kind(), ErrorKind::InvalidToken);
}

#[test]
fn a_revoked_token_opens_nothing_until_it_is_forgotten() {
    let list = RevocationList::new();
    let sealer = sealer("login").with_revocation_list(list.clone());
    let token = sealer.seal_login(42, &UserLevel::new(1, "admin"), Duration::hours(1)).unwrap();
    let other = sealer.seal_login(42, &UserLevel::new(1, "admin"), Duration::hours(1)).unwrap();
    let opened = sealer.open::<serde_json::Value>(token.expose_secret()).unwrap();
    list.revoke(opened.uuid(), opened.expires_at());
    assert_eq!(sealer.open_login(token.expose_secret()).unwrap_err().kind(), ErrorKind::InvalidToken);
    assert!(sealer.open_login(other.expose_secret()).is_ok());

    let end = opened.expires_at().at().unwrap();
    list.prune(end + USED_NUMBERS_MARGIN - Duration::seconds(1));
    assert!(list.contains(opened.uuid()), "a clock that is ahead forgets nothing that is still needed");
    list.prune(end + USED_NUMBERS_MARGIN);
    assert!(!list.contains(opened.uuid()));
}

#[test]
fn a_login_that_no_layer_would_read_is_refused() {
    let sealer = sealer("login").with_clock(clock());
    let token = sealer.seal(&"x".repeat(4_000), Duration::hours(1)).unwrap();
    assert_eq!(token.to_token().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_revocation_list_never_shortens() {
    let (list, clock) = (RevocationList::new(), clock());
    let logins = Sealer::new(ring(), "login").unwrap().with_clock(clock.clone()).with_revocation_list(list.clone());
    let token = logins.seal("", Duration::days(30)).unwrap();
    let opened = logins.open::<String>(token.expose_secret()).unwrap();
    list.revoke(opened.uuid(), opened.expires_at());
    list.revoke(opened.uuid(), Expiry::At(clock.now()));
    clock.advance(Duration::days(29));
    list.prune(clock.now());
    assert!(logins.open::<String>(token.expose_secret()).is_err(), "a second, earlier end let it in again");
}
