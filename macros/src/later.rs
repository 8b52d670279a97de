//! What is planned but not there yet.

/// What comes with a later version: a word is reserved, and its answer says so.
const LATER: &[(&str, &str)] = &[
    ("at_most_once", "a step runs at least once and counts as idempotent under its key"),
    ("probe", "an unknown outcome is settled by running the step again under the same key"),
    ("on_exhausted", "a saga compensates once the retries of a step are used up"),
    ("was", "a step keeps its name"),
    ("durability", "a task accepts the durability of the journal it is given"),
    ("PartialResult", "return `StepResult<T>`, and split a step that can do half its work"),
];

/// Why `word` is not there yet, if it is planned.
pub(crate) fn later(word: &str) -> Option<String> {
    let (_, today) = LATER.iter().find(|(planned, _)| *planned == word)?;
    Some(format!("`{word}` comes later: for now, {today}"))
}
