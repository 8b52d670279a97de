//! What only Linux lets a test arrange: files of the kernel, limits for one process, and a terminal.

use std::{
    fs,
    process::{Command, Output},
};

use crate::scene::{Scene, create_zip, noise, text};

/// A file of the kernel has no bytes when it is looked at and some when it is read, as a file has
/// that grows in between.
#[test]
fn a_file_that_grows_while_it_is_read_is_an_error() {
    let scene = Scene::new();
    let output = scene.run(&["-o", "x.zip", "/proc/version"]);
    fails(
        &output,
        "cannot make `x.zip`: step `upload_source_files` failed: cannot read `/proc/version`: \
         0 bytes were expected, more came",
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

#[test]
fn what_fails_is_told_on_one_line_whatever_the_names() {
    let scene = Scene::new();
    fs::write(scene.at("a\nb"), noise(1 << 20)).expect("there is room");
    let output = scene.limited(1000, &["-o", "two\nlines.zip", "a\nb"]);
    let said = text(&output.stderr);
    let last = said.lines().last().expect("it says something");
    assert!(last.starts_with("create-zip: cannot make `two\\nlines.zip`: "), "{said}");
    assert!(last.contains("cannot upload `a\\nb`"), "{said}");
}

#[test]
fn the_bar_fits_the_terminal_and_the_last_line_is_the_end() {
    let scene = Scene::new();
    fs::write(scene.at("file"), noise(4 << 20)).expect("there is room");
    let mut terminal = Command::new("script");
    let packing = r#"stty cols 80 rows 24 && exec "$PROGRAM" -o archive.zip file"#;
    terminal.args(["-q", "-e", "-c", packing, "/dev/null"]);
    terminal.env("PROGRAM", create_zip()).env("TERM", "xterm").current_dir(scene.at(""));
    let output = terminal.output().expect("script starts");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");

    let lines: Vec<_> = said.split(['\r', '\n']).map(without_escapes).collect();
    let bars: Vec<_> = lines.iter().filter(|line| line.contains(['█', '░'])).collect();
    assert!(!bars.is_empty(), "{said}");
    assert!(bars.iter().all(|bar| bar.chars().count() == 80), "{bars:#?}");
    assert!(bars.iter().all(|bar| bar.starts_with("step ")), "{bars:#?}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    let last = lines.iter().rfind(|line| !line.is_empty()).expect("it says something");
    assert_eq!(last, "create-zip: archive.zip: 1 entry, 4.00 MiB");
}

/// A line without what moves the cursor: `ESC [`, numbers, and a letter.
fn without_escapes(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| part.split_once(|c: char| c.is_ascii_alphabetic()));
    rest.fold(first, |line, (_, text)| line + text)
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
