//! The shop: a journal and the world in one folder. Orders are worked on while it is open.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use distributed_task::{
    BuildError, SagaEventKind, SagaFilter, SagaStatus, Task, backend::sqlite::SqliteOpenError,
    kernel::SagaId,
};

use crate::{
    say::sentence,
    task::{Sell, SellHandle},
    tell,
    wish::{Lines, Trouble},
    world::{Bank, Carrier, Pace, Warehouse, World},
};

/// For the steps that run when the shop is closed.
const GRACE: Duration = Duration::from_secs(10);

/// Where the shop keeps its things.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// An open shop. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Shop(pub(crate) Task<Sell>);

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

    /// One in which there is a shop already.
    pub(crate) fn existing(path: PathBuf) -> Result<Self, String> {
        let folder = Self(path);
        match folder.journal().try_exists() {
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
    pub(crate) async fn open(folder: &Folder, pace: Pace) -> Result<Self, Closed> {
        let path = folder.world();
        let world = World::open(&path, pace);
        let world = world.map_err(|why| Closed::Broken(format!("{}: {why}", path.display())))?;
        let built = Sell::builder()
            .warehouse(Warehouse(world.clone()))
            .bank(Bank(world.clone()))
            .carrier(Carrier(world))
            .use_in_process_mode()
            .journal_path(folder.journal())
            .build();
        match built.await {
            Ok(task) => Ok(Self(task)),
            Err(BuildError::JournalPath { source: SqliteOpenError::InUse { .. }, .. }) => {
                Err(Closed::InUse)
            }
            Err(BuildError::JournalPath { source, .. }) => Err(Closed::Broken(sentence(&source))),
            Err(error) => Err(Closed::Broken(sentence(&error))),
        }
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
        self.0.saga(id).await.map_err(Trouble::told)
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

pub(crate) fn all_orders() -> SagaFilter {
    SagaFilter::all().of_task("order")
}
