//! Every combination of answers.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::*;
use crate::{backend::quorum::error::NodeFailure, kernel::Fence};

/// What a server says, or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Yes,
    No,
    Error,
    Hangs,
}

use Node::{Error, Hangs, No, Yes};

/// All of them for so many servers.
fn all(nodes: u32) -> impl Iterator<Item = Vec<Node>> {
    let kinds = [Yes, No, Error, Hangs];
    (0..4_usize.pow(nodes))
        .map(move |number| (0..nodes).map(|at| kinds[number / 4_usize.pow(at) % 4]).collect())
}

fn owner() -> Owner {
    Owner::from("somebody else".to_owned())
}

fn answer(at: usize, node: Node) -> Answer<Acquired> {
    match node {
        Yes => {
            let (fence, left) = (Fence(100 + at as u64), Duration::from_secs(10));
            Answer::Said(Acquired::Granted(Grant { fence, left, attempt: None }))
        }
        No => {
            let retry_after = Some(Duration::from_secs(1 + at as u64));
            Answer::Said(Acquired::Busy(Busy { holder: Some(owner()), retry_after }))
        }
        Error => Answer::Failed(NodeFailure::Silent(Duration::ZERO)),
        Hangs => Answer::Awaited,
    }
}

fn answers(nodes: &[Node]) -> Vec<Answer<Acquired>> {
    nodes.iter().enumerate().map(|(at, node)| answer(at, *node)).collect()
}

/// How many may be needed of so many servers.
fn needed(servers: u32) -> RangeInclusive<usize> {
    let servers = servers as usize;
    servers / 2 + 1..=servers
}

/// All of them for several numbers of servers, with how many may be needed, and how many are most.
fn every_quorum() -> impl Iterator<Item = (Vec<Node>, usize, usize)> {
    let of = |servers: u32| {
        let majority = servers as usize / 2 + 1;
        let of = move |needed| all(servers).map(move |nodes| (nodes, needed, majority));
        needed(servers).flat_map(of)
    };
    [1, 3, 5].into_iter().flat_map(of)
}

#[test]
fn as_many_as_are_needed_grant_it_and_most_say_that_it_is_busy() {
    for (nodes, needed, majority) in every_quorum() {
        let of = |kind| nodes.iter().filter(|node| **node == kind).count();
        let (yes, no, hang) = (of(Yes), of(No), of(Hangs));
        let decided = vote(&answers(&nodes), needed, majority);
        let is_open = yes < needed && no < majority;
        let is_wanted = match &decided {
            Some(Vote::Agreed(_)) => yes >= needed,
            Some(Vote::Busy(_)) => no >= majority,
            Some(Vote::Split(_)) => is_open && hang == 0 && yes + no >= needed,
            None => is_open && (hang > 0 || yes + no < needed),
        };
        assert!(is_wanted, "{needed} are needed: {nodes:?}: {decided:?}");
    }
}

#[test]
fn as_many_as_are_needed_renew_it_and_most_say_that_it_is_lost() {
    for (nodes, needed, majority) in every_quorum() {
        let of = |kind| nodes.iter().filter(|node| **node == kind).count();
        let answer = |node: &Node| match node {
            Yes => Answer::Said(Renewed::Renewed),
            No => Answer::Said(Renewed::NotOwner),
            Error => Answer::Failed(NodeFailure::Silent(Duration::ZERO)),
            Hangs => Answer::Awaited,
        };
        let decided = renewal(&nodes.iter().map(answer).collect::<Vec<_>>(), needed, majority);
        let wanted = match (of(Yes) >= needed, of(No) >= majority) {
            (true, _) => Some(Renewed::Renewed),
            (false, is_lost) => is_lost.then_some(Renewed::NotOwner),
        };
        assert_eq!(decided, wanted, "{needed} are needed: {nodes:?}");
    }
}

