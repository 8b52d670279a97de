//! Customers who do not give up: each has a submitter of its own, and whoever hears no answer, or a
//! bad one, asks again.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    ops::AddAssign,
    process::{ChildStdin, ChildStdout},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::sleep,
    time::{Duration, SystemTime},
};

use crate::{
    chance::Chance,
    hosts::{AWAY, Host},
    pack::Wish,
};

/// What one customer wants, and what it heard.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    number: usize,
    pub(crate) customer: usize,
    /// The last one that was said. Where everything went back it is said again, under another key.
    pub(crate) wish: Wish,
    pub(crate) tries: u32,
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) heard: Option<Heard>,
}

/// A saga that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) saga: String,
    pub(crate) wish: Wish,
    pub(crate) at: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Completed,
    Undone,
}

/// What customers saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Wishes that could not be done now.
    pub(crate) failed: usize,
    /// Wishes that had no answer, because the process was gone.
    pub(crate) unheard: usize,
    /// Wishes that were undone although nobody had refused them.
    pub(crate) undone: usize,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.failed += other.failed;
        self.unheard += other.unheard;
        self.undone += other.undone;
    }
}

/// What the story and the crowd tell each other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Nobody asks any more.
    pub(crate) is_over: AtomicBool,
    /// So often something was acknowledged.
    pub(crate) accepted: AtomicUsize,
}

type Ends = (ChildStdin, BufReader<ChildStdout>);

impl Errand {
    /// One in `large` has a file that is uploaded in parts.
    pub(crate) fn new(number: usize, customer: usize, large: u64, chance: &mut Chance) -> Self {
        // More than a part of an upload holds.
        let large =
            if chance.one_in(large) { (8 << 20) + 1 + chance.below(1 << 20) as usize } else { 0 };
        let sizes = vec![chance.below(60_000) as usize, large, chance.below(60_000) as usize];
        let wish = Wish { key: key(customer, number, 0), sizes, refused: chance.one_in(5) };
        Self { number, customer, wish, tries: 0, accepted: Vec::new(), heard: None }
    }

    /// Everything that was acknowledged, once each.
    pub(crate) fn sagas(&self) -> BTreeSet<String> {
        self.accepted.iter().map(|accepted| accepted.saga.clone()).collect()
    }
}

/// The submitter is in the key, so that who sees a request knows whose it is.
fn key(customer: usize, number: usize, again: u32) -> String {
    format!("c{customer}w{number}t{again}")
}

/// Whose request it is, by what a path says.
pub(crate) fn customer_of(path: &str) -> Option<usize> {
    let name = path.rsplit('/').next()?.split_once("-c")?.1;
    name.split('w').next()?.parse().ok()
}

/// Says all that a customer wants, with a pause of up to `pause` milliseconds before each, until all
/// is done or it is over.
pub(crate) fn run(
    host: &Host,
    errands: &mut [Errand],
    (seed, pause): (u64, u64),
    watch: &Watch,
) -> Seen {
    let customer = errands.first().map_or(0, |errand| errand.customer as u64);
    let mut chance = Chance::new(seed ^ (customer << 32));
    let (mut seen, mut ends) = (Seen::default(), None);
    for errand in errands {
        sleep(chance.millis(pause.max(1)));
        while errand.heard.is_none() && !watch.is_over.load(Ordering::Relaxed) {
            match ends.take().or_else(|| connect(host)) {
                Some(open) => ends = ask(open, errand, watch, &mut seen),
                None => sleep(AWAY / 10),
            }
        }
    }
    seen
}

/// Not started from here: the kernel ends a child with the thread that started it.
fn connect(host: &Host) -> Option<Ends> {
    host.take_ends().map(|(stdin, stdout)| (stdin, BufReader::new(stdout)))
}

/// Says one wish, and hears what becomes of it; answers with the ends if the process is there.
fn ask(
    (mut stdin, mut stdout): Ends,
    errand: &mut Errand,
    watch: &Watch,
    seen: &mut Seen,
) -> Option<Ends> {
    errand.tries += 1;
    let wish = serde_json::to_string(&errand.wish).expect("it can be told");
    let said = writeln!(stdin, "{wish}");
    loop {
        let mut answer = String::new();
        let read = stdout.read_line(&mut answer);
        if said.is_err() || !matches!(read, Ok(1..)) {
            seen.unheard += 1;
            return None;
        }
        let (word, rest) = answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), ""));
        match word {
            "accepted" => {
                let (saga, wish) = (rest.to_owned(), errand.wish.clone());
                errand.accepted.push(Accepted { saga, wish, at: SystemTime::now() });
                watch.accepted.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            "completed" => errand.heard = Some(Heard::Completed),
            "undone" if errand.wish.refused => errand.heard = Some(Heard::Undone),
            "undone" => {
                seen.undone += 1;
                errand.wish.key = key(errand.customer, errand.number, errand.tries);
            }
            "failed" => {
                seen.failed += 1;
                sleep(Duration::from_millis(100));
            }
            _ => panic!("{}: `{answer}`", errand.wish.key),
        }
        return Some((stdin, stdout));
    }
}
