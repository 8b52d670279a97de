//! What a task prints. Constants, builder and aliases can be seen; the rest is in `const _`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Generics, spanned::Spanned};

use super::model::{Dependency, Durability, Mode, Task};
use crate::names::{Names, Runtime, at};

pub(super) fn task(task: &Task) -> TokenStream {
    let item = &task.item;
    let visible = [aliases(task), constants(task), builder(task)];
    let import = task.runtime.import();
    let hidden = [definition(task, &item.generics), setters(task), finish(task)];
    let lints = &task.lints;
    quote! {
        #item
        #(#visible)*
        #lints
        const _: () = {
            #import
            #(#hidden)*
        };
    }
}

/// The aliases, which a mistake elsewhere leaves intact.
pub(crate) fn aliases(task: &Task) -> TokenStream {
    let Task { item, lints, runtime: Runtime { path, .. }, .. } = task;
    let (vis, ident) = (&item.vis, &item.ident);
    let Names { worker_message, orchestrator, handle, outcome, .. } = &task.names;
    // Only a task with mistakes has generics.
    let (params, args, _) = item.generics.split_for_impl();
    let alias = |alias, target, doc: &str| {
        let doc = format!(" {}", doc.replace("{}", &format!("[`{ident}`]")));
        let target = format_ident!("{target}");
        quote! {
            #[doc = #doc]
            #[allow(dead_code)]
            #lints
            #vis type #alias #params = #path::#target<#ident #args>;
        }
    };
    let aliases = [
        alias(
            worker_message,
            "WorkerMessage",
            "The message that tells a worker about a saga of {}.",
        ),
        alias(orchestrator, "Task", "Starts and finds the sagas of {}."),
        alias(handle, "SagaHandle", "One saga of {}."),
        alias(outcome, "SagaOutcome", "How a saga of {} ended."),
    ];
    quote!(#(#aliases)*)
}

fn constants(task: &Task) -> TokenStream {
    let Task { item, lints, names: Names { builder, markers, .. }, .. } = task;
    let (vis, ident, queue) = (&item.vis, &item.ident, &task.queue.text);
    let unset = task
        .dependencies
        .iter()
        .map(|Dependency { ident, .. }| quote!(#ident: #markers::#ident::Unset));
    quote! {
        #[allow(dead_code)]
        #lints
        impl #ident {
            /// The queue that its workers listen to.
            #vis const WORKER_QUEUE: &'static str = #queue;

            /// Takes the dependencies, and then the mode.
            #vis fn builder() -> #builder {
                #builder { #(#unset),* }
            }
        }
    }
}

fn builder(task: &Task) -> TokenStream {
    let Task { item, lints, names: Names { builder, markers, .. }, dependencies, .. } = task;
    let vis = &item.vis;
    let doc =
        format!(" Builds a [`{}`]: one setter for each dependency, in any order.", item.ident);
    let (idents, states) = split(dependencies);
    // A dependency that is not set is shown at its field.
    let marker = |ident: &&syn::Ident| quote_spanned!(at(ident.span())=> pub enum #ident { Unset });
    let unset = idents.iter().map(marker);
    if dependencies.is_empty() {
        return quote! {
            #[doc = #doc]
            #[must_use]
            #lints
            #vis struct #builder {}
        };
    }
    quote! {
        #[doc = #doc]
        #[must_use]
        #lints
        #vis struct #builder<#(#states = #markers::#idents),*> {
            #(#idents: #states),*
        }

        #[doc(hidden)]
        #[allow(non_camel_case_types, unreachable_pub)]
        #lints
        mod #markers {
            #(#unset)*
        }
    }
}

