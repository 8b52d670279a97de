//! One process has the journal open; the others ask it, through a Unix-domain socket in the folder.
//!
//! A line of JSON with a [`Wish`], and lines of JSON with a [`Reply`] each come back:
//!
//! ```text
//! ▶ {"list":{"all":false,"json":false}}
//! ◀ {"line":"3f2c.. running"}
//! ◀ "done"
//! ```

use std::{
    fs,
    io::{self, ErrorKind},
    path::PathBuf,
    pin::pin,
    time::Duration,
};

use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::sleep,
};

use crate::{
    say::print,
    shop::{Folder, Shop},
    wish::{Lines, Reply, Unread, Wish},
};

/// No wish is longer, in bytes.
const LONGEST: u64 = 1 << 16;

/// Where those who ask are answered, as long as it is there.
pub(crate) struct Desk {
    listener: UnixListener,
    socket: PathBuf,
}

impl Desk {
    /// What a process left here that was killed is removed. Whoever has the journal in the folder open
    /// is the only one; one whose orders are in Redis may not be.
    pub(crate) fn open(folder: &Folder) -> Result<Self, String> {
        let socket = folder.socket();
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            let folder = folder.path().display();
            return Err(format!("another process answers in `{folder}`: say another --folder"));
        }
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket);
        let listener = listener.map_err(|why| format!("{}: {why}", socket.display()))?;
        Ok(Self { listener, socket })
    }

    /// Answers until `work` is done and nobody waits for an answer. Not cancel safe: who waits for an
    /// answer hears that it ended.
    pub(crate) async fn answer_while<T>(&self, shop: &Shop, work: impl Future<Output = T>) -> T {
        let mut guests = JoinSet::new();
        let mut work = pin!(work);
        let mut done = None;
        loop {
            tokio::select! {
                end = &mut work, if done.is_none() => done = Some(end),
                guest = self.listener.accept() => match guest {
                    Ok((guest, _)) => _ = guests.spawn(answer(guest, shop.clone())),
                    // Too many open files, perhaps: later there are fewer.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                Some(_) = guests.join_next() => {}
            }
            if guests.is_empty()
                && let Some(end) = done.take()
            {
                return end;
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}

/// Reads one wish, and answers it until nobody listens. A guest who is gone is no trouble of ours.
async fn answer(guest: UnixStream, shop: Shop) -> io::Result<()> {
    let (from, mut to) = guest.into_split();
    let mut from = BufReader::new(from).take(LONGEST);
    let mut text = String::new();
    from.read_line(&mut text).await?;
    let wish: Wish = match serde_json::from_str(&text) {
        Ok(wish) => wish,
        Err(why) => return write(&mut to, &Reply::Failed(format!("this is no wish: {why}"))).await,
    };
    let (lines, mut replies) = Lines::new();
    let answered = async {
        let _: Result<(), Unread> = shop.answer(wish, &lines).await;
        drop(lines);
    };
    let written = async {
        while let Some(reply) = replies.recv().await {
            write(&mut to, &reply).await?;
        }
        Ok(())
    };
    let mut rest = [0; 1];
    tokio::select! {
        ((), written) = async { tokio::join!(answered, written) } => written,
        // It closed its end: nothing else is to come from there.
        _ = from.read(&mut rest) => Ok(()),
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line).await
}

/// Asks the process that has the journal open, and prints what it says. `None`: there is none.
pub(crate) async fn ask(folder: &Folder, wish: &Wish) -> Option<Result<(), String>> {
    let socket = folder.socket();
    match UnixStream::connect(&socket).await {
        Ok(line) => Some(converse(line, wish).await.unwrap_or_else(|_| Err(cut_off(folder)))),
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            None
        }
        Err(why) => Some(Err(format!("{}: {why}", socket.display()))),
    }
}

async fn converse(mut line: UnixStream, wish: &Wish) -> io::Result<Result<(), String>> {
    write(&mut line, wish).await?;
    let mut replies = BufReader::new(line).lines();
    while let Some(reply) = replies.next_line().await? {
        match serde_json::from_str(&reply)? {
            // Whoever closed the pipe does not want the rest.
            Reply::Line(line) if print(&line).is_err() => return Ok(Ok(())),
            Reply::Line(_) => {}
            Reply::Done => return Ok(Ok(())),
            Reply::Failed(why) => return Ok(Err(why)),
        }
    }
    Err(ErrorKind::UnexpectedEof.into())
}

fn cut_off(folder: &Folder) -> String {
    let folder = folder.path().display();
    format!(
        "the process that works in `{folder}` ended; what it said stays true, and the rest is open"
    )
}
