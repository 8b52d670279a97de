//! A sweep: one story for every crash there is.

use distributed_task::{
    TaskSteps,
    testing::parts::{Side, Stop},
};

use crate::{
    again,
    story::{Case, Fate, Story, tell},
};

/// Before and after the first append, the second, and so on.
pub(crate) fn around_every_append() -> impl Iterator<Item = Stop> {
    let sides = |append| [Side::Before, Side::After].map(|side| Stop { append, side });
    (1..).flat_map(sides)
}

/// What a sweep went through.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Appends of a life without a crash.
    pub(crate) appends: usize,
    pub(crate) stories: usize,
}

/// Crashes before and after every append, and then, in the successor, again: so many deaths deep.
/// Panics with the first story that does not end well.
pub(crate) fn sweep<T: TaskSteps>(case: &Case<T>, deaths: usize) -> Swept {
    sweep_with(case, deaths, Fate::PLAIN)
}

pub(crate) fn sweep_with<T: TaskSteps>(case: &Case<T>, deaths: usize, fate: Fate) -> Swept {
    stories(case, deaths, fate, |stops, story| judge(case.name, stops, fate, story))
}

/// Panics unless all is well.
pub(crate) fn judge(name: &str, stops: &[Stop], fate: Fate, story: &Story) {
    let wrong = story.verdict();
    let how = || again::command(name, stops, fate);
    assert!(wrong.is_empty(), "{}", report(name, &how(), &wrong, story));
}

/// Tells the story without a crash, and one for each crash, so many deaths deep.
pub(crate) fn stories<T: TaskSteps>(
    case: &Case<T>,
    deaths: usize,
    fate: Fate,
    mut visit: impl FnMut(&[Stop], &Story),
) -> Swept {
    let whole = tell(case, &[], fate);
    visit(&[], &whole);
    let mut swept = Swept { appends: whole.store.appends(), stories: 1 };
    let mut open = if deaths > 0 { vec![Vec::new()] } else { Vec::new() };
    while let Some(stops) = open.pop() {
        for stop in around_every_append() {
            let stops = [&stops[..], &[stop]].concat();
            let story = tell(case, &stops, fate);
            if story.deaths < stops.len() {
                // The last process came to its end before that append.
                break;
            }
            visit(&stops, &story);
            swept.stories += 1;
            if stops.len() < deaths {
                open.push(stops);
            }
        }
    }
    swept
}

/// What there is to read about a story that did not end well.
pub(crate) fn report(name: &str, how: &str, wrong: &[String], story: &Story) -> String {
    format!("\n`{name}`: {how}\n\n  {}\n\n{story}", wrong.join("\n  "))
}
