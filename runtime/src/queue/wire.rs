//! Tickets as bytes, for carriers that leave the process.
//!
//! The content type stands beside the bytes, as a header or a field, and says how to read them: so
//! publishers with different formats can share a queue, and a change of the format can roll.

use bytes::Bytes;
use thiserror::Error;

use super::Ticket;
#[cfg(feature = "protobuf")]
use crate::kernel::SagaId;

/// How a [`Ticket`] is written.
///
/// ```
/// use distributed_task::queue::{Ticket, TicketFormat};
///
/// let ticket = Ticket {
///     saga: "0192f0c1-0000-7000-8000-000000000000".parse()?,
///     task: "book-trip".into(),
///     definition: "9b0f2d51c6a44f0b8f5a0c6a1d2e3f40".into(),
/// };
/// let format = TicketFormat::default();
/// let (kind, body) = (format.content_type(), format.write(&ticket));
/// assert_eq!(kind, "application/json");
///
/// // On the other side:
/// let format = TicketFormat::of(kind)?;
/// assert_eq!(format.read(&body)?, ticket);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TicketFormat {
    /// JSON, which people can read.
    #[default]
    Json,
    /// Protobuf: `message Ticket { bytes saga = 1; string task = 2; string definition = 3; }`, with
    /// the sixteen bytes of the saga's UUID.
    #[cfg(feature = "protobuf")]
    Protobuf,
}

/// The media type of Protobuf.
const PROTOBUF: &str = "application/protobuf";

/// Bytes that are no ticket.
///
/// ```
/// use distributed_task::queue::{TicketError, TicketFormat};
///
/// let error = TicketFormat::of("text/html").expect_err("nobody writes tickets in it");
/// assert_eq!(error.to_string(), "nobody here reads tickets of the content type `text/html`");
/// let error = TicketFormat::Json.read(b"{}").expect_err("it names no saga");
/// assert!(matches!(error, TicketError::Malformed { content_type: "application/json", .. }));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TicketError {
    /// Nobody here reads that.
    #[error("nobody here reads tickets of the content type `{content_type}`{}", remedy(.content_type))]
    Unknown {
        /// What stood beside the bytes.
        content_type: String,
    },
    /// The bytes are not what they should be.
    #[error("these bytes are no ticket in `{content_type}`")]
    Malformed {
        /// What stood beside them.
        content_type: &'static str,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn remedy(content_type: &str) -> &'static str {
    match content_type {
        PROTOBUF if cfg!(not(feature = "protobuf")) => {
            ": enable the feature `protobuf` of `distributed-task`"
        }
        _ => "",
    }
}

impl TicketFormat {
    /// The format of a content type.
    ///
    /// # Errors
    /// [`TicketError::Unknown`] for one that is not compiled in.
    pub fn of(content_type: &str) -> Result<Self, TicketError> {
        match content_type {
            "application/json" => Ok(Self::Json),
            #[cfg(feature = "protobuf")]
            PROTOBUF => Ok(Self::Protobuf),
            other => Err(TicketError::Unknown { content_type: other.to_owned() }),
        }
    }

    /// What stands beside the bytes.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            #[cfg(feature = "protobuf")]
            Self::Protobuf => PROTOBUF,
        }
    }

    /// The bytes of a ticket.
    pub fn write(self, ticket: &Ticket) -> Bytes {
        match self {
            Self::Json => {
                serde_json::to_vec(ticket).expect("a ticket is text, which JSON has").into()
            }
            #[cfg(feature = "protobuf")]
            Self::Protobuf => prost::Message::encode_to_vec(&Message::from(ticket)).into(),
        }
    }

    /// The ticket of these bytes. Fields of a newer version are passed over.
    ///
    /// # Errors
    /// [`TicketError::Malformed`] for bytes that are no ticket.
    pub fn read(self, bytes: &[u8]) -> Result<Ticket, TicketError> {
        let read = match self {
            Self::Json => serde_json::from_slice(bytes).map_err(Into::into),
            #[cfg(feature = "protobuf")]
            Self::Protobuf => Message::read(bytes),
        };
        read.map_err(|source| TicketError::Malformed { content_type: self.content_type(), source })
    }
}

/// A ticket in Protobuf.
#[cfg(feature = "protobuf")]
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(bytes = "vec", tag = "1")]
    saga: Vec<u8>,
    #[prost(string, tag = "2")]
    task: String,
    #[prost(string, tag = "3")]
    definition: String,
}

#[cfg(feature = "protobuf")]
impl From<&Ticket> for Message {
    fn from(Ticket { saga, task, definition }: &Ticket) -> Self {
        let saga = saga.0.as_bytes().to_vec();
        Self { saga, task: task.clone(), definition: definition.clone() }
    }
}

#[cfg(feature = "protobuf")]
impl Message {
    fn read(bytes: &[u8]) -> Result<Ticket, Box<dyn std::error::Error + Send + Sync>> {
        let Self { saga, task, definition } = prost::Message::decode(bytes)?;
        // Protobuf leaves out what is empty, and reads what is cut off as that.
        for (field, text) in [("task", &task), ("definition", &definition)] {
            if text.is_empty() {
                return Err(format!("it has no `{field}`").into());
            }
        }
        let saga = SagaId(uuid::Uuid::from_slice(&saga)?);
        Ok(Ticket { saga, task, definition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: &[TicketFormat] = &[
        TicketFormat::Json,
        #[cfg(feature = "protobuf")]
        TicketFormat::Protobuf,
    ];

    fn ticket() -> Ticket {
        Ticket {
            saga: "0192f0c1-0000-7000-8000-000000000000".parse().expect("an id"),
            task: "größe".into(),
            definition: "9b0f2d51c6a44f0b8f5a0c6a1d2e3f40".into(),
        }
    }

    #[test]
    fn v7_a_ticket_comes_back_in_every_format() {
        for format in FORMATS {
            assert_eq!(TicketFormat::of(format.content_type()).expect("its own"), *format);
            assert_eq!(format.read(&format.write(&ticket())).expect("its own"), ticket());
        }
    }

    #[test]
    fn whatever_is_cut_short_or_of_another_format_is_an_error() {
        for format in FORMATS {
            let whole = format.write(&ticket());
            for length in 0..whole.len() {
                format.read(&whole[..length]).expect_err("it is cut short");
            }
            for other in FORMATS.iter().filter(|other| *other != format) {
                other.read(&whole).expect_err("it is of another format");
            }
        }
    }

    #[cfg(feature = "protobuf")]
    #[test]
    fn a_field_of_a_newer_version_is_passed_over() {
        let mut bytes = TicketFormat::Protobuf.write(&ticket()).to_vec();
        // Field 9, a number.
        bytes.extend([9 << 3, 1]);
        assert_eq!(TicketFormat::Protobuf.read(&bytes).expect("it is newer"), ticket());
        let json = TicketFormat::Json.write(&ticket());
        let newer = String::from_utf8_lossy(&json).replacen('{', "{\"shard\":1,", 1);
        assert_eq!(TicketFormat::Json.read(newer.as_bytes()).expect("it is newer"), ticket());
    }
}
