//! Those who have a name and write down what they see, and what they write to.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    ops::Deref,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use distributed_task::{
    coordination::{
        AcquireError, Lease, LeaseGuard, LeaseState, LockGuard, LossCause, Lost, ReadGuard,
        ReleaseOutcome, WriteGuard,
    },
    kernel::Fence,
};

use super::history::{End, Event, History, What};

/// A holder whose looks at its lease are part of a history.
pub struct Witness {
    pub guard: Guard,
    /// When it was.
    pub granted: u64,
    history: History,
    tenure: String,
}

/// Any of these.
#[derive(Debug)]
pub enum Guard {
    Lease(LeaseGuard),
    Lock(LockGuard),
    Read(ReadGuard),
    Write(WriteGuard),
}

impl Guard {
    async fn release(self) -> ReleaseOutcome {
        match self {
            Self::Lease(guard) => guard.release().await,
            Self::Lock(guard) => guard.release().await,
            Self::Read(guard) => guard.release().await,
            Self::Write(guard) => guard.release().await,
        }
    }

    /// Others may have it as well.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Read(_))
    }
}

impl Deref for Guard {
    type Target = LeaseGuard;

    fn deref(&self) -> &LeaseGuard {
        match self {
            Self::Lease(guard) => guard,
            Self::Lock(guard) => guard,
            Self::Read(guard) => guard,
            Self::Write(guard) => guard,
        }
    }
}

/// How often a holder looks.
pub const LOOKS: Duration = Duration::from_millis(3);

impl History {
    /// Waits for a name, also while the store does not answer.
    pub async fn acquire(&self, lease: &Lease) -> Witness {
        loop {
            match lease.acquire().await {
                Ok(guard) => return self.witness(Guard::Lease(guard)),
                Err(AcquireError::Store(error)) if error.is_retryable() => {
                    tokio::time::sleep(LOOKS).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// A name that nobody has.
    pub async fn take(&self, lease: &Lease) -> Witness {
        let asked = lease.try_acquire().await.expect("the store answers");
        self.witness(Guard::Lease(asked.expect("nobody has it")))
    }

    pub fn witness(&self, guard: Guard) -> Witness {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let tenure = format!("{}/{number}", process::id());
        let (granted, history) = (self.now(), self.clone());
        let witness = Witness { guard, granted, history, tenure };
        witness.note(granted, What::Granted);
        // It may be over by now.
        let _ = witness.check();
        witness
    }
}

impl Witness {
    fn note(&self, at: u64, what: What) {
        let (name, tenure) = (self.guard.key().to_owned(), self.tenure.clone());
        let (fence, is_shared) = (self.fence().0, self.guard.is_shared());
        self.history.note(Event { name, tenure, fence, is_shared, at, what });
    }

    pub fn fence(&self) -> Fence {
        self.guard.fence()
    }

    /// Looks at the lease. Answers until when it is held.
    pub fn check(&self) -> Result<u64, Lost> {
        // Before the look: a holder that is stopped in between is promised less, and never more.
        let at = self.history.now();
        match self.guard.check() {
            Ok(held) => {
                let left = u64::try_from(held.remaining().as_micros()).expect("it is short");
                self.note(at, What::Held { until: at + left });
                Ok(at + left)
            }
            Err(lost) => {
                self.note(at, What::Ended(end(lost.cause)));
                Err(lost)
            }
        }
    }

    /// Looks until it is lost.
    pub async fn watch(&self) -> Lost {
        loop {
            match self.check() {
                Ok(_) => tokio::time::sleep(LOOKS).await,
                Err(lost) => return lost,
            }
        }
    }

    /// Looks until it was renewed: it has all of its time. Answers until when it is held.
    pub async fn renewed(&self) -> u64 {
        let before = self.check().expect("it is held");
        // What is counted is the same by a few microseconds until it is renewed.
        let renewed =
            before + u64::try_from(self.guard.ttl().as_micros()).expect("it is short") / 10;
        loop {
            tokio::time::sleep(LOOKS).await;
            let until = self.check().expect("nothing happens to it yet");
            if until > renewed {
                return until;
            }
        }
    }

    /// Writes to a resource, under the fence, whether or not it is held.
    pub fn write(&self, register: &Register) -> bool {
        let at = self.history.now();
        let accepted = register.write(self.fence());
        self.note(at, What::Wrote { accepted });
        accepted
    }

    /// Says that it is about to be stopped.
    pub fn says_that_it_stops(&self) {
        self.note(self.history.now(), What::Stops);
    }

    /// Lets it go, and waits until the store knows.
    pub async fn release(self) -> ReleaseOutcome {
        self.note(self.history.now(), What::LetGo);
        let Self { guard, history, tenure, .. } = self;
        let (view, name, fence) = (guard.view(), guard.key().to_owned(), guard.fence().0);
        let is_shared = guard.is_shared();
        let outcome = guard.release().await;
        let how = match view.state() {
            LeaseState::Released => End::Released,
            LeaseState::Lost(lost) => end(lost.cause),
            state => panic!("{state:?} after it was released"),
        };
        let (at, what) = (history.now(), What::Ended(how));
        history.note(Event { name, tenure, fence, is_shared, at, what });
        outcome
    }
}

fn end(cause: LossCause) -> End {
    match cause {
        LossCause::NotOwner => End::NotOwner,
        LossCause::Expired => End::Expired,
        LossCause::Unreachable => End::Unreachable,
        other => panic!("{other:?} is new"),
    }
}

/// A resource that processes share, and that refuses lower fences than it has seen: a file of all
/// fences that it took, each once.
pub struct Register(PathBuf);

impl Register {
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }

    pub fn write(&self, fence: Fence) -> bool {
        let mut file = File::options().create(true).append(true).read(true).open(&self.0);
        let file = file.as_mut().expect("it can be opened");
        // Until it is closed.
        file.lock().expect("it can be locked");
        let mut taken = String::new();
        file.read_to_string(&mut taken).expect("it is text");
        let highest = numbers(&taken).last().copied().unwrap_or_default();
        if highest < fence.0 {
            writeln!(file, "{}", fence.0).expect("there is room");
        }
        highest <= fence.0
    }

    /// What it took, in order.
    pub fn accepted(&self) -> Vec<u64> {
        numbers(&std::fs::read_to_string(&self.0).unwrap_or_default())
    }
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.parse().expect("it is a number")).collect()
}
