//! `&str` and `&[T]` stand for `&String` and `&Vec<T>`, wherever an output is lent.

use distributed_task::prelude::*;

#[distributed_task(request = String)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(compensate = erase)]
    fn name(&self, request: &str) -> String {
        request.to_owned()
    }

    fn erase(&self, name: Outcome<&str>) {
        let _ = name.map(str::len);
    }

    #[step(compensate = release, when = is_named)]
    async fn hold(&self, cx: &StepContext, name: &str) -> StepResult<Vec<u32>> {
        let _ = cx;
        Ok(vec![name.len() as u32])
    }

    fn is_named(&self, name: &str) -> bool {
        !name.is_empty()
    }

    async fn release(&self, hold: Outcome<&[u32]>, name: &str) -> StepResult<()> {
        let _ = (hold.value().map(<[u32]>::len), name);
        Ok(())
    }

    #[response]
    fn respond(&self, name: &str, hold: Option<&[u32]>) {
        let _ = (name, hold);
    }
}

fn main() {
    drop(ShipOrder::builder().build());
}
