//! Each situation has a page, a program of 60 to 120 lines, and tests.

use std::fs;
use std::path::{Path, PathBuf};

const INDEX: &str = include_str!("../../../src/guide/situations/mod.rs");

#[test]
fn every_situation_is_in_the_index_with_its_program_and_its_tests() {
    let pages = pages();
    assert!(!pages.is_empty(), "the pages are no longer found");
    let complaints: Vec<_> = pages.iter().flat_map(|page| complaints(page)).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_check_of_situations_can_fail() {
    assert!(complaints("nowhere").len() >= 4);
}

fn complaints(page: &str) -> Vec<String> {
    let program = fs::read_to_string(root().join(format!("examples/{page}.rs"))).unwrap_or_default();
    let lines = program.lines().count();
    let checks = [
        (INDEX.contains(&format!("include_str!(\"{page}.md\")")), "is no module of the guide"),
        (INDEX.contains(&format!("include_str!(\"../../../examples/{page}.rs\")")), "does not show its program whole"),
        (
            INDEX.lines().any(|line| line.starts_with("//! |") && line.contains(&format!("[`{page}`]"))),
            "is not in the table of situations",
        ),
        ((60..=120).contains(&lines), "has a program that is missing, too short or too long"),
        (root().join(format!("tests/it/situations/{page}.rs")).is_file(), "has no tests"),
    ];
    let failed = checks.into_iter().filter(|(is_true, _)| !is_true);
    failed.map(|(_, complaint)| format!("src/guide/situations/{page}.md {complaint}")).collect()
}

fn pages() -> Vec<String> {
    let entries = fs::read_dir(root().join("src/guide/situations")).unwrap().map(|entry| entry.unwrap().path());
    let pages = entries.filter(|path: &PathBuf| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
