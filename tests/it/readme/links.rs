//! Every chapter can be reached, and every link and path in the documents leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 3] = ["README.md", "CHANGELOG.md", "SECURITY.md"];

/// Where a path in backticks may start.
const ROOTS: [&str; 2] = ["", "src"];

/// A file of the reader's own project, not of this one.
const OF_THE_READER: &str = "src/main.rs";

#[test]
fn every_chapter_is_a_module_and_linked_from_the_first_page_of_the_guide() {
    let page = read("src/guide/mod.rs");
    let chapters = chapters();
    assert!(chapters.len() >= 7, "the chapters are no longer found: {chapters:?}");
    let missing: Vec<_> = chapters.iter().filter_map(|chapter| unreachable(chapter, &page)).collect();
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
    assert!(read("src/lib.rs").contains("[`guide`]"), "the first page of the crate links the guide");
}

#[test]
fn every_link_leads_somewhere() {
    let complaints: Vec<_> = documents().iter().flat_map(|document| broken_links(document, &read(document))).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_path_in_backticks_exists() {
    let mut all = documents();
    all.push("src/lib.rs".to_owned());
    let complaints: Vec<_> = all.iter().flat_map(|document| missing_paths(document, &read(document))).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_example_and_bench_that_a_command_names_exists() {
    let mut found = 0;
    for document in documents() {
        let text = read(&document);
        let words: Vec<_> = text.split(|symbol: char| symbol.is_whitespace() || symbol == '`').collect();
        for pair in words.windows(2) {
            let directory = match pair[0] {
                "--example" => "examples",
                "--bench" => "benches",
                _ => continue,
            };
            let name = pair[1].trim_end_matches([';', ',', '.', ':']);
            let exists = root().join(directory).join(format!("{name}.rs")).is_file()
                || root().join(directory).join(name).join("main.rs").is_file();
            assert!(exists, "{document}: there is no {directory}/{name}");
            found += 1;
        }
    }
    assert!(found >= 4, "the commands are no longer found");
}

#[test]
fn the_checks_of_links_can_fail() {
    for bad in [
        "[a](nowhere.md)",
        "[a](examples/nowhere.rs)",
        "[a](#no-such-heading)",
        "[a](SECURITY.md#no-such-heading)",
        "[a]: nowhere.md",
        "[a](<nowhere.md>)",
        "![a](nowhere.png)",
        "[`a`](nowhere.md \"title\")",
        "text [a](https://a.example) [b](nowhere.md)",
    ] {
        assert_eq!(broken_links("README.md", bad).len(), 1, "{bad}");
    }
    for good in [
        "[a](SECURITY.md)",
        "[a](SECURITY.md#what-is-promised)",
        "## A heading, with `code`\n[a](#a-heading-with-code)",
        "[a](https://nowhere.example/x)",
        "```text\n[a](nowhere.md)\n```",
        "`list[0](x)`",
        "[a](crate::lifecycle::Tokens)",
    ] {
        assert_eq!(broken_links("README.md", good), Vec::<String>::new(), "{good}");
    }
    for bad in ["`examples/nowhere`", "`token/nowhere.rs`", "`tests/nowhere`"] {
        assert_eq!(missing_paths("README.md", bad).len(), 1, "{bad}");
    }
    for good in
        ["`token/format.rs`", "`examples/members_area`", "`tests/run quick`", "`text/html`", "`/members`", "`a.rs`"]
    {
        assert_eq!(missing_paths("README.md", good), Vec::<String>::new(), "{good}");
    }
    assert!(unreachable("nowhere", &read("src/guide/mod.rs")).is_some());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn chapters() -> Vec<String> {
    pages("src/guide")
}

fn pages(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut chapters: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    chapters.sort();
    chapters
}

fn documents() -> Vec<String> {
    let chapters = ["src/guide", "src/guide/situations"]
        .into_iter()
        .flat_map(|folder| pages(folder).into_iter().map(move |chapter| format!("{folder}/{chapter}.md")));
    DOCUMENTS.into_iter().map(str::to_owned).chain(chapters).collect()
}

/// What keeps a chapter from being found, if anything does.
fn unreachable(chapter: &str, page: &str) -> Option<String> {
    let is_module = page.contains(&format!("include_str!(\"{chapter}.md\")"))
        && page.contains(&format!("\npub mod {chapter} {{}}"));
    let is_linked = page.lines().any(|line| line.starts_with("//! |") && line.contains(&format!("[`{chapter}`]")));
    match (is_module, is_linked) {
        (true, true) => None,
        (false, _) => Some(format!("src/guide/{chapter}.md is no module of the guide")),
        (true, false) => Some(format!("the table of the guide does not link {chapter}")),
    }
}

fn broken_links(document: &str, text: &str) -> Vec<String> {
    let prose = prose(text);
    links(&prose)
        .iter()
        .filter(|target| !leads_somewhere(document, text, target))
        .map(|target| format!("{document}: {target}"))
        .collect()
}

/// Links of rustdoc are checked by rustdoc, and those to other sites need the network.
fn leads_somewhere(document: &str, text: &str, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") || target.contains("::") {
        return true;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = root().join(document).parent().unwrap().join(path);
    let is_there = path.is_empty() || file.exists();
    let heading_is_there = anchor.is_none_or(|anchor| {
        let other = if path.is_empty() { text.to_owned() } else { fs::read_to_string(&file).unwrap_or_default() };
        anchors(&other).contains(anchor)
    });
    is_there && heading_is_there
}

/// The targets of inline links, images and reference definitions.
fn links(prose: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose.lines() {
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push(target.trim().to_owned());
        }
        for (_, rest) in line.match_indices("](").map(|(at, _)| line.split_at(at + 2)) {
            let target = rest.split(')').next().unwrap_or_default();
            let target = target.split(" \"").next().unwrap_or_default();
            found.push(target.trim_matches(['<', '>']).to_owned());
        }
    }
    found
}

/// The names under which the headings of a page can be linked, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = without_blocks(text);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|symbol| symbol.is_alphanumeric() || matches!(symbol, ' ' | '-' | '_'));
            kept.map(|symbol| if symbol == ' ' { '-' } else { symbol }).collect()
        })
        .collect()
}

