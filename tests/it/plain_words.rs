//! The texts of this repository use plain words: none of those in [`forbidden`].

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files that are checked.
const CHECKED: [&str; 8] =
    ["src", "examples", "tests", "benches", "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"];

/// Recorded input of other programs, and the builds of the example sites.
const SKIPPED: [&str; 2] = ["fixtures", "target"];

/// Paths that still contain forbidden words.
const LEFT: &[&str] = &[];

/// The forbidden words, in two parts each, so that this file does not contain them.
fn forbidden() -> Vec<String> {
    let halves = [
        ("no", "body"),
        ("sh", "all"),
        ("do", "or"),
        ("do", "ors"),
        ("pati", "ence"),
        ("he", "ars"),
        ("he", "ard"),
        ("he", "ar"),
        ("to", "ld"),
        ("yard", "stick"),
        ("of la", "te"),
        ("fresh fr", "om the press"),
    ];
    halves.iter().map(|(first, second)| [*first, *second].concat()).collect()
}

#[test]
fn every_text_of_the_repository_uses_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut complaints = Vec::new();
    let mut count = 0;
    for file in CHECKED.iter().flat_map(|path| files(&root.join(path))) {
        let path = file.strip_prefix(root).unwrap().display().to_string();
        let Ok(text) = fs::read_to_string(&file) else { continue };
        count += 1;
        if LEFT.iter().any(|left| path.starts_with(left)) {
            continue;
        }
        complaints.extend(found_in(&text).into_iter().map(|(line, word)| format!("{path}:{line}: {word}")));
    }
    assert!(count > 200, "only {count} files were read");
    assert!(complaints.is_empty(), "write these lines in plain words:\n{}\n", complaints.join("\n"));
}

#[test]
fn a_forbidden_word_is_found_in_any_case_and_only_as_a_whole() {
    for word in forbidden() {
        let capital = word[..1].to_uppercase() + &word[1..];
        for text in [word.clone(), format!("a\nb {capital}."), format!("`{word}_1`"), word.replace(' ', "\n/// ")] {
            assert_eq!(found_in(&text).len(), 1, "{text:?}");
        }
        assert_eq!(found_in(&format!("x{word} {word}x")), [], "{word}");
    }
}

/// The number of each line that contains a forbidden word, or begins one, and the word.
fn found_in(text: &str) -> Vec<(usize, String)> {
    // A phrase may be broken over two lines of a comment.
    let mut words: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let parts = line.split(|character: char| !character.is_alphabetic()).filter(|part| !part.is_empty());
        words.extend(parts.map(|part| (index + 1, part.to_lowercase())));
    }
    let mut found = Vec::new();
    for phrase in forbidden() {
        let phrase_words: Vec<&str> = phrase.split(' ').collect();
        let hits =
            words.windows(phrase_words.len()).filter(|window| window.iter().map(|(_, word)| word).eq(&phrase_words));
        found.extend(hits.map(|window| (window[0].0, phrase.clone())));
    }
    found
}

/// This file, or all files below this folder.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| !SKIPPED.iter().any(|name| path.ends_with(name))).flat_map(|path| files(&path)).collect()
}
