//! Every sentence of the page of guarantees stands beside tests that exist.

use std::collections::BTreeSet;

use crate::sources::{all_tests, page, sources, tests};

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

/// By tests that exist.
#[track_caller]
fn is_shown(what: &str, shown: &[&str], tests: &BTreeSet<String>) {
    assert!(!shown.is_empty(), "nothing shows: {what}");
    for name in shown {
        assert!(tests.contains(*name), "no test is called `{name}`, which shows: {what}");
    }
}

#[test]
fn every_guarantee_is_shown_by_tests_that_exist() {
    let page = page("guarantees");
    let alone = page.split("\n//!\n").find(|part| part.starts_with("//! | ") && !is_table(part));
    assert_eq!(alone, None, "a row outside its table");
    let (tests, rows) = (all_tests(), rows(&page));
    assert!(rows.len() > 30 && tests.len() > 500, "{} {}", rows.len(), tests.len());
    for (what, shown) in rows {
        is_shown(what, &shown, &tests);
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
        is_shown(what, shown, &tests);
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
        is_shown(row, &names, &tests);
    }
}

/// The same for the rules of leases, locks and elections, and whatever cites one.
#[test]
fn every_rule_of_coordination_is_shown_by_tests_that_exist() {
    let page = page("coordination");
    let (rules, tests) = (rows(&page), all_tests());
    let rules = rules.iter().filter_map(|(what, shown)| Some((what.split_once(" | ")?.0, shown)));
    let rules: Vec<_> = rules.filter(|(rule, _)| is_rule(rule)).collect();
    let mut numbers: Vec<&str> = rules.iter().map(|(rule, _)| *rule).collect();
    assert!(numbers.len() > 100, "{}", numbers.len());
    for (rule, shown) in rules {
        is_shown(rule, shown, &tests);
    }
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "each number once: {numbers:?}");
    for code in sources() {
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for cited in words.filter(|word| is_rule(word)) {
            assert!(page.contains(cited), "nobody says what {cited} is");
        }
    }
}

/// The same for the mistakes of others, each with where it was told.
#[test]
fn every_mistake_of_others_is_shown_not_to_be_here_by_tests_that_exist() {
    let page = page("coordination");
    let begin = page.find("//! # What others had").expect("there is such a part");
    let end = page.find("//! # Not kept").expect("there is such a part");
    let (part, tests) = (&page[begin..end], all_tests());
    let mistakes: Vec<_> = rows(part).into_iter().skip(2).collect();
    assert!(mistakes.len() > 12, "{}", mistakes.len());
    for (what, shown) in mistakes {
        assert!(what.contains(" | ") && what.contains("[#"), "nobody said so: {what}");
        is_shown(what, &shown, &tests);
    }
}

/// Whether it is the number of such a rule: `LS-04`.
fn is_rule(word: &str) -> bool {
    const KINDS: [&str; 10] = ["LS", "LK", "QL", "SJ", "LE", "LM", "HC", "PO", "DG", "CF"];
    let parts = word.split_once('-').filter(|(kind, _)| KINDS.contains(kind));
    parts.is_some_and(|(_, number)| number.len() == 2 && number.parse::<u8>().is_ok())
}

#[test]
fn a_name_that_is_no_test_does_not_count() {
    let names = tests("// fn a() {}\nfn b() {}\n#[test]\n#[cfg(unix)]\nfn c() {}\nfn d() {}");
    assert_eq!(names, ["c"]);
    let page =
        "//! | what holds | shown by |\n//! | --- | --- |\n//! | it | `c`, `d` |\n//! | no |  |";
    assert_eq!(rows(page), [("it", vec!["c", "d"]), ("no", vec![])]);
}
