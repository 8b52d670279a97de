//! What answers decide. A decision never depends on the order in which they came.

use std::{collections::BTreeMap, time::Duration};

use super::answers::Answer;
use crate::lease::{Acquired, Busy, Grant, Owner, Released, Renewed, Tenure};

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Vote {
    /// Enough servers granted it: under the highest of their fences, for the shortest of their times, after the
    /// most runs that were cut off.
    Agreed(Grant),
    /// Most servers say that the same owner has it.
    Busy(Busy),
    /// Enough servers answered, and nobody has enough of them: several owners want it at a time.
    Split(Busy),
}

/// It takes `needed` servers to grant it, and a majority to say whose it is.
pub(super) fn vote(answers: &[Answer<Acquired>], needed: usize, majority: usize) -> Option<Vote> {
    let (mut granted, mut busy) = (Vec::new(), Vec::new());
    for said in answers.iter().filter_map(Answer::said) {
        match said {
            Acquired::Granted(grant) => granted.push(*grant),
            Acquired::Busy(at) => busy.push(at.clone()),
        }
    }
    let highest = granted.iter().map(|grant| grant.fence).max();
    let shortest = granted.iter().map(|grant| grant.left).min();
    // `None` is less than any.
    let attempt = granted.iter().map(|grant| grant.attempt).max().flatten();
    if let (Some(fence), Some(left)) = (highest, shortest)
        && granted.len() >= needed
    {
        return Some(Vote::Agreed(Grant { fence, left, attempt }));
    }
    let has_most =
        |holder: &Option<Owner>| busy.iter().filter(|at| at.holder == *holder).count() >= majority;
    if let Some(at) = busy.iter().find(|at| has_most(&at.holder)) {
        // Of those that said nothing nobody knows it.
        let lacking = needed.saturating_sub(granted.len()).min(busy.len());
        let retry_after = free_after(&busy, lacking);
        return Some(Vote::Busy(Busy { holder: at.holder.clone(), retry_after }));
    }
    if is_awaited(answers) || granted.len() + busy.len() < needed {
        return None;
    }
    let retry_after = free_after(&busy, needed - granted.len());
    let first = busy.first().and_then(|at| at.holder.clone());
    let holder = first.filter(|first| busy.iter().all(|at| at.holder.as_ref() == Some(first)));
    Some(Vote::Split(Busy { holder, retry_after }))
}

/// After which time so many of these are free.
fn free_after(busy: &[Busy], needed: usize) -> Option<Duration> {
    let mut after: Vec<_> = busy.iter().map(|at| at.retry_after.unwrap_or(Duration::MAX)).collect();
    after.sort_unstable();
    let after = needed.checked_sub(1).and_then(|at| after.get(at).copied());
    after.filter(|after| *after != Duration::MAX)
}

/// Whether `needed` servers say so, or most say that it is not this owner's.
pub(super) fn renewal(
    answers: &[Answer<Renewed>],
    needed: usize,
    majority: usize,
) -> Option<Renewed> {
    let said = |answer: &Answer<Renewed>| answer.said().copied();
    let kept = answers.iter().filter(|answer| said(answer) == Some(Renewed::Renewed)).count();
    let lost =
        |answer: &&Answer<Renewed>| said(answer).is_some_and(|said| said != Renewed::Renewed);
    if kept >= needed {
        return Some(Renewed::Renewed);
    }
    // An operator takes it away where it is: on some of them it may not have been.
    let is_forced = answers.iter().any(|answer| said(answer) == Some(Renewed::Forced));
    let lost = answers.iter().filter(lost).count() >= majority;
    lost.then_some(if is_forced { Renewed::Forced } else { Renewed::NotOwner })
}

/// What most servers say of a release; where they differ, what says most.
pub(super) fn release(answers: &[Answer<Released>], majority: usize) -> Option<Released> {
    let of = |released| answers.iter().filter(|answer| answer.said() == Some(&released)).count();
    let kinds = [Released::Released, Released::NotOwner, Released::AlreadyExpired];
    if let Some(most) = kinds.into_iter().find(|kind| of(*kind) >= majority) {
        return Some(most);
    }
    let all: usize = kinds.iter().map(|kind| of(*kind)).sum();
    let is_over = !is_awaited(answers) && all >= majority;
    kinds.into_iter().find(|kind| is_over && of(*kind) > 0)
}

