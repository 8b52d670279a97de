//! The graph of a task as data: it is known before anything runs, and the journal keeps it (V1).

use std::{borrow::Cow, fmt, ops::Range, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hex;

/// A task: its steps in order, and the limits of the whole.
///
/// ```
/// use distributed_task::kernel::Definition;
///
/// /// The graph in a line: `reserve, (flight | hotel), charge`.
/// fn graph(definition: &Definition) -> String {
///     let stage = |stage| {
///         let steps = &definition.steps[definition.stage(stage)];
///         let names: Vec<&str> = steps.iter().map(|step| &*step.name).collect();
///         if steps.len() > 1 { format!("({})", names.join(" | ")) } else { names.concat() }
///     };
///     (0..definition.stages()).map(stage).collect::<Vec<_>>().join(", ")
/// }
/// # use std::time::Duration;
/// # use distributed_task::kernel::{Host, Kind, OnExhausted, Retry, Step};
/// # let step = |name: &'static str, stage| Step {
/// #     name: name.into(), host: Host::Worker, stage, group: None, await_all: false,
/// #     kind: Kind::ReadOnly, conditional: false, ephemeral: false, inputs: vec![],
/// #     when_inputs: vec![], undo_inputs: vec![], probe_inputs: vec![], at_most_once: false,
/// #     probe: false, on_exhausted: OnExhausted::Compensate, retry: Retry::DEFAULT,
/// #     timeout: Duration::from_secs(60),
/// # };
/// # let definition = Definition {
/// #     task: "book-trip".into(),
/// #     queue: "book-trip".into(),
/// #     steps: vec![step("reserve", 0), step("flight", 1), step("hotel", 1), step("charge", 2)],
/// #     timeout: None,
/// #     cancellable: true,
/// # };
/// assert_eq!(graph(&definition), "reserve, (flight | hotel), charge");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Name of the task, kebab-case; part of every key (I1).
    pub task: Cow<'static, str>,
    /// Queue its workers listen to.
    pub queue: Cow<'static, str>,
    /// Steps in source order, which is their order of execution (O1).
    pub steps: Vec<Step>,
    /// Deadline of a saga, counted from its start.
    pub timeout: Option<Duration>,
    /// Whether users may cancel a saga.
    pub cancellable: bool,
}

/// One step of a [`Definition`].
///
/// ```
/// use std::time::Duration;
/// use distributed_task::kernel::{Host, Kind, OnExhausted, Retry, Step};
///
/// // What the macros make of `#[step(pivot)] async fn charge(&self, hold: &String)`, where `hold`
/// // is the first step of the task.
/// let charge = Step {
///     name: "charge".into(),
///     kind: Kind::Pivot,
///     stage: 1,
///     inputs: vec![0],
///     host: Host::Worker,
///     on_exhausted: OnExhausted::Compensate,
///     retry: Retry::DEFAULT,
///     timeout: Duration::from_secs(600),
///     // All that it does not say.
///     group: None,
///     await_all: false,
///     conditional: false,
///     ephemeral: false,
///     when_inputs: vec![],
///     undo_inputs: vec![],
///     probe_inputs: vec![],
///     at_most_once: false,
///     probe: false,
/// };
/// # assert_eq!(charge.stage, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Stable identity of the step (V2).
    pub name: Cow<'static, str>,
    /// Where it runs.
    pub host: Host,
    /// Position in the order; the members of a group share one. Counts from 0 without gaps.
    pub stage: usize,
    /// Name of the group it belongs to.
    pub group: Option<Cow<'static, str>>,
    /// Whether the members of its group finish although a sibling failed (B2).
    pub await_all: bool,
    /// How it is undone.
    pub kind: Kind,
    /// Whether a condition decides if it runs (O2).
    pub conditional: bool,
    /// Whether its output lives with the worker only.
    pub ephemeral: bool,
    /// Earlier steps whose outputs it reads.
    pub inputs: Vec<usize>,
    /// Earlier steps whose outputs its condition reads.
    pub when_inputs: Vec<usize>,
    /// Earlier steps whose outputs its undo reads.
    pub undo_inputs: Vec<usize>,
    /// Earlier steps whose outputs its probe reads.
    pub probe_inputs: Vec<usize>,
    /// Whether it is never run again by itself once an attempt may have begun (E3).
    pub at_most_once: bool,
    /// Whether it has a probe, which can say if an attempt happened (E3).
    pub probe: bool,
    /// What follows when its retries are used up (E4).
    pub on_exhausted: OnExhausted,
    /// When and how often it is tried again.
    pub retry: Retry,
    /// Limit of one attempt (`start_to_close`).
    pub timeout: Duration,
}

