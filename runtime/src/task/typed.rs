//! The types behind the values: how a slot is decoded, and the round trip that every journaled
//! value makes in debug builds.

use std::fmt::Display;

use super::{Codecs, with_sources};
#[cfg(feature = "protobuf")]
use crate::codec::{message, read_message};
use crate::{
    codec::{CodecError, decode_value},
    kernel::{AttemptEnd, Encoded, JournalValue, Refused, Value},
};

/// The type of a slot, without the type.
#[derive(Clone, Copy)]
pub struct Typed {
    name: fn() -> &'static str,
    is: fn(&Value) -> bool,
    decode: fn(&Codecs, &Encoded) -> Result<Value, CodecError>,
}

impl Typed {
    pub(crate) const fn of<O: JournalValue>() -> Self {
        let is = |value: &Value| value.get::<O>().is_some();
        let decode = |codecs: &Codecs, encoded: &Encoded| {
            decode_value::<O>(codecs.reader(encoded)?, encoded)
        };
        Self { name: std::any::type_name::<O>, is, decode }
    }

    /// The value as a live one of this type. One that is live already and of another type comes from
    /// other code in this process, which shares the journal: it goes through the codec, as it would
    /// between two processes (E2, V1).
    pub(super) fn live(self, value: &Value, codecs: &Codecs) -> Result<Value, CodecError> {
        if (self.is)(value) {
            return Ok(value.clone());
        }
        (self.decode)(codecs, &codecs.encode(value)?)
    }

    /// Encodes a live value and decodes it again, so that a type that would break in production
    /// breaks on the laptop.
    pub(super) fn round_trip(self, value: &Value, codecs: &Codecs) -> Result<Value, String> {
        codecs.encode(value).and_then(|encoded| (self.decode)(codecs, &encoded)).map_err(|error| {
            let (name, why) = ((self.name)(), with_sources(&error));
            format!("`{name}` does not survive a round trip: {why}")
        })
    }
}

/// Requests and responses are what serde makes of them.
pub enum Serde {}

/// Requests and responses are `prost` messages.
pub enum Protobuf {}

/// What can be written as Protobuf: every `prost::Message + Default + 'static` type.
#[cfg_attr(
    feature = "protobuf",
    diagnostic::on_unimplemented(
        message = "`{Self}` is no Protobuf message",
        label = "not `prost::Message + Default`",
        note = "`protobuf` says that it is one: add `#[derive(prost::Message)]` to `{Self}`, with a tag on each field, or remove `protobuf`"
    )
)]
#[cfg_attr(
    not(feature = "protobuf"),
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be written as Protobuf",
        label = "the feature `protobuf` is off",
        note = "enable the feature `protobuf` of `distributed-task`"
    )
)]
pub trait ProtobufValue: Sized + Send + Sync + 'static {
    /// The type of its slot.
    fn message_type() -> Typed;
    /// For the journal.
    fn into_message(self) -> Value;
}

#[cfg(feature = "protobuf")]
#[diagnostic::do_not_recommend]
impl<M: prost::Message + Default + 'static> ProtobufValue for M {
    fn message_type() -> Typed {
        Typed {
            name: std::any::type_name::<M>,
            is: |value| value.get::<M>().is_some(),
            decode: |_, encoded| read_message::<M>(encoded).map(message),
        }
    }

    fn into_message(self) -> Value {
        message(self)
    }
}

