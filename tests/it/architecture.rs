//! The house rules that the compiler does not check: who may import whom, how long a file may be, what `mod.rs` is for.

use std::fs;
use std::path::{Path, PathBuf};

/// What stands beside each other may not import each other; everything may import what stands on a lower floor.
const FLOORS: &[&[&str]] = &[
    &["error", "secret", "text"],
    &["clock", "head", "log", "random"],
    &["token"],
    &["user"],
    &["policy", "repository", "respond", "sealed", "source"],
    &["validator"],
    &["tokens"],
    &["auth", "client", "guard", "same_origin"],
    &["extract"],
    &["conformance"],
    &["guide", "prelude"],
];

const MAX_LINES_BEFORE_TESTS: usize = 400;

#[test]
fn every_floor_imports_only_the_floors_below() {
    report(each_source(|path, text| {
        let module = module_of(path);
        imports(text).into_iter().filter_map(|import| complaint(&module, &import)).collect()
    }));
}

#[test]
fn a_mod_file_holds_nothing_but_docs_and_modules() {
    report(each_source(|path, text| {
        if path.file_name().is_some_and(|name| name == "mod.rs") { foreign_lines(text) } else { Vec::new() }
    }));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    report(each_source(|_, text| {
        let mut complaints = Vec::new();
        if !text.starts_with("//! ") {
            complaints.push("does not start with `//! `".to_owned());
        }
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        if lines > MAX_LINES_BEFORE_TESTS {
            complaints.push(format!("has {lines} lines before its tests, {MAX_LINES_BEFORE_TESTS} are allowed"));
        }
        complaints
    }));
}

#[test]
fn every_module_has_a_floor() {
    let root = fs::read_to_string(source_directory().join("lib.rs")).unwrap();
    let modules: Vec<_> = root
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert!(modules.contains(&"token"), "the modules are no longer found: {modules:?}");
    let homeless: Vec<_> = modules.into_iter().filter(|module| floor(module).is_none()).collect();
    assert!(homeless.is_empty(), "put these into FLOORS: {homeless:?}");
}

#[test]
fn the_check_of_imports_can_fail() {
    let complaints = |module: &str, text: &str| -> Vec<String> {
        imports(text).into_iter().filter_map(|import| complaint(module, &import)).collect()
    };
    for (module, bad) in [
        ("token", "use crate::user::UserId;"),
        ("token", "use crate::{clock::Timestamp, user::{UserId, UserLevel}};"),
        ("policy", "use crate::respond::Refusal;"),
        ("repository", "fn f() -> Result<(), crate::tokens::Tokens> {}"),
        ("guard", "use crate::auth::Authenticator;"),
        ("auth", "use crate::Tokens;"),
        ("auth", "use crate::{Tokens, error::Error};"),
        ("auth", "use crate::*;"),
        ("auth", "use crate::nowhere::Thing;"),
        ("error", "pub(in crate::token) fn f() {}"),
    ] {
        assert_eq!(complaints(module, bad).len(), 1, "{module}: {bad}");
    }
    for (module, good) in [
        ("user", "use crate::token::{Expiry, TokenRecord};"),
        ("user", "use crate::{clock::Timestamp, token::{Expiry, TokenRecord}};"),
        ("token", "use crate::token::format;"),
        ("token", "//! See [`crate::guard`]\n/// and `crate::auth`.\n// use crate::auth;\nfn f() {}"),
        ("token", "fn f() -> &'static str { \"crate::auth::Authenticator\" }"),
        ("error", "#[cfg(test)]\nmod tests {\n    use crate::tokens::Tokens;\n}"),
        ("policy", "pub(crate) use security_policy::ScenarioRule;\npub(crate) fn f() {}"),
        ("conformance", "macro_rules! m { () => { $crate::conformance::case() }; }"),
    ] {
        assert_eq!(complaints(module, good), Vec::<String>::new(), "{module}: {good}");
    }
}

