//! A program that runs beside a test, and never longer.

use std::{
    io,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long a server may take for what it does in milliseconds on a machine that is not busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A child that is killed when this is dropped, and by the kernel when the test is.
pub(crate) struct Program {
    child: Child,
}

impl Program {
    /// Starts `name`, which the system's package `package` has.
    pub(crate) fn start(name: &str, package: &str, args: &[String]) -> Self {
        Self::start_in(Vec::new(), name, package, args)
    }

    /// The same, with these variables.
    pub(crate) fn start_in(
        variables: Vec<(&str, String)>,
        name: &str,
        package: &str,
        args: &[String],
    ) -> Self {
        let mut command = wrapped(name);
        command
            .envs(variables)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = launch(command)
            .unwrap_or_else(|error| panic!("{name} does not start: {error}: {}", advice(package)));
        Self { child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it as a loss of power would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal, `STOP` say.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{signal} was not sent");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The kernel ends the child when its parent is gone, where it can: a test that is aborted drops
/// nothing. `setpriv` becomes the program, so the id is the program's own.
fn wrapped(name: &str) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", name]);
        command
    } else {
        Command::new(name)
    }
}

/// Starts a child from a thread that lives as long as the process: for the kernel the parent is the
/// thread, and that of a test ends before the server that tests share.
fn launch(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static LAUNCHER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, ordered) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, started) in ordered {
                // Whoever ordered it waits for it.
                let _ = started.send(command.spawn());
            }
        });
        orders
    });
    let (started, child) = mpsc::channel();
    LAUNCHER.send((command, started)).expect("the thread never ends");
    child.recv().expect("the thread answers")
}

pub(crate) fn advice(package: &str) -> String {
    format!("install the system's package {package}, or run tests/run.sh, which does")
}

/// A port that nobody listens on. Another program may take it until the server does, so whoever
/// uses it tries again with another one.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Asks until it is so, for 30 s at most.
///
/// ```
/// let mut asked = 0;
/// distributed_task_test_servers::wait_until("it was asked three times", || {
///     asked += 1;
///     asked == 3
/// });
/// ```
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
