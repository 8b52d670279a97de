//! The floor: the bare loop of a hand-written worker, with the same client. What gathers while the last
//! call is on its way is one call of a script that looks at a lease and overwrites one field a saga: no
//! history, no owner, no tickets but a list, nobody woken.

use std::sync::{Arc, Mutex};

use redis::{Script, aio::MultiplexedConnection};
use tokio::sync::oneshot;

use crate::common::Contestant;

/// ARGV: for each saga its id and what it is now; `n` new ones first, which get a ticket.
const SCRIPT: &str = r"
    redis.call('GET', KEYS[1])
    redis.call('HSET', KEYS[2], unpack(ARGV, 2))
    local new = tonumber(ARGV[1])
    if new > 0 then
      local ids = {}
      for n = 1, new do
        ids[n] = ARGV[2 * n]
      end
      redis.call('RPUSH', KEYS[3], unpack(ids))
      redis.call('LPOP', KEYS[3], new)
    end
    return new
";

struct Write {
    id: u64,
    value: Arc<[u8]>,
    is_new: bool,
    written: oneshot::Sender<()>,
}

/// A client that groups.
#[derive(Clone)]
pub(crate) struct Bare(Arc<Inner>);

struct Inner {
    connection: MultiplexedConnection,
    script: Script,
    line: Mutex<(Vec<Write>, bool)>,
    ids: std::sync::atomic::AtomicU64,
    /// What is written: a start, and the ends of so many steps.
    values: Vec<Arc<[u8]>>,
}

impl Bare {
    pub(crate) async fn new(url: String, steps: usize) -> Self {
        let client = redis::Client::open(url).expect("it is an address");
        let connection = client.get_multiplexed_async_connection().await.expect("it is there");
        let start: Arc<[u8]> = vec![b'r'; 350].into();
        let ends = (0..steps).map(|_| Arc::from(vec![b's'; 120]));
        Self(Arc::new(Inner {
            connection,
            script: Script::new(SCRIPT),
            line: Mutex::default(),
            ids: 0.into(),
            values: std::iter::once(start).chain(ends).collect(),
        }))
    }

    async fn write(&self, id: u64, value: Arc<[u8]>, is_new: bool) {
        let (sender, written) = oneshot::channel();
        let starts = {
            let mut line = self.0.line.lock().expect("nobody panics");
            line.0.push(Write { id, value, is_new, written: sender });
            !std::mem::replace(&mut line.1, true)
        };
        if starts {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move { inner.send().await });
        }
        written.await.expect("it is written");
    }
}

impl Inner {
    async fn send(&self) {
        loop {
            let mut writes = {
                let mut line = self.line.lock().expect("nobody panics");
                let many = line.0.len().min(256);
                let writes: Vec<Write> = line.0.drain(..many).collect();
                line.1 = !writes.is_empty();
                writes
            };
            if writes.is_empty() {
                return;
            }
            writes.sort_by_key(|write| !write.is_new);
            let mut call = self.script.prepare_invoke();
            call.key("lease").key("journal").key("ready");
            call.arg(writes.iter().filter(|write| write.is_new).count());
            for write in &writes {
                call.arg(&write.id.to_be_bytes()).arg(&*write.value);
            }
            let mut connection = self.connection.clone();
            let _: i64 = call.invoke_async(&mut connection).await.expect("it answers");
            for write in writes {
                let _ = write.written.send(());
            }
        }
    }
}

impl Contestant for Bare {
    async fn saga(&self) {
        let id = self.0.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 4096;
        for (n, value) in self.0.values.iter().enumerate() {
            self.write(id, Arc::clone(value), n == 0).await;
        }
    }
}
