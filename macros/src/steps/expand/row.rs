//! The row of a step: a chain of `const fn`s in which what is unset prints nothing.

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::quote;

use super::{
    super::model::{Backoff, Declared, Host, Jitter, Retry, Saga, Source, Step, Undo, Work, reads},
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
    if let Some(undo) = &step.compensate {
        let undo = thunk::undo(saga, undo);
        return quote!(#dt::compensable(#name).run(#run).undo(#undo));
    }
    let kind = match &declared.undo {
        Undo::Pivot(_) => quote!(pivot(#name)),
        Undo::Retriable(_) => quote!(retriable(#name)),
        Undo::Remains(_, reason) => quote!(no_undo(#name, #reason)),
        _ => quote!(read_only(#name)),
    };
    match declared.ephemeral {
        Some(_) => quote!(#dt::#kind.ephemeral(#run)),
        None => quote!(#dt::#kind.run(#run)),
    }
}

/// What is read, by whom, and under which condition.
fn flow(saga: &Saga, step: &Step) -> TokenStream {
    let read = indices(&step.sources).map(|steps| quote!(.reads(&[#steps])));
    let undo_read = step.compensate.as_ref().and_then(|undo| indices(&undo.sources));
    let undo_read = undo_read.map(|steps| quote!(.undo_reads(&[#steps])));
    let when = step.when.as_ref().map(|when| {
        let holds = thunk::condition(saga, when);
        let read = indices(&when.sources).map(|steps| quote!(.when_reads(&[#steps])));
        quote!(.when(#holds) #read)
    });
    quote!(#read #undo_read #when)
}

fn indices(sources: &[Source]) -> Option<TokenStream> {
    let steps: Vec<Literal> = reads(sources).into_iter().map(Literal::usize_unsuffixed).collect();
    (!steps.is_empty()).then(|| quote!(#(#steps),*))
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
    let retry = step.retry.as_ref().map(|retry| self::retry(retry, runtime));
    let timeout = step.timeout.map(|timeout| timeout.print(runtime));
    let timeout = timeout.map(|timeout| quote!(.timeout(#timeout)));
    quote!(#undo #host #group #await_all #retry #timeout)
}

fn retry(retry: &Retry, runtime: &Runtime) -> TokenStream {
    let dt = &runtime.alias;
    let max = retry.max.map(Literal::u32_unsuffixed).map(|max| quote!(.retries(#max)));
    let backoff = retry.backoff.map(|backoff| match backoff {
        Backoff::Constant => quote!(.backoff(#dt::Backoff::Constant)),
        Backoff::Exponential => quote!(.backoff(#dt::Backoff::Exponential)),
    });
    let delay = retry.delay.map(|delay| delay.print(runtime)).map(|delay| quote!(.delay(#delay)));
    let max_delay = retry.max_delay.map(|cap| cap.print(runtime));
    let max_delay = max_delay.map(|cap| quote!(.max_delay(#cap)));
    let jitter = retry.jitter.map(|jitter| match jitter {
        Jitter::None => quote!(.jitter(#dt::Jitter::None)),
        Jitter::Full => quote!(.jitter(#dt::Jitter::Full)),
    });
    quote!(#max #backoff #delay #max_delay #jitter)
}
