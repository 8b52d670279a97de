//! The answers of all servers to one question, as they come.

use std::{pin::pin, time::Duration};

use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

use super::{
    Node,
    error::{NodeFailure, QuorumError},
};

/// What a server has said so far.
#[derive(Debug)]
pub(super) enum Answer<T> {
    /// Nothing.
    Awaited,
    Said(T),
    Failed(NodeFailure),
}

impl<T> Answer<T> {
    pub(super) fn said(&self) -> Option<&T> {
        match self {
            Self::Said(said) => Some(said),
            Self::Awaited | Self::Failed(_) => None,
        }
    }
}

/// One answer for each server.
pub(super) struct Answers<T> {
    pub(super) of: Vec<Answer<T>>,
    coming: UnboundedReceiver<(usize, Result<T, NodeFailure>)>,
}

impl<T> Answers<T> {
    pub(super) fn new(
        of: Vec<Answer<T>>,
        coming: UnboundedReceiver<(usize, Result<T, NodeFailure>)>,
    ) -> Self {
        Self { of, coming }
    }

    /// Waits until they decide something, and no longer: who is late is not waited for. After the limit
    /// those that have not answered are silent.
    pub(super) async fn decide<D>(
        &mut self,
        limit: Duration,
        decision: impl Fn(&[Answer<T>]) -> Option<D>,
    ) -> Option<D> {
        let mut over = pin!(sleep(limit));
        loop {
            if let Some(decided) = decision(&self.of) {
                return Some(decided);
            }
            if !self.of.iter().any(|answer| matches!(answer, Answer::Awaited)) {
                return None;
            }
            let come = tokio::select! {
                biased;
                come = self.coming.recv() => come,
                () = &mut over => None,
            };
            match come {
                Some((node, answer)) => {
                    self.of[node] = answer.map_or_else(Answer::Failed, Answer::Said);
                }
                None => self.silence(limit),
            }
        }
    }

    fn silence(&mut self, limit: Duration) {
        for answer in &mut self.of {
            if matches!(answer, Answer::Awaited) {
                *answer = Answer::Failed(NodeFailure::Silent(limit));
            }
        }
    }

    /// Why they did not decide, when all have answered or are silent: what each says to it, `None` if it
    /// agreed.
    pub(super) fn error(
        self,
        nodes: &[Node],
        needed: usize,
        says: impl Fn(T) -> Option<NodeFailure>,
    ) -> QuorumError {
        let why = self.of.into_iter().map(|answer| match answer {
            Answer::Said(said) => says(said),
            Answer::Failed(failure) => Some(failure),
            Answer::Awaited => None,
        });
        let servers = nodes.iter().map(|node| node.address.clone()).zip(why).collect::<Vec<_>>();
        let agreed = servers.iter().filter(|(_, why)| why.is_none()).count();
        QuorumError::NoQuorum { agreed, needed, servers }
    }
}
