//! What everybody saw who had a name, in order, and whether that can be true of leases.

use std::{
    fmt,
    io::{Write as _, stdout},
    sync::Arc,
    time::Duration,
};

use distributed_task::clock::{BootClock, Clock};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::timeout};

/// One thing that one holder saw. Times are in microseconds, on one clock for all processes of the
/// machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub name: String,
    /// Which grant it is about: no two have one of these, in whichever processes.
    pub tenure: String,
    pub fence: u64,
    /// Others may have it as well.
    pub is_shared: bool,
    pub at: u64,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The answer came: from now on the holder may act.
    Granted,
    /// A run of a job began, and was told which attempt it is.
    Began { attempt: Option<u64> },
    /// A look at the lease, which began at that time, said that it is held until then at least.
    Held { until: u64 },
    /// The holder is about to be stopped.
    Stops,
    /// A resource took, or refused, what was written under the fence.
    Wrote { accepted: bool },
    /// It was let go; nothing was done under it from then on.
    LetGo,
    /// It had ended.
    Ended(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Released,
    NotOwner,
    Expired,
    Unreachable,
}

/// What cannot be true of leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Two had one name at a time, by fence. It was promised to both for so long, and both found that
    /// they had it for so long, which may be no time at all.
    Overlap { name: String, fences: [u64; 2], promised: Duration, used: Duration },
    /// A later grant of a name has no higher fence; one that is shared has a lower one than somebody before who had
    /// it alone.
    FenceFell { name: String, fences: [u64; 2] },
    /// A resource took a lower fence after a higher one.
    RegisterFell { fences: [u64; 2] },
    /// Somebody was told that it is held who had been told that it is not.
    Revived { tenure: String },
    /// Two ends were told of one grant.
    EndedTwice { tenure: String, ends: [End; 2] },
    /// It was granted twice, or never.
    NotOneGrant { tenure: String, grants: usize },
}

/// All that was seen. Cloning shares it.
#[derive(Clone)]
pub struct History {
    clock: Arc<dyn Clock>,
    events: Arc<watch::Sender<Vec<Event>>>,
    is_spoken: bool,
}

/// No event is waited for as long, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl Default for History {
    fn default() -> Self {
        Self::on(BootClock::default())
    }
}

impl History {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn on(clock: impl Clock) -> Self {
        let events = Arc::new(watch::Sender::new(Vec::new()));
        Self { clock: Arc::new(clock), events, is_spoken: false }
    }

    /// One that is also printed, line by line, for the process that started this one.
    pub fn spoken() -> Self {
        Self { is_spoken: true, ..Self::new() }
    }

    pub fn now(&self) -> u64 {
        self.clock.now().0
    }

    pub fn note(&self, event: Event) {
        if self.is_spoken {
            let line = serde_json::to_string(&event).expect("an event is plain data");
            writeln!(stdout(), "{line}").expect("somebody listens");
        }
        self.events.send_modify(|events| events.push(event));
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    /// How often a name was granted.
    pub fn grants(&self) -> usize {
        self.events.borrow().iter().filter(|event| event.what == What::Granted).count()
    }

    /// Waits until somebody has seen this.
    pub async fn wait_for(&self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let mut watched = self.events.subscribe();
        let seen = watched.wait_for(|events| events.iter().any(&is_it));
        let events =
            timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{what}: it never was{self}"));
        let events = events.expect("this history lasts");
        events.iter().find(|event| is_it(event)).expect("it was there").clone()
    }

    /// Everything that cannot be true, in order of time.
    pub fn findings(&self) -> Vec<Finding> {
        findings(&self.events())
    }
}

/// A grant, as far as its holder saw it.
struct Tenure<'a> {
    first: &'a Event,
    events: Vec<&'a Event>,
}

impl<'a> Tenure<'a> {
    fn all(events: &'a [Event]) -> Vec<Self> {
        let mut tenures: Vec<Self> = Vec::new();
        for event in events {
            match tenures.iter_mut().find(|tenure| tenure.first.tenure == event.tenure) {
                Some(tenure) => tenure.events.push(event),
                None => tenures.push(Self { first: event, events: vec![event] }),
            }
        }
        // The holder's order is that of its own clock; the sort keeps it where times are equal.
        tenures.iter_mut().for_each(|tenure| tenure.events.sort_by_key(|event| event.at));
        tenures.sort_by_key(Self::begun);
        tenures
    }

    fn begun(&self) -> u64 {
        let granted = self.events.iter().find(|event| event.what == What::Granted);
        granted.map_or(self.first.at, |event| event.at)
    }