/// What a saga can start with: every `Serialize + DeserializeOwned + Send + Sync + 'static` type, or
/// every [`ProtobufValue`].
///
/// This one, [`ResponseValue`] and [`ErrorValue`] ask for serde, `Clone` and `Display` through an
/// implementation and not as supertraits: the compiler would tell each supertrait that is missing,
/// in its own words.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the request of a task",
    label = "not what the journal can keep",
    note = "without `protobuf`, the request is `Serialize + DeserializeOwned + Send + Sync + 'static`: add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`",
    note = "with `protobuf`, it is `prost::Message + Default`: add `#[derive(prost::Message)]`"
)]
pub trait RequestValue<Values>: Sized + Send + Sync + 'static {
    /// The type of its slot.
    fn typed() -> Typed;
    /// For the journal.
    fn into_value(self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<V: JournalValue> RequestValue<Serde> for V {
    fn typed() -> Typed {
        Typed::of::<V>()
    }

    fn into_value(self) -> Value {
        Value::journaled(self)
    }
}

impl<V: ProtobufValue> RequestValue<Protobuf> for V {
    fn typed() -> Typed {
        V::message_type()
    }

    fn into_value(self) -> Value {
        self.into_message()
    }
}

/// What a saga can answer: every type that can be a [`RequestValue`] and is `Clone`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the response of a task",
    label = "not what the journal can keep",
    note = "without `protobuf`, the response is `Serialize + DeserializeOwned + Clone + Send + Sync + 'static`: add `#[derive(Clone, serde::Serialize, serde::Deserialize)]` to `{Self}`",
    note = "with `protobuf`, it is `prost::Message + Default + Clone`: add `#[derive(Clone, prost::Message)]`"
)]
pub trait ResponseValue<Values>: Sized + Send + Sync + 'static {
    /// The type of its slot.
    fn typed() -> Typed;
    /// For the journal.
    fn into_value(self) -> Value;
    /// For somebody who asks.
    fn copy(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<V: JournalValue + Clone> ResponseValue<Serde> for V {
    fn typed() -> Typed {
        Typed::of::<V>()
    }

    fn into_value(self) -> Value {
        Value::journaled(self)
    }

    fn copy(&self) -> Self {
        self.clone()
    }
}

impl<V: ProtobufValue + Clone> ResponseValue<Protobuf> for V {
    fn typed() -> Typed {
        V::message_type()
    }

    fn into_value(self) -> Value {
        self.into_message()
    }

    fn copy(&self) -> Self {
        self.clone()
    }
}

/// What a step can refuse with: every type that serde can write and read, and that is `Clone` and
/// `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the declared error of a task",
    label = "not `Serialize + DeserializeOwned + Clone + Display + Send + Sync + 'static`",
    note = "the journal keeps the error, and people read it: add `#[derive(Clone, serde::Serialize, serde::Deserialize)]` to `{Self}`, and implement `Display`"
)]
pub trait ErrorValue: Sized + Send + Sync + 'static {
    /// The type of its slot.
    fn typed() -> Typed;
    /// For the journal.
    fn into_value(self) -> Value;
    /// For somebody who asks.
    fn copy(&self) -> Self;
    /// For people.
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<V: JournalValue + Clone + Display> ErrorValue for V {
    fn typed() -> Typed {
        Typed::of::<V>()
    }

    fn into_value(self) -> Value {
        Value::journaled(self)
    }

    fn copy(&self) -> Self {
        self.clone()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// What lives with the worker: every `Send + Sync + 'static` type.
#[diagnostic::on_unimplemented(
    message = "the ephemeral output `{Self}` cannot be shared between threads",
    label = "not `Send + Sync + 'static`",
    note = "steps of one saga may read it at the same time: take an `Arc` for an `Rc`, a `Mutex` or an atomic for a `Cell`, and `dyn Trait + Send + Sync` for a `dyn Trait`"
)]
pub trait EphemeralValue: Sized {
    /// For the engine.
    fn into_ephemeral(self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<V: Send + Sync + 'static> EphemeralValue for V {
    fn into_ephemeral(self) -> Value {
        Value::ephemeral(self)
    }
}

/// The round trip of what an attempt ends with.
pub(super) fn round_trip(
    end: AttemptEnd,
    what: impl FnOnce() -> String,
    (output, error): (Option<Typed>, Option<Typed>),
    codecs: &Codecs,
) -> AttemptEnd {
    let there_and_back = |typed: Option<Typed>, value: Value| match typed {
        Some(typed) => typed.round_trip(&value, codecs),
        None => Ok(value),
    };
    let refusal = |Refused { error: value, message }| {
        Ok(Refused { error: there_and_back(error, value)?, message })
    };
    let survived = match end {
        AttemptEnd::Done(value) => there_and_back(output, value).map(AttemptEnd::Done),
        AttemptEnd::Refused(refused) => refusal(refused).map(AttemptEnd::Refused),
        AttemptEnd::Partial(refused, done) => refusal(refused)
            .and_then(|refused| Ok(AttemptEnd::Partial(refused, there_and_back(output, done)?))),
        end => Ok(end),
    };
    survived.unwrap_or_else(|why| AttemptEnd::Undecodable(format!("{}: {why}", what())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live<T: JournalValue>(value: &Value) -> Result<Value, String> {
        Codecs::default().live(Some(Typed::of::<T>()), value)
    }

    #[test]
    fn a_value_that_cannot_come_back_is_found_before_production() {
        let end = AttemptEnd::Done(Value::journaled(f32::NAN));
        let types = (Some(Typed::of::<f32>()), None);
        let end = round_trip(end, || "step `weigh`".to_owned(), types, &Codecs::default());
        let AttemptEnd::Undecodable(why) = end else { panic!("it survived: {end:?}") };
        assert!(why.starts_with("step `weigh`: `f32` does not survive a round trip"), "{why}");
        assert!(why.contains("null"), "{why}");
    }

    #[test]
    fn a_value_of_an_unknown_codec_is_an_error() {
        let encoded = Encoded { codec: "smoke/9".into(), bytes: bytes::Bytes::new() };
        let error = live::<u32>(&Value::encoded(encoded)).expect_err("nobody reads it");
        assert!(error.contains("`smoke/9`") && error.contains("also_read"), "{error}");
    }

    #[test]
    fn a_live_value_of_another_type_is_read_through_the_codec() {
        let one = Value::journaled(1_u32);
        let wide = live::<u64>(&one).expect("it has the same JSON");
        assert_eq!(wide.get::<u64>(), Some(&1));
        let error = live::<String>(&one).expect_err("a number is no text");
        assert!(error.contains("String") && error.contains("integer"), "{error}");
        assert!(live::<u32>(&Value::ephemeral(1_u32)).is_ok(), "it is what it is");
        assert!(live::<u64>(&Value::ephemeral(1_u32)).is_err(), "nobody writes it");
    }
}
