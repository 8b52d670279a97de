//! A network that fails when it is told to: TCP, whatever runs over it.
//!
//! It has a thread and a clock of its own, so that a test whose own clock is stopped can use it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime, select,
    sync::{oneshot, watch},
    time::sleep,
};

/// What happens to the bytes of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They go on.
    #[default]
    Forward,
    /// They are kept, and go on when this is over: a network that loses packets for a while.
    Hold,
    /// They are thrown away. A connection that lost some is silent on this way for good.
    Drop,
    /// Each piece goes on so much later; what comes in the meantime is the next piece.
    Delay(Duration),
    /// So many bytes a second go on.
    Rate(u64),
    /// So many bytes more go on, and then the connection is closed.
    CutAfter(u64),
    /// The sender is said to have closed this way. The other one goes on.
    Close,
}

/// Which way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server: requests.
    In,
    /// From the server to the client: replies.
    Out,
    /// Both.
    Both,
}

/// Which connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// Those that there are, and those that will be.
    All,
    /// Those that there are. The next ones are as before.
    Open,
    /// Those that will be.
    Next,
}

/// A port that leads to a server, until it is told otherwise.
///
/// ```
/// use std::{io::{Read, Write}, net::{TcpListener, TcpStream}, time::Duration};
/// use distributed_task_test_servers::{Connections, Flow, Proxy, Way};
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::start(&server.local_addr()?.to_string());
/// let mut client = TcpStream::connect(proxy.address())?;
/// let (mut served, _) = server.accept()?;
///
/// client.write_all(b"one")?;
/// let mut three = [0; 3];
/// served.read_exact(&mut three)?;
///
/// proxy.set(Connections::All, Way::In, Flow::Hold);
/// client.write_all(b"two")?;
/// served.set_read_timeout(Some(Duration::from_millis(50)))?;
/// assert!(served.read_exact(&mut three).is_err(), "nothing comes through");
///
/// proxy.set(Connections::All, Way::In, Flow::Forward);
/// served.set_read_timeout(None)?;
/// served.read_exact(&mut three)?;
/// assert_eq!(&three, b"two");
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct Proxy {
    address: String,
    shared: Arc<Shared>,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    target: String,
    next: Flows,
    /// New connections are closed at once.
    refuses: bool,
    accepted: usize,
    open: Vec<watch::Sender<Orders>>,
}

#[derive(Clone, Copy, Default)]
struct Flows {
    inwards: Flow,
    outwards: Flow,
}

impl Flows {
    fn set(&mut self, way: Way, flow: Flow) {
        if way != Way::Out {
            self.inwards = flow;
        }
        if way != Way::In {
            self.outwards = flow;
        }
    }
}

