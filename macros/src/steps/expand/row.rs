//! The row of a step: a chain of `const fn`s in which what is unset prints nothing.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{
    super::{
        model::{Backoff, Declared, Host, Jitter, Retry, Saga, Step, Undo, Work, reads},
        signature::Files,
    },
    thunk,
};
use crate::names::Runtime;

pub(super) fn row(saga: &Saga, step: &Step) -> TokenStream {
    let head = head(saga, step);
    let flow = flow(saga, step);
    let limits = limits(&step.declared, &saga.runtime);
    quote!(#head #flow #limits)
}

fn head(saga: &Saga, step: &Step) -> TokenStream {
    let dt = &saga.runtime.alias;
    let declared = &step.declared;
    let name = &declared.name;
    let run = thunk::step(saga, declared, &step.sources);
    match &declared.work {
        Work::Upload { bucket, files } => {
            let upload = match files {
                Files::One => quote!(upload_file),
                Files::Many => quote!(upload_files),
            };
            quote!(#dt::#upload::<Self>(#name, #bucket, #run))
        }
        Work::Method if declared.ephemeral.is_some() => {
            quote!(#dt::ephemeral::<Self>(#name, #run))
        }
        Work::Method => {
            let output = &declared.sig.output.ty;
            let undo = undo(saga, step);
            quote!(#dt::step::<Self, #output>(#name, #undo, #run))
        }
    }
}

fn undo(saga: &Saga, step: &Step) -> TokenStream {
    let dt = &saga.runtime.alias;
    let compensate = step.compensate.iter().map(|callee| thunk::undo(saga, callee, &step.declared));
    match &step.declared.undo {
        Undo::Compensate(_) => quote!(#dt::Undo::Compensate(#(#compensate)*)),
        Undo::Pivot(_) => quote!(#dt::Undo::Pivot),
        Undo::Retriable(_) => quote!(#dt::Undo::Retriable),
        Undo::ReadOnly => quote!(#dt::Undo::ReadOnly),
        Undo::Remains(_, reason) => quote!(#dt::Undo::NoUndo(#reason)),
        Undo::DeleteUploads | Undo::Unsaid => quote!(#dt::Undo::DeleteUploads),
    }
}

/// What is read, by whom, and under which condition.
fn flow(saga: &Saga, step: &Step) -> TokenStream {
    let read = indices(&step.sources).map(|steps| quote!(.reads(&[#steps])));
    let undo_read = step.compensate.as_ref().and_then(|undo| indices(&undo.sources));
    let undo_read = undo_read.map(|steps| quote!(.undo_reads(&[#steps])));
    let when = step.when.as_ref().map(|when| {
        let steps = indices(&when.sources);
        let holds = thunk::inline(saga, when);
        quote!(.when(&[#steps], #holds))
    });
    quote!(#read #undo_read #when)
}

fn indices(sources: &[super::super::model::Source]) -> Option<TokenStream> {
    let steps: Vec<Literal> = reads(sources).into_iter().map(Literal::usize_unsuffixed).collect();
    (!steps.is_empty()).then(|| quote!(#(#steps),*))
}

/// Where, beside whom, and how long.
fn limits(step: &Declared, runtime: &Runtime) -> TokenStream {
    let dt = &runtime.alias;
    let undo = match (&step.work, &step.undo) {
        (Work::Upload { .. }, Undo::Retriable(_)) => Some(quote!(.undo(#dt::Undo::Retriable))),
        (Work::Upload { .. }, Undo::Remains(_, reason)) => {
            Some(quote!(.undo(#dt::Undo::NoUndo(#reason))))
        }
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
    let max = retry.max.map(Literal::u32_unsuffixed).map(|max| quote!(.max(#max)));
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
    quote!(.retry(#dt::retry() #max #backoff #delay #max_delay #jitter))
}
