//! The sagas of the stories: short ones, that together use every way in which an append arises.

use distributed_task::prelude::*;

use crate::world::World;

/// Four effects in a row, each with its undo.
#[distributed_task(request = u32, response = u32, cancellable, timeout = "1h")]
pub(crate) struct Order {
    world: World,
}

#[steps]
impl Order {
    #[step(compensate = undo, timeout = "30s", retry(max = 2, delay = "1s", jitter = "none"))]
    async fn reserve(&self, cx: &StepContext, request: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + request)
    }

    /// Its retries wait for so long that the saga is put down for it.
    #[step(compensate = undo, timeout = "30s",
        retry(max = 40, delay = "10s", max_delay = "10s", jitter = "none"))]
    async fn charge(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(compensate = undo, timeout = "30s", retry(max = 2, delay = "1s", jitter = "none"))]
    async fn pack(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(compensate = undo, timeout = "30s", retry(max = 2, delay = "1s", jitter = "none"))]
    async fn ship(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self, ship: &u32) -> u32 {
        *ship
    }
}

/// Two effects: small enough for stories with more than one crash.
#[distributed_task(request = (), response = (), cancellable)]
pub(crate) struct Pair {
    world: World,
}

#[steps]
impl Pair {
    #[step(compensate = undo, timeout = "30s", retry(max = 1, delay = "1s", jitter = "none"))]
    async fn first(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(compensate = undo, timeout = "30s", retry(max = 1, delay = "1s", jitter = "none"))]
    async fn second(&self, cx: &StepContext, first: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + first)
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// A group whose first failure stops the rest; one member is there on a condition.
#[distributed_task(request = bool, response = ())]
pub(crate) struct Trip {
    world: World,
}

#[steps]
impl Trip {
    #[step(compensate = undo, timeout = "30s")]
    async fn plan(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(group = "bookings", compensate = undo, timeout = "30s",
        retry(max = 1, delay = "1s", jitter = "none"))]
    async fn flight(&self, cx: &StepContext, plan: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + plan)
    }

    #[step(group = "bookings", compensate = undo, timeout = "30s",
        retry(max = 1, delay = "1s", jitter = "none"))]
    async fn hotel(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(group = "bookings", compensate = undo, timeout = "30s", when = wants_car)]
    async fn car(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    fn wants_car(&self, request: &bool, plan: &u32) -> bool {
        *request && *plan > 0
    }

    #[step(no_undo = "the letter is sent", timeout = "30s")]
    async fn letter(&self, cx: &StepContext, car: Option<&u32>) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + car.copied().unwrap_or_default())
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// A group that finishes although a member failed.
#[distributed_task(request = (), response = ())]
pub(crate) struct Survey {
    world: World,
}

#[steps]
impl Survey {
    #[step(group = "all", await_all, compensate = undo, timeout = "30s")]
    async fn north(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(group = "all", compensate = undo, timeout = "30s")]
    async fn south(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(group = "all", compensate = undo, timeout = "30s")]
    async fn west(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// A point of no return, and what must succeed behind it.
#[distributed_task(request = (), response = (), cancellable)]
pub(crate) struct Sale {
    world: World,
}

#[steps]
impl Sale {
    #[step(compensate = undo, timeout = "30s")]
    async fn reserve(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(pivot, timeout = "30s", retry(max = 1, delay = "1s", jitter = "none"))]
    async fn pay(&self, cx: &StepContext, reserve: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + reserve)
    }

    #[step(retriable, timeout = "30s", retry(max = 2, delay = "10s", jitter = "none"))]
    async fn deliver(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// Steps that are not simply run again: one asks first, one never runs twice, the pivot is both.
#[distributed_task(request = (), response = ())]
pub(crate) struct Transfer {
    world: World,
}

#[steps]
impl Transfer {
    #[step(compensate = undo, probe = seen, timeout = "30s",
        retry(max = 1, delay = "1s", jitter = "none"))]
    async fn reserve(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(compensate = undo, at_most_once, timeout = "30s")]
    async fn debit(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(pivot, at_most_once, probe = seen, timeout = "30s")]
    async fn wire(&self, cx: &StepContext, debit: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + debit)
    }

