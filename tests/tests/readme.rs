//! What the README shows of the macros is what they do. (Its programs are doctests.)

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each error in it stands in one of the expectations of the UI tests, from its first line on.
#[test]
fn the_errors_in_the_readme_are_those_of_the_ui_tests() {
    let expected: Vec<String> = ["task", "steps", "across", "types", "pairing"]
        .iter()
        .flat_map(|phase| fs::read_dir(at("tests/ui").join(phase)).expect("it is there"))
        .map(|file| file.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "stderr"))
        .map(|path| read(&path))
        .collect();
    let blocks = blocks("text");
    let errors: Vec<&str> = blocks.iter().flat_map(|block| block.trim().split("\n\n")).collect();
    assert!(!errors.is_empty(), "the README has no errors to show");
    for error in errors {
        assert!(expected.iter().any(|text| text.contains(error)), "nobody says:\n{error}");
    }
}

/// Each line of it stands in the snapshot, in the same order.
#[test]
fn the_expansion_in_the_readme_is_that_of_the_snapshot() {
    let snapshot = read(&at("macros/snapshots/create_zip.expanded.rs"));
    let mut printed = snapshot.lines().map(str::trim);
    let blocks = blocks("rs");
    assert!(!blocks.is_empty(), "the README has no expansion to show");
    for line in blocks.iter().flat_map(|block| block.lines().map(str::trim)) {
        if !line.starts_with("//") {
            assert!(printed.any(|printed| printed == line), "not printed, or not here: {line}");
        }
    }
}

/// The blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = read(&at("README.md"));
    let opening = format!("```{language}\n");
    readme
        .split(&opening)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
