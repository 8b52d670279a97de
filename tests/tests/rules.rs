//! Every rule that the documentation says is kept is named beside a test that shows it.

use std::{collections::BTreeSet, fs, path::Path};

/// Rules that bind the user's code, or say what is not promised: there is nothing to run.
const DUTIES: [&str; 3] = ["C9", "C10", "O5"];

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether the text is the number of a rule: `J1`, `INV13`.
fn is_rule(text: &str) -> bool {
    let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.len() == 1 || letters == "INV")
        && letters.bytes().all(|b| b.is_ascii_uppercase())
        && letters.len() < text.len()
}

/// The rules that the page says are kept: those that stand in its tables, or open a sentence.
fn kept() -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    let page = read("runtime/src/docs/semantics.rs");
    let lines = page.lines().filter_map(|line| line.strip_prefix("//! "));
    let mut comes_later = false;
    for line in lines {
        comes_later = line.contains("*Comes later:*") || comes_later && !line.is_empty();
        if let Some(row) = line.strip_prefix("| ") {
            rules.extend(row.split(' ').next().filter(|word| is_rule(word)).map(str::to_owned));
        } else if !comes_later {
            let opens = line.split(' ').filter_map(|word| word.strip_suffix(':'));
            rules.extend(opens.filter(|word| is_rule(word)).map(str::to_owned));
        }
    }
    rules
}

/// Everything that is a test, or a rule of a conformance suite.
fn tests() -> String {
    let mut text = String::new();
    let mut folders = ["runtime/src/kernel/tests", "runtime/src/conformance", "tests/tests"]
        .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder))
        .to_vec();
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("ui"));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of tests") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == "rs") && !path.ends_with("rules.rs") {
                text.push_str(&fs::read_to_string(path).expect("a test"));
            }
        }
    }
    for unit in ["kernel/ids.rs", "kernel/retry.rs", "backend/memory/journal/tests.rs"] {
        text.push_str(&read(format!("runtime/src/{unit}")));
    }
    text
}

#[test]
fn every_rule_that_is_kept_is_named_beside_a_test() {
    let tests = tests();
    let words: BTreeSet<String> = tests
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_uppercase)
        .filter(|word| is_rule(word))
        .collect();
    let kept = kept();
    assert!(kept.len() > 60, "the page was read: {kept:?}");
    let missing: Vec<_> =
        kept.iter().filter(|rule| !words.contains(*rule) && !DUTIES.contains(&&***rule)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}
