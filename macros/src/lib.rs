//! macros
mod attr;
mod diag;
mod fallback;
mod names;
mod period;
#[cfg(test)]
mod snapshots;
mod steps;
mod task;

use proc_macro::TokenStream;
/// d
#[proc_macro_attribute]
pub fn distributed_task(args: TokenStream, item: TokenStream) -> TokenStream {
    task::distributed_task(args.into(), item.into()).into()
}
/// d
#[proc_macro_attribute]
pub fn steps(args: TokenStream, item: TokenStream) -> TokenStream {
    steps::steps(args.into(), item.into()).into()
}
/// d
#[proc_macro_attribute]
pub fn step(_: TokenStream, item: TokenStream) -> TokenStream {
    fallback::outside("step", item.into()).into()
}
/// d
#[proc_macro_attribute]
pub fn file_upload_step(_: TokenStream, item: TokenStream) -> TokenStream {
    fallback::outside("file_upload_step", item.into()).into()
}
/// d
#[proc_macro_attribute]
pub fn response(_: TokenStream, item: TokenStream) -> TokenStream {
    fallback::outside("response", item.into()).into()
}
