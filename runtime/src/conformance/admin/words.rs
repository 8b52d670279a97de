//! Rules about what a holder says of its lease.

use std::collections::BTreeMap;

use super::{Desk, LONG, NAME};
use crate::{
    conformance::rule::{Failure, Verdict, ensure, ensure_eq},
    lease::{Beat, LeaseError, LockStore, Owner, Released, Renewed, Share, Turn},
};

type Words = BTreeMap<String, String>;

fn words(doing: &str) -> Words {
    BTreeMap::from([("doing".to_owned(), doing.to_owned())])
}

impl Desk {
    async fn says(&self, owner: &Owner, words: &Words, wanted: bool) -> Verdict {
        ensure_eq(self.store.describe(NAME, owner, words).await?, wanted)
    }

    /// What whoever looks is told, at one name and at all of them.
    async fn is_told(&self, wanted: &Words) -> Verdict {
        let tenure = self.store.inspect(NAME).await?.ok_or("nobody has it")?;
        ensure_eq(&tenure.metadata, wanted)?;
        let names = self.names().await?;
        let held = names.iter().find(|held| held.name == NAME).ok_or("it is not told")?;
        let tenure = held.holder.as_ref().ok_or("nobody is told to have it")?;
        ensure_eq(&tenure.metadata, wanted)
    }
}

pub(super) async fn tells_words(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    desk.granted(NAME, &owner).await?;
    desk.is_told(&Words::new()).await?;
    let many = [("doing", "page 3 of 7"), ("{\"\n", "\u{0} \u{1f} \u{20ac}"), ("", "")];
    let many = Words::from(many.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for said in [many, words("page 4 of 7"), words("page 4 of 7"), Words::new()] {
        desk.says(&owner, &said, true).await?;
        desk.is_told(&said).await?;
    }
    Ok(())
}

pub(super) async fn keeps_words(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let fence = desk.granted(NAME, &owner).await?;
    desk.says(&owner, &words("page 3 of 7"), true).await?;
    let renewed = desk.store.try_renew(NAME, &owner, desk.lease * LONG).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    desk.is_told(&words("page 3 of 7")).await?;
    ensure_eq(desk.granted(NAME, &owner).await?, fence)?;
    desk.is_told(&words("page 3 of 7")).await
}

pub(super) async fn words_keep_nothing(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    desk.store.try_acquire(NAME, &owner, desk.lease).await?;
    desk.some().await;
    let said = desk.store.describe(NAME, &owner, &words("page 3 of 7")).await?;
    desk.in_time(ensure(said, || "its owner may not say anything".into()))?;
    desk.some().await;
    desk.some().await;
    ensure_eq(desk.store.inspect(NAME).await?, None)?;
    desk.says(&owner, &words("page 4 of 7"), false).await?;
    ensure_eq(desk.store.inspect(NAME).await?, None)
}

pub(super) async fn takes_no_words(desk: Desk) -> Verdict {
    let (owner, other) = (Owner::draw(), Owner::draw());
    desk.says(&other, &words("nothing"), false).await?;
    ensure_eq(desk.names().await?, vec![])?;
    desk.granted(NAME, &owner).await?;
    desk.says(&owner, &words("page 3 of 7"), true).await?;
    desk.says(&other, &words("nothing"), false).await?;
    desk.is_told(&words("page 3 of 7")).await?;
    desk.store.release(NAME, &owner).await?;
    if let Some(Turn::Granted(_)) = desk.line(&other, Share::Shared).await? {
        desk.says(&other, &words("nothing"), false).await?;
    }
    Ok(())
}

pub(super) async fn forgets_words(desk: Desk) -> Verdict {
    let (owner, next) = (Owner::draw(), Owner::draw());
    let said = words("page 3 of 7");
    let begins = async |owner: &Owner| -> Verdict {
        desk.granted(NAME, owner).await?;
        desk.is_told(&Words::new()).await?;
        desk.says(owner, &said, true).await
    };
    begins(&owner).await?;
    ensure_eq(desk.store.release(NAME, &owner).await?, Released::Released)?;
    // The same owner, and an operator that frees it.
    begins(&owner).await?;
    let tenure = desk.store.inspect(NAME).await?.ok_or("nobody has it")?;
    desk.forced(tenure.fence).await?;
    begins(&next).await?;
    desk.says(&owner, &words("nothing"), false).await?;
    desk.is_told(&said).await?;
    desk.store.release(NAME, &next).await?;
    // Its time is over.
    desk.store.try_acquire(NAME, &owner, desk.lease).await?;
    desk.store.describe(NAME, &owner, &said).await?;
    desk.over().await;
    begins(&owner).await
}

pub(super) async fn hands_no_words_over(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let (first, second) = (Owner::draw(), Owner::draw());
    desk.granted(NAME, &first).await?;
    desk.says(&first, &words("page 3 of 7"), true).await?;
    let hand_over = async |line: &dyn LockStore| -> Verdict {
        let handed = line.hand_over(NAME, &first, &second, desk.lease * LONG).await?;
        ensure(handed.is_some(), || "it was not handed over".into())
    };
    hand_over(line).await?;
    desk.is_told(&Words::new()).await?;
    desk.says(&first, &words("page 4 of 7"), false).await?;
    desk.says(&second, &words("page 1 of 2"), true).await?;
    // Doing it again finds the tenure that began then.
    hand_over(line).await?;
    desk.is_told(&words("page 1 of 2")).await
}

pub(super) async fn refuses_many_words(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    desk.granted(NAME, &owner).await?;
    let most = words(&"x".repeat(Beat::MAX_METADATA - "doing".len()));
    desk.says(&owner, &most, true).await?;
    let more = words(&"x".repeat(Beat::MAX_METADATA - "doing".len() + 1));
    let refused: Result<bool, LeaseError> = desk.store.describe(NAME, &owner, &more).await;
    let Err(LeaseError::Refused { retryable: false, .. }) = refused else {
        return Err(Failure::from(format!("{refused:?} was answered")));
    };
    desk.is_told(&most).await
}