    #[step(retriable, timeout = "30s", retry(max = 1, delay = "1s", jitter = "none"))]
    async fn report(&self, cx: &StepContext, wire: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + wire)
    }

    async fn seen(&self, cx: &ProbeContext) -> StepResult<Probe<u32>> {
        self.world.seen(cx).await
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// A step that can do a part of its work, and one whose failure nobody decides but an operator.
#[distributed_task(request = (), response = ())]
pub(crate) struct Errands {
    world: World,
}

#[steps]
impl Errands {
    #[step(compensate = undo, timeout = "30s", retry(max = 1, delay = "1s", jitter = "none"))]
    async fn buy(&self, cx: &StepContext) -> PartialResult<u32> {
        self.world.act_in_part(cx).await
    }

    #[step(compensate = undo, on_exhausted = "park", timeout = "30s",
        retry(max = 1, delay = "1s", jitter = "none"))]
    async fn bring(&self, cx: &StepContext, buy: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + buy)
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// A group whose members wait for an operator when they fail for good.
#[distributed_task(request = (), response = (), cancellable)]
pub(crate) struct Market {
    world: World,
}

#[steps]
impl Market {
    #[step(group = "stalls", compensate = undo, on_exhausted = "park", timeout = "30s",
        retry(max = 1, delay = "1s", jitter = "none"))]
    async fn tea(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(group = "stalls", compensate = undo, on_exhausted = "park", timeout = "30s",
        retry(max = 1, delay = "10s", max_delay = "10s", jitter = "none"))]
    async fn cake(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(compensate = undo, timeout = "30s")]
    async fn close(&self, cx: &StepContext, tea: &u32, cake: &u32) -> StepResult<u32> {
        Ok(self.world.act(cx).await? + tea + cake)
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self) {}
}

/// Where uploads are kept.
pub(crate) const BUCKET: &str = "crash-points";
/// The steps that upload something.
pub(crate) const UPLOADS: [&str; 2] = ["upload", "copy"];

/// An API phase with an upload and an effect, then workers with something ephemeral between them.
#[distributed_task(request = String, response = u32)]
pub(crate) struct Intake {
    world: World,
}

#[steps]
impl Intake {
    #[file_upload_step(host = "api", bucket = "crash-points")]
    fn upload(&self, request: &str) -> SourceFile {
        SourceFile::bytes("letter.txt", request.to_owned())
    }

    #[step(host = "api", compensate = undo, timeout = "30s")]
    async fn register(&self, cx: &StepContext) -> StepResult<u32> {
        self.world.act(cx).await
    }

    #[step(ephemeral, read_only, timeout = "30s", retry(max = 3, delay = "1s", jitter = "none"))]
    async fn open(&self, cx: &StepContext, upload: &UploadedFile) -> StepResult<u64> {
        Ok(u64::from(self.world.look(cx).await?) + upload.size)
    }

    #[step(compensate = undo, timeout = "30s")]
    async fn file(&self, cx: &StepContext, open: &u64) -> StepResult<u32> {
        assert!(*open > 7, "it was opened here");
        self.world.act(cx).await
    }

    #[file_upload_step(bucket = "crash-points")]
    fn copy(&self, open: &u64) -> SourceFile {
        SourceFile::bytes("copy.txt", format!("{open} bytes"))
    }

    #[step(compensate = undo, timeout = "30s")]
    async fn index(&self, cx: &StepContext, copy: &UploadedFile) -> StepResult<u32> {
        assert!(copy.size > 0);
        self.world.act(cx).await
    }

    async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        self.world.undo(cx).await
    }

    #[response]
    fn respond(&self, index: &u32) -> u32 {
        *index
    }
}
