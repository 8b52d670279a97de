//! What scripts answer, piece by piece.

use bytes::Bytes;
use redis::Value;

use super::chunk::BoxError;

/// A list, taken from its front.
pub(super) struct List(std::vec::IntoIter<Value>);

impl List {
    pub(super) fn of(value: Value) -> Result<Self, BoxError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            other => Err(unexpected("a list", &other)),
        }
    }

    fn next(&mut self) -> Result<Value, BoxError> {
        self.0.next().ok_or_else(|| "Redis answered less than was asked for".into())
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, BoxError> {
        bytes(self.next()?)
    }

    /// The same; nothing where there is nothing, or the list is over.
    pub(super) fn maybe_bytes(&mut self) -> Result<Bytes, BoxError> {
        match self.0.next() {
            None | Some(Value::Nil) => Ok(Bytes::new()),
            Some(value) => bytes(value),
        }
    }

    pub(super) fn list(&mut self) -> Result<Self, BoxError> {
        Self::of(self.next()?)
    }

    /// A number, however it was written.
    pub(super) fn number(&mut self) -> Result<u64, BoxError> {
        number(&self.next()?)
    }

    /// The same; `None` for an empty text.
    pub(super) fn maybe_number(&mut self) -> Result<Option<u64>, BoxError> {
        match self.next()? {
            Value::BulkString(text) if text.is_empty() => Ok(None),
            other => number(&other).map(Some),
        }
    }

    /// So many bytes that are an id.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], BoxError> {
        let bytes = self.bytes()?;
        array(&bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

pub(super) fn bytes(value: Value) -> Result<Bytes, BoxError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes.into()),
        Value::SimpleString(text) => Ok(text.into_bytes().into()),
        other => Err(unexpected("a text", &other)),
    }
}

pub(super) fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BoxError> {
    bytes.try_into().map_err(|_| format!("Redis answered {} bytes for {N}", bytes.len()).into())
}

pub(super) fn number(value: &Value) -> Result<u64, BoxError> {
    let parsed = match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
        }
        _ => None,
    };
    parsed.ok_or_else(|| unexpected("a number", value))
}

/// Never what it was: it may be a secret.
fn unexpected(wanted: &str, value: &Value) -> BoxError {
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) => "a text",
        Value::Array(_) => "a list",
        _ => "something else",
    };
    format!("Redis answered {kind} where {wanted} was expected").into()
}