/// Who the task is. The generics are those of a task with mistakes.
pub(crate) fn definition(task: &Task, generics: &Generics) -> TokenStream {
    let Task { item, request, response, error, runtime: Runtime { alias: dt, .. }, .. } = task;
    let ident = &item.ident;
    let row = row(task);
    // What is wrong with a type, such as one that is private, is shown where it is written.
    let ty = |name: &str, ty: &syn::Type| {
        let name = format_ident!("{name}");
        quote_spanned!(at(ty.span())=> type #name = #ty;)
    };
    let values = format_ident!("{}", if task.protobuf { "Protobuf" } else { "Serde" });
    let types = [ty("Request", request), ty("Response", response), ty("Error", error)];
    let (params, args, clause) = generics.split_for_impl();
    let cancellable =
        task.cancellable.then(|| quote!(impl #params #dt::Cancellable for #ident #args #clause {}));
    quote! {
        impl #params #dt::TaskDefinition for #ident #args #clause {
            type Values = #dt::#values;
            #(#types)*
            const TASK: #dt::TaskRow = #row;
        }
        #cancellable
    }
}

fn row(task: &Task) -> TokenStream {
    let Task { name, queue, max_retries, timeout, dependencies, runtime, .. } = task;
    let Runtime { alias: dt, .. } = runtime;
    let name = &name.text;
    let queue = (queue.text != *name).then(|| quote!(.queue(Self::WORKER_QUEUE)));
    let mode = (task.mode == Mode::Distributed).then(|| quote!(.mode(#dt::Mode::Distributed)));
    let max_retries = max_retries.map(proc_macro2::Literal::u32_unsuffixed);
    let max_retries = max_retries.map(|max| quote!(.max_retries(#max)));
    let timeout = timeout.map(|timeout| timeout.print(runtime));
    let timeout = timeout.map(|timeout| quote!(.timeout(#timeout)));
    let cancellable = task.cancellable.then(|| quote!(.cancellable()));
    let durability = task.durability.map(|durability| match durability {
        Durability::Volatile => quote!(.durability(#dt::Durability::Volatile)),
        Durability::Process => quote!(.durability(#dt::Durability::Process)),
        Durability::Fsync => quote!(.durability(#dt::Durability::Fsync)),
    });
    let singleton = task.singleton.as_ref().map(|name| quote!(.singleton(#name)));
    let hold = task.hold_at_least.map(|hold| hold.print(runtime));
    let hold = hold.map(|hold| quote!(.hold_at_least(#hold)));
    // A dependency that threads cannot share is shown at its type.
    let with = |Dependency { ty, .. }: &Dependency| quote_spanned!(at(ty.span())=> .with::<#ty>());
    let dependencies = dependencies.iter().map(with);
    quote! {
        #dt::task(#name)
            #queue #mode #max_retries #timeout #cancellable #durability #singleton #hold
            #(#dependencies)*
    }
}

fn setters(task: &Task) -> TokenStream {
    if task.dependencies.is_empty() {
        return TokenStream::new();
    }
    let builder = &task.names.builder;
    let (_, states) = split(&task.dependencies);
    let setters = (0..task.dependencies.len()).map(|set| setter(task, set));
    quote! {
        #[allow(dead_code)]
        impl<#(#states),*> #builder<#(#states),*> {
            #(#setters)*
        }
    }
}

fn setter(task: &Task, set: usize) -> TokenStream {
    let Task { item, names: Names { builder, .. }, dependencies, .. } = task;
    let Runtime { alias: dt, .. } = &task.runtime;
    let (vis, Dependency { ident, ty, docs, .. }) = (&item.vis, &dependencies[set]);
    let mut after: Vec<TokenStream> =
        dependencies.iter().map(|Dependency { state, .. }| quote!(#state)).collect();
    after[set] = quote!(#dt::Set<#ty>);
    let kept =
        dependencies.iter().map(|dependency| &dependency.ident).filter(|kept| *kept != ident);
    quote! {
        #(#docs)*
        #vis fn #ident(self, #ident: #ty) -> #builder<#(#after),*> {
            #builder { #ident: #dt::Set(#ident), #(#kept: self.#kept),* }
        }
    }
}

/// The way out of the builder, once every dependency is set.
fn finish(task: &Task) -> TokenStream {
    let Task { item, names: Names { builder, .. }, dependencies, .. } = task;
    let Runtime { alias: dt, .. } = &task.runtime;
    let (vis, ident) = (&item.vis, &item.ident);
    let (idents, states) = split(dependencies);
    let types = dependencies.iter().map(|dependency| &dependency.ty);
    let (any, given) = if dependencies.is_empty() {
        (None, None)
    } else {
        let params = quote!(<#(#states),*>);
        (Some(params.clone()), Some(quote!(<#(#states: #dt::Dependency<#types>),*>)))
    };
    quote! {
        impl #given #dt::IntoTask for #builder #any {
            type Task = #ident;

            fn into_task(self) -> #ident {
                #ident { #(#idents: #dt::Dependency::take(self.#idents)),* }
            }
        }

        #[allow(dead_code)]
        impl #any #builder #any {
            /// Everything in this process, nothing to install.
            #vis fn use_in_process_mode(self) -> #dt::TaskBuilder<#ident>
            where
                Self: #dt::IntoTask<Task = #ident>,
            {
                #dt::use_in_process_mode(self)
            }

            /// As many processes, which share what `with` says.
            #vis fn use_distributed_mode(
                self,
                with: impl #dt::FnOnce(#dt::Distributed) -> #dt::Distributed,
            ) -> #dt::TaskBuilder<#ident>
            where
                Self: #dt::IntoTask<Task = #ident>,
            {
                #dt::use_distributed_mode(self, with)
            }

            /// Starts the task in the mode that it declares.
            #vis fn build(self) -> #dt::Building<#ident>
            where
                Self: #dt::IntoTask<Task = #ident>,
            {
                #dt::build(self)
            }
        }
    }
}

fn split(dependencies: &[Dependency]) -> (Vec<&syn::Ident>, Vec<&syn::Ident>) {
    dependencies.iter().map(|dependency| (&dependency.ident, &dependency.state)).unzip()
}
