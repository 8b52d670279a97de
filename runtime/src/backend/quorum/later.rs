//! A server that is away when a process starts.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{runtime::Handle, sync::OnceCell};

use crate::lease::{
    Acquired, Agreed, Ballot, CandidateStore, LeaseAdmin, LeaseError, LeaseStore, Life, Owner,
    QuorumNode, Released, Renewal, Renewed, RunStore, Safety, ServerClock, Tenure, Vote,
};

type Opened = Result<Arc<dyn QuorumNode>, Box<dyn Error + Send + Sync>>;

/// Opens its store with the first call that finds it there.
pub(super) struct Later {
    address: String,
    open: Box<dyn Fn() -> BoxFuture<'static, Opened> + Send + Sync>,
    opened: OnceCell<Arc<dyn QuorumNode>>,
    /// Where it is opened, whoever asks: a store may live there. The quorum asks first.
    home: OnceLock<Handle>,
}

impl Later {
    pub(super) fn new(
        address: String,
        open: impl Fn() -> BoxFuture<'static, Opened> + Send + Sync + 'static,
    ) -> Self {
        Self { address, open: Box::new(open), opened: OnceCell::new(), home: OnceLock::new() }
    }

    async fn store(&self) -> Result<&Arc<dyn QuorumNode>, LeaseError> {
        let home = self.home.get_or_init(Handle::current);
        let opening =
            async || match home.spawn((self.open)()).await.unwrap_or_else(|it| Err(it.into())) {
                Err(source) => Err(LeaseError::Refused { source, retryable: true }),
                Ok(store) if store.safety() <= Safety::Replicas => {
                    let source = "it has replicas, and one that takes over may lack a grant".into();
                    Err(LeaseError::Refused { source, retryable: false })
                }
                Ok(store) => Ok(store),
            };
        self.opened.get_or_try_init(opening).await
    }
}

impl LeaseStore for Later {
    fn safety(&self) -> Safety {
        self.opened.get().map_or(Safety::Server, |store| store.safety())
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        async move { self.store().await?.try_acquire(name, owner, lease).await }.boxed()
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move { self.store().await?.try_renew(name, owner, lease).await }.boxed()
    }

    fn renew_all<'a>(
        &'a self,
        renewals: &'a [Renewal],
    ) -> BoxFuture<'a, Result<Vec<Result<Renewed, LeaseError>>, LeaseError>> {
        async move { self.store().await?.renew_all(renewals).await }.boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        async move { self.store().await?.release(name, owner).await }.boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        async move { self.store().await?.inspect(name).await }.boxed()
    }

    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        async move {
            match self.store().await {
                Ok(store) => store.clocks().await,
                Err(_) => Vec::new(),
            }
        }
        .boxed()
    }

    fn doubts(&self) -> BoxFuture<'_, Vec<String>> {
        async move {
            match self.store().await {
                Ok(store) => store.doubts().await,
                Err(_) => Vec::new(),
            }
        }
        .boxed()
    }

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        self.opened.get()?.admin()
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        self.opened.get()?.candidates()
    }

    fn runs(&self) -> Option<&dyn RunStore> {
        self.opened.get()?.runs()
    }
}

impl QuorumNode for Later {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn life(&self) -> BoxFuture<'_, Result<Life, LeaseError>> {
        async move { self.store().await?.life().await }.boxed()
    }

    fn vote<'a>(&'a self, ballot: Ballot<'a>) -> BoxFuture<'a, Result<Vote, LeaseError>> {
        async move { self.store().await?.vote(ballot).await }.boxed()
    }

    fn raise<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        agreed: Agreed,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move { self.store().await?.raise(name, owner, agreed).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtime() -> Runtime {
        let builder = || Builder::new_multi_thread().worker_threads(1).build();
        builder().expect("the machine has a place for one more thread")
    }

    #[test]
    fn whoever_asks_it_is_opened_where_the_quorum_lives() {
        let (home, other) = (runtime(), runtime());
        let opened_in = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&opened_in);
        let later = Later::new("away".to_owned(), move || {
            let note = Arc::clone(&note);
            async move {
                note.lock().expect("nobody panics").push(Handle::current().id());
                Err("it is away".into())
            }
            .boxed()
        });
        home.block_on(later.life()).expect_err("it is away");
        assert_eq!(other.block_on(later.clocks()), []);
        assert_eq!(*opened_in.lock().expect("nobody panics"), [home.handle().id(); 2]);
    }
}
