//! What goes wrong on the way: the archive is whole or there is none, and the user hears why.

use std::{fs, process::Output};

use crate::scene::{Running, Scene, noise, text};

#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error() {
    let scene = Scene::new();
    let sparse = scene.endless("sparse");
    fs::write(scene.at("x.zip"), "old").expect("there is room");
    let mut packing = Running::start(scene.command(&["-o", "x.zip", "sparse"]));
    packing.wait_for("step 1 of 3: upload_source_files");
    sparse.set_len(10).expect("it is ours");
    let (status, said) = packing.end();
    assert_eq!(status.code(), Some(1), "{said}");
    let last = said.lines().last().expect("it says something");
    assert!(last.contains("cannot read `sparse`: it changed while it was read: "), "{said}");
    assert!(last.ends_with(" of 274877906944 bytes came"), "{said}");
    assert_eq!(scene.read("x.zip"), b"old");
    scene.holds(&["sparse", "x.zip"]);
}

/// A file of the kernel has no bytes when it is looked at and some when it is read, as a file has
/// that grows in between.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_grows_while_it_is_read_is_an_error() {
    let scene = Scene::new();
    let output = scene.run(&["-o", "x.zip", "/proc/version"]);
    fails(
        &output,
        "cannot make `x.zip`: step `upload_source_files` failed: cannot read `/proc/version`: \
         it changed while it was read: more than 0 bytes came",
    );
    scene.holds(&[]);
}

// A disk that only this test fills would take root; a limit on the size of files makes the same
// writes fail.

#[test]
fn a_disk_that_is_full_for_the_upload_is_told_with_the_names_of_the_user() {
    let scene = Scene::new();
    fs::write(scene.at("large"), noise(1 << 20)).expect("there is room");
    fs::write(scene.at("x.zip"), "old").expect("there is room");
    let output = scene.limited(700_000, &["-o", "x.zip", "large"]);
    fails(
        &output,
        "cannot make `x.zip`: step `upload_source_files` failed: \
         cannot upload `large` to bucket `incoming-files`: File too large (os error 27)",
    );
    assert_eq!(scene.read("x.zip"), b"old");
    scene.holds(&["large", "x.zip"]);
}

#[test]
fn a_disk_that_is_full_for_the_archive_is_told_after_all_tries() {
    let scene = Scene::new();
    for name in ["one", "two"] {
        fs::write(scene.at(name), noise(400_000)).expect("there is room");
    }
    let output = scene.limited(700_000, &["-o", "x.zip", "one", "two"]);
    fails(
        &output,
        "cannot make `x.zip`: step `create_zip_archive` failed: File too large (os error 27)",
    );
    scene.holds(&["one", "two"]);
}

/// Its steps, the undo, and one line that says why.
#[track_caller]
fn fails(output: &Output, why: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let mut lines = said.lines().rev();
    assert_eq!(lines.next(), Some(&*format!("create-zip: {why}")));
    for line in lines {
        let expected = ["create-zip: step ", "create-zip: undoing "];
        assert!(expected.iter().any(|start| line.starts_with(start)), "{said}");
    }
}
