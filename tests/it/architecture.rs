//! The house rules that the compiler does not check: who may import whom, how long a file may be, what `mod.rs` is for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The chapter whose table says which module is on which floor. What is on one floor may not import each other; everything
/// may import what is on a lower floor.
const CHAPTER: &str = include_str!("../../src/guide/architecture.md");

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
    let homeless: Vec<_> = modules.iter().filter(|module| floor(module).is_none()).collect();
    let gone: Vec<_> = floors(CHAPTER).into_keys().filter(|module| !modules.contains(&module.as_str())).collect();
    assert!(gone.is_empty(), "the table of floors names what is no module: {gone:?}");
    assert!(homeless.is_empty(), "put these into the table of floors in the guide: {homeless:?}");
}

#[test]
fn the_page_of_a_module_names_its_floor() {
    let mut named = 0;
    report(each_source(|path, text| {
        let Some(said) = text.strip_prefix("//! Floor ").and_then(|rest| rest.split(',').next()) else {
            return Vec::new();
        };
        named += 1;
        let module = module_of(path);
        match floor(&module) {
            Some(floor) if said == floor.to_string() => Vec::new(),
            floor => vec![format!("says floor {said}, and the table of floors says {floor:?}")],
        }
    }));
    assert!(named > 10, "the lines are no longer found");
}

#[test]
fn no_files_of_a_folder_import_each_other_in_a_circle() {
    let mut sources = Vec::new();
    report(each_source(|path, text| {
        sources.push((path.to_owned(), text.to_owned()));
        Vec::new()
    }));
    report(circles(&sources));
}

#[test]
fn the_check_of_circles_can_fail() {
    let found = |files: &[(&str, &str)]| {
        circles(&files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect::<Vec<_>>())
    };
    let exports = ("x/mod.rs", "mod a;\nmod b;\npub use a::A;\npub(crate) use b::{B, deep::C};\n");
    for (a, b) in [
        ("use crate::x::b::B;", "use crate::x::a::A;"),
        ("use crate::x::B;", "use crate::x::A;"),
        ("use crate::x::{Other, C};", "fn f() -> crate::x::A {}"),
        ("use crate::{error::Error, x::{b::{B, C}}};", "use super::a::A;"),
        ("use super::B;", "use super::{a::{self, A}};"),
    ] {
        assert_eq!(found(&[exports, ("x/a.rs", a), ("x/b.rs", b)]), ["src/x: a → b → a"], "{a} {b}");
    }
    let three = [("x/a.rs", "use super::b::B;"), ("x/b.rs", "use super::c::C;"), ("x/c.rs", "use super::a::A;")];
    assert_eq!(found(&three), ["src/x: a → b → c → a"]);
    let with_a_folder = [("x/y/deep.rs", "use crate::x::b::B;"), ("x/b.rs", "use crate::x::y::deep::D;")];
    assert_eq!(found(&with_a_folder), ["src/x: b → y → b"]);
    let inside = [("x/y/a.rs", "use crate::x::y::b::B;"), ("x/y/b.rs", "use crate::x::y::a::A;")];
    assert_eq!(found(&inside), ["src/x/y: a → b → a"]);
    for (a, b) in [
        ("use crate::x::b::B;", "use crate::error::Error;"),
        ("use crate::x::b::B;", "//! See [`A`](crate::x::a::A).\nfn f() {} // crate::x::A"),
        ("use crate::x::b::B;", "#[cfg(test)]\nmod tests {\n    use crate::x::a::A;\n}"),
        ("use crate::x::b::B;", "pub(super) fn f() {}\nfn g() { other_crate::x::a::h() }"),
        ("use crate::x::a::A;", "use crate::x::b::B;"),
    ] {
        assert_eq!(found(&[exports, ("x/a.rs", a), ("x/b.rs", b)]), Vec::<String>::new(), "{a} {b}");
    }
}

