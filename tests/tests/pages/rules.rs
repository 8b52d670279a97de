//! Every rule and every schedule that the documentation says is kept is in the name of a test.
//!
//! A comment shows nothing, so only these count: the name of a test function, and the tables of rules
//! that an oracle checks. A schedule is written `schedule_a1`, because rules begin with a B as well.

use std::collections::BTreeSet;

use crate::sources;

/// Rules that bind the user's code, or say what is not promised: there is nothing to run.
const DUTIES: [&str; 3] = ["C9", "C10", "O5"];

/// What a page of the documentation says, line by line.
fn page(name: &str) -> Vec<String> {
    let page = sources::page(name);
    let lines = page.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()).collect()
}

/// Whether the text is the number of a rule or of a schedule: `J1`, `INV13`.
fn is_number(text: &str) -> bool {
    let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.len() == 1 || letters == "INV")
        && letters.bytes().all(|b| b.is_ascii_uppercase())
        && letters.len() < text.len()
}

/// The rules that the page says are kept: those that stand in its tables, or open a sentence.
fn rules() -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    let mut comes_later = false;
    for line in page("semantics") {
        comes_later = line.contains("*Comes later:*") || comes_later && !line.is_empty();
        if let Some(row) = line.strip_prefix("| ") {
            rules.extend(row.split(' ').next().filter(|word| is_number(word)).map(str::to_owned));
        } else if !comes_later {
            let opens = line.split(' ').filter_map(|word| word.strip_suffix(':'));
            rules.extend(opens.filter(|word| is_number(word)).map(str::to_owned));
        }
    }
    rules
}

/// The schedules that the page lists, and whether they are kept here: rows of its two tables.
fn schedules() -> Vec<(String, bool)> {
    let page = page("journal_protocol");
    let begin = page.iter().position(|line| line == "# Schedules").expect("there is such a part");
    let mut is_kept = true;
    let mut schedules = Vec::new();
    for line in &page[begin + 1..] {
        if line.starts_with("# ") {
            break;
        }
        is_kept &= line != "## Not kept here";
        let row = line.strip_prefix("| ").and_then(|row| row.split(' ').next());
        schedules.extend(row.filter(|word| is_number(word)).map(|is| (is.to_owned(), is_kept)));
    }
    schedules
}

/// What tests are named after.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    rules: BTreeSet<String>,
    schedules: BTreeSet<String>,
}

impl Named {
    /// Reads a file with Rust code.
    fn read(&mut self, code: &str) {
        sources::tests(code).into_iter().for_each(|name| self.name(name));
        for line in code.lines().map(str::trim_start) {
            if let Some((rule, _)) =
                line.strip_prefix("(\"").and_then(|row| row.split_once("\", rules::"))
            {
                self.rules.extend(is_number(rule).then(|| rule.to_owned()));
            }
        }
    }

    /// The numbers in the name of a test.
    fn name(&mut self, name: &str) {
        let mut is_schedule = false;
        for word in name.split('_') {
            let number = word.to_ascii_uppercase();
            is_schedule = word == "schedule" || is_schedule && is_number(&number);
            if is_schedule && number.starts_with(['A', 'B']) {
                self.schedules.insert(number);
            } else if is_number(&number) {
                self.rules.insert(number);
            }
        }
    }

    /// Reads every file.
    fn everywhere() -> Self {
        let mut named = Self::default();
        sources::sources().iter().for_each(|code| named.read(code));
        named
    }
}

#[test]
fn every_rule_that_is_kept_is_in_the_name_of_a_test() {
    let (kept, named) = (rules(), Named::everywhere().rules);
    assert!(kept.len() > 60, "the page was read: {kept:?}");
    let missing: Vec<_> =
        kept.difference(&named).filter(|rule| !DUTIES.contains(&rule.as_str())).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
}

#[test]
fn every_schedule_that_is_kept_is_in_the_name_of_a_test() {
    let (listed, named) = (schedules(), Named::everywhere().schedules);
    let kept = listed.iter().filter(|(_, is_kept)| *is_kept).map(|(schedule, _)| schedule);
    let missing: Vec<_> = kept.filter(|schedule| !named.contains(*schedule)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
    let numbers: BTreeSet<_> = listed.iter().map(|(schedule, _)| schedule.clone()).collect();
    let all = (1..=7).map(|n| format!("A{n}")).chain((1..=20).map(|n| format!("B{n}")));
    assert_eq!(numbers, all.collect(), "each is kept or is not");
    assert_eq!(numbers.len(), listed.len(), "and none is both");
}

#[test]
fn no_test_is_named_after_what_is_on_no_page() {
    let named = Named::everywhere();
    let known = [rules(), DUTIES.map(str::to_owned).into()];
    let unknown: Vec<_> =
        named.rules.iter().filter(|rule| !known.iter().any(|of| of.contains(*rule))).collect();
    assert!(unknown.is_empty(), "no rule is called {unknown:?}; schedules begin with `schedule_`");
    let kept: BTreeSet<_> = schedules()
        .into_iter()
        .filter_map(|(schedule, is_kept)| is_kept.then_some(schedule))
        .collect();
    let unknown: Vec<_> = named.schedules.difference(&kept).collect();
    assert!(unknown.is_empty(), "no schedule is called {unknown:?}");
}

#[test]
fn only_the_names_of_tests_and_the_rows_of_tables_count() {
    let mut named = Named::default();
    named.read(
        "// J1 and schedule A1\n\
         fn j2_helps() {}\n\
         #[test]\n#[cfg(unix)]\nfn j3_b1_holds() { assert!(true, \"J4\") }\n\
         #[tokio::test(start_paused = true)]\nasync fn schedule_a2_b1_c3_and_j5_hold() {}\n\
         const RULES: [(&str, Rule); 2] = [\n    (\"INV1\", rules::one),\n    (\"INV2\", 3),\n];",
    );
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let rules = set(&["J3", "B1", "C3", "J5", "INV1"]);
    assert_eq!(named, Named { rules, schedules: set(&["A2", "B1"]) });
}
