//! What the fuzz targets share with the tests of the crate.

#[path = "../../tests/it/fuzz_corpus/invariants.rs"]
mod invariants;

/// Holds one input against the check of this name.
pub fn run(name: &str, data: &[u8]) {
    let found = invariants::CHECKS.iter().find(|(known, _)| *known == name);
    found.expect("every target has its check").1(data);
}
