//! Customers: what they order, through the socket of the program, and what they were told.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Mutex, mpsc},
};

use serde_json::{Value, json};

use crate::{chance::Chance, scene::PATIENCE};

/// What is to become of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Fine,
    /// The answer of the bank is lost.
    LostAnswer,
    RefusedCard,
    OutOfStock,
    /// The carrier refuses it, and the bank gives the money back.
    NoRoad,
    /// The customer cancels it at once.
    Cancelled,
    /// The carrier refuses it, and the bank keeps the money until somebody says that it may.
    Stuck,
}

/// One order, and what its customer knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) key: String,
    pub(crate) fate: Fate,
    /// The id that was acknowledged.
    pub(crate) id: Option<String>,
    /// What the cancel was answered.
    pub(crate) cancelled: Option<Cancel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    Recorded,
    TooLate,
}

impl Order {
    pub(crate) fn new(number: usize, chance: &mut Chance) -> Self {
        let fate = match chance.below(20) {
            0..8 => Fate::Fine,
            8..11 => Fate::LostAnswer,
            11..13 => Fate::RefusedCard,
            13 => Fate::OutOfStock,
            14..16 => Fate::NoRoad,
            16..19 => Fate::Cancelled,
            _ => Fate::Stuck,
        };
        Self { key: format!("{number}"), fate, id: None, cancelled: None }
    }

    pub(crate) fn wish(&self) -> Value {
        let item = if self.fate == Fate::OutOfStock { "cake" } else { "tea" };
        let card = match self.fate {
            Fate::LostAnswer => "4001",
            Fate::RefusedCard => "4000",
            Fate::Stuck => "4003",
            _ => "4242",
        };
        let to = match self.fate {
            Fate::NoRoad | Fate::Stuck => "Atlantis",
            _ => "here",
        };
        let order = json!({ "item": item, "pieces": 1000, "card": card, "to": to });
        json!({ "place": { "key": self.key, "order": order, "follow": false } })
    }

    /// Says all that its customer has to say. An error: the process is gone, and what was said last
    /// may have been heard or not.
    fn tell(&mut self, socket: &Path) -> io::Result<()> {
        let told = self.try_to_tell(&mut |wish| ask(socket, wish))?;
        told.unwrap_or_else(|why| panic!("{}: {why}", self.key));
        Ok(())
    }

    /// The same, where an order may be refused: why, and whether it was heard is open.
    pub(crate) fn try_to_tell(
        &mut self,
        ask: &mut dyn FnMut(&Value) -> io::Result<Result<String, String>>,
    ) -> io::Result<Result<(), String>> {
        let id = match ask(&self.wish())? {
            Ok(id) => id,
            Err(why) => return Ok(Err(why)),
        };
        let before = self.id.replace(id.clone());
        assert!(before.is_none_or(|before| before == id), "{}: one key, two orders", self.key);
        if self.fate == Fate::Cancelled && self.cancelled.is_none() {
            let answer = ask(&json!({ "cancel": { "id": id, "follow": false } }))?;
            self.cancelled = Some(match answer {
                Ok(_) => Cancel::Recorded,
                // The first answer was lost.
                Err(why) if why.ends_with(" is cancelled") => Cancel::Recorded,
                Err(why) if why.starts_with("too late") => Cancel::TooLate,
                Err(why) => return Ok(Err(why)),
            });
        }
        Ok(Ok(()))
    }

    /// Whether its customer has nothing more to say.
    pub(crate) fn is_settled(&self) -> bool {
        self.id.is_some() && (self.fate != Fate::Cancelled || self.cancelled.is_some())
    }
}

/// Customers side by side, until all is said or the process is gone. `heard` is told of each that was
/// answered.
pub(crate) fn order_all(socket: &Path, orders: Vec<&mut Order>, heard: &mpsc::Sender<()>) {
    let orders = Mutex::new(orders.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let heard = heard.clone();
            let orders = &orders;
            scope.spawn(move || {
                loop {
                    let next = orders.lock().expect("nobody panics under it").next();
                    let Some(order) = next else { return };
                    if order.tell(socket).is_err() {
                        return;
                    }
                    // Nobody has to wait for it.
                    let _ = heard.send(());
                }
            });
        }
    });
}

/// One wish: the first line of its answer, or why there is none.
pub(crate) fn ask(socket: &Path, wish: &Value) -> io::Result<Result<String, String>> {
    Ok(ask_all(socket, wish)?.map(|lines| lines.into_iter().next().unwrap_or_default()))
}

/// One wish: the lines of its answer, or why there are none.
pub(crate) fn ask_all(socket: &Path, wish: &Value) -> io::Result<Result<Vec<String>, String>> {
    let mut line = UnixStream::connect(socket)?;
    line.set_read_timeout(Some(PATIENCE))?;
    line.write_all(format!("{wish}\n").as_bytes())?;
    let mut lines = Vec::new();
    for reply in BufReader::new(line).lines() {
        let reply: Value = serde_json::from_str(&reply?)?;
        match (&reply["line"], &reply["failed"]) {
            (Value::String(line), _) => lines.push(line.clone()),
            (_, Value::String(why)) => return Ok(Err(why.clone())),
            _ => return Ok(Ok(lines)),
        }
    }
    // What it said before it was gone counts.
    if lines.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(Ok(lines)) }
}
