//! durare on PostgreSQL, as its README has it: the workflow runs in the process that starts it, not over
//! a queue, and its handle is its end. Settings are those of `DurableEngine::connect`, 8 connections
//! among them.

use std::sync::Arc;

use durare::{DurableContext, DurableEngine, Result, WorkflowOptions};

use crate::common::{
    Contestant,
    sagas::{Order, Receipt, order, work},
};

pub(crate) const SETTINGS: &str = "8 connections, started without a queue; end: the handle";

#[durare::step]
async fn a(ctx: &DurableContext, order: Order) -> Result<Receipt> {
    Ok(work(order.seed()))
}

#[durare::step]
async fn b(ctx: &DurableContext, a: Receipt) -> Result<Receipt> {
    Ok(work(a.seed()))
}

#[durare::step]
async fn c(ctx: &DurableContext, b: Receipt) -> Result<Receipt> {
    Ok(work(b.seed()))
}

#[durare::workflow]
async fn three_steps(ctx: DurableContext, order: Order) -> Result<Receipt> {
    let a = a(&ctx, order).await?;
    let b = b(&ctx, a).await?;
    c(&ctx, b).await
}

#[durare::workflow]
async fn one_step(ctx: DurableContext, order: Order) -> Result<Receipt> {
    a(&ctx, order).await
}

pub(crate) async fn engine(url: &str) -> Arc<DurableEngine> {
    let engine = DurableEngine::connect(url).await.expect("it is there").build().await;
    let engine = engine.expect("it is built");
    engine.launch().await.expect("it is launched");
    Arc::new(engine)
}

#[derive(Clone)]
pub(crate) struct ThreeInDurare(pub(crate) Arc<DurableEngine>);

#[derive(Clone)]
pub(crate) struct OneInDurare(pub(crate) Arc<DurableEngine>);

impl Contestant for ThreeInDurare {
    async fn saga(&self) {
        let options = WorkflowOptions::default();
        let started = self.0.start_with(ThreeSteps, order(), options).await;
        started.expect("it is accepted").await.expect("it ends");
    }
}

impl Contestant for OneInDurare {
    async fn saga(&self) {
        let options = WorkflowOptions::default();
        let started = self.0.start_with(OneStep, order(), options).await;
        started.expect("it is accepted").await.expect("it ends");
    }
}
