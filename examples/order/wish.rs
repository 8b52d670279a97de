//! What can be asked of an order, here or through the socket of the process that works on it.

use distributed_task::kernel::SagaId;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{say::sentence, task::Order};

/// What somebody wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    Place { key: Option<String>, order: Order, follow: bool },
    List { all: bool, json: bool },
    Inspect { id: SagaId, json: bool },
    Cancel { id: SagaId, follow: bool },
    Say { id: SagaId, by: String, word: Word, follow: bool },
}

/// What an operator says about an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    Retry,
    Waive { step: Option<String>, reason: String },
    Done { step: Option<String>, evidence: String },
}

/// What is answered: lines, and then how it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Line(String),
    Done,
    Failed(String),
}

/// Takes the lines of an answer to whoever reads them.
#[derive(Clone)]
pub(crate) struct Lines(mpsc::Sender<Reply>);

/// Nobody reads them any more.
pub(crate) struct Unread;

/// Why an answer ends before its end.
pub(crate) enum Trouble {
    /// What is to be told.
    Failed(String),
    Unread,
}

impl Trouble {
    pub(crate) fn told(error: impl std::error::Error) -> Self {
        Self::Failed(sentence(&error))
    }
}

impl From<Unread> for Trouble {
    fn from(_: Unread) -> Self {
        Self::Unread
    }
}

impl Lines {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Reply>) {
        let (lines, replies) = mpsc::channel(16);
        (Self(lines), replies)
    }

    pub(crate) async fn line(&self, line: impl ToString) -> Result<(), Unread> {
        self.send(Reply::Line(line.to_string())).await
    }

    pub(crate) async fn end(&self, end: Result<(), String>) -> Result<(), Unread> {
        self.send(end.map_or_else(Reply::Failed, |()| Reply::Done)).await
    }

    async fn send(&self, reply: Reply) -> Result<(), Unread> {
        self.0.send(reply).await.map_err(|_| Unread)
    }
}
