//! The fuzz targets' rules, held against the seeds and against inputs that are the same in every run.

#[expect(clippy::expect_used, reason = "a rule that is broken panics")]
mod invariants;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::fuzz_corpus::invariants::{CHECKS, Check};

const CASES: u32 = 1_500;

/// Pieces that mean something to one parser or another.
const WORDS: &[&[u8]] = &[
    b"{\"alg\":\"HS256\",",
    b"\"kid\":\"k\"",
    b"\"typ\":\"at+jwt\"}",
    b"\"exp\":",
    b"\"aud\":",
    b"\"kty\":\"OKP\"",
    b"-----BEGIN PUBLIC KEY-----",
    b"|s:4:\"",
    b"{\"token\":{\"accessToken\":\"",
    b"\"refreshToken\":\"",
    b",\"accessTokenExpired\":\"",
    b",\"refreshTokenExpiresAt\":",
    b"\"}}",
    b"\";",
    b"a:1:{",
    b"}",
    b"i:0;",
    b"N;",
    b"R:1;",
    b"GET",
    b"POST",
    b"\n",
    b"\n",
    b"Cookie: ",
    b"Authorization: ",
    b"Bearer ",
    b"bearer ",
    b"Basic ",
    b"trongatetoken",
    b"trongatetoken: ",
    b"trongatetoken=",
    b"good",
    b"good2",
    b"other",
    b"down",
    b"unknown",
    b"Omdvb2Q=",
    b"bWU6b3RoZXI=",
    b"; ",
    b";",
    b"=",
    b"==",
    b"\"",
    b",",
    b":",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3\xa4",
    b"sec-fetch-site: ",
    b"same-origin",
    b"same-site",
    b"cross-site",
    b"none",
    b"origin: ",
    b"host: ",
    b"null",
    b"https://",
    b"http://",
    b"site.example",
    b"evil.example",
    b":443",
    b":80",
    b"[::1]",
    b"@",
    b"/",
    b"//",
    b"\\",
    b"/\\",
    b"%2f",
    b"%2F",
    b"%5c",
    b"%252f",
    b"%25",
    b"%0a",
    b"%00",
    b"..",
    b"/./",
    b"?next=",
    b"#",
    b"&",
    b"javascript:",
    b"upgrade: websocket",
    b"__Host-",
    b"__Secure-",
    b"acme_v1_",
    b"acme",
    b"_",
    b"-1",
    b"9223372036854775808",
];

#[test]
fn every_seed_keeps_the_rules() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus");
    for (name, check) in CHECKS {
        let seeds = seeds(&corpus.join(name));
        assert!(!seeds.is_empty(), "no seeds for {name}");
        seeds.iter().for_each(|seed| check(seed));
    }
    let known = fs::read_dir(&corpus).unwrap().count();
    assert_eq!(known, CHECKS.len(), "a corpus without a check");
}

#[test]
fn every_fuzz_target_has_its_check() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    // A published package is without `fuzz/`.
    if !targets.exists() {
        return;
    }
    for (name, _) in CHECKS {
        let target = fs::read_to_string(targets.join(name).with_extension("rs")).unwrap();
        assert!(target.contains(&format!("run(\"{name}\", data)")), "{name}");
    }
    assert_eq!(fs::read_dir(&targets).unwrap().count(), CHECKS.len());
}

#[test]
fn a_rule_can_be_broken() {
    let refuses_nothing = |data: &[u8]| assert!(data.iter().all(|byte| *byte != b'\\'));
    assert!(catch_unwind(|| generated(refuses_nothing, &[])).is_err(), "a backslash is never generated");
}

macro_rules! generated_inputs_keep_the_rules {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            let (name, check) = CHECKS.iter().find(|(name, _)| *name == stringify!($name)).unwrap();
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus");
            generated(*check, &seeds(&corpus.join(name)));
        }
    )* };
}

mod generated_inputs_keep_the_rules_of {
    use super::*;

    generated_inputs_keep_the_rules! {
        request cookie basic token_text api_token same_origin safe_next login_redirect cookie_settings
        php_session sealed_open token_file
    }
}

fn seeds(directory: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Words in a row, plain bytes, and seeds with a piece replaced, from a fixed seed of randomness.
fn generated(check: Check, seeds: &[Vec<u8>]) {
    let words =
        vec(prop_oneof![4 => select(WORDS.to_vec()).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..4)], 0..24)
            .prop_map(|words| words.concat());
    let bytes = vec(any::<u8>(), 0..128);
    let seeds = if seeds.is_empty() { vec![Vec::new()] } else { seeds.to_vec() };
    let changed = (select(seeds), any::<Index>(), any::<Index>(), select(WORDS.to_vec())).prop_map(
        |(mut seed, from, length, word)| {
            let from = from.index(seed.len() + 1);
            let to = from + length.index(seed.len() - from + 1).min(8);
            seed.splice(from..to, word.iter().copied());
            seed
        },
    );
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let randomness = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let input = prop_oneof![3 => words, 1 => bytes, 3 => changed];
    let outcome = TestRunner::new_with_rng(config, randomness).run(&input, |data| {
        check(&data);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