/// Whether most servers heard it.
pub(super) fn heard(answers: &[Answer<()>], majority: usize) -> Option<()> {
    let heard = answers.iter().filter(|answer| answer.said().is_some()).count();
    (heard >= majority).then_some(())
}

/// The tenure that most servers know, or may: `None` from those that do not say. Nothing if there is none.
pub(super) fn held(told: &[Option<Option<&Tenure>>], majority: usize) -> Option<Tenure> {
    let silent = told.iter().filter(|told| told.is_none()).count();
    let told: Vec<&Tenure> = told.iter().copied().flatten().flatten().collect();
    let of = |owner: &Owner| told.iter().filter(|tenure| tenure.owner == *owner).count();
    let most = told.iter().max_by_key(|tenure| of(&tenure.owner))?;
    let know = of(&most.owner);
    if know + silent < majority {
        return None;
    }
    let owner = &most.owner;
    let told: Vec<_> = told.iter().copied().filter(|tenure| tenure.owner == *owner).collect();
    together(&told, majority.min(know))
}

/// The tenure that most servers know, or that there is none.
pub(super) fn look(answers: &[Answer<Option<Tenure>>], majority: usize) -> Option<Option<Tenure>> {
    let told: Vec<_> = answers.iter().filter_map(Answer::said).flatten().collect();
    let of = |owner: &Owner| told.iter().filter(|tenure| tenure.owner == *owner).count();
    if let Some(most) = told.iter().find(|tenure| of(&tenure.owner) >= majority) {
        let owner = most.owner.clone();
        let told: Vec<_> = told.into_iter().filter(|tenure| tenure.owner == owner).collect();
        // Its holder has it since most of them heard its fence. Where none of these did, one that is awaited may.
        let is_heard = told.iter().any(|tenure| tenure.is_agreed);
        // Where they know different words, it also tells which ones most know.
        let is_one = told.windows(2).all(|two| two[0].metadata == two[1].metadata);
        return (is_heard && is_one || !is_awaited(answers)).then(|| together(&told, majority));
    }
    let unknown = answers.iter().filter(|answer| answer.said().is_none()).count();
    let best = told.iter().map(|tenure| of(&tenure.owner)).max().unwrap_or(0);
    (best + unknown < majority).then_some(None)
}

/// One tenure as several servers know it: since the first grant, until too few of them know it.
fn together(told: &[&Tenure], majority: usize) -> Option<Tenure> {
    let owner = told.first()?.owner.clone();
    let since = told.iter().map(|tenure| tenure.since).min()?;
    // One that was late, and has not heard what the others agreed on, may have given it a higher one.
    let fences = told.iter().map(|tenure| (tenure.is_agreed, tenure.fence));
    let (is_agreed, fence) = fences.max()?;
    let ends = told.iter().map(|tenure| tenure.expires_in.unwrap_or(Duration::MAX));
    let mut ends: Vec<_> = ends.collect();
    ends.sort_unstable_by(|one, other| other.cmp(one));
    let end = ends.get(majority.checked_sub(1)?).copied()?;
    let expires_in = Some(end).filter(|end| *end != Duration::MAX);
    let metadata = words(told);
    Some(Tenure { owner, fence, is_agreed, since, expires_in, metadata })
}

/// What most of them were told of it; of as many each, who was told nothing knows less.
fn words(told: &[&Tenure]) -> BTreeMap<String, String> {
    let know =
        |words: &BTreeMap<_, _>| told.iter().filter(|tenure| tenure.metadata == *words).count();
    let each = told.iter().map(|tenure| &tenure.metadata);
    let most = each.max_by_key(|words| (know(words), !words.is_empty(), *words));
    most.cloned().unwrap_or_default()
}

fn is_awaited<T>(answers: &[Answer<T>]) -> bool {
    answers.iter().any(|answer| matches!(answer, Answer::Awaited))
}

#[cfg(test)]
mod tests;
