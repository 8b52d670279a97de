//! Every sentence of the page of guarantees stands beside tests that exist.

use std::{collections::BTreeSet, fs, path::Path};

/// Where tests are.
const FOLDERS: [&str; 3] = ["runtime/src", "tests/tests", "examples"];

fn at(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = FOLDERS.map(at).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == "rs") {
                read(&fs::read_to_string(&path).expect("text"), &mut names);
            }
        }
    }
    names
}

fn read(code: &str, names: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in code.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ")
            && std::mem::take(&mut is_test)
        {
            names.extend(name.split('(').next().map(str::to_owned));
        }
    }
}

fn is_table(part: &str) -> bool {
    part.starts_with("//! | what holds | shown by |\n//! | --- | --- |\n")
}

/// What holds, and the tests beside it.
fn rows(page: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    let rows = rows.filter_map(|row| row.rsplit_once(" | "));
    let rows = rows.filter(|(what, _)| !["what holds", "---"].contains(what));
    rows.map(|(what, shown)| (what, shown.split('`').skip(1).step_by(2).collect())).collect()
}

#[test]
fn every_guarantee_is_shown_by_tests_that_exist() {
    let page = fs::read_to_string(at("runtime/src/docs/guarantees.rs")).expect("the page");
    let alone = page.split("\n//!\n").find(|part| part.starts_with("//! | ") && !is_table(part));
    assert_eq!(alone, None, "a row outside its table");
    let (tests, rows) = (tests(), rows(&page));
    assert!(rows.len() > 30 && tests.len() > 500, "{} {}", rows.len(), tests.len());
    for (what, shown) in rows {
        assert!(!shown.is_empty(), "nothing shows: {what}");
        for name in shown {
            assert!(tests.contains(name), "no test is called `{name}`, which shows: {what}");
        }
    }
}

/// The same for the page of the protocol, where a control stands for each mutation.
#[test]
fn every_mutation_of_the_protocol_is_found_by_a_test_that_exists() {
    let page = fs::read_to_string(at("runtime/src/docs/journal_protocol.rs")).expect("the page");
    let begin = page.find("//! # Lost replies").expect("there is such a part");
    let end = page.find("//! # Not yet").expect("there is such a part");
    let tests = tests();
    let rows = page[begin..end].lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows: Vec<&str> =
        rows.filter(|row| !row.starts_with("what") && !row.starts_with("---")).collect();
    assert!(rows.len() >= 12, "{}", rows.len());
    for row in rows {
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing finds: {row}");
        for name in names {
            assert!(tests.contains(name), "no test is called `{name}`: {row}");
        }
    }
}

#[test]
fn a_name_that_is_no_test_does_not_count() {
    let mut names = BTreeSet::new();
    read("// fn a() {}\nfn b() {}\n#[test]\n#[cfg(unix)]\nfn c() {}\nfn d() {}", &mut names);
    assert_eq!(names, BTreeSet::from(["c".to_owned()]));
    let page =
        "//! | what holds | shown by |\n//! | --- | --- |\n//! | it | `c`, `d` |\n//! | no |  |";
    assert_eq!(rows(page), [("it", vec!["c", "d"]), ("no", vec![])]);
}
