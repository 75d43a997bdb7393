use time::Duration;
use tower_tokens::sealed::{Key, Sealer};

use super::{clock, key, ring};

#[test]
fn a_rotation_reaches_every_sealer_of_the_ring() {
    let keys = ring();
    let sealer = Sealer::new(keys.clone(), "login").unwrap().with_clock(clock());
    keys.rotate(key("k2", 2)).unwrap();
    let token = sealer.seal("", Duration::hours(1)).unwrap();
    let alone = Sealer::new(tower_tokens::sealed::KeyRing::new(key("k2", 2)), "login").unwrap().with_clock(clock());
    assert!(alone.open::<String>(token.expose_secret()).is_ok());
}

#[test]
fn rotating_while_others_seal_and_open_loses_no_token() {
    let keys = ring();
    let sealer = Sealer::new(keys.clone(), "login").unwrap().with_clock(clock());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for number in 0..2_000 {
                    let token = sealer.seal(&number, Duration::hours(1)).unwrap();
                    assert_eq!(sealer.open::<i32>(token.expose_secret()).unwrap().payload(), &number);
                }
            });
        }
        for worker in 0..2_u8 {
            let keys = &keys;
            scope.spawn(move || {
                for number in 0..50_u8 {
                    keys.rotate(key(&format!("w{worker}-{number}"), number)).unwrap();
                }
            });
        }
    });
    let shown = format!("{keys:?}");
    assert_eq!(shown.matches("KeyId").count(), 101, "a racing rotation was lost: {shown}");
}

#[test]
fn a_key_is_32_bytes_under_a_word() {
    for id in ["", "two words", "ü", &"x".repeat(33), "a/b", "a\n"] {
        assert!(Key::generate(id).is_err(), "{id:?}");
    }
    assert!(Key::from_bytes("k", &[0; 31]).is_err() && Key::from_bytes("k", &[0; 33]).is_err());
    let secret = [0xfb; 32];
    let standard = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
    let url_safe = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s";
    for text in [standard, url_safe, standard.trim_end_matches('='), &format!("{url_safe}=")] {
        assert_eq!(Key::from_base64("k", text).unwrap().expose_secret_base64(), url_safe);
    }
    assert_eq!(Key::from_bytes("k", &secret).unwrap().expose_secret_base64(), url_safe);
    let generated = [Key::generate("a").unwrap(), Key::generate("a").unwrap()].map(|key| key.expose_secret_base64());
    assert_ne!(generated[0], generated[1]);
}

#[test]
fn a_passphrase_key_is_its_sha_256() {
    let key = Key::from_passphrase("k", "abc").unwrap();
    assert_eq!(key.expose_secret_base64(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}
