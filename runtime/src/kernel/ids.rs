//! Names of things: sagas, inbox entries, fences, instants, idempotency keys.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{Way, hex};

/// Identity of one saga.
///
/// ```
/// use distributed_task::kernel::SagaId;
///
/// let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// assert_eq!(saga.to_string(), "0192f0c1-0000-7000-8000-000000000000");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SagaId(pub Uuid);

impl Hash for SagaId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The second half is random in every version that is used here.
        state.write_u64(self.0.as_u64_pair().1);
    }
}

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl SagaId {
    /// The saga of the first start under a key (I2): the same for the same task, tenant and key,
    /// whoever asks.
    ///
    /// 128 bits of SHA-256, as a UUID of version 8.
    pub fn of_start(task: &str, tenant: Option<&str>, key: &str) -> Self {
        // A tenant is never empty, so none is not one of them.
        let digest = digest(&[
            b"distributed-task/start/1",
            task.as_bytes(),
            tenant.unwrap_or_default().as_bytes(),
            key.as_bytes(),
            &0_u32.to_be_bytes(),
        ]);
        Self(Builder::from_custom_bytes(digest).into_uuid())
    }

    /// The saga of a start that follows an abandoned one: this id, with the second half of the first
    /// one under its key, by which a store can keep them together (I2).
    #[must_use]
    pub fn beside(self, first: Self) -> Self {
        Self(Uuid::from_u64_pair(self.0.as_u64_pair().0, first.0.as_u64_pair().1))
    }
}

impl FromStr for SagaId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// Identity of one inbox entry: telling the same entry twice is telling it once.
///
/// See [`Mail`](super::Mail) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub Uuid);

/// A number that rises with every claim of a saga, for resources outside to refuse a stale owner
/// (F2). [`Fence::NONE`] stands for the submitter, who owns nothing.
///
/// ```
/// use distributed_task::kernel::Fence;
///
/// let (stale, owner) = (Fence(7), Fence(8));
/// assert!(Fence::NONE < stale && stale < owner);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl Fence {
    /// Nobody's fence.
    pub const NONE: Self = Self(0);
}

/// An instant of the store's clock, in microseconds since the Unix epoch.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::kernel::Timestamp;
///
/// let due = Timestamp(1_000_000).plus(Duration::from_secs(5));
/// assert_eq!(due.since(Timestamp(4_000_000)), Duration::from_secs(2));
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This instant and `after`, or the end of time.
    #[must_use]
    pub fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long from `now` to this instant; zero when it is over.
    #[must_use]
    pub fn since(self, now: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(now.0))
    }
}

/// What a start asked for, in 128 bits: two starts under one key are the same if this is (I2).
///
/// ```
/// use distributed_task::kernel::Fingerprint;
///
/// assert_ne!(Fingerprint([1; 16]), Fingerprint([2; 16]), "one key, two requests");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(#[serde(with = "hex")] pub [u8; 16]);

/// The key under which a participant can tell a repeated call from a new one (I1).
///
/// The same over attempts, restarts and versions of the code; different for a step and its undo.
/// 35 printable characters: `dt-` and 128 bits of SHA-256 in hexadecimal, over
/// length-prefixed parts, so that no two lists of parts collide.
pub fn idempotency_key(task: &str, saga: SagaId, step: &str, generation: u32, way: Way) -> String {
    let way: &[u8] = match way {
        // A probe asks about the step itself.
        Way::Do | Way::Probe => b"do",
        Way::Undo => b"undo",
    };
    let digest = digest(&[
        b"distributed-task/key/1",
        task.as_bytes(),
        saga.0.as_bytes(),
        step.as_bytes(),
        &generation.to_be_bytes(),
        way,
    ]);
    let mut key = String::with_capacity(35);
    key.push_str("dt-");
    for byte in digest {
        use fmt::Write as _;
        write!(key, "{byte:02x}").expect("writing to a string cannot fail");
    }
    key
}

/// 128 bits of SHA-256 over length-prefixed parts, so that no two lists of parts collide.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_a_start_is_named_by_task_tenant_and_key() {
        let start = SagaId::of_start("order", Some("acme"), "17");
        assert_eq!(start, SagaId::of_start("order", Some("acme"), "17"));
        assert_eq!(start.0.get_version_num(), 8);
        assert_eq!(start.to_string(), "17563765-b8fb-8e19-929c-7617beae27c9");
        for other in [
            SagaId::of_start("orders", Some("acme"), "17"),
            SagaId::of_start("order", None, "17"),
            SagaId::of_start("order", None, "acme17"),
            SagaId::of_start("order", Some("acme"), "18"),
            SagaId::of_start("order", Some("acme1"), "7"),
        ] {
            assert_ne!(start, other);
        }
    }

    #[test]
    fn i2_a_start_after_an_abandoned_one_shares_its_second_half() {
        let first = SagaId::of_start("order", None, "17");
        let drawn = SagaId(Uuid::from_u128(0x0192_f3a1_0000_7000_8000_0000_0000_0001));
        let next = drawn.beside(first);
        assert_eq!(next.to_string(), format!("0192f3a1-0000-7000{}", &first.to_string()[18..]));
        assert_eq!(next.0.get_version_num(), 7);
    }

    #[test]
    fn i1_the_key_names_task_saga_step_generation_and_direction_and_nothing_else() {
        let saga = SagaId(Uuid::from_u128(7));
        let key = idempotency_key("order", saga, "charge", 0, Way::Do);
        assert_eq!(key, idempotency_key("order", saga, "charge", 0, Way::Do));
        for other in [
            idempotency_key("orders", saga, "charge", 0, Way::Do),
            idempotency_key("order", SagaId(Uuid::from_u128(8)), "charge", 0, Way::Do),
            idempotency_key("order", saga, "ship", 0, Way::Do),
            idempotency_key("order", saga, "charge", 1, Way::Do),
            idempotency_key("order", saga, "charge", 0, Way::Undo),
        ] {
            assert_ne!(key, other);
        }
        assert!(key.len() <= 64 && key.bytes().all(|b| b.is_ascii_graphic()));
    }
}