#[test]
fn the_order_of_the_servers_decides_nothing() {
    let kind = |decided: Option<Vote>| match decided {
        Some(Vote::Agreed(_)) => 1,
        Some(Vote::Busy(_)) => 2,
        Some(Vote::Split(_)) => 3,
        None => 4,
    };
    for (nodes, needed) in all(5).flat_map(|nodes| needed(5).map(move |it| (nodes.clone(), it))) {
        let mut turned = nodes.clone();
        turned.reverse();
        let decided = kind(vote(&answers(&nodes), needed, 3));
        assert_eq!(decided, kind(vote(&answers(&turned), needed, 3)), "{nodes:?}");
    }
}

#[test]
fn the_fence_is_the_highest_and_the_time_the_shortest() {
    let mut answers = answers(&[Yes, Hangs, Yes]);
    if let Answer::Said(Acquired::Granted(grant)) = &mut answers[0] {
        grant.left = Duration::from_secs(9);
    }
    let (fence, left) = (Fence(102), Duration::from_secs(9));
    let attempt = None;
    assert_eq!(vote(&answers, 2, 2), Some(Vote::Agreed(Grant { fence, left, attempt })));
}

#[test]
fn who_knows_of_most_attempts_says_which_one_it_is() {
    let attempt = |known: [Option<u64>; 3]| {
        let mut answers = answers(&[Yes, Yes, Yes]);
        for (answer, known) in answers.iter_mut().zip(known) {
            if let Answer::Said(Acquired::Granted(grant)) = answer {
                grant.attempt = known;
            }
        }
        match vote(&answers, 2, 2) {
            Some(Vote::Agreed(grant)) => grant.attempt,
            decided => panic!("{decided:?}"),
        }
    };
    assert_eq!(attempt([Some(1), Some(3), Some(2)]), Some(3));
    assert_eq!(attempt([None, Some(1), None]), Some(1));
    assert_eq!(attempt([None, None, None]), None);
}

#[test]
fn a_name_is_free_when_enough_servers_are() {
    let retry_after_of = |nodes: &[Node], needed| match vote(&answers(nodes), needed, 2) {
        Some(Vote::Busy(busy) | Vote::Split(busy)) => busy.retry_after.map(|after| after.as_secs()),
        decided => panic!("{decided:?}"),
    };
    let retry_after = |nodes: &[Node]| retry_after_of(nodes, 2);
    assert_eq!(retry_after(&[No, No, Hangs]), Some(2));
    assert_eq!(retry_after(&[No, No, No]), Some(2), "the third may be busy for longer");
    assert_eq!(retry_after(&[No, Yes, No]), Some(1), "one more is enough");
    assert_eq!(retry_after(&[No, Yes, Error]), Some(1));
    assert_eq!(retry_after_of(&[No, No, Yes], 3), Some(2), "all of them have to be");
    assert_eq!(retry_after_of(&[No, No, Hangs], 3), Some(2), "the third may be free");
}

#[test]
fn owners_who_share_the_servers_have_no_holder() {
    let mut answers = answers(&[No, No, Yes]);
    if let Answer::Said(Acquired::Busy(busy)) = &mut answers[1] {
        busy.holder = Some(Owner::from("a third".to_owned()));
    }
    let Some(Vote::Split(busy)) = vote(&answers, 2, 2) else { panic!("{answers:?}") };
    assert_eq!(busy.holder, None);
}

#[test]
fn a_release_is_what_most_say_and_else_what_says_most() {
    use crate::lease::Released::{self as Kind, AlreadyExpired, NotOwner, Released};
    let said = |released: &[Option<Kind>]| {
        let answer = |said: &Option<Kind>| match said {
            Some(said) => Answer::Said(*said),
            None => Answer::Failed(NodeFailure::Silent(Duration::ZERO)),
        };
        release(&released.iter().map(answer).collect::<Vec<_>>(), released.len() / 2 + 1)
    };
    assert_eq!(said(&[Some(Released), Some(Released), None]), Some(Released));
    assert_eq!(said(&[Some(Released), Some(NotOwner), Some(NotOwner)]), Some(NotOwner));
    assert_eq!(said(&[Some(Released), Some(AlreadyExpired), None]), Some(Released));
    assert_eq!(said(&[Some(AlreadyExpired), None, None]), None, "too few say anything");
    let late = [Answer::Said(Released), Answer::Said(AlreadyExpired), Answer::Awaited];
    assert_eq!(release(&late, 2), None, "the third decides");
}