/// Where a step runs.
///
/// See [`Step`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Where the request arrives, before the hand-over.
    Api,
    /// On a worker.
    Worker,
}

/// How a step is undone: exactly one of five.
///
/// See [`Step`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It has an undo.
    Compensable,
    /// The point of no return: once it is done, the saga only goes forward (P1).
    Pivot,
    /// Stands after the pivot and must succeed in the end.
    Retriable,
    /// It changes nothing.
    ReadOnly,
    /// Its effect is allowed to remain, for this reason, and is reported as residual.
    NoUndo(Cow<'static, str>),
}

/// What follows when the retries of a step are used up (E4).
///
/// See [`Step`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// The saga goes back.
    Compensate,
    /// The saga is parked until somebody looks.
    Park,
}

/// When and how often a step is tried again (R1).
///
/// ```
/// use std::time::Duration;
/// use distributed_task::kernel::{Backoff, Jitter, Retry, SagaId, retry_delay};
///
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// let retry = Retry {
///     max: 5,
///     backoff: Backoff::Exponential,
///     jitter: Jitter::None,
///     ..Retry::DEFAULT
/// };
/// assert_eq!(retry_delay(&retry, saga, 0, 3, None), Duration::from_secs(4));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Tries after the first.
    pub max: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// Delay before the first retry.
    pub delay: Duration,
    /// Cap of the delay.
    pub max_delay: Duration,
    /// Whether the delay is spread over `[0, delay]`.
    pub jitter: Jitter,
}

/// How the delay between attempts grows.
///
/// See [`Retry`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// The same delay each time.
    Constant,
    /// Twice the delay each time.
    Exponential,
}

/// How the delay is spread.
///
/// See [`Retry`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Not at all.
    None,
    /// Evenly over `[0, delay]`, by a hash of saga, step and attempt.
    Full,
}

impl Retry {
    /// Three retries, exponential from 1 s, cap 1 min, full jitter.
    pub const DEFAULT: Self = Self {
        max: 3,
        backoff: Backoff::Exponential,
        delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(60),
        jitter: Jitter::Full,
    };
}

/// Limit of one attempt where neither the step nor the task names one.
pub const DEFAULT_STEP_TIMEOUT: Duration = Duration::from_secs(600);

/// Fingerprint of a [`Definition`]: 128 bits of SHA-256 over its canonical form (V3, V7).
///
/// ```
/// use distributed_task::kernel::DefinitionHash;
///
/// assert_eq!(DefinitionHash([0xd7; 16]).to_string(), "d7".repeat(16));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefinitionHash(#[serde(with = "hex")] pub [u8; 16]);

impl fmt::Display for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Definition {
    /// The fingerprint: equal for equal definitions, on every machine and in every version.
    pub fn hash(&self) -> DefinitionHash {
        // The canonical form is the `Debug` text of plain data, prefixed with its own version:
        // a change of that text must come with a new prefix, and a test pins it.
        let digest = Sha256::digest(format!("distributed-task/definition/2\n{self:?}").as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        DefinitionHash(hash)
    }

    /// The pivot, if the task has one.
    pub fn pivot(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.kind == Kind::Pivot)
    }

    /// The steps of one stage, in source order.
    pub fn stage(&self, stage: usize) -> Range<usize> {
        // Members of a stage stand next to each other, in rising order.
        let first = self.steps.partition_point(|step| step.stage < stage);
        let members = self.steps[first..].partition_point(|step| step.stage == stage);
        first..first + members
    }

    /// The number of stages.
    pub fn stages(&self) -> usize {
        self.steps.last().map_or(0, |step| step.stage + 1)
    }
}
