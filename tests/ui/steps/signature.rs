//! What the signature of a step can be.

use std::{borrow::Cow, sync::Arc};

use distributed_task::prelude::*;

#[distributed_task(request = String)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    fn generic<T>(&self) {}

    #[step(read_only)]
    fn generic_and_bounded<T>(&self)
    where
        T: Copy,
    {
    }

    #[step(read_only)]
    fn constant<const N: usize>(&self) {}

    #[step(read_only)]
    fn lifetime<'a>(&'a self, _request: &'a String) {}

    #[step(read_only)]
    async fn lifetimes<'a, 'b: 'a>(&'_ self, _cx: &'a StepContext, _request: &'b String) {}

    #[step(read_only)]
    fn bounded(&self)
    where
        u32: Copy,
    {
    }

    #[step(read_only)]
    unsafe fn danger(&self) {}

    #[step(read_only)]
    extern "C" fn foreign(&self) {}

    #[step(read_only)]
    fn alone() {}

    #[step(read_only)]
    fn exclusive(&mut self) {}

    #[step(read_only)]
    fn counted(self: Arc<Self>) {}

    #[step(read_only)]
    fn pattern(&self, (_a, _b): &(u32, u32), _: &String, ref _request: &String) {}

    #[step(read_only)]
    fn opaque(&self, _request: impl AsRef<str>) -> impl Copy {}

    #[step(read_only)]
    fn twice(&self, _request: &String, r#request: &String) {
        let _ = r#request;
    }

    #[step(read_only)]
    fn sometimes(&self, #[cfg(unix)] _request: &String) {}

    #[step(read_only)]
    fn writes(&self, _request: &mut String) {}

    #[step(read_only)]
    fn keeps(&self, _request: &'static String) {}

    #[step(read_only)]
    fn lends(&self) -> &str {
        "mine"
    }

    #[step(read_only)]
    fn lends_many(&self) -> StepResult<&'static [u32]> {
        Ok(&[])
    }

    #[step(read_only)]
    fn opaque_inside(&self, _request: &impl AsRef<str>) -> StepResult<impl Copy> {
        Ok(1)
    }

    #[step(read_only)]
    fn elided(&self) -> StepResult<Vec<Cow<'_, str>>> {
        Ok(vec![])
    }
}

fn main() {}
