//! From a plan to its end: asks whoever has the shop open, or opens it.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    cli::{Change, Plan, Store, Task},
    control::{Desk, ask},
    say::{let_the_engine_speak, print, say},
    shop::{Closed, Folder, GRACE, Part, Shop, worker},
    signals::Stop,
    wish::{Lines, Reply, Trouble, Wish},
    world::{Books, Pace},
};

/// How long to wait for a process that has the journal open and does not answer: it has just begun,
/// or comes to its end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The exit status, or what went wrong.
type End = Result<u8, String>;

pub(crate) fn run(plan: Plan) -> End {
    let Plan { folder, pace, store, task } = plan;
    let may_begin = match (&store, &task) {
        (Store::File, Task::World { change, .. }) => change.is_some(),
        (Store::File, Task::Ask(wish)) => matches!(wish, Wish::Place { .. }),
        // The orders are not in the folder.
        (Store::File, _) | (Store::Redis { .. }, _) => true,
    };
    let folder = match may_begin {
        true => Folder::new(folder),
        false => Folder::existing(folder, matches!(task, Task::World { .. })),
    }?;
    if let Task::World { change, json } = task {
        return world(&folder, change, json)
            .map_err(|why| format!("{}: {why}", folder.world().display()));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|why| format!("cannot start: {why}"))?;
    runtime.block_on(async {
        let mut stop = Stop::new().map_err(|why| format!("cannot hear signals: {why}"))?;
        let place = Place { folder, pace, store };
        match task {
            Task::Serve { once } => serve(&place, Part::Both, once, &mut stop).await,
            Task::Api => serve(&place, Part::Orders, false, &mut stop).await,
            Task::Worker => work(&place, &mut stop).await,
            Task::Ask(wish) => reach(&place, wish, &mut stop).await,
            Task::World { .. } => Ok(0),
        }
    })
}

/// Where the orders and the world are.
struct Place {
    folder: Folder,
    pace: Pace,
    store: Store,
}

impl Place {
    fn is_shared(&self) -> bool {
        matches!(self.store, Store::Redis { .. })
    }

    async fn open(&self, part: Part) -> Result<Shop, Closed> {
        Shop::open(&self.folder, self.pace, &self.store, part).await
    }
}

/// Takes orders through the socket, and works on all of them.
async fn serve(place: &Place, part: Part, once: bool, stop: &mut Stop) -> End {
    if place.is_shared() {
        let_the_engine_speak();
    }
    let (begun, folder) = (Instant::now(), &place.folder);
    let shop = loop {
        match place.open(part).await {
            Ok(shop) => break shop,
            Err(closed) => wait_for_it(folder, closed, begun).await?,
        }
    };
    let end = answer(&shop, folder, once, stop).await;
    close(shop, stop).await;
    end.map(|()| 0)
}

/// Answers through the socket until told to stop, or everything is done.
async fn answer(shop: &Shop, folder: &Folder, once: bool, stop: &mut Stop) -> Result<(), String> {
    // Gone before the journal is free for another process, which has a socket of its own.
    let desk = Desk::open(folder)?;
    let open = shop.open_orders().await.map_err(why)?.len();
    say(&format!("working in `{}`: {open} open", folder.path().display()));
    let work = async {
        match once {
            true => shop.work_off().await.map_err(why),
            false => pending().await,
        }
    };
    tokio::select! {
        left = desk.answer_while(shop, work) => left.map(|left| {
            if left > 0 {
                say(&format!("{left} wait for somebody: see `order list`"));
            }
        }),
        _ = stop.wanted() => Ok(()),
    }
}

/// Works on the orders that others take.
async fn work(place: &Place, stop: &mut Stop) -> End {
    let_the_engine_speak();
    let worker = worker(&place.folder, place.pace, &place.store).await.map_err(closed)?;
    say(&format!("working for the world in `{}`", place.folder.path().display()));
    let told = async { _ = stop.wanted().await };
    let report = worker.run_until(told, GRACE).await;
    match report.in_time {
        true => Ok(0),
        false => Err("some steps did not come to their end; another worker goes on".to_owned()),
    }
}

