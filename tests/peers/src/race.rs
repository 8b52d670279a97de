//! Turns, rounds and the table.

use std::{pin::Pin, time::Duration};

use distributed_task_test_servers::RedisServer;
use tokio::time::sleep;

use crate::common::{Contestant, Cost, batch, median, micros};

pub(crate) const ROUNDS: usize = 5;
pub(crate) const TURN: Duration = Duration::from_millis(500);
/// Before a turn, for workers to begin; after it, for what is told before it is written.
const PAUSE: Duration = Duration::from_millis(20);
const BARE: usize = 0;
const OURS: usize = 1;

/// A contestant that may want to know when it is its turn.
pub(crate) trait Turns: Contestant {
    fn begin(&self) -> impl Future<Output = ()> {
        async {}
    }
    fn end(&self) -> impl Future<Output = ()> {
        async {}
    }
}

/// What a saga cost in one turn, here and in Redis.
pub(crate) struct Turn {
    cost: Cost,
    server: f64,
}

pub(crate) type Played<'a> = Pin<Box<dyn Future<Output = Turn> + 'a>>;

/// A contestant, whichever it is.
pub(crate) trait Entrant {
    fn turn<'a>(&'a self, server: &'a RedisServer, sagas: u32, in_flight: u32) -> Played<'a>;
}

impl<C: Turns> Entrant for C {
    fn turn<'a>(&'a self, server: &'a RedisServer, sagas: u32, in_flight: u32) -> Played<'a> {
        Box::pin(async move {
            self.begin().await;
            sleep(PAUSE).await;
            let before = cpu(server);
            let cost = batch(sagas, in_flight, self).await;
            sleep(PAUSE).await;
            let server = (cpu(server) - before) / f64::from(sagas);
            self.end().await;
            Turn { cost, server }
        })
    }
}

pub(crate) type Field<'a> = [(&'a str, Box<dyn Entrant>)];

/// So many sagas as fill a turn, a multiple of those in flight.
fn fill(wall: Duration, in_flight: u32) -> u32 {
    let sagas = TURN.as_secs_f64() / wall.as_secs_f64();
    in_flight * (sagas as u32 / in_flight).max(2)
}

/// Microseconds of CPU time that the server has used.
fn cpu(server: &RedisServer) -> f64 {
    let info = server.cli(&["INFO", "cpu"]);
    let value = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse::<f64>().ok()).expect("it is in INFO")
    };
    1e6 * (value("used_cpu_user") + value("used_cpu_sys"))
}

/// The contestants over one kind of work: the bare loop first, then distributed-task, then peers.
pub(crate) async fn race(server: &RedisServer, what: &str, in_flight: u32, field: &Field<'_>) {
    let mut sizes = Vec::new();
    for (_, who) in field {
        let cost = who.turn(server, 4 * in_flight, in_flight).await.cost;
        sizes.push(fill(cost.wall, in_flight));
    }
    let mut rounds: Vec<Vec<Turn>> = Vec::new();
    for round in 0..=ROUNDS {
        let mut turns = Vec::new();
        for ((_, who), sagas) in field.iter().zip(&mut sizes) {
            let turn = who.turn(server, *sagas, in_flight).await;
            if round == 0 {
                *sagas = fill(turn.cost.wall, in_flight);
            }
            turns.push(turn);
        }
        if round > 0 {
            rounds.push(turns);
        }
    }
    print(what, in_flight, field, &rounds);
}

fn print(what: &str, in_flight: u32, field: &Field<'_>, rounds: &[Vec<Turn>]) {
    let what = format!("{what}, {in_flight} in flight");
    let (floor, ours, here, there) = ("bare loop", "distributed-task", "CPU here", "in Redis");
    println!("\n  {what:<38}{:>9}{floor:>11}   {ours:<26}{here:>10}{there:>10}", "a second");
    for (which, (name, _)) in field.iter().enumerate() {
        println!("  {name:<38}{}", row(which, rounds, !name.contains("PostgreSQL")));
    }
}

fn row(which: usize, rounds: &[Vec<Turn>], is_in_redis: bool) -> String {
    let all = |figure: &dyn Fn(&[Turn]) -> f64| -> Vec<f64> {
        rounds.iter().map(|turns| figure(turns)).collect()
    };
    let rate = |turns: &[Turn], which: usize| 1e6 / micros(turns[which].cost.wall);
    let of = |other: usize| all(&|turns| rate(turns, which) / rate(turns, other));
    let shares = of(OURS);
    let least = shares.iter().copied().fold(f64::MAX, f64::min);
    let most = shares.iter().copied().fold(0.0, f64::max);
    let beside = format!("x {:.3} ({least:.3} to {most:.3})", median(shares));
    let server = format!("{:.0} µs", median(all(&|turns| turns[which].server)));
    format!(
        "{:>9.0}{:>9.1} %   {:<26}{:>7.0} µs{:>10}",
        median(all(&|turns| rate(turns, which))),
        100.0 * median(of(BARE)),
        if which == OURS { "-" } else { &beside },
        median(all(&|turns| micros(turns[which].cost.cpu))),
        if is_in_redis { &server } else { "-" },
    )
}
