//! The verdict on a run: the records, the ledger, the objects and the end, each against what they
//! must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::SeqCst,
};

use bytes::Bytes;

use super::{
    books::Books,
    point::Point,
    run::Told,
    scenario::{Scenario, Turns},
};
use crate::{
    kernel::{Definition, OnExhausted, ParkReason, Record, Stamped, Way},
    testing::{
        ledger::{RunEnd, StepRun},
        oracle::{self, End},
        print::record_line,
        store::Saga,
    },
};

/// What a run is held against: one without a crash.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) end: End,
    balances: BTreeMap<String, i64>,
    objects: Vec<(String, String)>,
    response: Option<Bytes>,
}

impl Whole {
    pub(super) fn of(told: &Told) -> Self {
        let mut objects = told.objects.clone();
        objects.sort();
        let (end, response) = (told.end, told.response.clone());
        Self { end, balances: told.world.ledger.balances(), objects, response }
    }
}

/// Whether the saga is over, and how, for all that a crash may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Nothing,
    Completed,
    WentBack,
    Open,
}

fn sort(end: End) -> Sort {
    match end {
        End::Nothing => Sort::Nothing,
        End::Completed => Sort::Completed,
        End::Open => Sort::Open,
        _ => Sort::WentBack,
    }
}

/// Who judges.
pub(super) struct Judge<'a> {
    pub(super) definition: &'a Definition,
    /// The plain run without a crash; `None` while that one is judged.
    pub(super) plain: Option<&'a Whole>,
    /// The run of this scenario without a crash; `None` while that one is judged.
    pub(super) whole: Option<&'a Whole>,
    /// The user scripts something.
    pub(super) scripted: bool,
    /// Steps that must leave something in the ledger when they are done.
    pub(super) heard: &'a [usize],
    /// The response is the same in every run.
    pub(super) compares: bool,
}

