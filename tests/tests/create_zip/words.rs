//! What it says while it works.

use std::{fs, process::Command};

use crate::scene::{Scene, create_zip, noise, text};

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
fn the_last_line_stays_one_whatever_the_name_of_the_archive() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    let output = scene.run(&["-o", "two\nlines \u{1b}[31m.zip", "file"]);
    let said = text(&output.stderr);
    let last = said.lines().last().expect("it says something");
    let expected = "create-zip: two\\nlines \\u{1b}[31m.zip: 1 entry, ";
    assert!(last.starts_with(expected), "{said}");
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

#[cfg(target_os = "linux")] // elsewhere `script` has other arguments
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
