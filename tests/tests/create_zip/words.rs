//! What it says while it works.

use std::fs;

use crate::scene::{Scene, noise, text};

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
