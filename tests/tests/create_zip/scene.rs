//! Folders to run the program in, and those who watch it.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::OnceLock,
};

use distributed_task_tests::programs::example;

/// A folder to run the program in.
pub(crate) struct Scene(tempfile::TempDir);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File { content: Vec<u8>, mode: u32 },
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            // Others may look and write, for the test that runs as somebody else.
            .permissions(PermissionsExt::from_mode(0o777))
            .tempdir()
            .expect("there is room for a folder");
        Self(folder)
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.at(name)).expect("it is there")
    }

    /// Makes a file that takes no room, and would take minutes to pack.
    pub(crate) fn endless(&self, name: &str) -> fs::File {
        let file = fs::File::create(self.at(name)).expect("there is room");
        file.set_len(1 << 38).expect("the file system has sparse files");
        file
    }

    /// Makes a folder with something of everything, and answers what is in it.
    pub(crate) fn tree(&self, name: &str) -> BTreeMap<String, Kind> {
        fs::create_dir_all(self.at(name).join("empty folder")).expect("there is room");
        fs::create_dir_all(self.at(name).join("größe")).expect("there is room");
        for (file, content, mode) in [
            ("top.txt", b"top".to_vec(), 0o644),
            ("nothing.txt", Vec::new(), 0o600),
            ("run.sh", b"#!/bin/sh\n".to_vec(), 0o755),
            ("größe/日本 🦀.txt", "größer".into(), 0o644),
            ("large.bin", noise(3 << 20), 0o644),
        ] {
            let path = self.at(name).join(file);
            fs::write(&path, content).expect("there is room");
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
        }
        let mut found = BTreeMap::from([(name.to_owned(), Kind::Folder)]);
        let inner = tree(&self.at(name)).into_iter();
        found.extend(inner.map(|(inner, kind)| (format!("{name}/{inner}"), kind)));
        found
    }

    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(create_zip());
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    /// Runs it where no file may be larger than this many bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn limited(&self, size: u64, arguments: &[&str]) -> Output {
        let mut prlimit = Command::new("prlimit");
        prlimit.arg(format!("--fsize={size}")).arg(create_zip()).args(arguments);
        prlimit.current_dir(self.0.path()).output().expect("prlimit starts")
    }

    /// Runs it as somebody who may not read everything; whoever tests may be root.
    pub(crate) fn run_unprivileged(&self, arguments: &[&str]) -> Output {
        let user = run(Command::new("id").arg("-u"));
        if user.trim() != "0" {
            return self.run(arguments);
        }
        // The program itself may lie where only root may go.
        let program = self.at(".program");
        fs::copy(create_zip(), &program).expect("there is room");
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("setpriv starts");
        fs::remove_file(program).expect("it is ours");
        output
    }

    /// The names in an archive, in its order.
    pub(crate) fn listed(&self, archive: &str) -> Vec<String> {
        run(unzip().arg("-Z1").arg(self.at(archive))).lines().map(str::to_owned).collect()
    }

    /// Unpacks an archive and answers what was in it.
    pub(crate) fn unzip(&self, archive: &str) -> BTreeMap<String, Kind> {
        let folder = self.at("unzipped");
        run(unzip().arg("-q").arg(self.at(archive)).arg("-d").arg(&folder));
        tree(&folder)
    }

    /// Every path in the scene.
    pub(crate) fn everything(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(self.0.path(), &mut |path| found.push(path.to_owned()));
        found
    }

    /// Fails unless these are the only files and folders at the top, hidden ones included.
    #[track_caller]
    pub(crate) fn holds(&self, names: &[&str]) {
        let entries = fs::read_dir(self.0.path()).expect("it is there");
        let mut found: Vec<_> =
            entries.map(|entry| entry.expect("it can be read").file_name()).collect();
        found.sort();
        assert_eq!(found, names);
    }
}

/// A process whose standard error is read line by line, for a test to know where it is.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, stderr, said: String::new() }
    }

    pub(crate) fn wait_for(&mut self, words: &str) {
        while !self.said.contains(words) {
            let read = self.stderr.read_line(&mut self.said).expect("it speaks UTF-8");
            assert!(read > 0, "it ended before `{words}`: {}", self.said);
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn signal(self, signal: &str) -> (ExitStatus, String) {
        send(signal, self.id());
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        self.stderr.read_to_string(&mut self.said).expect("it speaks UTF-8");
        (self.child.wait().expect("it is ours"), std::mem::take(&mut self.said))
    }
}

/// A test that fails half way leaves no process.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that has not been waited for.
pub(crate) fn send(signal: &str, process: u32) {
    run(Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()));
}

/// The program without `submit` and `worker`, as the README's first command builds it.
pub(crate) fn create_zip() -> &'static Path {
    &programs().plain
}

/// The program with `submit` and `worker`.
pub(crate) fn create_zip_distributed() -> &'static Path {
    &programs().distributed
}

struct Programs {
    plain: PathBuf,
    distributed: PathBuf,
}

/// Both, built once. Each is kept under another name, as one build takes the place of the other.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| Programs {
        plain: build("plain", &[]),
        distributed: build("distributed", &["distributed"]),
    })
}

fn build(name: &str, features: &[&str]) -> PathBuf {
    let built = example("create-zip", features);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("create-zip-{name}"));
    // One that runs cannot be written to, but replaced.
    let new = kept.with_extension(std::process::id().to_string());
    fs::copy(built, &new).expect("there is room");
    fs::rename(new, &kept).expect("they are in one folder");
    kept
}

fn unzip() -> Command {
    let mut unzip = Command::new("unzip");
    // Elsewhere it writes names that are not ASCII in a notation of its own.
    unzip.env("LC_ALL", "C.UTF-8");
    unzip
}

/// Runs a program to its end and answers what it said.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    assert!(output.status.success(), "{program:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is UTF-8")
}

/// What is in a folder, by relative path.
fn tree(folder: &Path) -> BTreeMap<String, Kind> {
    let mut found = BTreeMap::new();
    walk(folder, &mut |path| {
        let name = path.strip_prefix(folder).expect("it is in the folder");
        let kind = if path.is_dir() {
            Kind::Folder
        } else {
            let mode = fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
            Kind::File { content: fs::read(path).expect("it can be read"), mode }
        };
        found.insert(name.to_str().expect("it is UTF-8").to_owned(), kind);
    });
    found
}

/// Visits everything below a folder, in order, without following links.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let entries = fs::read_dir(folder).expect("it is a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    for path in paths {
        visit(&path);
        if path.is_dir() && !path.is_symlink() {
            walk(&path, visit);
        }
    }
}

/// Bytes that do not get smaller; the same on every run.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(size / 8).flatten().collect()
}