#[test]
fn the_check_of_mod_files_can_fail() {
    for bad in
        ["fn f() {}", "pub struct S;", "use crate::error::Error;", "pub mod inline {", "const N: u8 = 1;", "x! {}"]
    {
        assert_eq!(foreign_lines(&format!("//! Docs.\n\nmod a;\n{bad}\n")), [format!("holds `{bad}`")]);
    }
    // A chapter of the guide is a module that holds nothing but its text.
    let good = "//! Docs.\n#![expect(\n    clippy::x,\n    reason = \"y\"\n)]\n\n#[cfg(feature = \"z\")]\nmod a;\npub mod b;\n\
                #[doc = include_str!(\"d.md\")]\npub mod d {}\n\npub use a::{\n    A, B,\n};\npub(crate) use b::C;\n";
    assert_eq!(foreign_lines(good), Vec::<String>::new());
}

/// The complaints of `check` about each source file, with its path in front.
fn each_source(check: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let root = source_directory();
    let mut complaints = Vec::new();
    let files = rust_files(&root);
    assert!(!files.is_empty(), "no source in {}", root.display());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&root).unwrap();
        complaints.extend(check(path, &text).into_iter().map(|what| format!("src/{}: {what}", path.display())));
    }
    complaints
}

fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn source_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `token/format.rs` and `token/mod.rs` are of `token`, `clock.rs` is of `clock`.
fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

fn complaint(module: &str, import: &str) -> Option<String> {
    // The root and programs stand above the house.
    if module == "lib" || module == "bin" || module == import {
        return None;
    }
    match (floor(module), floor(import)) {
        (None, _) => Some(format!("`{module}` has no floor")),
        (_, None) => Some(format!("imports `crate::{import}`, which is no module with a floor")),
        (Some(own), Some(other)) if other < own => None,
        (Some(own), Some(other)) if other == own => Some(format!("imports sideways from `{import}`")),
        _ => Some(format!("imports upwards from `{import}`")),
    }
}

/// What follows `crate::` in the code before the tests, one entry a path.
fn imports(text: &str) -> Vec<String> {
    let code = code_of(text);
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find("crate::") {
        let (before, after) = rest.split_at(at);
        rest = &after["crate::".len()..];
        // `$crate::` in an exported macro is a path in the caller's code, and `my_crate::` is another crate.
        if !before.ends_with(|last: char| last == '$' || last == '_' || last.is_alphanumeric()) {
            found.extend(first_names(rest));
        }
    }
    found
}

/// The first name of a path, or of each path in braces.
fn first_names(path: &str) -> Vec<String> {
    let Some(list) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = Vec::new();
    let mut depth = 0_u32;
    let mut start = 0;
    for (at, symbol) in list.char_indices() {
        match symbol {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(Some(name(&list[start..at])).filter(|name| !name.is_empty()));
                start = at + 1;
                if symbol == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// The name that `path` starts with; a star is a name too.
fn name(path: &str) -> String {
    path.trim_start().chars().take_while(|symbol| symbol.is_alphanumeric() || "_*".contains(*symbol)).collect()
}

/// The file without comments, without texts in quotes, and without its tests.
fn code_of(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").map(|line| {
        let line = line.split("//").next().unwrap_or_default();
        line.split('"').step_by(2).collect::<Vec<_>>().join("\"")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The items of a `mod.rs` that do not belong there.
fn foreign_lines(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut ends_with = None;
    for line in text.lines() {
        // Inside of an item that goes over several lines.
        if let Some(end) = ends_with {
            if line.ends_with(end) {
                ends_with = None;
            }
            continue;
        }
        let item = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
        let is_public = item.len() < line.len();
        let is_allowed = line.is_empty()
            || line.starts_with("//")
            || line.starts_with("#[")
            || line.starts_with("#![")
            || (item.starts_with("mod ") && (item.ends_with(';') || item.ends_with(" {}")))
            || (is_public && item.starts_with("use "));
        if !is_allowed {
            complaints.push(format!("holds `{line}`"));
        } else if line.starts_with('#') && !line.ends_with(']') {
            ends_with = Some("]");
        } else if item.starts_with("use ") && !item.ends_with(';') {
            ends_with = Some(";");
        }
    }
    complaints
}