    /// Until when it was promised, and not let go.
    fn promised(&self) -> u64 {
        let promises = self.events.iter().filter_map(|event| match event.what {
            What::Held { until } => Some(until),
            _ => None,
        });
        let let_go = self.events.iter().find(|event| event.what == What::LetGo);
        let end = promises.max().unwrap_or(self.begun());
        let_go.map_or(end, |event| end.min(event.at))
    }

    /// When it was looked at last, and held.
    fn used(&self) -> u64 {
        let looks = self.events.iter().filter(|event| matches!(event.what, What::Held { .. }));
        looks.map(|event| event.at).max().unwrap_or(self.begun())
    }

    fn own_findings(&self) -> Vec<Finding> {
        let (mut found, tenure) = (Vec::new(), self.first.tenure.clone());
        let grants = self.events.iter().filter(|event| event.what == What::Granted).count();
        if grants != 1 {
            found.push(Finding::NotOneGrant { tenure: tenure.clone(), grants });
        }
        let mut ended = None;
        for event in &self.events {
            match (event.what, ended) {
                (What::Ended(end), None) => ended = Some(end),
                (What::Ended(end), Some(before)) if end != before => {
                    let ends = [before, end];
                    found.push(Finding::EndedTwice { tenure: tenure.clone(), ends });
                }
                (What::Held { .. }, Some(_)) => {
                    found.push(Finding::Revived { tenure: tenure.clone() });
                }
                _ => {}
            }
        }
        found
    }
}

pub fn findings(events: &[Event]) -> Vec<Finding> {
    let tenures = Tenure::all(events);
    let mut found: Vec<_> = tenures.iter().flat_map(Tenure::own_findings).collect();
    for (number, later) in tenures.iter().enumerate() {
        let before = &tenures[..number];
        found.extend(before.iter().filter_map(|earlier| overlap(earlier, later)));
        let same = before.iter().rfind(|earlier| {
            let is_measured = !(earlier.first.is_shared && later.first.is_shared);
            earlier.first.name == later.first.name && is_measured
        });
        found.extend(same.and_then(|earlier| fall(earlier, later)));
    }
    found
}

/// Whether two had a name at a time that they do not share; the later one began later.
fn overlap(earlier: &Tenure<'_>, later: &Tenure<'_>) -> Option<Finding> {
    let begun = later.begun();
    let promised = earlier.promised().min(later.promised()).saturating_sub(begun);
    let is_shared = earlier.first.is_shared && later.first.is_shared;
    if earlier.first.name != later.first.name || is_shared || promised == 0 {
        return None;
    }
    let used = earlier.used().min(later.used()).saturating_sub(begun);
    Some(Finding::Overlap {
        name: later.first.name.clone(),
        fences: [earlier.first.fence, later.first.fence],
        promised: Duration::from_micros(promised),
        used: Duration::from_micros(used),
    })
}

fn fall(earlier: &Tenure<'_>, later: &Tenure<'_>) -> Option<Finding> {
    let fences = [earlier.first.fence, later.first.fence];
    let name = later.first.name.clone();
    let is_low = match later.first.is_shared {
        true => fences[0] > fences[1],
        false => fences[0] >= fences[1],
    };
    is_low.then_some(Finding::FenceFell { name, fences })
}

/// What is wrong with what a resource has taken, in its order.
pub fn falls(accepted: &[u64]) -> Vec<Finding> {
    let pairs = accepted.windows(2).filter(|pair| pair[0] > pair[1]);
    pairs.map(|pair| Finding::RegisterFell { fences: [pair[0], pair[1]] }).collect()
}

