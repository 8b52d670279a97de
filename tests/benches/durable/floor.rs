//! Bare group commit: appends that are answered when they are flushed.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use tokio::sync::oneshot;

use crate::common::Contestant;

/// Bytes that a saga of three steps writes: its start, its claim, and the ends of its steps.
const SIZES: [usize; 5] = [850, 200, 350, 350, 550];

struct Append {
    bytes: Vec<u8>,
    flushed: oneshot::Sender<()>,
}

#[derive(Clone)]
pub(crate) struct Appends(Sender<Append>);

impl Appends {
    pub(crate) fn to(path: &Path) -> Self {
        let file = File::create(path).expect("it can be made");
        let (sender, receiver) = channel();
        thread::spawn(move || write(file, &receiver));
        Self(sender)
    }
}

fn write(mut file: File, appends: &Receiver<Append>) {
    let (mut bytes, mut waiting) = (Vec::new(), Vec::new());
    while let Ok(first) = appends.recv() {
        for append in std::iter::once(first).chain(appends.try_iter().take(511)) {
            bytes.extend_from_slice(&append.bytes);
            waiting.push(append.flushed);
        }
        file.write_all(&bytes).expect("there is room");
        file.sync_data().expect("it is flushed");
        bytes.clear();
        for flushed in waiting.drain(..) {
            let _ = flushed.send(());
        }
    }
}

impl Contestant for Appends {
    async fn saga(&self) {
        for size in SIZES {
            let (flushed, is_flushed) = oneshot::channel();
            self.0.send(Append { bytes: vec![7; size], flushed }).expect("the thread runs");
            is_flushed.await.expect("it is flushed");
        }
    }
}
