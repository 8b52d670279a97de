//! From a plan to its end: asks whoever has the shop open, or opens it.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    cli::{Change, Plan, Task},
    control::{Desk, ask},
    say::{print, say},
    shop::{Closed, Folder, Shop},
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
    let Plan { folder, pace, task } = plan;
    let may_begin = match &task {
        Task::Serve { .. } | Task::Ask(Wish::Place { .. }) => true,
        Task::World { change, .. } => change.is_some(),
        Task::Ask(_) => false,
    };
    let folder = if may_begin { Folder::new(folder) } else { Folder::existing(folder) }?;
    if let Task::World { change, json } = task {
        return world(&folder, change, json)
            .map_err(|why| format!("{}: {why}", folder.world().display()));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|why| format!("cannot start: {why}"))?;
    runtime.block_on(async {
        let mut stop = Stop::new().map_err(|why| format!("cannot hear signals: {why}"))?;
        match task {
            Task::Serve { once } => serve(&folder, pace, once, &mut stop).await,
            Task::Ask(wish) => reach(&folder, pace, wish, &mut stop).await,
            Task::World { .. } => Ok(0),
        }
    })
}

/// Works on every order.
async fn serve(folder: &Folder, pace: Pace, once: bool, stop: &mut Stop) -> End {
    let begun = Instant::now();
    let shop = loop {
        match Shop::open(folder, pace).await {
            Ok(shop) => break shop,
            Err(closed) => wait_for_it(folder, closed, begun).await?,
        }
    };
    let desk = Desk::open(folder)?;
    let open = shop.open_orders().await.map_err(why)?.len();
    say(&format!("working in `{}`: {open} open", folder.path().display()));
    let work = async {
        match once {
            true => shop.work_off().await.map_err(why),
            false => pending().await,
        }
    };
    let end = tokio::select! {
        left = desk.answer_while(&shop, work) => left.map(|left| {
            if left > 0 {
                say(&format!("{left} wait for somebody: see `order list`"));
            }
        }),
        _ = stop.wanted() => Ok(()),
    };
    close(desk, shop, stop).await;
    end.map(|()| 0)
}

/// Asks whoever has the shop open, or opens it.
async fn reach(folder: &Folder, pace: Pace, wish: Wish, stop: &mut Stop) -> End {
    let begun = Instant::now();
    loop {
        let asked = tokio::select! {
            asked = ask(folder, &wish) => asked,
            // Who works on it does not stop for that.
            status = stop.wanted() => return Ok(status),
        };
        if let Some(end) = asked {
            return end.map(|()| 0);
        }
        match Shop::open(folder, pace).await {
            Ok(shop) => return here(folder, shop, wish, stop).await,
            Err(closed) => wait_for_it(folder, closed, begun).await?,
        }
    }
}

/// Does it in this process.
async fn here(folder: &Folder, shop: Shop, wish: Wish, stop: &mut Stop) -> End {
    let desk = Desk::open(folder)?;
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
    let end = tokio::select! {
        end = desk.answer_while(&shop, work) => end.map(|()| 0),
        status = stop.wanted() => {
            say("stopped; what is open goes on with the next command");
            Ok(status)
        }
    };
    close(desk, shop, stop).await;
    end
}

/// Gives everything back to the journal, unless somebody insists.
async fn close(desk: Desk, shop: Shop, stop: &mut Stop) {
    // Before the journal is free for another process, which has a socket of its own.
    drop(desk);
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
