//! A clock of a server's own, which a test sets. That of the machine is left alone.
//!
//! `libfaketime` answers for the C library, and reads in a file how far it is ahead, each time.

use std::{fs, path::Path};

use crate::program::advice;

const LIBRARY: &str = "libfaketimeMT.so.1";
const FILE: &str = "clock";

/// What a server is started with that has the clock of this folder.
pub(crate) fn of(folder: &Path) -> Vec<(&'static str, String)> {
    set(folder, 0);
    // Redis' own allocator asks for the time before the library can tell it, and the two wait for each other:
    // it is left out, for that of the C library.
    let preload = format!("{} libc.so.6", library());
    let file = folder.join(FILE).to_str().expect("it is text").to_owned();
    vec![
        ("LD_PRELOAD", preload),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        // A wall clock that is set changes no other one.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// From now on it is so many seconds ahead of the machine's, or behind.
pub(crate) fn set(folder: &Path, ahead: i64) {
    // Nobody reads half of it.
    let (new, file) = (folder.join("clock.new"), folder.join(FILE));
    fs::write(&new, format!("{ahead:+}\n")).expect("there is room");
    fs::rename(new, file).expect("it is one folder");
}

/// Removes what the library leaves of a process that was killed.
pub(crate) fn remove(process: u32) {
    for name in ["faketime_shm", "sem.faketime_sem"] {
        // It may have left nothing.
        let _ = fs::remove_file(format!("/dev/shm/{name}_{process}"));
    }
}

/// Where it is: Debian has a folder for each kind of machine, others have not.
fn library() -> String {
    let kinds = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|kind| kind.path());
    let all = kinds.chain(["/usr/lib".into(), "/usr/lib64".into(), "/usr/local/lib".into()]);
    let mut all = all.map(|folder| folder.join("faketime").join(LIBRARY));
    let found = all.find(|file| file.exists());
    let found = found.unwrap_or_else(|| panic!("{LIBRARY} is missing: {}", advice("libfaketime")));
    found.to_str().expect("it is text").to_owned()
}
