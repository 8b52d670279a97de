//! Idempotent starts: the key of a start, and the fingerprint of what it asks for (I2).

use sha2::{Digest, Sha256};

use crate::{
    kernel::{Encoded, Fingerprint, SagaId, Value},
    task::with_sources,
};

/// The longest key, and the longest tenant.
const LONGEST: usize = 255;

/// Names a start, so that saying it twice starts one saga (I2).
///
/// A key belongs to one task and one tenant: the number of an order, the id of the message that asked
/// for it, or the `Idempotency-Key` of an HTTP request. It names that for ever: see [what becomes of one
/// that is used again](crate::docs::guide::idempotent_start#a-key-that-is-used-again). It is 1 to 255
/// printable ASCII characters, which [`submit_with_key`](crate::Task::submit_with_key) checks.
///
/// ```
/// use distributed_task::StartKey;
///
/// let key = StartKey::new("order-17").tenant("acme");
/// assert_eq!(key.to_string(), "order-17 of acme");
/// assert_eq!(StartKey::new("order-17"), "order-17".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StartKey {
    key: String,
    tenant: Option<String>,
}

impl StartKey {
    /// A key of its own in its task.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), tenant: None }
    }

    /// On behalf of this tenant: two tenants may use the same key for different things.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    /// What is wrong with it, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        check("key", &self.key)?;
        self.tenant.as_deref().map_or(Ok(()), |tenant| check("tenant", tenant))
    }

    /// The first saga under it, whose id stands for the key.
    pub(super) fn saga(&self, task: &str) -> SagaId {
        SagaId::of_start(task, self.tenant.as_deref(), &self.key)
    }
}

fn check(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    if text.len() > LONGEST {
        return Err(format!("the {what} has {} bytes, more than {LONGEST}", text.len()));
    }
    match text.chars().find(|c| !matches!(c, ' '..='~')) {
        Some(odd) => Err(format!("the {what} has {odd:?} in it, which is not printable ASCII")),
        None => Ok(()),
    }
}

impl From<&str> for StartKey {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<String> for StartKey {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

impl std::fmt::Display for StartKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{} of {tenant}", self.key),
            None => f.write_str(&self.key),
        }
    }
}

/// The fingerprint of a request: of its JSON with the members of every object in order, so that a
/// map whose order differs from run to run is still the same request. One that has a format of its
/// own is what it writes. The codec of the task is not asked: it may change.
///
/// # Errors
/// When the request cannot be expressed in JSON.
pub(super) fn fingerprint(request: &Value) -> Result<Fingerprint, String> {
    let mut hash = Sha256::new();
    if let Some(Encoded { codec, bytes }) = request.encode_itself() {
        hash.update(format!("distributed-task/fingerprint/1/{codec}\n"));
        hash.update(bytes);
    } else {
        let live = request.as_serialize().ok_or("it is not a live value")?;
        let mut json = serde_json::to_value(live).map_err(|error| {
            format!("a request with a key is compared by its JSON: {}", with_sources(&error))
        })?;
        // They are in order unless some other crate asks `serde_json` for another one.
        json.sort_all_objects();
        hash.update(b"distributed-task/fingerprint/1\n");
        hash.update(json.to_string());
    }
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash.finalize()[..16]);
    Ok(Fingerprint(fingerprint))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn of<T: crate::kernel::JournalValue>(request: T) -> Fingerprint {
        fingerprint(&Value::journaled(request)).expect("it is JSON")
    }

    #[test]
    fn i2_the_fingerprint_is_that_of_the_content_not_of_its_order() {
        let there: HashMap<u32, bool> = (0..100).map(|n| (n, n > 3)).collect();
        let back: HashMap<u32, bool> = (0..100).rev().map(|n| (n, n > 3)).collect();
        assert_eq!(of(there.clone()), of(back));
        assert_ne!(of(there), of(HashMap::from([(1, true)])));
        assert_ne!(of("1".to_owned()), of(1));
    }

    #[test]
    fn i2_a_key_is_1_to_255_printable_characters() {
        for good in ["a", "order 17/b", &"x".repeat(255)] {
            assert_eq!(StartKey::new(good).check(), Ok(()), "{good}");
        }
        for bad in ["", "a\nb", "größe", &"x".repeat(256)] {
            StartKey::new(bad).check().expect_err(bad);
            StartKey::new("a").tenant(bad).check().expect_err(bad);
        }
    }
}