impl Judge<'_> {
    /// Everything that is wrong with a run.
    pub(super) fn verdict(&self, point: Point, told: &Told) -> Vec<String> {
        let mut wrong = told.world.store.wrong();
        wrong.extend(self.wrong_end(point, told));
        if let Some((_, definition, records)) = &told.saga {
            wrong.extend(self.wrong_records(told, definition, records));
        }
        wrong.extend(self.wrong_books(told));
        if point == Point::whole(Scenario::Plain) {
            wrong.extend(self.unheard(told));
        }
        wrong
    }

    /// Steps that were done, and of which the ledger heard nothing: whatever they do wrong outside,
    /// nobody would find it.
    fn unheard(&self, told: &Told) -> Vec<String> {
        let (books, runs) = (Books::of(&told.world.ledger), told.world.ledger.runs());
        let steps = self.heard.iter().map(|step| &*self.definition.steps[*step].name);
        let is_done = |step: &&str| {
            let done =
                |run: &StepRun| run.step == *step && run.way == Way::Do && run.end == RunEnd::Done;
            runs.iter().any(done)
        };
        let unheard = steps.filter(is_done).filter(|step| !books.heard_of(step));
        let text = |step: &str| {
            format!(
                "the ledger heard nothing of `{step}`: does its fake write to the one that `task` \
                 is given? Of a step without any effect outside say `.unheard(\"{step}\")`"
            )
        };
        unheard.map(text).collect()
    }

    fn wrong_records(
        &self,
        told: &Told,
        definition: &Definition,
        records: &[Stamped],
    ) -> Vec<String> {
        let store = &told.world.store;
        let mut wrong = oracle::examine(definition, records, &[]);
        wrong.extend(store.lost_groups(records).map(|lost| format!("INV10: lost {lost}")));
        if let Some(step) = store.turned_too_early(records) {
            let name = &definition.steps[step].name;
            wrong.push(format!("C3: it turned back while `{name}` may have run"));
        }
        wrong
    }

    /// INV14, INV10: it ends as without a crash, but for what a crash may change.
    fn wrong_end(&self, point: Point, told: &Told) -> Option<String> {
        let accepted = told.world.store.accepted.load(SeqCst);
        let abandoned = matches!(told.end, End::Nothing | End::Abandoned);
        if abandoned {
            let crash = told.crash.as_ref();
            let is_fair = crash.is_some_and(|crash| told.end == End::Nothing || crash.starting);
            return match (accepted, is_fair) {
                (true, _) => Some("INV10: its start was answered, and it is gone".to_owned()),
                (false, true) => None,
                (false, false) => Some("INV14: it never began".to_owned()),
            };
        }
        let expected = self.expected(point);
        let excused = self.is_excused(told) || self.waits_by_design(point, told);
        if expected.contains(&sort(told.end)) || excused {
            return None;
        }
        let why = told.saga.as_ref().and_then(why).unwrap_or_default();
        let expected: Vec<_> = expected.iter().map(|sort| words(*sort)).collect();
        let (expected, found) = (expected.join(" or "), words(sort(told.end)));
        Some(format!("INV14: it should be {expected}, and is {found}{why}"))
    }

    /// How the run may end, for all that no crash changes.
    fn expected(&self, point: Point) -> Vec<Sort> {
        let mut expected = match (self.whole, self.plain) {
            (Some(whole), _) if point.stop.is_some() => {
                let mut same = vec![sort(whole.end)];
                let lucky =
                    self.scripted || point.scenario.turns_back(self.definition) == Turns::Perhaps;
                if lucky && whole.end != End::Completed {
                    // An attempt that a crash took away does not count as one that failed.
                    same.push(Sort::Completed);
                }
                return same;
            }
            (_, Some(plain)) => match point.scenario.turns_back(self.definition) {
                Turns::Never => vec![sort(plain.end)],
                Turns::Perhaps => vec![Sort::Completed, Sort::WentBack],
                Turns::Always => vec![Sort::WentBack],
            },
            (_, None) => vec![Sort::Completed, Sort::WentBack],
        };
        // Who scripts a saga that waits for an operator gets one.
        let waits = self.plain.is_some_and(|plain| plain.end == End::Open);
        if self.scripted && (waits || point.scenario == Scenario::Plain) {
            expected.push(Sort::Open);
        }
        expected
    }

    /// What a crash may change: a step that is never run again may have been under way, or the time
    /// of the saga may be up.
    fn is_excused(&self, told: &Told) -> bool {
        let Some(crash) = &told.crash else { return false };
        match told.end {
            End::Deadline => self.definition.timeout.is_some(),
            End::Failed => !crash.in_doubt.is_empty(),
            _ => false,
        }
    }

    /// Whether it waits for an operator because nobody can say whether a step happened, and may not
    /// do anything else: the pivot (P2), or one that is to park when nobody knows (E3, E4).
    fn waits_by_design(&self, point: Point, told: &Told) -> bool {
        let Some((_, definition, records)) = &told.saga else { return false };
        let Some(Record::Parked(reason)) = records.last().map(|last| &last.record) else {
            return false;
        };
        let Some(step) = reason.step(definition) else { return false };
        let of = &definition.steps[step];
        let in_doubt = told.crash.iter().any(|crash| crash.in_doubt.contains(&of.name.to_string()));
        match **reason {
            ParkReason::PivotUnknown { .. } => {
                let asked = |run: &StepRun| run.way == Way::Probe && run.end.cannot_tell();
                // Who answers so when nothing is made to go wrong leaves every saga to an operator.
                let is_made = point != Point::whole(Scenario::Plain);
                in_doubt || is_made && told.world.ledger.runs().iter().any(asked)
            }
            ParkReason::Exhausted { .. } => in_doubt && of.on_exhausted == OnExhausted::Park,
            _ => false,
        }
    }

    fn wrong_books(&self, told: &Told) -> Vec<String> {
        let books = Books::of(&told.world.ledger);
        let mut wrong = books.at_most_once(&told.world.store.never_twice());
        wrong.extend(books.one_key_one_effect());
        match sort(told.end) {
            Sort::Nothing | Sort::WentBack => {
                let residual = told.saga.as_ref().map(residual).unwrap_or_default();
                wrong.extend(books.left_as_it_was(&residual));
                let stays = |(step, _): &&(String, String)| !residual.contains(step);
                wrong.extend(told.objects.iter().filter(stays).map(|(step, name)| {
                    format!("INV6: the object `{name}` of `{step}` is left, and the saga went back")
                }));
            }
            Sort::Completed => wrong.extend(self.wrong_results(told, &books)),
            Sort::Open => {}
        }
        wrong
    }

    fn wrong_results(&self, told: &Told, books: &Books<'_>) -> Vec<String> {
        let whole = [self.plain, self.whole].into_iter().flatten();
        let Some(whole) = whole.into_iter().find(|whole| whole.end == End::Completed) else {
            return Vec::new();
        };
        let mut wrong = books.as_without_a_crash(&whole.balances);
        let mut objects = told.objects.clone();
        objects.sort();
        if objects != whole.objects {
            let expected = &whole.objects;
            wrong.push(format!(
                "INV5: the objects {objects:?} are left, and {expected:?} when nothing goes wrong"
            ));
        }
        if self.compares && told.response != whole.response {
            let text = |response: &Option<Bytes>| match response {
                Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                None => "nothing".to_owned(),
            };
            let (found, expected) = (text(&told.response), text(&whole.response));
            wrong.push(format!(
                "INV5: it answers {found}, and {expected} when nothing goes wrong; when that is \
                 meant, say `.any_response()`"
            ));
        }
        wrong
    }
}

fn words(sort: Sort) -> &'static str {
    match sort {
        Sort::Nothing => "nothing at all",
        Sort::Completed => "completed",
        Sort::WentBack => "undone",
        Sort::Open => "waiting for an operator",
    }
}

/// Steps whose effects the end reports to remain.
fn residual((_, definition, records): &Saga) -> BTreeSet<String> {
    let name = |step: usize| definition.steps[step].name.to_string();
    let finished = records.iter().rev().find_map(|at| match &at.record {
        Record::Finished(finished) => Some(finished),
        _ => None,
    });
    let residual = finished.map(|finished| finished.residual.iter().map(|of| name(of.step)));
    residual.into_iter().flatten().collect()
}

/// What turned it back, or holds it up.
fn why((_, definition, records): &Saga) -> Option<String> {
    let is_over = records.last().is_some_and(|at| matches!(at.record, Record::Finished(_)));
    let says = |at: &&Stamped| match at.record {
        Record::Compensating(_) => is_over,
        Record::Parked(_) | Record::Ended { .. } => !is_over,
        _ => false,
    };
    let why = records.iter().rev().find(says)?;
    Some(format!(": {}", record_line(definition, &why.record)))
}
