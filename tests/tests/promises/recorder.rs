//! A `tracing` subscriber that remembers spans and events with their fields.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    num::NonZeroU64,
    sync::{Arc, Mutex},
};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    dispatcher::DefaultGuard,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::NoSubscriber,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    pub(crate) fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("?", String::as_str)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// A span, or an event.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: &'static str,
    #[allow(dead_code, reason = "other tests ask for it")]
    pub(crate) level: Level,
    pub(crate) inside: Option<usize>,
    pub(crate) fields: Fields,
    /// How many still hold the span.
    pub(crate) holders: usize,
}

#[derive(Default)]
pub(crate) struct Sightings {
    pub(crate) spans: Vec<Seen>,
    pub(crate) events: Vec<Seen>,
    entered: Vec<usize>,
}

impl Sightings {
    fn seen(
        &self,
        metadata: &Metadata<'static>,
        parent: Option<&Id>,
        is_contextual: bool,
        fill: impl FnOnce(&mut Fields),
    ) -> Seen {
        let current = self.entered.last().copied().filter(|_| is_contextual);
        let mut fields = Fields::default();
        fill(&mut fields);
        let (name, inside) = (metadata.name(), parent.map(index).or(current));
        Seen { name, level: *metadata.level(), inside, fields, holders: 1 }
    }
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64()).expect("few spans") - 1
}

/// Clones share what they have seen. All happens on the one thread of a test.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Sightings>>);

impl Recorder {
    /// Sees what happens on this thread until the guard is dropped.
    pub(crate) fn start() -> (Self, (DefaultGuard, Dispatch)) {
        let recorder = Self::default();
        let guard = tracing::subscriber::set_default(recorder.clone());
        // While there is only one subscriber, `tracing` asks the one of the thread that comes by
        // first whether anybody wants a span, and keeps the answer: other tests' threads have none.
        (recorder, (guard, Dispatch::new(NoSubscriber::new())))
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Sightings) -> R) -> R {
        look(&mut self.0.lock().expect("nobody panics while looking"))
    }

    pub(crate) fn spans(&self, name: &str) -> Vec<Seen> {
        self.with(|all| all.spans.iter().filter(|span| span.name == name).cloned().collect())
    }

    /// The attempts, in the order of their start.
    pub(crate) fn attempts(&self) -> Vec<String> {
        let attempt = |span: &Seen| {
            let [order, name, attempt, way, status] =
                ["step.order", "step.name", "step.attempt", "step.way", "step.status"]
                    .map(|field| span.fields.get(field));
            format!("{order} {name}, {way} {attempt}: {status}")
        };
        self.spans("step").iter().map(attempt).collect()
    }

    /// All that was said in fields of spans and events, messages among them.
    pub(crate) fn words(&self) -> String {
        self.with(|all| format!("{:?} {:?}", all.spans, all.events))
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.with(|all| {
            let fill = |fields: &mut Fields| span.record(fields);
            let span = all.seen(span.metadata(), span.parent(), span.is_contextual(), fill);
            all.spans.push(span);
            Id::from_non_zero_u64(NonZeroU64::new(all.spans.len() as u64).expect("one at least"))
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.with(|all| values.record(&mut all.spans[index(span)].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.with(|all| {
            let fill = |fields: &mut Fields| event.record(fields);
            let event = all.seen(event.metadata(), event.parent(), event.is_contextual(), fill);
            all.events.push(event);
        });
    }

    fn enter(&self, span: &Id) {
        self.with(|all| all.entered.push(index(span)));
    }

    fn exit(&self, span: &Id) {
        self.with(|all| assert_eq!(all.entered.pop(), Some(index(span))));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.with(|all| all.spans[index(span)].holders += 1);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        self.with(|all| {
            let holders = &mut all.spans[index(&span)].holders;
            *holders -= 1;
            *holders == 0
        })
    }
}
