//! The example `create-zip`, run as a process on a generated tree; its archives are read by `unzip`.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::OnceLock,
};

#[test]
fn the_archive_holds_what_was_packed() {
    let scene = Scene::new();
    let packed = scene.tree("photos");
    let output = scene.run(&["--output", "archive.zip", "photos", "photos/top.txt"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let mut expected = packed;
    expected.insert("top.txt".into(), Kind::File { content: b"top".to_vec(), mode: 0o644 });
    assert_eq!(scene.unzip("archive.zip"), expected);
    scene.holds(&["archive.zip", "photos", "unzipped"]);
}

#[test]
fn the_same_files_make_the_same_archive_in_the_order_of_their_names() {
    let scene = Scene::new();
    scene.tree("photos");
    assert!(scene.run(&["-o", "one.zip", "photos"]).status.success());
    assert!(scene.run(&["-o", "two.zip", "photos"]).status.success());
    assert!(scene.read("one.zip") == scene.read("two.zip"), "they differ");
    assert_eq!(
        scene.listed("one.zip"),
        [
            "photos/",
            "photos/empty folder/",
            "photos/größe/",
            "photos/größe/日本 🦀.txt",
            "photos/large.bin",
            "photos/nothing.txt",
            "photos/run.sh",
            "photos/top.txt",
        ]
    );
}

#[test]
fn folders_are_packed_under_their_own_name_wherever_they_are() {
    let scene = Scene::new();
    fs::create_dir_all(scene.at("a/b/c")).expect("there is room");
    fs::write(scene.at("a/b/c/file"), "x").expect("there is room");
    assert!(scene.run(&["-o", "one.zip", "a/b/"]).status.success());
    assert_eq!(scene.listed("one.zip"), ["b/", "b/c/", "b/c/file"]);

    let mut inside = scene.command(&["-o", "../../two.zip", "."]);
    assert!(inside.current_dir(scene.at("a/b")).status().expect("it starts").success());
    assert_eq!(scene.listed("two.zip"), ["b/", "b/c/", "b/c/file"]);
}

#[test]
fn symbolic_links_are_followed() {
    let scene = Scene::new();
    fs::create_dir(scene.at("in")).expect("there is room");
    fs::write(scene.at("elsewhere"), "linked").expect("there is room");
    symlink("../elsewhere", scene.at("in/link")).expect("there is room");
    assert!(scene.run(&["-o", "archive.zip", "in"]).status.success());
    let link = Kind::File { content: b"linked".to_vec(), mode: 0o644 };
    assert_eq!(scene.unzip("archive.zip").get("in/link"), Some(&link));
}

#[test]
fn level_0_stores_and_9_presses() {
    let scene = Scene::new();
    fs::write(scene.at("zeros"), vec![0; 1 << 20]).expect("there is room");
    assert!(scene.run(&["-o", "stored.zip", "--level", "0", "zeros"]).status.success());
    assert!(scene.run(&["-o", "pressed.zip", "--level", "9", "zeros"]).status.success());
    assert!(scene.read("stored.zip").len() > 1 << 20);
    assert!(scene.read("pressed.zip").len() < 10_000);
    let zeros = Kind::File { content: vec![0; 1 << 20], mode: 0o644 };
    assert_eq!(scene.unzip("stored.zip").get("zeros"), Some(&zeros));
}

#[test]
fn it_tells_its_steps_in_plain_lines_and_nothing_if_told_so() {
    let scene = Scene::new();
    fs::write(scene.at("file"), noise(1 << 20)).expect("there is room");
    let output = scene.run(&["-o", "archive.zip", "file"]);
    let said = text(&output.stderr);
    let said: Vec<_> = said.lines().collect();
    let all = [
        "create-zip: step 1 of 3: upload_source_files",
        "create-zip: step 2 of 3: create_zip_archive",
        "create-zip: step 3 of 3: upload_zip",
        "create-zip: completed",
        "create-zip: writing the archive",
        "create-zip: archive.zip: 1 entry, 1.00 MiB",
    ];
    // Who begins to watch when a step is over does not see it; later ones cannot be missed.
    assert!(said.len() > 2 && all.ends_with(&said), "{said:?}");
    assert!(output.stdout.is_empty());

    let output = scene.run(&["--quiet", "-o", "archive.zip", "file"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn an_archive_that_was_there_is_replaced() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    fs::write(scene.at("archive.zip"), "old").expect("there is room");
    assert!(scene.run(&["-o", "archive.zip", "file"]).status.success());
    assert_eq!(scene.listed("archive.zip"), ["file"]);
    let mode = fs::metadata(scene.at("archive.zip")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o600, 0o600, "{mode:o}");
}

#[test]
fn bad_input_is_told_in_one_line_and_leaves_nothing() {
    let scene = Scene::new();
    let folder = |name: &str| fs::create_dir_all(scene.at(name)).expect("there is room");
    let file = |name: &str| fs::write(scene.at(name), "x").expect("there is room");
    folder("in/deep");
    folder("other/in");
    file("in/file");
    file("other/file");
    folder("loop/inner");
    symlink("..", scene.at("loop/inner/back")).expect("there is room");
    symlink("nowhere", scene.at("broken")).expect("there is room");
    folder("odd");
    fs::write(scene.at("odd").join(OsStr::from_bytes(b"\xff.txt")), "").expect("there is room");
    folder("pipes");
    run(Command::new("mkfifo").arg(scene.at("pipes/pipe")));
    file("old.zip");
    let before = scene.everything();

    for (arguments, status, error) in [
        (&[][..], 2, "name at least one file or folder to pack (see --help)"),
        (&["-o", "x.zip"], 2, "name at least one file or folder to pack (see --help)"),
        (&["in"], 2, "name the archive with --output FILE"),
        (&["-o", "x.zip", "--bogus", "in"], 2, "unexpected argument '--bogus' found"),
        (
            &["-o", "x.zip", "-l", "10", "in"],
            2,
            "invalid value '10' for '--level <LEVEL>': 10 is not in 0..=9",
        ),
        (
            &["-o", "x.zip", "in", "missing.txt"],
            1,
            "cannot read `missing.txt`: No such file or directory (os error 2)",
        ),
        (
            &["-o", "x.zip", "broken"],
            1,
            "cannot read `broken`: No such file or directory (os error 2)",
        ),
        (
            &["-o", "x.zip", "line\nbreak"],
            1,
            "cannot read `line\\nbreak`: No such file or directory (os error 2)",
        ),
        (
            &["-o", "missing/x.zip", "in"],
            1,
            "cannot write `missing/x.zip`: its folder: No such file or directory (os error 2)",
        ),
        (&["-o", "other", "in"], 1, "cannot write `other`: it is no file"),
        (&["-o", "new/", "in"], 1, "cannot write `new/`: it is no file"),
        (&["-o", "in/x.zip", "in"], 1, "the output `in/x.zip` lies in the input `in`"),
        (&["-o", "in/deep/x.zip", "in"], 1, "the output `in/deep/x.zip` lies in the input `in`"),
        (&["-o", "old.zip", "old.zip"], 1, "the output `old.zip` is one of the inputs"),
        (
            &["-o", "x.zip", "in", "other/in"],
            1,
            "`in` and `other/in` would both be `in` in the archive",
        ),
        (
            &["-o", "x.zip", "in/file", "in", "other/file"],
            1,
            "`in/file` and `other/file` would both be `file` in the archive",
        ),
        (&["-o", "x.zip", "loop"], 1, "`loop/inner/back` leads back to the folder that holds it"),
        (
            &["-o", "x.zip", "odd"],
            1,
            "`odd/\u{fffd}.txt` has no name that an archive can hold: it is not UTF-8",
        ),
        (&["-o", "x.zip", "pipes"], 1, "`pipes/pipe` is neither a file nor a folder"),
        (&["-o", "x.zip", "/"], 1, "`/` has no name of its own; pack what is in it"),
    ] {
        let output = scene.run(arguments);
        assert_eq!(text(&output.stderr), format!("create-zip: {error}\n"), "{arguments:?}");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(scene.everything(), before);
}

#[test]
fn what_may_not_be_read_is_told_before_anything_is_done() {
    let scene = Scene::new();
    fs::create_dir(scene.at("in")).expect("there is room");
    for (name, mode) in [("in/open", 0o644), ("in/secret", 0o000)] {
        fs::write(scene.at(name), "x").expect("there is room");
        fs::set_permissions(scene.at(name), PermissionsExt::from_mode(mode)).expect("it is ours");
    }
    let before = scene.everything();
    let output = scene.run_unprivileged(&["-o", "x.zip", "in"]);
    assert_eq!(
        text(&output.stderr),
        "create-zip: cannot read `in/secret`: Permission denied (os error 13)\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(scene.everything(), before);
}

#[test]
fn ctrl_c_while_files_are_uploaded_leaves_nothing() {
    let scene = Scene::new();
    // It takes no room and would take minutes.
    let sparse = fs::File::create(scene.at("sparse")).expect("there is room");
    sparse.set_len(1 << 38).expect("the file system has sparse files");
    fs::write(scene.at("x.zip"), "old").expect("there is room");

    let mut packing = Running::start(scene.command(&["-o", "x.zip", "sparse"]));
    packing.wait_for("step 1 of 3: upload_source_files");
    let (status, said) = packing.signal("INT");
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.ends_with("create-zip: stopped; nothing is left behind\n"), "{said}");
    assert_eq!(scene.read("x.zip"), b"old");
    scene.holds(&["sparse", "x.zip"]);
}

#[test]
fn ctrl_c_while_the_archive_is_made_undoes_the_upload() {
    let scene = Scene::new();
    fs::write(scene.at("large"), noise(64 << 20)).expect("there is room");
    let mut packing = Running::start(scene.command(&["-o", "x.zip", "--level", "9", "large"]));
    packing.wait_for("step 2 of 3: create_zip_archive");
    let (status, said) = packing.signal("INT");
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("undoing upload_source_files"), "{said}");
    scene.holds(&["large"]);
}

#[test]
fn a_request_to_terminate_is_obeyed_the_same_way() {
    let scene = Scene::new();
    fs::write(scene.at("large"), noise(64 << 20)).expect("there is room");
    let mut packing = Running::start(scene.command(&["-o", "x.zip", "--level", "9", "large"]));
    packing.wait_for("step 2 of 3: create_zip_archive");
    let (status, said) = packing.signal("TERM");
    assert_eq!(status.code(), Some(143), "{said}");
    scene.holds(&["large"]);
}

/// A folder to run the program in.
struct Scene(tempfile::TempDir);

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    File { content: Vec<u8>, mode: u32 },
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            // Others may look and write, for the test that runs as somebody else.
            .permissions(PermissionsExt::from_mode(0o777))
            .tempdir()
            .expect("there is room for a folder");
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.at(name)).expect("it is there")
    }

    /// Makes a folder with something of everything, and answers what is in it.
    fn tree(&self, name: &str) -> BTreeMap<String, Kind> {
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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(create_zip());
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    /// Runs it as somebody who may not read everything; whoever tests may be root.
    fn run_unprivileged(&self, arguments: &[&str]) -> Output {
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
    fn listed(&self, archive: &str) -> Vec<String> {
        run(unzip().arg("-Z1").arg(self.at(archive))).lines().map(str::to_owned).collect()
    }

    /// Unpacks an archive and answers what was in it.
    fn unzip(&self, archive: &str) -> BTreeMap<String, Kind> {
        let folder = self.at("unzipped");
        run(unzip().arg("-q").arg(self.at(archive)).arg("-d").arg(&folder));
        tree(&folder)
    }

    /// Every path in the scene.
    fn everything(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(self.0.path(), &mut |path| found.push(path.to_owned()));
        found
    }

    /// Fails unless these are the only files and folders at the top, hidden ones included.
    #[track_caller]
    fn holds(&self, names: &[&str]) {
        let entries = fs::read_dir(self.0.path()).expect("it is there");
        let mut found: Vec<_> =
            entries.map(|entry| entry.expect("it can be read").file_name()).collect();
        found.sort();
        assert_eq!(found, names);
    }
}

/// A process whose standard error is read line by line, for a test to know where it is.
struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, stderr, said: String::new() }
    }

    fn wait_for(&mut self, words: &str) {
        while !self.said.contains(words) {
            let read = self.stderr.read_line(&mut self.said).expect("it speaks UTF-8");
            assert!(read > 0, "it ended before `{words}`: {}", self.said);
        }
    }

    /// Sends it a signal and waits for its end.
    fn signal(mut self, signal: &str) -> (ExitStatus, String) {
        run(Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()));
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

/// The program, built once.
fn create_zip() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let messages = run(Command::new(env!("CARGO")).args([
            "build",
            "--package=distributed-task-examples",
            "--bin=create-zip",
            "--message-format=json",
        ]));
        let mut messages = messages.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("cargo speaks JSON")
        });
        let program =
            messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        program.expect("cargo names what it built")
    })
}

fn unzip() -> Command {
    let mut unzip = Command::new("unzip");
    // Elsewhere it writes names that are not ASCII in a notation of its own.
    unzip.env("LC_ALL", "C.UTF-8");
    unzip
}

/// Runs a program to its end and answers what it said.
#[track_caller]
fn run(command: &mut Command) -> String {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    assert!(output.status.success(), "{program:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
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
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(size / 8).flatten().collect()
}