#[test]
fn the_table_of_floors_is_read() {
    let table =
        "| floor | modules |\n|---|---|\n| 1 | [`b`](crate::b), and the private `c` | about `d` |\n| 0 | `a` |\n";
    let read: Vec<_> = floors(table).into_iter().collect();
    assert_eq!(read, [("a".to_owned(), 0), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
    assert!(floors(CHAPTER).len() > 15, "the table is no longer found");
}

#[test]
fn the_check_of_imports_can_fail() {
    let complaints = |module: &str, text: &str| -> Vec<String> {
        imports(text).into_iter().filter_map(|import| complaint(module, &import)).collect()
    };
    for (module, bad) in [
        ("token", "use crate::user::UserId;"),
        ("token", "use crate::{clock::Timestamp, user::{UserId, UserLevel}};"),
        ("rules", "use crate::respond::Refusal;"),
        ("guard", "use crate::policy::SecurityPolicy;"),
        ("repository", "fn f() -> Result<(), crate::lifecycle::Tokens> {}"),
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
        ("error", "#[cfg(test)]\nmod tests {\n    use crate::lifecycle::Tokens;\n}"),
        ("rules", "pub(crate) use scenario_rule::ScenarioRule;\npub(crate) fn f() {}"),
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
fn each_source(mut check: impl FnMut(&Path, &str) -> Vec<String>) -> Vec<String> {
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
    floors(CHAPTER).get(module).copied()
}

/// The modules in the table of floors: the rows that begin with a number, and the names in backticks in their second cell.
fn floors(chapter: &str) -> BTreeMap<String, usize> {
    let mut floors = BTreeMap::new();
    for row in chapter.lines() {
        let mut cells = row.split('|').skip(1);
        let (Some(number), Some(modules)) = (cells.next(), cells.next()) else { continue };
        let Ok(number) = number.trim().parse::<usize>() else { continue };
        floors.extend(modules.split('`').skip(1).step_by(2).map(|module| (module.to_owned(), number)));
    }
    floors
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

/// The circles among the files and folders of each folder. A name that a `mod.rs` exports counts as an import of the file
/// that it comes from.
fn circles(sources: &[(PathBuf, String)]) -> Vec<String> {
    let folders: BTreeSet<_> = sources.iter().flat_map(|(path, _)| path.ancestors().skip(1)).collect();
    folders
        .into_iter()
        .filter(|folder| *folder != Path::new(""))
        .flat_map(|folder| circles_in(folder, sources))
        .collect()
}

fn circles_in(folder: &Path, sources: &[(PathBuf, String)]) -> Vec<String> {
    let inside: Vec<_> = sources.iter().filter(|(path, _)| path.starts_with(folder)).collect();
    let node_of = |path: &Path| {
        let first = Path::new(path.strip_prefix(folder).unwrap().components().next().unwrap().as_os_str()).to_owned();
        first.file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let nodes: BTreeSet<_> = inside.iter().map(|(path, _)| node_of(path)).filter(|node| node != "mod").collect();
    let exports = sources.iter().find(|(path, _)| *path == folder.join("mod.rs")).map(|(_, text)| exports(text));
    let exports = exports.unwrap_or_default();
    let own = names_of(folder);
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in inside {
        let from = node_of(path);
        if from == "mod" {
            continue;
        }
        for import in absolute_paths(path, text) {
            let Some(name) = import.strip_prefix(own.as_slice()).and_then(|rest| rest.first()) else { continue };
            let to = if nodes.contains(name) { Some(name) } else { exports.get(name) };
            if let Some(to) = to.filter(|to| **to != from) {
                edges.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for node in &nodes {
        let Some(circle) = way_back_to(node, &edges) else { continue };
        if seen.insert(circle.iter().cloned().collect::<BTreeSet<_>>()) {
            found.push(format!("src/{}: {}", folder.display(), circle.join(" → ")));
        }
    }
    found
}

/// The shortest way from a node back to itself.
fn way_back_to(start: &str, edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut visited = BTreeSet::new();
    let mut ways = VecDeque::from([vec![start.to_owned()]]);
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flatten() {
            let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == start {
                return Some(longer);
            }
            if visited.insert(next.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// Which file each name comes from that a `mod.rs` exports.
fn exports(text: &str) -> BTreeMap<String, String> {
    let code = code_of(text);
    let uses = code.split(';').filter_map(|item| item.split_once("use ")).flat_map(|(_, tree)| expand(tree));
    uses.filter_map(|path| Some((path.last()?.clone(), path.first()?.clone()))).collect()
}

/// The paths in the code of a file that begin with `crate` or `super`, from the root of the crate.
fn absolute_paths(file: &Path, text: &str) -> Vec<Vec<String>> {
    let code = code_of(text);
    let module = names_of(&file.with_extension(""));
    let parent = &module[..module.len() - 1];
    let mut found = Vec::new();
    for (start, from) in [("crate::", [].as_slice()), ("super::", parent)] {
        for (at, _) in code.match_indices(start) {
            // `$crate::` in an exported macro is a path in the caller's code, and `my_crate::` is another crate.
            if !code[..at].ends_with(|last: char| last == '$' || last == '_' || last.is_alphanumeric()) {
                let paths = expand(&code[at + start.len()..]);
                found.extend(paths.into_iter().map(|path| [from, path.as_slice()].concat()));
            }
        }
    }
    found
}

fn names_of(path: &Path) -> Vec<String> {
    path.iter().map(|name| name.to_str().unwrap().to_owned()).collect()
}

/// Each path of a tree such as `a::{b, c::{d, e}}`.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim_start();
    if let Some(list) = tree.strip_prefix('{') {
        let mut paths = Vec::new();
        let mut depth = 0_u32;
        let mut start = 0;
        for (at, symbol) in list.char_indices() {
            match symbol {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    paths.extend(expand(&list[start..at]));
                    start = at + 1;
                    if symbol == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
        return paths;
    }
    let first = name(tree);
    if first.is_empty() {
        return Vec::new();
    }
    match tree[first.len()..].strip_prefix("::") {
        Some(rest) => {
            let rest = expand(rest);
            let prefixed = rest.into_iter().map(|path| [[first.clone()].as_slice(), &path].concat());
            prefixed.collect()
        }
        None => vec![vec![first]],
    }
}