/// What a test prints that fails: who had what, from when to when, in milliseconds.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events();
        let begun = events.iter().map(|event| event.at).min().unwrap_or_default();
        let millis = |at: u64| at.saturating_sub(begun) as f64 / 1e3;
        for tenure in Tenure::all(&events) {
            let Event { name, tenure: who, fence, .. } = tenure.first;
            let (from, until, used) = (tenure.begun(), tenure.promised(), tenure.used());
            let ends = tenure.events.iter().filter_map(|event| match event.what {
                What::Ended(end) => Some((end, millis(event.at))),
                _ => None,
            });
            let (from, until, used) = (millis(from), millis(until), millis(used));
            write!(f, "\n{name} {who} {fence}: {from} to {until}, used until {used}")?;
            write!(f, ", ended {:?}", ends.take(2).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one holder saw of `night`, who was granted it under this fence at this time.
    fn tenure(fence: u64, granted: u64, later: &[(u64, What)]) -> Vec<Event> {
        let seen = [(granted, What::Granted)].into_iter().chain(later.iter().copied());
        let event = |(at, what)| Event {
            name: "night".to_owned(),
            tenure: format!("{fence} at {granted}"),
            fence,
            is_shared: false,
            at,
            what,
        };
        seen.map(event).collect()
    }

    fn shared(mut tenure: Vec<Event>) -> Vec<Event> {
        tenure.iter_mut().for_each(|event| {
            event.is_shared = true;
            event.tenure.push_str(", shared");
        });
        tenure
    }

    fn of(tenures: &[Vec<Event>]) -> Vec<Finding> {
        // In any order: processes write down what they saw when they come to it.
        let reversed: Vec<_> = tenures.concat().into_iter().rev().collect();
        let (found, same) = (findings(&tenures.concat()), findings(&reversed));
        assert_eq!(found, same);
        found
    }

    const UNTIL_50: (u64, What) = (11, What::Held { until: 50 });

    #[test]
    fn what_can_be_true_is_no_finding() {
        let released = [UNTIL_50, (20, What::LetGo), (21, What::Ended(End::Released))];
        let expired = [(26, What::Held { until: 60 }), (60, What::Ended(End::Expired))];
        let still_held = [(61, What::Held { until: 90 }), (62, What::Wrote { accepted: true })];
        let seen = [tenure(1, 10, &released), tenure(2, 25, &expired), tenure(7, 60, &still_held)];
        assert_eq!(of(&seen), []);
        assert_eq!(falls(&[1, 1, 2, 7, 7]), []);

        // Readers share it, under fences that tell nothing but who was alone.
        let let_go = [(31, What::Held { until: 90 }), (41, What::LetGo)];
        let readers = [tenure(7, 30, &let_go), tenure(7, 31, &let_go)].map(shared);
        let [one, other] = readers;
        assert_eq!(of(&[tenure(7, 10, &[]), one, other, tenure(8, 41, &[UNTIL_50])]), []);
    }

    #[test]
    fn what_cannot_be_true_is_found() {
        let micros = Duration::from_micros;
        let overlap = |promised, used| Finding::Overlap {
            name: "night".to_owned(),
            fences: [1, 2],
            promised: micros(promised),
            used: micros(used),
        };
        let first = tenure(1, 10, &[UNTIL_50]);
        let second = tenure(2, 40, &[(41, What::Held { until: 80 })]);
        assert_eq!(of(&[first, second.clone()]), [overlap(10, 0)], "it was promised");
        let looks_again = [UNTIL_50, (45, What::Held { until: 70 })];
        let first = tenure(1, 10, &looks_again);
        assert_eq!(of(&[first, second.clone()]), [overlap(30, 1)], "both looked");

        let let_go_late = [UNTIL_50, (44, What::LetGo)];
        let first = tenure(1, 10, &let_go_late);
        assert_eq!(of(&[first, second]), [overlap(4, 0)], "it was not let go yet");

        let reader = shared(tenure(1, 10, &[UNTIL_50]));
        assert_eq!(of(&[reader, tenure(2, 40, &[UNTIL_50])]), [overlap(10, 0)], "one was alone");
        let low = Finding::FenceFell { name: "night".to_owned(), fences: [2, 1] };
        assert_eq!(of(&[tenure(2, 10, &[]), shared(tenure(1, 20, &[]))]), [low]);
        let same = Finding::FenceFell { name: "night".to_owned(), fences: [1, 1] };
        let reader = shared(tenure(1, 10, &[]));
        assert_eq!(
            of(&[reader, tenure(1, 20, &[])]),
            std::slice::from_ref(&same),
            "who is alone is above"
        );

        assert_eq!(of(&[tenure(1, 10, &[]), tenure(1, 20, &[])]), [same]);
        let lower = Finding::FenceFell { name: "night".to_owned(), fences: [2, 1] };
        assert_eq!(of(&[tenure(2, 10, &[]), tenure(1, 20, &[])]), [lower]);

        let revived = [(20, What::Ended(End::Expired)), (21, What::Held { until: 50 })];
        let seen = [tenure(1, 10, &revived)];
        assert_eq!(of(&seen), [Finding::Revived { tenure: "1 at 10".to_owned() }]);
        let twice = [(20, What::Ended(End::Expired)), (21, What::Ended(End::Released))];
        let ends = [End::Expired, End::Released];
        let wanted = Finding::EndedTwice { tenure: "1 at 10".to_owned(), ends };
        assert_eq!(of(&[tenure(1, 10, &twice)]), [wanted]);
        let again = tenure(1, 10, &[(10, What::Granted)]);
        assert_eq!(
            of(&[again]),
            [Finding::NotOneGrant { tenure: "1 at 10".to_owned(), grants: 2 }]
        );
        let mut never = tenure(1, 10, &[UNTIL_50]);
        never.remove(0);
        assert_eq!(
            of(&[never]),
            [Finding::NotOneGrant { tenure: "1 at 10".to_owned(), grants: 0 }]
        );

        assert_eq!(falls(&[1, 3, 2, 2]), [Finding::RegisterFell { fences: [3, 2] }]);
    }
}
