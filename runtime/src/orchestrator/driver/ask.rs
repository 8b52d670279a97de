//! Asking the journal until it answers, or until the host cannot wait for that any more.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    super::{host::Host, seat::Seat},
    Lost,
};
use crate::{
    journal::{Answer, JournalError},
    kernel::{Fence, Mail, SagaId, Stamped},
};

/// How long to wait before asking a journal again that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// The records that are written. A saga without any is over, and forgotten: it has no owner.
pub(in crate::orchestrator) async fn records(
    host: &Host,
    seat: &Seat,
    saga: SagaId,
) -> Result<Vec<Stamped>, Lost> {
    let history = until_answered(host, seat, || host.journal.read(saga, 0)).await;
    match history.ok_or(Lost::Unheard)? {
        Some(history) => Ok(history.records),
        None => Err(Lost::NotOwner),
    }
}

/// The records that are written, asked for a while after an answer that did not come.
pub(in crate::orchestrator) async fn records_later(
    host: &Host,
    seat: &Seat,
    saga: SagaId,
) -> Result<Vec<Stamped>, Lost> {
    wait(host, seat).await?;
    records(host, seat, saga).await
}

/// The fence of the first record, if there is one.
pub(super) async fn begun_by(
    host: &Host,
    seat: &Seat,
    saga: SagaId,
) -> Result<Option<Fence>, Lost> {
    wait(host, seat).await?;
    let history = until_answered(host, seat, || host.journal.read(saga, 0)).await;
    Ok(history.ok_or(Lost::Unheard)?.and_then(|history| Some(history.records.first()?.fence)))
}

/// The inbox.
pub(in crate::orchestrator) async fn inbox(
    host: &Host,
    seat: &Seat,
    saga: SagaId,
) -> Option<Vec<Mail>> {
    until_answered(host, seat, || host.journal.inbox(saga)).await
}

async fn until_answered<'a, T>(
    host: &Host,
    seat: &Seat,
    ask: impl Fn() -> Answer<'a, T>,
) -> Option<T> {
    loop {
        match host.answered(seat, ask()).await? {
            Ok(answer) => return Some(answer),
            Err(JournalError::Unavailable(error)) => {
                tracing::warn!(%error, "the journal does not answer, asking again");
            }
            Err(_) => return None,
        }
        wait(host, seat).await.ok()?;
    }
}

/// Until it is worth while to ask again.
pub(in crate::orchestrator) async fn wait(host: &Host, seat: &Seat) -> Result<(), Lost> {
    tokio::select! {
        biased;
        () = host.aborting.cancelled() => Err(Lost::Unheard),
        () = seat.lost.cancelled() => Err(Lost::Unheard),
        () = sleep(RETRY) => Ok(()),
    }
}
