//! How a journal answers: at once or later, or why not.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;

use super::SeatId;

/// What can go wrong with a call.
///
/// ```
/// use distributed_task::journal::JournalError;
///
/// /// Whether the same call may be made again.
/// fn may_ask_again(error: &JournalError) -> bool {
///     match error {
///         // Another process may go on with the sagas of this seat: stop.
///         JournalError::Fenced(_) | JournalError::Diverged(_) => false,
///         _ => true,
///     }
/// }
/// let error = JournalError::Unavailable("connection refused".into());
/// assert!(may_ask_again(&error));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The seat does not live; nothing was written.
    #[error("the seat {0} is gone: another process may own its sagas")]
    Fenced(SeatId),
    /// The store and the seat disagree on what was written last: the store lost something.
    #[error("the journal and the seat {0} disagree on what was written last")]
    Diverged(SeatId),
    /// The store cannot be reached or failed.
    #[error("the journal is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The answer to a call: at once, or later.
///
/// A journal in memory answers without allocating; every other one boxes its future.
///
/// ```
/// # futures_util::future::FutureExt::now_or_never(async {
/// use distributed_task::journal::{Answer, Durability, JournalError};
///
/// let here = Answer::ready(Durability::Volatile);
/// let comes = Answer::Later(Box::pin(async { Ok(Durability::Fsync) }));
/// assert!(here.await? < comes.await?);
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub enum Answer<'a, T> {
    /// The answer is here. `None` once it was taken.
    Ready(Option<Result<T, JournalError>>),
    /// The answer comes.
    Later(BoxFuture<'a, Result<T, JournalError>>),
}

impl<T> Answer<'_, T> {
    /// An answer that is here.
    pub fn ready(answer: T) -> Self {
        Self::Ready(Some(Ok(answer)))
    }
}

impl<T> From<Result<T, JournalError>> for Answer<'_, T> {
    fn from(answer: Result<T, JournalError>) -> Self {
        Self::Ready(Some(answer))
    }
}

impl<T> Unpin for Answer<'_, T> {}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T, JournalError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Answer::Ready(answer) => Poll::Ready(answer.take().expect("polled after its end")),
            Answer::Later(future) => future.as_mut().poll(cx),
        }
    }
}