/// What one connection does.
#[derive(Clone, Copy, Default)]
struct Orders {
    flows: Flows,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

impl Proxy {
    /// A port of 127.0.0.1 that leads to `target`, `127.0.0.1:1234` say.
    pub fn start(target: &str) -> Self {
        let state = State { target: target.to_owned(), ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let (ready, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("it is bound").to_string();
                // The test may be over already.
                let _ = ready.send(address);
                select! {
                    () = accept(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = address.recv().expect("the thread of the proxy listens");
        Self { address, shared, _stop: stop }
    }

    /// Where it listens, `127.0.0.1:1234` say.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The port, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("the address ends with it")
    }

    /// Says what happens to bytes from now on.
    pub fn set(&self, connections: Connections, way: Way, flow: Flow) {
        let mut state = self.shared.lock();
        if connections != Connections::Open {
            state.next.set(way, flow);
        }
        if connections != Connections::Next {
            state.tell(|orders| orders.flows.set(way, flow));
        }
    }

    /// All bytes go on, and new connections are served.
    pub fn heal(&self) {
        self.set(Connections::All, Way::Both, Flow::Forward);
        self.refuse(false);
    }

    /// Closes new connections at once, or serves them again.
    pub fn refuse(&self, refuses: bool) {
        self.shared.lock().refuses = refuses;
    }

    /// New connections lead to another server: an address that moves in a fail-over.
    pub fn lead_to(&self, target: &str) {
        target.clone_into(&mut self.shared.lock().target);
    }

    /// Closes the connections that there are, as a server that ends.
    pub fn cut(&self) {
        self.shared.lock().tell(|orders| orders.end = Some(End::Close));
    }

    /// Resets the connections that there are, as a machine that has started again.
    pub fn reset(&self) {
        self.shared.lock().tell(|orders| orders.end = Some(End::Reset));
    }

    /// How many connections there have been.
    pub fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&mut self, change: impl Fn(&mut Orders)) {
        self.open.retain(|orders| !orders.is_closed());
        for orders in &self.open {
            orders.send_modify(&change);
        }
    }

    /// Where the next connection leads and what it does, unless it is not served.
    fn admit(&mut self) -> Option<(String, watch::Receiver<Orders>)> {
        self.accepted += 1;
        if self.refuses {
            return None;
        }
        let (orders, told) = watch::channel(Orders { flows: self.next, end: None });
        self.open.push(orders);
        Some((self.target.clone(), told))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let admitted = shared.lock().admit();
        let Some((target, orders)) = admitted else {
            // Not a clean end: nothing was served.
            let _ = client.set_zero_linger();
            continue;
        };
        tokio::spawn(async move {
            // What goes wrong with a connection is seen at its ends.
            let _ = serve(client, &target, orders).await;
        });
    }
}

async fn serve(
    mut client: TcpStream,
    target: &str,
    mut orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    let mut server = match TcpStream::connect(target).await {
        Ok(server) => server,
        Err(error) => {
            client.set_zero_linger()?;
            return Err(error);
        }
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let inwards = pump(from_client, to_server, orders.clone(), |flows| flows.inwards);
        let outwards = pump(from_server, to_client, orders.clone(), |flows| flows.outwards);
        select! {
            // Who closes one way waits for the other: requests may be answered yet.
            both = async { tokio::try_join!(inwards, outwards) } => both.map(|_| End::Close)
                .unwrap_or(End::Reset),
            orders = orders.wait_for(|orders| orders.end.is_some()) => {
                orders.ok().and_then(|orders| orders.end).unwrap_or(End::Close)
            }
        }
    };
    if end == End::Reset {
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    Ok(())
}

/// Moves bytes one way until the sender closes it, as it is told.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut orders: watch::Receiver<Orders>,
    of: fn(&Flows) -> Flow,
) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    let mut is_deaf = false;
    let mut told = Flow::Forward;
    let mut left = 0;
    loop {
        let flow = of(&orders.borrow_and_update().flows);
        if flow != told {
            told = flow;
            left = if let Flow::CutAfter(bytes) = flow { bytes } else { 0 };
        }
        if flow == Flow::Close {
            return to.shutdown().await;
        }
        let room = match flow {
            // A tenth of a second at a time.
            Flow::Rate(rate) => usize::try_from(rate / 10).map_or(piece.len(), |room| room.max(1)),
            _ => piece.len(),
        };
        let room = room.min(piece.len());
        let read = select! {
            biased;
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return Ok(()),
            },
            read = from.read(&mut piece[..room]), if flow != Flow::Hold => read?,
        };
        if read == 0 {
            return to.shutdown().await;
        }
        is_deaf |= flow == Flow::Drop;
        if is_deaf {
            continue;
        }
        match flow {
            Flow::Delay(delay) => sleep(delay).await,
            Flow::Rate(rate) => sleep(Duration::from_secs_f64(read as f64 / rate as f64)).await,
            Flow::CutAfter(_) if left <= read as u64 => {
                to.write_all(&piece[..usize::try_from(left).unwrap_or(read)]).await?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Flow::CutAfter(_) => left -= read as u64,
            Flow::Forward | Flow::Hold | Flow::Drop | Flow::Close => {}
        }
        to.write_all(&piece[..read]).await?;
    }
}
