//! What cannot be packed is told before anything is done, in one line.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::Path,
    process::Command,
};

use crate::scene::{Scene, run, text};

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
            &["-o", "x.zip", "--a\n\nb\u{1b}[31m", "in"],
            2,
            "unexpected argument '--a\\n\\nb\\u{1b}[31m' found",
        ),
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
            "cannot write `missing/x.zip`: its folder `missing`: No such file or directory (os error 2)",
        ),
        (&["-o", "other", "in"], 1, "cannot write `other`: it is not a regular file"),
        (&["-o", "pipes/pipe", "in"], 1, "cannot write `pipes/pipe`: it is not a regular file"),
        (&["-o", "new/", "in"], 1, "cannot write `new/`: it names a folder"),
        (
            &["-o", "old.zip/x.zip", "in"],
            1,
            "cannot write `old.zip/x.zip`: Not a directory (os error 20)",
        ),
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
fn a_folder_that_may_not_be_written_to_is_told_by_its_own_name() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    fs::create_dir(scene.at("theirs")).expect("there is room");
    fs::set_permissions(scene.at("theirs"), PermissionsExt::from_mode(0o555)).expect("it is ours");
    let before = scene.everything();
    let output = scene.run_unprivileged(&["-o", "theirs/x.zip", "file"]);
    assert_eq!(
        text(&output.stderr),
        "create-zip: cannot write `theirs/x.zip`: its folder `theirs`: \
         Permission denied (os error 13)\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(scene.everything(), before);
}

#[test]
fn a_name_that_no_file_can_have_is_told_before_anything_is_done() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    let name = "x".repeat(300);
    let output = scene.run(&["-o", &name, "file"]);
    let said = text(&output.stderr);
    let start = format!("create-zip: cannot write `{name}`: File name too long (os error ");
    assert!(said.starts_with(&start) && said.lines().count() == 1, "{said}");
    assert_eq!(output.status.code(), Some(1));
    scene.holds(&["file"]);
}

#[test]
fn a_link_that_leads_to_no_place_for_an_archive_is_refused_and_stays() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    for (target, error) in [
        ("nowhere.zip", "the symbolic link cannot be followed: No such file or directory"),
        ("link.zip", "the symbolic link cannot be followed: Too many levels of symbolic links"),
        ("/dev/null", "it is not a regular file"),
        (".", "it is not a regular file"),
    ] {
        symlink(target, scene.at("link.zip")).expect("there is room");
        // Somebody who could not replace a device, were it tried.
        let output = scene.run_unprivileged(&["-o", "link.zip", "file"]);
        let said = text(&output.stderr);
        let start = format!("create-zip: cannot write `link.zip`: {error}");
        assert!(said.starts_with(&start) && said.lines().count() == 1, "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
        scene.holds(&["file", "link.zip"]);
        assert_eq!(fs::read_link(scene.at("link.zip")).expect("it is a link"), Path::new(target));
        fs::remove_file(scene.at("link.zip")).expect("it is ours");
    }
}
