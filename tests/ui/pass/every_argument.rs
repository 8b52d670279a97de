//! Every argument and every shape of a step, in one task; `attempts.rs` has those that speak of
//! attempts of which nobody knows.

#![allow(missing_docs)]

use std::fmt;

use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Order {
    weight: u32,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Shipped {
    label: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SoldOut;

impl fmt::Display for SoldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sold out")
    }
}

/// Ships orders.
#[distributed_task(
    name = "ship",
    request = Order,
    response = Shipped,
    error = SoldOut,
    mode = "in_process",
    queue = "orders",
    max_retries = 5,
    timeout = "2h",
    cancellable,
    crate = ::distributed_task,
)]
pub struct ShipOrder {
    /// The price of a gram.
    price: u32,
    r#type: String,
    level: Option<u8>,
}

#[steps(crate = ::distributed_task)]
impl ShipOrder {
    const HEAVY: u32 = 20;

    #[file_upload_step(host = "api", bucket = "orders", order = 1, retry(max = 0))]
    async fn scan(&self, request: &Order) -> StepResult<Vec<SourceFile>, SoldOut> {
        Ok(vec![SourceFile::bytes("order", request.weight.to_string())])
    }

    #[step(read_only, order = 2, group = "checks", await_all)]
    fn stock(&self, request: &Order, _scan: &[UploadedFile]) -> Vec<u32> {
        vec![request.weight]
    }

    #[step(
        compensate = release, order = 2, group = "checks", timeout = "500ms",
        retry(max = 3, backoff = "exponential", delay = "1s", max_delay = "30s", jitter = "none"),
    )]
    async fn hold(&self, cx: &StepContext, mut request: &Order) -> StepResult<String, SoldOut> {
        if cx.attempt() > 1 {
            request = &Order { weight: 0 };
        }
        if request.weight > 100 {
            return Err(StepError::refuse(SoldOut));
        }
        Ok(format!("{}", request.weight))
    }

    async fn release(&self, cx: &UndoContext, hold: Outcome<&String>) -> StepResult<(), SoldOut> {
        let _ = (cx.idempotency_key(), hold);
        Ok(())
    }

    #[step(no_undo = "the customer has read it", when = is_heavy)]
    fn warn(&self, hold: &str) -> Result<u32, StepError<SoldOut>> {
        Ok(hold.parse()?)
    }

    fn is_heavy(&self, request: &Order, stock: &[u32]) -> bool {
        request.weight > Self::HEAVY && !stock.is_empty()
    }

    #[step(compensate = unmark, retry(backoff = "constant", delay = "5m"))]
    fn mark(&self, warn: Option<&u32>) {
        let _ = (warn, self.price, self.level);
    }

    fn unmark(&self, hold: &str, warn: Option<&u32>) {
        let _ = (hold, warn);
    }

    #[step(pivot)]
    async fn r#type(&self, mark: &()) -> StepResult<Vec<String>, SoldOut> {
        let () = mark;
        Ok(vec![self.r#type.clone()])
    }

    #[step(ephemeral, read_only)]
    async fn print(&self, cx: &StepContext, r#type: &[String]) -> StepResult<LocalFile, SoldOut> {
        let _ = r#type;
        Ok(cx.files().temp_file("label")?)
    }

    #[step(retriable, when = is_typed)]
    async fn tell(&self, request: &Order) -> Vec<String> {
        vec![request.weight.to_string()]
    }

    fn is_typed(&self, _type: &[String]) -> bool {
        true
    }

    #[file_upload_step(bucket = "labels", retriable)]
    fn label(&self, print: &LocalFile, tell: Option<&[String]>) -> SourceFile {
        let _ = tell;
        print.into()
    }

    #[response]
    fn respond(&self, label: &UploadedFile, tell: Option<&Vec<String>>) -> Shipped {
        let _ = tell;
        Shipped { label: label.key.clone() }
    }
}

fn main() {
    let _ = ShipOrder::builder().level(None).price(1).r#type(String::new()).use_in_process_mode();
    assert_eq!(ShipOrder::WORKER_QUEUE, "orders");
}
