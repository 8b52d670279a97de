//! One run of the matrix, by name: `order/charge.lost:6:before`.

use super::scenario::Scenario;
use crate::{
    kernel::Definition,
    testing::line::{Side, Stop},
};

/// The variable that names the only run to do.
pub(super) const VARIABLE: &str = "CRASH_POINT";

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) scenario: Scenario,
    /// What happens around which write, if anything.
    pub(super) stop: Option<Stop>,
}

impl Point {
    /// A run in which nothing happens around any write.
    pub(super) fn whole(scenario: Scenario) -> Self {
        Self { scenario, stop: None }
    }

    /// Everything that can happen around so many writes.
    pub(super) fn around(scenario: Scenario, writes: usize) -> impl Iterator<Item = Self> {
        let writes = 1..=u32::try_from(writes).expect("no saga has as many");
        let at = move |append| {
            Side::ALL.map(|side| Self { scenario, stop: Some(Stop { append, side }) })
        };
        writes.flat_map(at)
    }

    /// Its name.
    pub(super) fn name(self, definition: &Definition) -> String {
        let mut name = format!("{}/{}", definition.task, self.scenario.name(definition));
        if let Some(Stop { append, side }) = self.stop {
            name.push_str(&format!(":{append}:{}", side.word()));
        }
        name
    }

    /// What happens to the process, in words.
    pub(super) fn happens(self) -> Option<&'static str> {
        self.stop.map(|stop| match stop.side {
            Side::Before => "the process dies before it",
            Side::After => "the process dies behind it",
            Side::Unanswered => "it is written, and its answer is lost",
            Side::Redelivered => "behind it the ticket of the saga comes once more",
        })
    }

    /// The run of that name; `None` when it is one of another task.
    ///
    /// # Errors
    /// When the name is not one of a run.
    pub(super) fn parse(name: &str, definition: &Definition) -> Result<Option<Self>, String> {
        let Some((task, rest)) = name.split_once('/') else {
            return Err(format!("`{name}` does not name the task of a run"));
        };
        if task != definition.task {
            return Ok(None);
        }
        let mut words = rest.split(':');
        let scenario = words.next().unwrap_or_default();
        let Some(scenario) = Scenario::parse(scenario, definition) else {
            return Err(format!("`{task}` has no scenario `{scenario}`"));
        };
        let stop = match (words.next(), words.next(), words.next()) {
            (None, None, None) => None,
            (Some(append), Some(side), None) => {
                let side = Side::ALL.into_iter().find(|known| known.word() == side);
                let append = append.parse().ok().filter(|append| *append > 0);
                let stop = append.zip(side).map(|(append, side)| Stop { append, side });
                Some(stop.ok_or_else(|| format!("`{rest}` names no write and side"))?)
            }
            _ => return Err(format!("`{rest}` names no write and side")),
        };
        Ok(Some(Self { scenario, stop }))
    }
}