fn missing_paths(document: &str, text: &str) -> Vec<String> {
    let text = without_blocks(text);
    let names = text.split('`').skip(1).step_by(2).filter_map(|code| code.split_whitespace().next());
    let paths = names.filter(|name| is_path(name) && *name != OF_THE_READER);
    let is_missing = |path: &&str| !ROOTS.iter().any(|root_of| exists(root_of, path));
    paths.filter(is_missing).map(|path| format!("{document}: there is no `{path}`")).collect()
}

/// Whether the text in backticks is a path in this repository.
fn is_path(name: &str) -> bool {
    let is_plain = name.chars().all(|symbol| symbol.is_ascii_alphanumeric() || "/_.-".contains(symbol));
    let is_source = name.ends_with(".rs") || name.ends_with(".md") || name.ends_with('/');
    let is_known = ["examples/", "tests/", "benches/", "src/"].iter().any(|directory| name.starts_with(directory));
    is_plain && !name.starts_with('/') && (is_known || (name.contains('/') && is_source))
}

fn exists(root_of: &str, path: &str) -> bool {
    let path: PathBuf = root().join(root_of).join(path);
    path.exists()
}

/// The text without blocks of code and without code in backticks.
fn prose(text: &str) -> String {
    let text = without_blocks(text);
    let lines = text.lines().map(|line| {
        // A link may carry its name in backticks.
        line.split('`').enumerate().map(|(at, part)| if at % 2 == 0 { part } else { "code" }).collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn without_blocks(text: &str) -> String {
    let mut is_inside = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().trim_start_matches("//! ").starts_with("```");
        is_inside ^= is_fence;
        !is_fence && !is_inside
    });
    lines.collect::<Vec<_>>().join("\n")
}
