//! Every promise of SECURITY.md names tests that show it, and those tests exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SECURITY: &str = include_str!("../../../SECURITY.md");

#[test]
fn every_promise_names_tests_that_exist() {
    let tests = tests();
    let promises = promises(SECURITY);
    assert!(promises.len() >= 10, "the promises are no longer found: {promises:?}");
    let complaints: Vec<_> = promises.iter().flat_map(|promise| complaints(promise, &tests)).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_check_of_promises_can_fail() {
    let tests = tests();
    for bad in [
        "- **A promise.** Without a test.",
        "- **A promise.** Shown by `no_test_of_this_name_anywhere`.",
        "- **A promise.** Shown by `promises`, a function and no test.",
        "- **A promise.** Shown by `every_promise_names_tests_that_exist` and `no_test_of_this_name_anywhere`.",
    ] {
        let page = format!("## What is promised\n\n{bad}\n\n## What is left to you\n");
        let promises = promises(&page);
        assert_eq!(promises.len(), 1);
        assert_eq!(complaints(&promises[0], &tests).len(), 1, "{bad}");
    }
}

#[test]
fn no_build_profile_turns_a_protection_off_and_no_code_is_unsafe() {
    let manifest = include_str!("../../../Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let word = ["debug", "_assertions"].concat();
        assert!(!text.contains(&word), "{} depends on the build profile", file.display());
    }
}

/// The items of the list under "What is promised".
fn promises(page: &str) -> Vec<String> {
    let section = page.split("## What is promised").nth(1).unwrap().split("\n## ").next().unwrap();
    section.split("\n- ").skip(1).map(|item| item.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn complaints(promise: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let title: String = promise.chars().take(40).collect();
    let named = promise.split("Shown by").nth(1).map(|names| names.split('`').skip(1).step_by(2).collect::<Vec<_>>());
    let Some(named) = named.filter(|named| !named.is_empty()) else { return vec![format!("{title}… names no test")] };
    let missing = named.into_iter().filter(|name| !tests.contains(*name));
    missing.map(|name| format!("{title}… names `{name}`, and there is no such test")).collect()
}

/// The names of all tests, the cases of the conformance suite included.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for directory in ["src", "tests"] {
        for file in rust_files(&root().join(directory)) {
            let text = fs::read_to_string(&file).unwrap();
            let mut is_test = file.starts_with(root().join("src/conformance"));
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                }
                let function = line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ");
                if let Some(name) = function.and_then(|rest| rest.split(['(', '<']).next()) {
                    if is_test {
                        names.insert(name.to_owned());
                    }
                    is_test = file.starts_with(root().join("src/conformance"));
                }
            }
        }
    }
    names
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
