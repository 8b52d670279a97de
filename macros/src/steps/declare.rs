//! From the attribute and the signature of a method to the [`Declared`] step.

use syn::Ident;

use super::{
    model::{Backoff, Declared, Host, Jitter, OnExhausted, Retry, Undo, Work},
    parse::{Mark, Method, Role},
    signature::{Files, Signature, files},
};
use crate::{
    attr::Args,
    diag::{Errors, listed},
    names::{bare, is_bucket, spelled},
    period::Period,
};

/// The step that this mark makes of the method.
pub(super) fn step(method: &Method, mark: &Mark, errors: &Errors) -> Declared {
    let args = mark.args(errors);
    let sig = Signature::read(&method.sig, "a step", errors);
    let hosts = [("api", Host::Api), ("worker", Host::Worker)];
    let exhausted = [("compensate", OnExhausted::Compensate), ("park", OnExhausted::Park)];
    Declared {
        name: bare(&sig.ident),
        work: work(mark, &args, &sig, errors),
        undo: undo(mark, &args, &sig.ident, errors),
        ephemeral: args.key("ephemeral").cloned(),
        protobuf: args.key("protobuf").cloned(),
        at_most_once: args.key("at_most_once").cloned(),
        probe: args.key("probe").cloned().zip(args.method("probe").cloned()),
        on_exhausted: args.key("on_exhausted").cloned().zip(args.choice(
            "on_exhausted",
            &exhausted,
            errors,
        )),
        was: args.texts("was").to_vec(),
        order: args.count("order", errors),
        host: args.choice("host", &hosts, errors).unwrap_or(Host::Worker),
        host_key: args.key("host").cloned(),
        group: args.text("group").cloned(),
        await_all: args.key("await_all").cloned(),
        when: args.method("when").cloned(),
        retry: args.list("retry").map(|retry| read_retry(retry, errors)),
        retry_key: args.key("retry").cloned(),
        timeout: args.text("timeout").and_then(|text| Period::read(text, errors)),
        sig,
    }
}

fn work(mark: &Mark, args: &Args, sig: &Signature, errors: &Errors) -> Work {
    if mark.role != Role::Upload {
        return Work::Method;
    }
    let bucket = match args.text("bucket") {
        Some(bucket) if is_bucket(&bucket.value()) => bucket.value(),
        Some(bucket) => {
            errors.at(bucket, "a bucket is named by 3 to 63 lower-case letters, digits and hyphens, a letter or digit first and last");
            bucket.value()
        }
        None => {
            if !args.meant("bucket") {
                errors.at(&mark.attr, "say where the files go: add `bucket = \"..\"`");
            }
            String::new()
        }
    };
    let files = files(&sig.output.ty);
    if files.is_none() && sig.output.understood {
        let message = format!(
            "an upload step returns `SourceFile`, `Vec<SourceFile>` or a `StepResult` of one of them, not `{}`",
            spelled(&sig.output.ty)
        );
        errors.at_span(sig.output.span, message);
    }
    Work::Upload { bucket, files: files.unwrap_or(Files::One) }
}

/// How a step can be undone.
const WORDS: [&str; 5] = ["compensate", "pivot", "retriable", "read_only", "no_undo"];

/// Exactly one of the words that say how a step is undone.
fn undo(mark: &Mark, args: &Args, step: &Ident, errors: &Errors) -> Undo {
    let flag = |name| args.key(name).cloned();
    let no_undo = || {
        let (key, reason) = (args.key("no_undo")?, args.text("no_undo")?);
        if reason.value().trim().is_empty() {
            errors.at(
                reason,
                "write why the effect may remain: the reason is reported with the saga",
            );
        }
        Some(Undo::Remains(key.clone(), reason.value()))
    };
    let said: Vec<(&str, Undo)> = [
        ("compensate", args.method("compensate").cloned().map(Undo::Compensate)),
        ("pivot", flag("pivot").map(Undo::Pivot)),
        ("retriable", flag("retriable").map(Undo::Retriable)),
        ("read_only", flag("read_only").map(|_| Undo::ReadOnly)),
        ("no_undo", no_undo()),
    ]
    .into_iter()
    .filter_map(|(word, undo)| Some((word, undo?)))
    .collect();
    if let [_, (second, _), ..] = &said[..] {
        let words: Vec<&str> = said.iter().map(|(word, _)| *word).collect();
        let message = format!("a step is undone in one way: keep one of {}", listed(&words));
        errors.at(args.key(second), message);
        // Which one is meant is open, so nothing follows from any of them.
        return Undo::Unsaid;
    }
    match said.into_iter().next() {
        Some((_, undo)) => undo,
        None if mark.role == Role::Upload => Undo::DeleteUploads,
        None if WORDS.iter().any(|word| args.meant(word)) => Undo::Unsaid,
        None => {
            errors.at(
                &mark.attr,
                format!(
                    "say how `{step}` is undone: add `compensate = method`, `pivot`, `retriable`, `read_only` or `no_undo = \"reason\"`"
                ),
            );
            Undo::Unsaid
        }
    }
}

fn read_retry(args: &Args, errors: &Errors) -> Retry {
    let backoffs = [("exponential", Backoff::Exponential), ("constant", Backoff::Constant)];
    let jitters = [("full", Jitter::Full), ("none", Jitter::None)];
    let period = |name| args.text(name).and_then(|text| Period::read(text, errors));
    let retry = Retry {
        max: args.count("max", errors).map(|(max, _)| max),
        backoff: args.choice("backoff", &backoffs, errors),
        delay: period("delay"),
        max_delay: period("max_delay"),
        jitter: args.choice("jitter", &jitters, errors),
    };
    without_effect(args, &retry, errors);
    retry
}

fn without_effect(args: &Args, retry: &Retry, errors: &Errors) {
    if retry.max == Some(0) {
        for word in ["backoff", "delay", "max_delay", "jitter"] {
            if let Some(key) = args.key(word) {
                errors.at(key, format!("`{word}` has no effect: `max = 0` means no retries"));
            }
        }
        return;
    }
    let Some(cap) = retry.max_delay else { return };
    if retry.backoff == Some(Backoff::Constant) {
        let message = "`max_delay` has no effect: a constant delay does not grow";
        errors.at(args.key("max_delay"), message);
    } else if retry.delay.is_some_and(|delay| delay.millis() > cap.millis()) {
        let message = "`max_delay` is shorter than the first delay: raise it, or shorten `delay`";
        errors.at_span(cap.span, message);
    }
}