fn tenure(owner: &str, fence: u64, left: u64) -> Answer<Option<Tenure>> {
    Answer::Said(Some(Tenure {
        owner: Owner::from(owner.to_owned()),
        fence: Fence(fence),
        is_agreed: true,
        since: crate::kernel::Timestamp(fence),
        expires_in: Some(Duration::from_secs(left)),
        metadata: BTreeMap::new(),
    }))
}

#[test]
fn a_tenure_is_what_most_servers_know() {
    let nobody = || Answer::Said(None);
    let failed = || Answer::Failed(NodeFailure::Silent(Duration::ZERO));
    let two = [tenure("a", 7, 9), nobody(), tenure("a", 7, 5)];
    let found = look(&two, 2).flatten().expect("most know it");
    assert_eq!((found.fence, found.expires_in), (Fence(7), Some(Duration::from_secs(5))));
    assert_eq!(look(&[tenure("a", 7, 9), nobody(), nobody()], 2), Some(None));
    assert_eq!(look(&[tenure("a", 7, 9), tenure("b", 8, 9), tenure("c", 9, 9)], 2), Some(None));
    assert_eq!(look(&[tenure("a", 7, 9), nobody(), failed()], 2), None, "the third may know it");
    assert_eq!(look(&[nobody(), nobody(), failed()], 2), Some(None));
}

#[test]
fn a_tenure_has_the_fence_that_was_agreed_on() {
    let fence = |told: &[_]| look(told, 2).map(|found| found.map(|tenure| tenure.fence));
    let own = |fence| match tenure("a", fence, 9) {
        Answer::Said(Some(told)) => Answer::Said(Some(Tenure { is_agreed: false, ..told })),
        other => other,
    };
    let agreed = |fence| tenure("a", fence, 9);
    assert_eq!(fence(&[own(8), agreed(7)]), Some(Some(Fence(7))));
    assert_eq!(fence(&[own(6), own(8), agreed(7)]), Some(Some(Fence(7))));
    assert_eq!(fence(&[agreed(6), agreed(7)]), Some(Some(Fence(7))), "an owner that goes on");
    assert_eq!(fence(&[own(8), own(9), Answer::Awaited]), None, "the third may have heard it");
    assert_eq!(fence(&[own(8), own(9), Answer::Said(None)]), Some(Some(Fence(9))));
}

#[test]
fn what_most_servers_were_told_is_told_whichever_answers_first() {
    let said = |words: &str| match tenure("a", 7, 9) {
        Answer::Said(Some(told)) => {
            let words = (!words.is_empty()).then(|| ("doing".to_owned(), words.to_owned()));
            Answer::Said(Some(Tenure { metadata: words.into_iter().collect(), ..told }))
        }
        other => other,
    };
    let words = |told: &[_]| {
        let found = look(told, 2)?.expect("most know it");
        Some(found.metadata.into_values().next().unwrap_or_default())
    };
    let failed = || Answer::Failed(NodeFailure::Silent(Duration::ZERO));
    for turn in 0..3 {
        let turned = |mut told: [_; 3]| {
            told.rotate_left(turn);
            words(&told)
        };
        assert_eq!(turned([said("new"), said("new"), said("old")]).as_deref(), Some("new"));
        assert_eq!(turned([said("old"), said("old"), said("new")]).as_deref(), Some("old"));
        assert_eq!(turned([said(""), said(""), said("old")]).as_deref(), Some(""), "it was unsaid");
        assert_eq!(turned([said("new"), said(""), failed()]).as_deref(), Some("new"));
        assert_eq!(turned([said("new"), said("new"), Answer::Awaited]).as_deref(), Some("new"));
        assert_eq!(turned([said("new"), said("old"), Answer::Awaited]), None, "the third tells");
    }
}
