//! Bytes and time of the codecs, in turns, in one run: for the message that wakes a worker, and for
//! an order as a step returns one.
//!
//! ```sh
//! cargo bench -p distributed-task-tests --bench codecs
//! ```
//!
//! Each figure is the median of the rounds; a round writes and reads with every codec in turn. What is
//! written is the envelope of a value, what is read is the value again: what the engine does for a
//! step whose journal keeps bytes.
#![allow(clippy::print_stdout, reason = "the table is its output")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use distributed_task::{
    codec::{Codec, Json, MessagePack, decode, encode, message, read_message},
    kernel::{Encoded, JournalValue, Value},
    queue::{Ticket, TicketFormat},
};
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 201;
/// Values of a round, for each codec.
const VALUES: u32 = 500;

#[derive(Clone, PartialEq, Serialize, Deserialize, prost::Message)]
struct Order {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    customer: String,
    #[prost(message, repeated, tag = "3")]
    lines: Vec<Line>,
    #[prost(uint64, tag = "4")]
    total_cents: u64,
    #[prost(string, optional, tag = "5")]
    note: Option<String>,
    #[prost(double, tag = "6")]
    weight: f64,
    #[prost(bool, tag = "7")]
    express: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize, prost::Message)]
struct Line {
    #[prost(string, tag = "1")]
    article: String,
    #[prost(uint32, tag = "2")]
    count: u32,
    #[prost(uint64, tag = "3")]
    cents: u64,
}

fn order() -> Order {
    let line = |article: &str, count, cents| Line { article: article.into(), count, cents };
    Order {
        id: "0192f0c1-0000-7000-8000-000000000000".into(),
        customer: "customer-48213".into(),
        lines: vec![line("tea, green", 2, 1_295), line("cup", 6, 450), line("kettle", 1, 8_900)],
        total_cents: 14_190,
        note: Some("leave it with the neighbour".into()),
        weight: 3.75,
        express: true,
    }
}

fn ticket() -> Ticket {
    Ticket {
        saga: "0192f0c1-0000-7000-8000-000000000000".parse().expect("an id"),
        task: "book-trip".into(),
        definition: "9b0f2d51c6a44f0b8f5a0c6a1d2e3f40".into(),
    }
}

/// One way to write a value and to read it.
struct Way {
    name: &'static str,
    bytes: usize,
    /// Bytes of the value in a record that is JSON text, as in the file journal.
    in_record: Option<usize>,
    write: Box<dyn Fn()>,
    read: Box<dyn Fn()>,
    written: Vec<f64>,
    been_read: Vec<f64>,
}

fn way(name: &'static str, of: &Encoded, write: Box<dyn Fn()>, read: Box<dyn Fn()>) -> Way {
    let record = serde_json::to_string(&Value::encoded(of.clone())).expect("it is encoded");
    let (written, been_read) = Default::default();
    Way {
        name,
        bytes: of.bytes.len(),
        in_record: Some(record.len()),
        write,
        read,
        written,
        been_read,
    }
}

fn serde<T: JournalValue>(name: &'static str, codec: &'static dyn Codec, value: T) -> Way {
    let value = Value::journaled(value);
    let encoded = encode(codec, &value).expect("it can be written");
    let bytes = encoded.clone();
    let write = move || drop(black_box(encode(codec, black_box(&value)).expect("it was")));
    let read = move || drop(black_box(decode::<T>(codec, black_box(&bytes)).expect("it was")));
    way(name, &encoded, Box::new(write), Box::new(read))
}

fn prost_message(name: &'static str, value: Order) -> Way {
    let value = message(value);
    let encoded = encode(&Json, &value).expect("it can be written");
    let bytes = encoded.clone();
    let write = move || drop(black_box(encode(&Json, black_box(&value)).expect("it was")));
    let read = move || drop(black_box(read_message::<Order>(black_box(&bytes)).expect("it was")));
    way(name, &encoded, Box::new(write), Box::new(read))
}

fn carried(format: TicketFormat) -> Way {
    let ticket = ticket();
    let bytes = format.write(&ticket);
    let (name, length) = (format.content_type(), bytes.len());
    let write = move || drop(black_box(format.write(black_box(&ticket))));
    let read = move || drop(black_box(format.read(black_box(&bytes)).expect("it was")));
    Way {
        name,
        bytes: length,
        in_record: None,
        write: Box::new(write),
        read: Box::new(read),
        written: Vec::new(),
        been_read: Vec::new(),
    }
}

/// Nanoseconds of one call.
fn timed(call: &dyn Fn()) -> f64 {
    let begun = Instant::now();
    (0..VALUES).for_each(|_| call());
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(VALUES)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn race(title: &str, mut ways: Vec<Way>) {
    let warm = Instant::now();
    while warm.elapsed() < Duration::from_millis(300) {
        for way in &ways {
            black_box((timed(&way.write), timed(&way.read)));
        }
    }
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.written.push(timed(&way.write));
            way.been_read.push(timed(&way.read));
        }
    }
    println!("\n{title}");
    println!("{:24} {:>16} {:>10} {:>18} {:>18}", "", "bytes", "in JSON", "write, ns", "read, ns");
    let mut json = None;
    for way in &mut ways {
        let figures = (way.bytes, median(&mut way.written), median(&mut way.been_read));
        let (bytes, write, read) = *json.get_or_insert(figures);
        let record = way.in_record.map_or_else(String::new, |bytes| bytes.to_string());
        let shown = |figure: f64, of: f64| format!("{figure:.0} ({:.2})", figure / of);
        let size = shown(figures.0 as f64, bytes as f64);
        let (wrote, was_read) = (shown(figures.1, write), shown(figures.2, read));
        println!("{:24} {size:>16} {record:>10} {wrote:>18} {was_read:>18}", way.name);
    }
}

fn main() {
    println!("in brackets: the ratio to the first line, in this run");
    let worker_message = vec![carried(TicketFormat::Json), carried(TicketFormat::Protobuf)];
    race("the worker message", worker_message);
    let values = vec![
        serde("json/1", &Json, order()),
        serde("msgpack/1", &MessagePack, order()),
        prost_message("protobuf/1", order()),
    ];
    race("an order of three lines", values);
    let samples: Vec<f64> = (0..32).map(|n| f64::from(n).sqrt()).collect();
    let values =
        vec![serde("json/1", &Json, samples.clone()), serde("msgpack/1", &MessagePack, samples)];
    race("32 floats", values);
}
