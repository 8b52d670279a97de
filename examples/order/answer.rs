//! The answers to wishes: orders are placed, shown, cancelled, and helped when they cannot go on.

use distributed_task::{Cancelled, OperatorAnswer, SagaOutcome, SagaStatus, kernel::SagaId};
use serde_json::json;

use crate::{
    shop::{Shop, all_orders},
    task::{Order, SellHandle},
    tell::{self, Now},
    wish::{Lines, Trouble, Unread, Wish, Word},
};

impl Shop {
    /// Does what is wished, and tells of it.
    pub(crate) async fn answer(&self, wish: Wish, to: &Lines) -> Result<(), Unread> {
        let done = match wish {
            Wish::Place { key, order, follow } => self.place(key, order, follow, to).await,
            Wish::List { all, json } => self.list(all, json, to).await,
            Wish::Inspect { id, json } => self.inspect(id, json, to).await,
            Wish::Cancel { id, follow } => self.cancel(id, follow, to).await,
            Wish::Say { id, by, word, follow } => self.say(id, (by, word), follow, to).await,
        };
        match done {
            Ok(()) => to.end(Ok(())).await,
            Err(Trouble::Failed(why)) => to.end(Err(why)).await,
            Err(Trouble::Unread) => Err(Unread),
        }
    }

    async fn place(
        &self,
        key: Option<String>,
        order: Order,
        follow: bool,
        to: &Lines,
    ) -> Result<(), Trouble> {
        let saga = match key {
            Some(key) => self.0.submit_with_key(key, order).await,
            None => self.0.submit(order).await,
        };
        let saga = saga.map_err(Trouble::told)?;
        // It is in the journal: whatever happens to this process from here on, it is not lost.
        to.line(saga.id()).await?;
        if !follow {
            return Ok(());
        }
        let status = self.follow(&saga, None, Some(to)).await?;
        self.tell_end(saga.id(), status == SagaStatus::Completed, to).await
    }

    async fn list(&self, all: bool, json: bool, to: &Lines) -> Result<(), Trouble> {
        let mut rows = self.0.operator("list").list(all_orders());
        while let Some(row) = rows.next().await {
            let row = row.map_err(Trouble::told)?;
            if all || !row.status.is_terminal() {
                let now = Now::of(row);
                let json = json.then(|| json!(now).to_string());
                to.line(json.unwrap_or_else(|| now.to_string())).await?;
            }
        }
        Ok(())
    }

    async fn inspect(&self, id: SagaId, json: bool, to: &Lines) -> Result<(), Trouble> {
        let saga = self.find(id).await?;
        let now = self.now(&saga).await?;
        let history = saga.history().await.map_err(Trouble::told)?;
        let begin = history.first().map(|first| first.at);
        if !json {
            to.line(&now).await?;
        }
        for event in &history {
            let json = json.then(|| json!(event).to_string());
            to.line(json.unwrap_or_else(|| tell::timed(event, begin))).await?;
        }
        if !json {
            for line in now.advice() {
                to.line(line).await?;
            }
        }
        Ok(())
    }

    async fn cancel(&self, id: SagaId, follow: bool, to: &Lines) -> Result<(), Trouble> {
        let saga = self.find(id).await?;
        let seen = last_event(&saga).await?;
        match saga.cancel().await.map_err(Trouble::told)? {
            Cancelled::TooLate(status) => return Err(too_late(id, status)),
            Cancelled::Already => to.line("it goes back already").await?,
            _ => to.line("recorded").await?,
        }
        if !follow {
            return Ok(());
        }
        let status = match saga.status().await.map_err(Trouble::told)? {
            // That it goes back does not help it.
            SagaStatus::Stuck => SagaStatus::Stuck,
            _ => self.follow(&saga, seen, Some(to)).await?,
        };
        self.tell_end(id, status != SagaStatus::Completed && status.is_terminal(), to).await
    }

    async fn say(
        &self,
        id: SagaId,
        (by, word): (String, Word),
        follow: bool,
        to: &Lines,
    ) -> Result<(), Trouble> {
        let saga = self.find(id).await?;
        let seen = last_event(&saga).await?;
        match self.tell(&saga, by, word).await? {
            OperatorAnswer::TooLate(status) => return Err(too_late(id, status)),
            OperatorAnswer::Already => to.line("recorded before").await?,
            _ => to.line("recorded").await?,
        }
        if !follow {
            return Ok(());
        }
        let status = self.follow(&saga, seen, Some(to)).await?;
        self.tell_end(id, status.is_terminal(), to).await
    }

    async fn tell(
        &self,
        saga: &SellHandle,
        by: String,
        word: Word,
    ) -> Result<OperatorAnswer, Trouble> {
        let (id, operator) = (saga.id(), self.0.operator(by));
        let answer = match word {
            Word::Retry => operator.retry(id).await,
            Word::Waive { step, reason } => {
                operator.waive(id, &self.step(saga, step).await?, &reason).await
            }
            Word::Done { step, evidence } => {
                operator.mark_done(id, &self.step(saga, step).await?, &evidence).await
            }
        };
        answer.map_err(Trouble::told)
    }

    /// The step that is meant: the one at which the order is stuck, if nobody said which.
    async fn step(&self, saga: &SellHandle, said: Option<String>) -> Result<String, Trouble> {
        if let Some(step) = said {
            return Ok(step);
        }
        let now = self.now(saga).await?;
        match &*now.steps {
            [step] => Ok(step.clone()),
            [] => Err(Trouble::Failed(format!(
                "order {} is {}: only an undo that failed can be waived, or done by hand",
                now.id, now.status
            ))),
            steps => Err(Trouble::Failed(format!("say which, with --step: {}", steps.join(", ")))),
        }
    }

    async fn now(&self, saga: &SellHandle) -> Result<Now, Trouble> {
        let status = saga.status().await.map_err(Trouble::told)?;
        let history = saga.history().await.map_err(Trouble::told)?;
        Ok(Now::seen(saga.id(), status, &history))
    }

    async fn tell_end(&self, id: SagaId, is_good: bool, to: &Lines) -> Result<(), Trouble> {
        let end = self.end(id).await?;
        match is_good {
            true => Ok(to.line(end).await?),
            false => Err(Trouble::Failed(end)),
        }
    }

    /// How an order ended, or why it did not.
    async fn end(&self, id: SagaId) -> Result<String, Trouble> {
        // A new handle knows the end that the journal has, and need not be told of it.
        let saga = self.find(id).await?;
        let now = self.now(&saga).await?;
        if !now.is_over() {
            return Ok(format!("the order waits for somebody; `order inspect {id}` says for what"));
        }
        Ok(match saga.outcome().await.map_err(Trouble::told)? {
            SagaOutcome::Completed(shipped) => tell::completed(&shipped),
            SagaOutcome::Compensated { cause, residual, .. } => {
                format!("the order went back: {cause}{}", tell::remains(&residual))
            }
            SagaOutcome::Cancelled { reason, residual, .. } => {
                format!("the order is cancelled: {reason}{}", tell::remains(&residual))
            }
            SagaOutcome::Killed { reason, residual } => {
                format!("the order was killed: {reason}{}", tell::remains(&residual))
            }
        })
    }
}

async fn last_event(saga: &SellHandle) -> Result<Option<u64>, Trouble> {
    Ok(saga.history().await.map_err(Trouble::told)?.last().map(|last| last.seq))
}

fn too_late(id: SagaId, status: SagaStatus) -> Trouble {
    Trouble::Failed(format!("too late: order {id} is {status}"))
}
