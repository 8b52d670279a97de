//! What is given to a builder: a value, or one that others hold as well.

use std::sync::Arc;

use crate::{
    clock::Clock, codec::Codec, journal::Journal, lock::DistributedLock, progress::ProgressTracker,
    queue::Queue,
};

/// A value, or something that shares it, as a trait object.
///
/// ```
/// use std::sync::Arc;
/// use distributed_task::{builder::IntoShared, clock::{Clock, SystemClock}};
///
/// /// Takes a clock, or one that the caller goes on using.
/// fn start(clock: impl IntoShared<dyn Clock>) -> Arc<dyn Clock> {
///     clock.into_shared()
/// }
/// let kept = Arc::new(SystemClock::default());
/// let (own, shared) = (start(SystemClock::default()), start(Arc::clone(&kept)));
/// assert!(own.now() <= shared.now() && shared.now() <= kept.now());
/// ```
pub trait IntoShared<D: ?Sized> {
    /// The trait object.
    fn into_shared(self) -> Arc<D>;
}

macro_rules! into_shared {
    ($($dyn:ident),*) => {$(
        impl<V: $dyn> IntoShared<dyn $dyn> for V {
            fn into_shared(self) -> Arc<dyn $dyn> {
                Arc::new(self)
            }
        }

        impl<V: $dyn> IntoShared<dyn $dyn> for Arc<V> {
            fn into_shared(self) -> Arc<dyn $dyn> {
                self
            }
        }

        impl IntoShared<dyn $dyn> for Arc<dyn $dyn> {
            fn into_shared(self) -> Arc<dyn $dyn> {
                self
            }
        }
    )*};
}

into_shared!(Journal, Queue, ProgressTracker, DistributedLock, Clock, Codec);
