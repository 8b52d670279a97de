//! What a step returns, as the journal sees it: a live value that is encoded only when somebody
//! asks, or bytes that are decoded only when somebody needs them.

use std::{any::Any, borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// What the journal can keep: a request, a response, a declared error, the output of a step.
///
/// Implemented for every `Serialize + DeserializeOwned + Send + Sync + 'static` type; there is
/// nothing to implement by hand.
///
/// ```
/// use distributed_task::kernel::{JournalValue, Value};
///
/// fn keep<T: JournalValue>(value: T) -> Value {
///     Value::journaled(value)
/// }
/// assert!(keep(vec!["Oslo".to_owned()]).as_serialize().is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written to the journal",
    label = "not `Serialize + DeserializeOwned + Send + Sync + 'static`",
    note = "a step that can fail spells its return type `StepResult<T>` or `Result<T, StepError<E>>`, not an alias of them",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`, or mark the step `ephemeral` (with `read_only`) if its output need not survive the worker"
)]
pub trait JournalValue: Serialize + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> JournalValue for T {}

/// One value in the hands of the engine. Cloning shares it.
///
/// ```
/// use distributed_task::kernel::{Encoded, Value};
///
/// let live = Value::journaled(42_u32);
/// assert_eq!((live.get::<u32>(), live.get::<String>()), (Some(&42), None));
///
/// // From a store: somebody who knows the type has to decode it.
/// let stored = Value::encoded(Encoded { codec: "json/1".into(), bytes: "42".into() });
/// assert_eq!(stored.get::<u32>(), None);
/// assert_eq!(format!("{stored:?}"), "Value(json/1, 2 bytes)");
/// ```
#[derive(Clone)]
pub struct Value(Repr);

#[derive(Clone)]
enum Repr {
    Live(Arc<dyn Live>),
    Encoded(Arc<Encoded>),
    /// Live, and encoded already for a journal that keeps bytes.
    Both(Arc<(Arc<dyn Live>, Encoded)>),
}

/// A value as a codec wrote it: the envelope names the codec, so that a reader knows whom to ask.
///
/// See [`Value`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Name and version of the codec, for example `json/1`.
    pub codec: Cow<'static, str>,
    /// The bytes it wrote.
    pub bytes: Bytes,
}

trait Live: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn as_serialize(&self) -> Option<&dyn erased_serde::Serialize> {
        None
    }
    fn encode_itself(&self) -> Option<Encoded> {
        None
    }
    fn is_ephemeral(&self) -> bool {
        false
    }
}

struct Journaled<T>(T);
struct Ephemeral<T>(T);
/// With what writes it.
struct SelfEncoded<T>(T, fn(&T) -> Encoded);

impl<T: JournalValue> Live for Journaled<T> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }
    fn as_serialize(&self) -> Option<&dyn erased_serde::Serialize> {
        Some(&self.0)
    }
}

impl<T: Send + Sync + 'static> Live for Ephemeral<T> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }
    fn is_ephemeral(&self) -> bool {
        true
    }
}

impl<T: Send + Sync + 'static> Live for SelfEncoded<T> {
    fn as_any(&self) -> &dyn Any {
        &self.0
    }
    fn encode_itself(&self) -> Option<Encoded> {
        Some(self.1(&self.0))
    }
}

impl Value {
    /// A value that can be journaled.
    pub fn journaled<T: JournalValue>(value: T) -> Self {
        Self(Repr::Live(Arc::new(Journaled(value))))
    }

    /// A value that can be journaled, and has a format of its own: no codec is asked to write it.
    pub fn self_encoded<T: Send + Sync + 'static>(value: T, encode: fn(&T) -> Encoded) -> Self {
        Self(Repr::Live(Arc::new(SelfEncoded(value, encode))))
    }

    /// A value that lives with the worker and is never written anywhere.
    pub fn ephemeral<T: Send + Sync + 'static>(value: T) -> Self {
        Self(Repr::Live(Arc::new(Ephemeral(value))))
    }

    /// A value that a store handed back and nobody has decoded yet.
    pub fn encoded(encoded: Encoded) -> Self {
        Self(Repr::Encoded(Arc::new(encoded)))
    }

    /// The same value, with its bytes beside it if it is live: who needs them finds them.
    #[must_use]
    pub fn with_encoding(self, encoded: Encoded) -> Self {
        match self.0 {
            Repr::Live(live) => Self(Repr::Both(Arc::new((live, encoded)))),
            Repr::Encoded(_) | Repr::Both(_) => self,
        }
    }

    /// The value itself, when it is live and of this type.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.live()?.as_any().downcast_ref()
    }

    fn live(&self) -> Option<&dyn Live> {
        match &self.0 {
            Repr::Live(live) => Some(&**live),
            Repr::Both(both) => Some(&*both.0),
            Repr::Encoded(_) => None,
        }
    }

    /// The bytes, if there are any.
    pub fn as_encoded(&self) -> Option<&Encoded> {
        match &self.0 {
            Repr::Live(_) => None,
            Repr::Encoded(encoded) => Some(encoded),
            Repr::Both(both) => Some(&both.1),
        }
    }

    /// Whether it lives with the worker and is never written.
    pub fn is_ephemeral(&self) -> bool {
        self.live().is_some_and(Live::is_ephemeral)
    }

    /// The envelope of a live value that has a format of its own.
    pub fn encode_itself(&self) -> Option<Encoded> {
        self.live()?.encode_itself()
    }

    /// The live value for a codec to write; `None` for an ephemeral one, for one that has a format of
    /// its own, and for bytes.
    pub fn as_serialize(&self) -> Option<&dyn erased_serde::Serialize> {
        self.live()?.as_serialize()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the content: values may hold secrets, and records end up in logs.
        match &self.0 {
            Repr::Live(_) => f.write_str("Value(live)"),
            Repr::Encoded(e) => write!(f, "Value({}, {} bytes)", e.codec, e.bytes.len()),
            Repr::Both(both) => {
                write!(f, "Value(live, {}, {} bytes)", both.1.codec, both.1.bytes.len())
            }
        }
    }
}
