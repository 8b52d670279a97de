//! What a test has: processes that share one store.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use distributed_task::{
    backend::{memory::MemoryLeases, redis::RedisLeases},
    coordination::{
        AcquireError, Coordination, CoordinationEvent, Lease, LeaseEvent, LeaseGuard, Lock,
    },
    lease::{LeaseStore as _, LockStore, Tenure},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::{StreamExt as _, stream::BoxStream};

/// A lease that does not run out while a test makes a few calls.
pub const LEASE: Duration = Duration::from_millis(600);
/// What every test wants.
pub const NAME: &str = "nightly-report";

/// One store, and as many processes as a test wants.
pub enum World {
    /// In memory: time passes when nobody has anything to do.
    Memory(MemoryLeases),
    /// In Redis: time passes.
    Redis(RedisServer),
}

impl World {
    pub fn redis() -> Self {
        Self::Redis(server())
    }

    /// One more process.
    pub async fn process(&self) -> Coordination {
        match self {
            Self::Memory(store) => Coordination::on_this_runtime(store.clone()),
            Self::Redis(server) => {
                let leases = RedisLeases::builder(server.url());
                Coordination::open(leases.open()).await.expect("the server is there")
            }
        }
    }

    /// The store itself.
    pub async fn store(&self) -> Box<dyn LockStore> {
        match self {
            Self::Memory(store) => Box::new(store.clone()),
            Self::Redis(server) => {
                let leases = RedisLeases::builder(server.url());
                Box::new(leases.open().await.expect("the server is there"))
            }
        }
    }

    /// Takes the name away from whoever has it, as an operator does who deletes a key.
    pub async fn take_away(&self, name: &str) {
        match self {
            Self::Memory(store) => {
                let tenure = store.inspect(name).await.expect("memory answers");
                let owner = tenure.expect("somebody has it").owner;
                store.release(name, &owner).await.expect("memory answers");
            }
            Self::Redis(server) => {
                server.cli(&["DEL", &format!("distributed-task:{{{name}}}:l")]);
            }
        }
    }
}

pub fn server() -> RedisServer {
    RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

/// What most tests want.
pub fn wanted(process: &Coordination) -> Lease {
    process.lease(NAME).ttl(LEASE)
}

/// A lease that nobody has.
pub async fn take(lease: Lease) -> LeaseGuard {
    let asked = lease.try_acquire().await.expect("the store answers");
    asked.expect("nobody has it")
}

/// Whether somebody else has it.
pub async fn is_busy(lease: Lease) -> bool {
    lease.try_acquire().await.expect("the store answers").is_none()
}

/// Who has what most tests want.
pub async fn holder(process: &Coordination) -> Option<Tenure> {
    wanted(process).info().await.expect("the store answers")
}

/// How many stand in line for a lock that somebody has: before one who asks without waiting.
pub async fn ahead(lock: &Lock) -> u64 {
    let late = lock.clone().lease(LEASE * 20).acquire_timeout(Duration::ZERO).await;
    let Err(AcquireError::NotAcquired(why)) = late else { panic!("{late:?}") };
    why.ahead
}

/// What happens to names from now on.
pub fn lease_events(process: &Coordination) -> BoxStream<'static, LeaseEvent> {
    let of_lease = |event| async {
        match event {
            CoordinationEvent::Lease(event) => Some(event),
            _ => None,
        }
    };
    process.monitor().events().filter_map(of_lease).boxed()
}

/// Waits until so many do.
pub async fn until_waiting(lock: &Lock, waiters: u64) {
    while ahead(lock).await != waiters {
        pass(LEASE / 100).await;
    }
}

pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Work that says whether it is running.
#[derive(Default)]
pub struct Work(AtomicUsize);

impl Work {
    /// Runs until it is dropped.
    pub async fn run(&self) {
        struct Running<'a>(&'a AtomicUsize);

        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }

        self.0.fetch_add(1, Ordering::AcqRel);
        let _running = Running(&self.0);
        std::future::pending().await
    }

    pub fn running(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// Each test twice.
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {
        $(
            $(#[$attribute])*
            async fn $name($world: $crate::world::World) $body
        )*

        mod in_memory {
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    super::$name($crate::world::World::Memory(Default::default())).await;
                }
            )*
        }

        mod in_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::world::World::redis()).await;
                }
            )*
        }
    };
}
pub(crate) use on_both;

/// Methods of a store that are those of another one, in a field.
macro_rules! hands_on {
    ($store:tt:) => {};
    ($store:tt: safety $($rest:tt)*) => {
        fn safety(&self) -> distributed_task::lease::Safety {
            self.$store.safety()
        }
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: try_acquire $($rest:tt)*) => {
        $crate::world::hands_on!($store, try_acquire, (lease: std::time::Duration), Acquired);
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: try_renew $($rest:tt)*) => {
        $crate::world::hands_on!($store, try_renew, (lease: std::time::Duration), Renewed);
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: release $($rest:tt)*) => {
        $crate::world::hands_on!($store, release, (), Released);
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: inspect $($rest:tt)*) => {
        fn inspect<'a>(
            &'a self,
            name: &'a str,
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<Option<distributed_task::lease::Tenure>, distributed_task::lease::LeaseError>,
        > {
            self.$store.inspect(name)
        }
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: acquire_in_turn $($rest:tt)*) => {
        fn acquire_in_turn<'a>(
            &'a self,
            want: distributed_task::lease::Want<'a>,
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<distributed_task::lease::Turn, distributed_task::lease::LeaseError>,
        > {
            self.$store.acquire_in_turn(want)
        }
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: hand_over $($rest:tt)*) => {
        fn hand_over<'a>(
            &'a self,
            name: &'a str,
            from: &'a distributed_task::lease::Owner,
            to: &'a distributed_task::lease::Owner,
            lease: std::time::Duration,
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<Option<distributed_task::lease::Grant>, distributed_task::lease::LeaseError>,
        > {
            self.$store.hand_over(name, from, to, lease)
        }
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: downgrade $($rest:tt)*) => {
        $crate::world::hands_on!($store, downgrade, (lease: std::time::Duration), Renewed);
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt: wakes $($rest:tt)*) => {
        fn wakes(&self) -> futures_util::stream::BoxStream<'static, distributed_task::lease::Wake> {
            self.$store.wakes()
        }
        $crate::world::hands_on!($store: $($rest)*);
    };
    ($store:tt, $method:ident, ($($argument:ident: $type:ty)?), $answer:ident) => {
        fn $method<'a>(
            &'a self,
            name: &'a str,
            owner: &'a distributed_task::lease::Owner,
            $($argument: $type,)?
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<distributed_task::lease::$answer, distributed_task::lease::LeaseError>,
        > {
            self.$store.$method(name, owner $(, $argument)?)
        }
    };
}
pub(crate) use hands_on;
