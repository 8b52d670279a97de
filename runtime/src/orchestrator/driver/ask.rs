//! Asking the journal until it answers, or until the host cannot wait for that any more.

use std::time::Duration;

use tokio::time::sleep;

use super::super::host::Host;
use crate::{
    journal::{Answer, JournalError},
    kernel::{Fence, Mail, SagaId, Stamped},
};

/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// The records that are written.
pub(super) async fn records(host: &Host, saga: SagaId) -> Option<Vec<Stamped>> {
    let history = until_answered(host, || host.journal.read(saga, 0)).await?;
    Some(history.map_or_else(Vec::new, |history| history.records))
}

/// The records that are written, asked for a while after an answer that did not come.
pub(super) async fn records_later(host: &Host, saga: SagaId) -> Option<Vec<Stamped>> {
    sleep(RETRY).await;
    records(host, saga).await
}

/// The fence of the first record, if there is one.
pub(super) async fn begun_by(host: &Host, saga: SagaId) -> Option<Option<Fence>> {
    sleep(RETRY).await;
    let history = until_answered(host, || host.journal.read(saga, 0)).await?;
    Some(history.and_then(|history| Some(history.records.first()?.fence)))
}

/// The inbox.
pub(super) async fn inbox(host: &Host, saga: SagaId) -> Option<Vec<Mail>> {
    until_answered(host, || host.journal.inbox(saga)).await
}

async fn until_answered<'a, T>(host: &Host, ask: impl Fn() -> Answer<'a, T>) -> Option<T> {
    loop {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(JournalError::Unavailable(error)) => {
                tracing::warn!(%error, "the journal does not answer, asking again");
            }
            Err(_) => return None,
        }
        tokio::select! {
            () = host.aborting.cancelled() => return None,
            () = sleep(RETRY) => {}
        }
    }
}
