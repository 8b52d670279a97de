//! The row of a step: a chain of `const fn`s in which what is unset prints nothing.

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};

use super::{
    super::model::{
        Backoff, Callee, Declared, Host, Jitter, OnExhausted, Retry, Saga, Step, Undo, Work, reads,
    },
    thunk,
};
use crate::names::{Runtime, at};

pub(super) fn row(saga: &Saga, step: &Step) -> TokenStream {
    let head = head(saga, step);
    let flow = flow(saga, step);
    let limits = limits(&step.declared, &saga.runtime);
    // The row is blamed where its thunk is: what is wrong with an output is told once.
    blamed(quote!(&#head #flow #limits), at(step.declared.sig.output.span))
}

/// The outermost tokens, shown at `span`.
fn blamed(tokens: TokenStream, span: Span) -> TokenStream {
    let blame = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.into_iter().map(blame).collect()
}

fn head(saga: &Saga, step: &Step) -> TokenStream {
    let dt = &saga.runtime.alias;
    let declared = &step.declared;
    let name = &declared.name;
    let run = thunk::step(saga, declared, &step.sources);
    if let Work::Upload { bucket, .. } = &declared.work {
        return quote!(#dt::upload(#name, #bucket).files(#run));
    }
    let probe = step.probe.as_ref().map(|probe| {
        let probe = thunk::probe(saga, probe);
        quote!(.probe(#probe))
    });
    let journaled = match declared.protobuf {
        Some(_) => quote!(protobuf(#run)),
        None => quote!(run(#run)),
    };
    if let Some(undo) = &step.compensate {
        let undo = thunk::undo(saga, undo);
        return quote!(#dt::compensable(#name).#journaled.undo(#undo) #probe);
    }
    let kind = match &declared.undo {
        Undo::Pivot(_) => quote!(pivot(#name)),
        Undo::Retriable(_) => quote!(retriable(#name)),
        Undo::Remains(_, reason) => quote!(no_undo(#name, #reason)),
        _ => quote!(read_only(#name)),
    };
    match declared.ephemeral {
        Some(_) => quote!(#dt::#kind.ephemeral(#run)),
        None => quote!(#dt::#kind.#journaled #probe),
    }
}

/// What is read, by whom, and under which condition.
fn flow(saga: &Saga, step: &Step) -> TokenStream {
    let dt = &saga.runtime.alias;
    let sources = |callee: &Option<Callee>| callee.as_ref().map(|callee| reads(&callee.sources));
    let run = read("run", Some(reads(&step.sources)));
    let undo = read("undo", sources(&step.compensate));
    let when = read("when", sources(&step.when));
    let probe = read("probe", sources(&step.probe));
    let read = quote!(#run #undo #when #probe);
    let read = (!read.is_empty()).then(|| quote!(.reads(#dt::READS #read)));
    let holds = step.when.as_ref().map(|when| thunk::condition(saga, when));
    let when = holds.map(|holds| quote!(.when(#holds)));
    quote!(#read #when)
}

/// `.undo(&[0, 2])`
fn read(who: &str, steps: Option<Vec<usize>>) -> Option<TokenStream> {
    let steps = steps.filter(|steps| !steps.is_empty())?;
    let (who, steps) = (format_ident!("{who}"), steps.into_iter().map(Literal::usize_unsuffixed));
    Some(quote!(.#who(&[#(#steps),*])))
}

/// Where, beside whom, and how long.
fn limits(step: &Declared, runtime: &Runtime) -> TokenStream {
    let undo = match (&step.work, &step.undo) {
        (Work::Upload { .. }, Undo::Retriable(_)) => Some(quote!(.retriable())),
        (Work::Upload { .. }, Undo::Remains(_, reason)) => Some(quote!(.no_undo(#reason))),
        _ => None,
    };
    let host = (step.host == Host::Api).then(|| quote!(.on_api()));
    let group = step.group.as_ref().map(|group| quote!(.group(#group)));
    let await_all = step.await_all.as_ref().map(|_| quote!(.await_all()));
    let at_most_once = step.at_most_once.as_ref().map(|_| quote!(.at_most_once()));
    let parks = matches!(step.on_exhausted, Some((_, OnExhausted::Park))).then(|| quote!(.parks()));
    let was = &step.was;
    let was = (!was.is_empty()).then(|| quote!(.was(&[#(#was),*])));
    let retry = step.retry.as_ref().map(|retry| self::retry(retry, runtime));
    let timeout = step.timeout.map(|timeout| timeout.print(runtime));
    let timeout = timeout.map(|timeout| quote!(.timeout(#timeout)));
    quote!(#undo #host #group #await_all #at_most_once #retry #timeout #parks #was)
}

fn retry(retry: &Retry, runtime: &Runtime) -> TokenStream {
    let dt = &runtime.alias;
    let max = match retry.max.map(Literal::u32_unsuffixed) {
        Some(max) => quote!(max(#max)),
        None => quote!(retry()),
    };
    let backoff = retry.backoff.map(|backoff| match backoff {
        Backoff::Constant => quote!(.constant()),
        Backoff::Exponential => quote!(.exponential()),
    });
    let delay = retry.delay.map(|delay| delay.print(runtime)).map(|delay| quote!(.delay(#delay)));
    let cap = retry.max_delay.map(|cap| cap.print(runtime)).map(|cap| quote!(.cap(#cap)));
    let jitter = retry.jitter.map(|jitter| match jitter {
        Jitter::None => quote!(.no_jitter()),
        Jitter::Full => quote!(.full_jitter()),
    });
    quote!(.retry(#dt::#max #backoff #delay #cap #jitter))
}
