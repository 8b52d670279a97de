//! What checks fences: the only help against a holder that was paused before its write.

use std::sync::{Mutex, PoisonError};

use crate::kernel::Fence;

/// A resource in this process that refuses who had it before: it takes a write under the highest fence that
/// it has seen or a higher one, and no other. Until the next owner has written, or [raised](Self::raise) the
/// fence, the last one can. The fence of who shares a name is none of its own: it does not write.
///
/// The same in a database is one more condition: see the guide on
/// [coordination](crate::docs::guide::coordination#fences).
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, FencedResource},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let checkpoint = FencedResource::new(0_u64);
///
/// let before = coordination.lease("projection").acquire().await?;
/// checkpoint.write(before.fence(), |at| *at = 100)?;
/// let paused = before.fence();
/// before.release().await;
///
/// let now = coordination.lease("projection").acquire().await?;
/// checkpoint.write(now.fence(), |at| *at = 200)?;
/// let late = checkpoint.write(paused, |at| *at = 110).expect_err("somebody else has it by now");
/// assert_eq!((late.fence, late.highest), (paused, now.fence()));
/// assert_eq!(checkpoint.read(|at| *at), 200);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Debug, Default)]
pub struct FencedResource<T>(Mutex<(Fence, T)>);

/// A write came too late: somebody else has the resource by now.
///
/// See [`FencedResource`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a write under {fence:?} is refused: {highest:?} has written by now")]
#[non_exhaustive]
pub struct StaleFence {
    /// Under which fence it was.
    pub fence: Fence,
    /// Which one the resource has seen.
    pub highest: Fence,
}

impl<T> FencedResource<T> {
    /// One that nobody has written to.
    pub fn new(value: T) -> Self {
        Self::under(Fence::NONE, value)
    }

    /// One that was written to under this fence: what was kept goes on where it was.
    pub fn under(highest: Fence, value: T) -> Self {
        Self(Mutex::new((highest, value)))
    }

    /// Writes to it, unless somebody with a higher fence has. Nobody else does meanwhile: `write` may not look
    /// at it in any other way. One that panics has written what it has written.
    ///
    /// # Errors
    /// [`StaleFence`], and nothing is written. [`Fence::NONE`] is nobody's, and always refused.
    pub fn write<R>(&self, fence: Fence, write: impl FnOnce(&mut T) -> R) -> Result<R, StaleFence> {
        let (highest, value) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if fence < *highest || fence == Fence::NONE {
            return Err(StaleFence { fence, highest: *highest });
        }
        *highest = fence;
        Ok(write(value))
    }

    /// Refuses all below this fence from now on, also before its owner writes: what a new owner does first,
    /// or an operator who took the resource away from somebody.
    pub fn raise(&self, fence: Fence) {
        let highest = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0;
        *highest = fence.max(*highest);
    }

    /// Looks at it.
    pub fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// The highest fence that it has seen.
    pub fn highest(&self) -> Fence {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}