/// Asks whoever has the shop open, or opens it.
async fn reach(place: &Place, wish: Wish, stop: &mut Stop) -> End {
    let (begun, folder) = (Instant::now(), &place.folder);
    if place.is_shared() {
        let shop = place.open(Part::Orders).await.map_err(closed)?;
        return here(None, shop, wish, stop).await;
    }
    loop {
        let asked = tokio::select! {
            asked = ask(folder, &wish) => asked,
            // Who works on it does not stop for that.
            status = stop.wanted() => return Ok(status),
        };
        if let Some(end) = asked {
            return end.map(|()| 0);
        }
        match place.open(Part::Both).await {
            Ok(shop) => return here(Some(Desk::open(folder)?), shop, wish, stop).await,
            Err(closed) => wait_for_it(folder, closed, begun).await?,
        }
    }
}

/// Does it in this process, which answers others as well where it is the only one.
async fn here(desk: Option<Desk>, shop: Shop, wish: Wish, stop: &mut Stop) -> End {
    let work = async {
        let (lines, mut replies) = Lines::new();
        let answered = async {
            let _unread = shop.answer(wish, &lines).await;
            drop(lines);
        };
        let printed = async {
            let mut end = Ok(());
            while let Some(reply) = replies.recv().await {
                match reply {
                    Reply::Line(line) if print(&line).is_err() => break,
                    Reply::Line(_) | Reply::Done => {}
                    Reply::Failed(why) => end = Err(why),
                }
            }
            drop(replies);
            end
        };
        tokio::join!(answered, printed).1
    };
    let work = async {
        match &desk {
            Some(desk) => desk.answer_while(&shop, work).await,
            None => work.await,
        }
    };
    let end = tokio::select! {
        end = work => end.map(|()| 0),
        status = stop.wanted() => {
            say("stopped; what is open goes on with the next command");
            Ok(status)
        }
    };
    // Before the journal is free for another process, which has a socket of its own.
    drop(desk);
    close(shop, stop).await;
    end
}

/// Gives everything back to the journal, unless somebody insists.
async fn close(shop: Shop, stop: &mut Stop) {
    tokio::select! {
        () = shop.close() => {}
        _ = stop.wanted() => {}
    }
}

async fn wait_for_it(folder: &Folder, closed: Closed, begun: Instant) -> Result<(), String> {
    match closed {
        Closed::Broken(why) => Err(why),
        Closed::InUse if begun.elapsed() < PATIENCE => {
            sleep(Duration::from_millis(10)).await;
            Ok(())
        }
        Closed::InUse => Err(format!(
            "another process works in `{}`: ask it with the other commands, or end it first",
            folder.path().display()
        )),
    }
}

/// Why what many may have open cannot be opened.
fn closed(closed: Closed) -> String {
    match closed {
        Closed::Broken(why) => why,
        Closed::InUse => "it is in use".to_owned(),
    }
}

/// Looks at the world, or changes it.
fn world(folder: &Folder, change: Option<Change>, json: bool) -> Result<u8, rusqlite::Error> {
    let books = Books::open(&folder.world())?;
    match change {
        Some(Change::Stock { item, pieces }) => books.deliver(&item, pieces)?,
        Some(Change::Reopen { card }) => books.reopen(&card)?,
        None => {
            let lines = if json { books.in_json()? } else { books.in_words()? };
            // Whoever closed the pipe does not want the rest.
            let _ = lines.iter().try_for_each(|line| print(line));
        }
    }
    Ok(0)
}

fn why(trouble: Trouble) -> String {
    match trouble {
        Trouble::Failed(why) => why,
        Trouble::Unread => "nobody reads the answer".to_owned(),
    }
}
