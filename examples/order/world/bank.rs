//! The bank charges cards and gives the money back. With some cards it has its moods.

use distributed_task::Refusal;
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, NoAnswer, World, void};

/// It is refused.
const REFUSED: &str = "4000";
/// It is charged, and the first answer is lost.
const LOST: &str = "4001";
/// Nobody answers, and nothing happens.
const HANGS: &str = "4002";
/// It is charged, and closed at once: the money cannot be given back.
const CLOSED: &str = "4003";

/// What was charged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) number: i64,
    pub(crate) cents: i64,
}

/// The one that has the money.
#[derive(Clone)]
pub(crate) struct Bank(pub(crate) World);

impl Bank {
    pub(crate) async fn charge(&self, call: Call, card: &str, cents: i64) -> Answer<Receipt> {
        if card == HANGS {
            std::future::pending::<()>().await;
        }
        let (to_charge, of) = (card.to_owned(), call);
        let work = move |to: &Transaction<'_>| charge(to, &of, &to_charge, cents);
        let answer = self.0.call(work).await?;
        match card {
            LOST => Err(NoAnswer::Lost),
            _ => Ok(answer),
        }
    }

    /// What its statement says of a charge.
    pub(crate) async fn find(&self, call: Call) -> Answer<Option<Receipt>> {
        let receipt = |(number, _, cents)| Receipt { number, cents };
        self.0.call(move |to| Ok(Ok(call.stands(to, "charge")?.map(receipt)))).await
    }

    pub(crate) async fn refund(&self, call: Call) -> Answer<()> {
        self.0.call(move |to| refund(to, &call)).await
    }
}

fn charge(
    to: &Transaction<'_>,
    call: &Call,
    card: &str,
    cents: i64,
) -> rusqlite::Result<Result<Receipt, Refusal>> {
    if card == REFUSED {
        return Ok(Err(Refusal::new("card_refused", format!("the card {card} is refused"))));
    }
    if call.is_first(to, "do")? {
        let number = call.note(to, "charge", card, cents)?;
        return Ok(Ok(Receipt { number, cents }));
    }
    let Some((number, _, cents)) = call.stands(to, "charge")? else { return Ok(Err(void())) };
    // It changes nothing. It is noted because somebody did not look before he asked again.
    call.note(to, "repeat", card, cents)?;
    Ok(Ok(Receipt { number, cents }))
}

fn refund(to: &Transaction<'_>, call: &Call) -> rusqlite::Result<Result<(), Refusal>> {
    if call.is_to_be_undone(to)?
        && let Some((_, card, cents)) = call.noted(to, "charge")?
    {
        if card == CLOSED
            && !to.prepare("SELECT 1 FROM reopened WHERE card = ?1")?.exists([&card])?
        {
            let message = format!("the account of the card {card} is closed");
            return Ok(Err(Refusal::new("account_closed", message)));
        }
        call.note(to, "refund", &card, cents)?;
    }
    Ok(Ok(()))
}
