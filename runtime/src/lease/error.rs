//! What can go wrong with a lease.

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a lease store did not answer what it was asked. That a name is busy, or an owner is none any
/// more, is an answer and no error.
///
/// ```
/// use distributed_task::lease::LeaseError;
///
/// let error = LeaseError::Unanswered("nothing came within 2s".into());
/// assert!(error.is_outcome_unknown() && error.is_retryable());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Nothing was done.
    #[error("the lease store did nothing: {source}")]
    Refused {
        /// Why.
        source: Source,
        /// Whether the same call may succeed without a change of anything.
        retryable: bool,
    },
    /// It may have been done.
    #[error("the lease store did not answer: {0}")]
    Unanswered(#[source] Source),
}

impl LeaseError {
    /// The same for another one of those whom it concerns.
    #[cfg(feature = "engine")]
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Refused { source, retryable } => {
                Self::Refused { source: source.to_string().into(), retryable: *retryable }
            }
            Self::Unanswered(source) => Self::Unanswered(source.to_string().into()),
        }
    }

    /// Whether the call may have been done.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unanswered(_))
    }

    /// Whether the same call may succeed without a change of anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { retryable, .. } => *retryable,
            Self::Unanswered(_) => true,
        }
    }
}
