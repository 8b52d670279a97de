//! The shop: a journal, in the folder or in Redis, and the world in the folder. Orders are worked on
//! while it is open, or by workers.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use distributed_task::{
    BuildError, SagaEventKind, SagaFilter, SagaStatus, Task, Worker,
    backend::{redis::RedisJournal, sqlite::SqliteOpenError},
    builder::TaskBuilder,
    kernel::SagaId,
};

use crate::{
    cli::Store,
    say::sentence,
    task::{Sell, SellHandle},
    tell,
    wish::{Lines, Trouble},
    world::{Bank, Carrier, Pace, Warehouse, World},
};

/// For the steps that run when the shop is closed.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// What a Redis is told that may forget what it has answered. The task says that it needs one that does
/// not: an order that was accepted, or a card that was charged, must not be forgotten.
const FORGETFUL: &str = "this Redis may forget orders when it ends: start it with `--appendonly yes \
    --appendfsync always`";

/// Where the shop keeps its things.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// An open shop. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Shop(pub(crate) Task<Sell>);

/// Which part of the work a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It takes orders, and works on them.
    Both,
    /// It takes orders. With a journal of its own it has to work on them as well.
    Orders,
}

/// Why it cannot be opened.
pub(crate) enum Closed {
    /// Another process has it open.
    InUse,
    Broken(String),
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Result<Self, String> {
        let made = fs::create_dir_all(&path);
        made.map_err(|why| format!("cannot make the folder `{}`: {why}", path.display()))?;
        Ok(Self(path))
    }

    /// One in which there is a journal already, or a world at least.
    pub(crate) fn existing(path: PathBuf, world: bool) -> Result<Self, String> {
        let folder = Self(path);
        let needed = if world { folder.world() } else { folder.journal() };
        match needed.try_exists() {
            Ok(true) => Ok(folder),
            Ok(false) => {
                let path = folder.0.display();
                Err(format!("there are no orders in `{path}`: say where they are with --folder"))
            }
            Err(why) => Err(format!("cannot look into `{}`: {why}", folder.0.display())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the process that has the shop open answers others.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    pub(crate) fn world(&self) -> PathBuf {
        self.0.join("world.db")
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal.db")
    }
}

impl Shop {
    pub(crate) async fn open(
        folder: &Folder,
        pace: Pace,
        store: &Store,
        part: Part,
    ) -> Result<Self, Closed> {
        let built = match (store, part) {
            (Store::File, _) | (_, Part::Both) => builder(folder, pace, store)?.build().await,
            (Store::Redis { .. }, Part::Orders) => builder(folder, pace, store)?.build_api().await,
        };
        built.map(Self).map_err(Closed::from)
    }

    /// Lets the steps that run come to their end, and leaves the rest in the journal.
    pub(crate) async fn close(self) {
        self.0.shutdown(GRACE).await;
    }

    /// Waits until there is no order that this process can work on, and answers how many are left:
    /// they wait for somebody.
    pub(crate) async fn work_off(&self) -> Result<usize, Trouble> {
        let mut left = 0;
        for id in self.open_orders().await? {
            let status = self.follow(&self.find(id).await?, None, None).await?;
            left += usize::from(!status.is_terminal());
        }
        Ok(left)
    }

    pub(crate) async fn open_orders(&self) -> Result<Vec<SagaId>, Trouble> {
        let mut rows = self.0.operator("list").list(all_orders());
        let mut open = Vec::new();
        while let Some(row) = rows.next().await {
            let row = row.map_err(Trouble::told)?;
            if !row.status.is_terminal() {
                open.push(row.id);
            }
        }
        Ok(open)
    }

    pub(crate) async fn find(&self, id: SagaId) -> Result<SellHandle, Trouble> {
        self.0.handle(id).await.map_err(Trouble::told)
    }

    /// Tells what happens to an order until it is over or waits for somebody.
    pub(crate) async fn follow(
        &self,
        saga: &SellHandle,
        after: Option<u64>,
        to: Option<&Lines>,
    ) -> Result<SagaStatus, Trouble> {
        let begin = saga.history().await.map_err(Trouble::told)?.first().map(|first| first.at);
        let mut events = after.map_or_else(|| saga.events(), |seq| saga.events_after(seq));
        while let Some(event) = events.next().await {
            if let Some(to) = to {
                to.line(tell::timed(&event, begin)).await?;
            }
            let is_parked = matches!(event.kind, SagaEventKind::Parked { .. });
            if is_parked || event.is_terminal() || !event.stuck.is_empty() {
                let status = saga.status().await.map_err(Trouble::told)?;
                // Somebody may have said something meanwhile.
                if status.is_terminal() || status.needs_operator() {
                    return Ok(status);
                }
            }
        }
        Err(Trouble::Failed("this process ends; the order goes on with the next one".to_owned()))
    }
}

/// Begins to work on the orders that others take.
pub(crate) async fn worker(
    folder: &Folder,
    pace: Pace,
    store: &Store,
) -> Result<Worker<Sell>, Closed> {
    Ok(builder(folder, pace, store)?.build_worker().await?)
}

fn builder(folder: &Folder, pace: Pace, store: &Store) -> Result<TaskBuilder<Sell>, Closed> {
    let path = folder.world();
    let world = World::open(&path, pace);
    let world = world.map_err(|why| Closed::Broken(format!("{}: {why}", path.display())))?;
    let shop = Sell::builder()
        .warehouse(Warehouse(world.clone()))
        .bank(Bank(world.clone()))
        .carrier(Carrier(world));
    Ok(match store {
        Store::File => shop.use_in_process_mode().journal_path(folder.journal()),
        Store::Redis { url, namespace, lease, partitions } => {
            let journal = RedisJournal::builder(url).namespace(namespace).lease(*lease);
            let journal = journal.partitions(*partitions);
            shop.use_distributed_mode(|with| with.redis_with(journal))
        }
    })
}

impl From<BuildError> for Closed {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::JournalPath { source: SqliteOpenError::InUse { .. }, .. } => Self::InUse,
            BuildError::JournalPath { source, .. } => Self::Broken(sentence(&source)),
            BuildError::Redis { source, .. } => Self::Broken(sentence(&source)),
            BuildError::Durability { .. } => Self::Broken(FORGETFUL.to_owned()),
            error => Self::Broken(sentence(&error)),
        }
    }
}

pub(crate) fn all_orders() -> SagaFilter {
    SagaFilter::all().of_task("order")
}
