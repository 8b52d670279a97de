//! A ticket as the fields of an entry of a stream.

use bytes::Bytes;

use crate::queue::Ticket;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const TYPE: &[u8] = b"type";
const TICKET: &[u8] = b"ticket";
const JSON: &[u8] = b"application/json";

/// Names and values in turn.
pub(super) fn fields_of(ticket: &Ticket) -> Result<[Bytes; 4], BoxError> {
    let text = serde_json::to_vec(ticket)?;
    Ok([Bytes::from_static(TYPE), Bytes::from_static(JSON), TICKET.into(), text.into()])
}

/// The error says why it is none, without what it is: others may have put it there.
pub(super) fn ticket_of(fields: &[Vec<u8>]) -> Result<Ticket, BoxError> {
    let field = |name: &[u8]| fields.chunks_exact(2).find(|pair| pair[0] == name);
    let value = |name| field(name).map(|pair| pair[1].as_slice());
    match (value(TYPE), value(TICKET)) {
        (Some(JSON), Some(text)) => serde_json::from_slice(text).map_err(|error| {
            format!("not a ticket: {:?} at byte {}", error.classify(), error.column()).into()
        }),
        (Some(_), Some(_)) => Err("its type is not known here".into()),
        _ => Err("it has no `type` and `ticket`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written_and_nothing_else_is() {
        let ticket = Ticket {
            saga: crate::kernel::SagaId(uuid::Uuid::from_u128(7)),
            task: "größe".into(),
            definition: "00".into(),
        };
        let fields: Vec<Vec<u8>> =
            fields_of(&ticket).expect("it is text").iter().map(|field| field.to_vec()).collect();
        assert_eq!(ticket_of(&fields).expect("it is one"), ticket);
        let with = |at: usize, text: &str| {
            let mut fields = fields.clone();
            fields[at] = text.into();
            ticket_of(&fields).expect_err("it is none").to_string()
        };
        assert_eq!(with(0, "kind"), "it has no `type` and `ticket`");
        assert_eq!(with(1, "text/plain"), "its type is not known here");
        assert_eq!(with(3, r#"{"secret": 1"#), "not a ticket: Eof at byte 12");
    }
}
