//! Looking for what should not be: late successes that no saga knows of, and sagas in no place.

use super::{Operator, OperatorError};
use crate::{
    kernel::{Letter, SagaId},
    orchestrator::task::StatusError,
    task::TaskSteps,
};

/// Sagas that one call of the journal looks at.
const PAGE: usize = 500;

/// A step that succeeded when its saga was over for good: an effect of which no saga knows. Somebody
/// has to look at it (C8).
///
/// ```
/// use distributed_task::{Operator, OperatorError, TaskSteps};
///
/// async fn report<T: TaskSteps>(operator: &Operator<T>) -> Result<(), OperatorError> {
///     for late in operator.late().await? {
///         println!("{}: step {} happened after all", late.saga, late.number);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LateReport {
    /// The saga.
    pub saga: SagaId,
    /// The step, while the journal still has the records of the saga.
    pub step: Option<String>,
    /// The place of the step in the order of its task, from 1.
    pub number: usize,
    /// The generation of the step.
    pub generation: u32,
    /// The attempt that succeeded.
    pub attempt: u32,
}

/// What an audit found.
///
/// ```
/// use distributed_task::{Operator, OperatorError, TaskSteps};
///
/// async fn nightly<T: TaskSteps>(operator: &Operator<T>) -> Result<(), OperatorError> {
///     let audit = operator.audit().await?;
///     if !audit.mended.is_empty() {
///         println!("{} of {} sagas were nowhere", audit.mended.len(), audit.seen);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditReport {
    /// So many sagas were looked at.
    pub seen: usize,
    /// Sagas that were in no place, and have a ticket again. It should be empty: something outside
    /// has damaged the store.
    pub mended: Vec<SagaId>,
}

impl<T: TaskSteps> Operator<T> {
    /// Steps that succeeded when their sagas were over, the newest last.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn late(&self) -> Result<Vec<LateReport>, OperatorError> {
        let host = &self.inner.host;
        let mut reports = Vec::new();
        for (saga, mail) in host.journal.late().await? {
            let Letter::Late { step, generation, attempt, .. } = mail.letter else { continue };
            let name = match host.look(saga).await {
                Ok(look) => look.definition.steps.get(step).map(|step| step.name.to_string()),
                Err(StatusError::Journal { source, .. }) => return Err(source.into()),
                Err(_) => None,
            };
            reports.push(LateReport { saga, step: name, number: step + 1, generation, attempt });
        }
        Ok(reports)
    }

    /// Looks at every open saga, and makes a ticket for each that is in no place (J7). No crash can
    /// bring one there, so an error is logged for what is found. It reads the whole journal: once
    /// in a while is enough.
    ///
    /// # Errors
    /// When the journal fails; what was mended until then stays mended.
    pub async fn audit(&self) -> Result<AuditReport, OperatorError> {
        let mut report = AuditReport::default();
        let mut after = None;
        loop {
            let page = self.inner.host.journal.audit(after, PAGE).await?;
            for saga in &page.mended {
                tracing::error!(%saga, by = self.by, "a saga was in no place: the store is damaged");
            }
            report.seen += page.seen;
            report.mended.extend(page.mended);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(report),
            }
        }
    }
}
