//! Asking the journal until it answers, or until the host cannot wait for that any more.

use std::time::Duration;

use tokio::time::sleep;

use super::super::host::Host;
use crate::{
    journal::{Answer, JournalError},
    kernel::{Mail, SagaId},
};

/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// The number of records that are written.
pub(super) async fn written(host: &Host, saga: SagaId) -> Option<u64> {
    sleep(RETRY).await;
    let history = until_answered(host, || host.journal.read(saga, 0)).await?;
    Some(history.map_or(0, |history| history.records.len() as u64))
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
