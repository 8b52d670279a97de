//! Definitions in a few words: `task([upload("files").on_api(), step("charge"), pivot("sell")])`.

use std::time::Duration;

use crate::kernel::{
    Backoff, DEFAULT_STEP_TIMEOUT, Definition, Host, Jitter, Kind, OnExhausted, Retry, Step,
};

/// A step under construction.
#[derive(Clone)]
pub(super) struct Row(Step);

/// A compensable step on a worker, three retries 1 s apart.
pub(super) fn step(name: &'static str) -> Row {
    Row(Step {
        name: name.into(),
        host: Host::Worker,
        stage: 0,
        group: None,
        await_all: false,
        kind: Kind::Compensable,
        conditional: false,
        ephemeral: false,
        inputs: Vec::new(),
        when_inputs: Vec::new(),
        undo_inputs: Vec::new(),
        probe_inputs: Vec::new(),
        at_most_once: false,
        probe: false,
        on_exhausted: OnExhausted::Compensate,
        retry: Retry {
            max: 3,
            backoff: Backoff::Constant,
            delay: Duration::from_secs(1),
            jitter: Jitter::None,
            ..Retry::DEFAULT
        },
        timeout: DEFAULT_STEP_TIMEOUT,
    })
}

pub(super) fn pivot(name: &'static str) -> Row {
    step(name).of(Kind::Pivot)
}

pub(super) fn retriable(name: &'static str) -> Row {
    step(name).of(Kind::Retriable)
}

pub(super) fn read_only(name: &'static str) -> Row {
    step(name).of(Kind::ReadOnly)
}

pub(super) fn no_undo(name: &'static str, reason: &'static str) -> Row {
    step(name).of(Kind::NoUndo(reason.into()))
}

pub(super) fn ephemeral(name: &'static str) -> Row {
    let Row(step) = read_only(name);
    Row(Step { ephemeral: true, ..step })
}

impl Row {
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.0.kind == kind
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        self.0.ephemeral
    }

    pub(super) fn of(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(super) fn on_api(mut self) -> Self {
        self.0.host = Host::Api;
        self
    }

    pub(super) fn in_group(mut self, group: &'static str) -> Self {
        self.0.group = Some(group.into());
        self
    }

    pub(super) fn await_all(mut self) -> Self {
        self.0.await_all = true;
        self
    }

    pub(super) fn when(mut self, reads: impl IntoIterator<Item = usize>) -> Self {
        self.0.conditional = true;
        self.0.when_inputs.extend(reads);
        self
    }

    pub(super) fn reads(mut self, inputs: impl IntoIterator<Item = usize>) -> Self {
        self.0.inputs.extend(inputs);
        self
    }

    pub(super) fn retries(mut self, max: u32) -> Self {
        self.0.retry.max = max;
        self
    }

    pub(super) fn every(mut self, seconds: u64) -> Self {
        self.0.retry.delay = Duration::from_secs(seconds);
        self.0.retry.max_delay = Duration::from_secs(seconds);
        self
    }

    /// It has a probe.
    pub(super) fn probed(mut self) -> Self {
        self.0.probe = true;
        self
    }

    pub(super) fn at_most_once(mut self) -> Self {
        self.0.at_most_once = true;
        self
    }

    /// When its retries are used up, it parks.
    pub(super) fn parks(mut self) -> Self {
        self.0.on_exhausted = OnExhausted::Park;
        self
    }

    /// The limit of an attempt.
    pub(super) fn limited_to(mut self, seconds: u64) -> Self {
        self.0.timeout = Duration::from_secs(seconds);
        self
    }

    pub(super) fn doubling(mut self) -> Self {
        self.0.retry.backoff = Backoff::Exponential;
        self
    }
}

/// A task of these steps; neighbours of one group share a stage.
pub(super) fn task(rows: impl IntoIterator<Item = Row>) -> Definition {
    let mut steps: Vec<Step> = Vec::new();
    for Row(mut step) in rows {
        step.stage = match steps.last() {
            None => 0,
            Some(last) if step.group.is_some() && last.group == step.group => last.stage,
            Some(last) => last.stage + 1,
        };
        steps.push(step);
    }
    Definition {
        task: "order".into(),
        queue: "orders".into(),
        steps,
        timeout: None,
        cancellable: true,
    }
}

impl Definition {
    pub(super) fn within(mut self, seconds: u64) -> Self {
        self.timeout = Some(Duration::from_secs(seconds));
        self
    }
}
