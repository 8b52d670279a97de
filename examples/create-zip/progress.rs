//! What the user sees while a saga runs: a bar on a terminal, lines elsewhere, nothing if told so.

use std::io::{IsTerminal, stderr};

use distributed_task::progress::{ByteCount, Progress, SagaStatus};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::say::say;

pub(crate) enum View {
    Bar { bar: ProgressBar, template: &'static str },
    Lines { latest: String },
    Quiet,
}

/// Templates of the bar, for what is known of the bytes. Everything else takes 68 columns at most,
/// and the bar the rest of the line.
const ALL: &str = "{msg} {eta:>3} left [{wide_bar}] {bytes}/{total_bytes}";
const SOME: &str = "{msg} {bytes}, {bytes_per_sec}";
const NONE: &str = "{msg}";

impl View {
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            Self::Bar { bar: bar.with_style(style(NONE)), template: NONE }
        } else {
            Self::Lines { latest: String::new() }
        }
    }

    /// Shows a new state of the saga.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let Some(stage) = stage(progress) else { return };
        match self {
            Self::Bar { bar, template } => draw(bar, template, stage, progress.bytes),
            Self::Lines { latest } if *latest != stage => {
                say(&stage);
                *latest = stage;
            }
            Self::Lines { .. } | Self::Quiet => {}
        }
    }

    /// Shows what happens outside of the saga.
    pub(crate) fn note(&mut self, note: &str) {
        match self {
            Self::Bar { bar, template } => draw(bar, template, note.to_owned(), None),
            Self::Lines { latest } if *latest != note => {
                say(note);
                note.clone_into(latest);
            }
            Self::Lines { .. } | Self::Quiet => {}
        }
    }

    /// Ends the view, with a last line if it is wanted.
    pub(crate) fn close(self, last: Option<&str>) {
        if let Self::Bar { bar, .. } = &self {
            bar.finish_and_clear();
        }
        if let (Some(last), Self::Bar { .. } | Self::Lines { .. }) = (last, &self) {
            say(last);
        }
    }
}

/// What happens, in a few words that change only when something else happens. That the saga has
/// ended is not worth a line: the user waits for more than that.
fn stage(progress: &Progress) -> Option<String> {
    let step = progress.step.as_ref()?;
    match progress.status {
        SagaStatus::Running => {
            Some(format!("step {} of {}: {}", step.number, progress.steps, step.name))
        }
        SagaStatus::Compensating => Some(format!("undoing {}", step.name)),
        _ => None,
    }
}

fn draw(bar: &ProgressBar, template: &mut &'static str, stage: String, bytes: Option<ByteCount>) {
    let wanted = match bytes {
        Some(ByteCount { total: Some(_), .. }) => ALL,
        Some(_) => SOME,
        None => NONE,
    };
    if *template != wanted {
        *template = wanted;
        bar.set_style(style(wanted));
    }
    if bar.message() != stage {
        // Speed and time left are those of the stage.
        bar.reset();
        bar.set_message(stage);
    }
    let ByteCount { done, total } = bytes.unwrap_or_default();
    bar.update(|state| {
        state.set_len(total.unwrap_or(done));
        state.set_pos(done);
    });
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("our templates are valid")
}
