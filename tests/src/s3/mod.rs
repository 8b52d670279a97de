//! An S3 server for tests: real HTTP on a port of its own, with signatures checked.
//!
//! The crate `s3s` speaks the protocol and checks the signatures; the objects are in memory. It runs
//! on a thread of its own, so that it also answers while a test's runtime is blocked, and ends with
//! its handle.

mod fault;
mod shelf;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

pub use self::fault::{Fault, Request};
use self::shelf::Shelf;

/// The access key that the server knows.
pub const ACCESS_KEY: &str = "test-access-key";
/// The secret key that goes with it.
pub const SECRET_KEY: &str = "test-secret-key";

/// A running server.
pub struct S3Server {
    address: SocketAddr,
    shelf: Shelf,
    faults: Faults,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

type Plan = dyn FnMut(&Request) -> Fault + Send;

/// What becomes of requests.
#[derive(Clone)]
struct Faults {
    plan: Arc<Mutex<Box<Plan>>>,
    changed: Arc<watch::Sender<()>>,
    late: Arc<AtomicUsize>,
}

impl Faults {
    fn none() -> Self {
        let plan: Box<Plan> = Box::new(|_| Fault::None);
        Self { plan: Arc::new(Mutex::new(plan)), changed: Arc::default(), late: Arc::default() }
    }

    fn set(&self, plan: Box<Plan>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        self.changed.send_replace(());
    }

    async fn of(&self, request: &Request) -> Fault {
        let mut changed = self.changed.subscribe();
        loop {
            let fault = self.plan.lock().unwrap_or_else(PoisonError::into_inner)(request);
            if fault != Fault::Hold {
                return fault;
            }
            changed.changed().await.expect("the sender is ours");
        }
    }
}

impl S3Server {
    /// Starts a server without buckets.
    pub fn start() -> Self {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(here, (ACCESS_KEY, SECRET_KEY)).expect("there is a free port")
    }

    /// Starts one at this address, with these keys.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn start_at(address: SocketAddr, (access, secret): (&str, &str)) -> io::Result<Self> {
        let shelf = Shelf::default();
        let faults = Faults::none();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("there is room for a runtime");
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true).expect("a socket can be");
        let address = listener.local_addr().expect("it is bound");

        let mut service = S3ServiceBuilder::new(shelf.clone());
        service.set_auth(SimpleAuth::from_single(access, secret));
        let service = service.build();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn({
            let faults = faults.clone();
            move || {
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).expect("it does not block");
                    tokio::select! {
                        () = serve(listener, service, faults) => {}
                        _ = stopped => {}
                    }
                });
                // Connections that somebody holds open end with it.
                runtime.shutdown_background();
            }
        });
        Ok(Self { address, shelf, faults, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is, as an endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has the server misbehave: the plan says what becomes of each request from now on.
    pub fn fault(&self, plan: impl FnMut(&Request) -> Fault + Send + 'static) {
        self.faults.set(Box::new(plan));
    }

    /// Has the server behave again.
    pub fn heal(&self) {
        self.fault(|_| Fault::None);
    }

    /// So many requests are still to be done whose connection was closed.
    pub fn late(&self) -> usize {
        self.faults.late.load(Ordering::Relaxed)
    }

    /// Has it answer `NotImplemented` when it is asked for unfinished uploads, as some servers do.
    pub fn list_no_uploads(&self) {
        self.shelf.list_no_uploads();
    }

    /// Takes the right to create buckets away.
    pub fn create_no_buckets(&self) {
        self.shelf.create_no_buckets();
    }

    /// The names of its buckets.
    pub fn buckets(&self) -> Vec<String> {
        self.shelf.buckets()
    }

    /// `bucket/key` of every object, in order.
    pub fn objects(&self) -> Vec<String> {
        self.shelf.objects()
    }

    /// `bucket/key` of every upload in parts that has begun and not ended, in order.
    pub fn unfinished(&self) -> Vec<String> {
        self.shelf.unfinished()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it panicked about is printed, and a test that is already failing goes on.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service, faults: Faults) {
    loop {
        let Ok((connection, _)) = listener.accept().await else { return };
        let (service, faults) = (service.clone(), faults.clone());
        let answer = service_fn(move |request| {
            let (service, faults) = (service.clone(), faults.clone());
            async move {
                let fault = faults.of(&Request::of(&request)).await;
                fault.answer(service, request, faults.late).await
            }
        });
        tokio::spawn(async move {
            // A connection that breaks is the client's to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), answer).await;
        });
    }
}
