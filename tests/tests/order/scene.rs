//! Folders to run the program in, and those who watch it. Every wait has an end.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use distributed_task_tests::programs::example;

/// No answer takes as long, on any machine. It is here so that a test that hangs says where.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder to run the program in.
pub(crate) struct Scene(tempfile::TempDir);

impl Scene {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room for a folder"))
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        Running::start(self.command(arguments)).end()
    }

    /// Runs it to its good end, and answers what it printed.
    #[track_caller]
    pub(crate) fn good(&self, arguments: &[impl AsRef<OsStr>]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

/// A process whose lines are read as they come, so that a test knows where it is.
pub(crate) struct Running {
    child: Child,
    said: mpsc::Receiver<(Stream, String)>,
    out: String,
    err: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (lines, said) = mpsc::channel();
        let out = child.stdout.take().expect("it is piped");
        read(Stream::Out, out, lines.clone());
        read(Stream::Err, child.stderr.take().expect("it is piped"), lines);
        Self { child, said, out: String::new(), err: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line with these words, and answers it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, stream: Stream, words: &str) -> String {
        loop {
            let Ok((from, line)) = self.said.recv_timeout(PATIENCE) else {
                panic!("it did not say `{words}`: {}{}", self.out, self.err);
            };
            self.note(from, &line);
            if from == stream && line.contains(words) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// What it has printed so far.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("it is ours");
        self.end_of_lines();
        self.child.wait().expect("it is ours");
        std::mem::take(&mut self.out)
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Output {
        self.end_of_lines();
        let status = self.wait();
        let (stdout, stderr) = (std::mem::take(&mut self.out), std::mem::take(&mut self.err));
        Output { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    /// Both streams end with the process.
    #[track_caller]
    fn end_of_lines(&mut self) {
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok((from, line)) => self.note(from, &line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("it does not end: {}{}", self.out, self.err)
                }
            }
        }
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is ours")
    }

    fn note(&mut self, from: Stream, line: &str) {
        match from {
            Stream::Out => self.out.push_str(line),
            Stream::Err => self.err.push_str(line),
        }
    }
}

/// A test that fails half way leaves no process.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stream: Stream, from: impl Read + Send + 'static, to: mpsc::Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = String::new();
        while from.read_line(&mut line).expect("it speaks UTF-8") > 0 {
            // The test may have ended.
            let _ = to.send((stream, std::mem::take(&mut line)));
        }
    });
}

/// The program, built once.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("order", &[]))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is UTF-8")
}
