//! An S3 server for tests: real HTTP on a port of its own, with signatures checked.
//!
//! The crate `s3s` speaks the protocol and checks the signatures; the objects are in memory. It runs
//! on a thread of its own, so that it also answers while a test's runtime is blocked, and ends with
//! its handle.

mod fault;
mod shelf;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{net::TcpListener, sync::oneshot};

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
type Faults = Arc<Mutex<Box<Plan>>>;

impl S3Server {
    /// Starts a server without buckets.
    pub fn start() -> Self {
        let shelf = Shelf::default();
        let faults: Faults = Arc::new(Mutex::new(Box::new(|_| Fault::None)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("there is room for a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        listener.set_nonblocking(true).expect("a socket can be");
        let address = listener.local_addr().expect("it is bound");

        let mut service = S3ServiceBuilder::new(shelf.clone());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn({
            let faults = Arc::clone(&faults);
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
        Self { address, shelf, faults, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is, as an endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has the server misbehave: the plan says what becomes of each request from now on.
    pub fn fault(&self, plan: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(plan);
    }

    /// Has the server behave again.
    pub fn heal(&self) {
        self.fault(|_| Fault::None);
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
        let (service, faults) = (service.clone(), Arc::clone(&faults));
        let answer = service_fn(move |request| {
            let fault = {
                let request = Request::of(&request);
                let mut plan = faults.lock().unwrap_or_else(PoisonError::into_inner);
                plan(&request)
            };
            fault.answer(service.clone(), request)
        });
        tokio::spawn(async move {
            // A connection that breaks is the client's to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), answer).await;
        });
    }
}
