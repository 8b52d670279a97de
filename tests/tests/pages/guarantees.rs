//! Every sentence of the page of guarantees stands beside tests that exist.

use crate::sources::{all_tests, page, tests};

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
    let page = page("guarantees");
    let alone = page.split("\n//!\n").find(|part| part.starts_with("//! | ") && !is_table(part));
    assert_eq!(alone, None, "a row outside its table");
    let (tests, rows) = (all_tests(), rows(&page));
    assert!(rows.len() > 30 && tests.len() > 500, "{} {}", rows.len(), tests.len());
    for (what, shown) in rows {
        assert!(!shown.is_empty(), "nothing shows: {what}");
        for name in shown {
            assert!(tests.contains(name), "no test is called `{name}`, which shows: {what}");
        }
    }
}

/// The same for the page on Redis.
#[test]
fn what_comes_of_a_failure_of_redis_is_shown_by_tests_that_exist() {
    let page = page("redis");
    let begin = page.find("//! # What fails").expect("there is such a part");
    let rows = rows(&page[begin..]);
    let tests = all_tests();
    assert!(rows.len() > 8, "{}", rows.len());
    for (what, shown) in rows.iter().skip(2) {
        assert!(!shown.is_empty(), "nothing shows: {what}");
        for name in shown {
            assert!(tests.contains(*name), "no test is called `{name}`, which shows: {what}");
        }
    }
}

/// The same for the page of the protocol, where a control stands for each mutation.
#[test]
fn every_mutation_of_the_protocol_is_found_by_a_test_that_exists() {
    let page = page("journal_protocol");
    let begin = page.find("//! # Lost replies").expect("there is such a part");
    let end = page.find("//! # Not yet").expect("there is such a part");
    let tests = all_tests();
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
    let names = tests("// fn a() {}\nfn b() {}\n#[test]\n#[cfg(unix)]\nfn c() {}\nfn d() {}");
    assert_eq!(names, ["c"]);
    let page =
        "//! | what holds | shown by |\n//! | --- | --- |\n//! | it | `c`, `d` |\n//! | no |  |";
    assert_eq!(rows(page), [("it", vec!["c", "d"]), ("no", vec![])]);
}
