//! Being told to stop: everything is undone, and nothing is left.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
    thread,
};

use crate::scene::{Running, Scene, create_zip, noise, run, send};

#[test]
fn ctrl_c_while_files_are_uploaded_leaves_nothing() {
    let scene = Scene::new();
    scene.endless("sparse");
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
    let order = ["stopping", "undoing upload_source_files", "stopped; nothing is left behind"];
    let said: Vec<_> = said.lines().rev().take(3).collect();
    assert!(said.iter().rev().zip(order).all(|(line, end)| line.ends_with(end)), "{said:?}");
    scene.holds(&["large"]);
}

#[test]
fn every_signal_that_ends_programs_is_heeded_the_same_way() {
    let scene = Scene::new();
    fs::write(scene.at("large"), noise(64 << 20)).expect("there is room");
    for (signal, expected) in [("HUP", 129), ("QUIT", 131), ("TERM", 143)] {
        let mut packing = Running::start(scene.command(&["-o", "x.zip", "--level", "9", "large"]));
        packing.wait_for("step 2 of 3: create_zip_archive");
        let (status, said) = packing.signal(signal);
        assert_eq!(status.code(), Some(expected), "{said}");
        assert!(said.ends_with("create-zip: stopped; nothing is left behind\n"), "{said}");
        scene.holds(&["large"]);
    }
}

#[cfg(target_os = "linux")] // elsewhere the system does not say what is ignored
#[test]
fn what_its_parent_ignores_is_ignored() {
    let scene = Scene::new();
    scene.endless("sparse");
    let mut nohup = Command::new("sh");
    nohup.args(["-c", r#"trap "" HUP; exec "$0" -o x.zip sparse"#]).arg(create_zip());
    nohup.current_dir(scene.at(""));
    let mut packing = Running::start(nohup);
    packing.wait_for("step 1 of 3: upload_source_files");
    send("HUP", packing.id());
    let (status, said) = packing.signal("TERM");
    assert_eq!(status.code(), Some(143), "{said}");
    scene.holds(&["sparse"]);
}

#[test]
fn a_read_that_hangs_does_not_keep_it() {
    let scene = Scene::new();
    // While the first is uploaded, which takes a while, the second becomes a pipe.
    let first = File::create(scene.at("first")).expect("there is room");
    first.set_len(1 << 29).expect("the file system has sparse files");
    fs::write(scene.at("second"), "x").expect("there is room");
    run(Command::new("mkfifo").arg(scene.at("pipe")));

    // Else this test would hang with it. What `timeout` is told it tells the program.
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60"]).arg(create_zip());
    command.args(["-o", "x.zip", "first", "second"]).current_dir(scene.at(""));
    let mut packing = Running::start(command);
    packing.wait_for("step 1 of 3: upload_source_files");
    fs::rename(scene.at("pipe"), scene.at("second")).expect("they are in one folder");
    let (id, pipe) = (packing.id(), scene.at("second"));
    let writer = thread::spawn(move || {
        // Succeeds when the other side opens it, to read what nobody will write.
        let pipe = File::options().write(true).open(pipe).expect("it is a pipe");
        send("INT", id);
        pipe
    });
    let (status, said) = packing.end();
    assert_eq!(status.code(), Some(130), "{said}");
    drop(writer.join().expect("it does not fail"));
    scene.holds(&["first", "second"]);
}

#[test]
fn a_second_ctrl_c_ends_a_wait_that_would_never_end_and_says_what_is_left() {
    let scene = Scene::new();
    // While the first is packed, which takes a while, the upload of the second becomes a pipe: the
    // step that opens it waits for somebody to write, and does not hear that it should stop.
    fs::write(scene.at("first"), noise(12 << 20)).expect("there is room");
    fs::write(scene.at("second"), "x").expect("there is room");
    fs::write(scene.at("x.zip"), "old").expect("there is room");
    run(Command::new("mkfifo").arg(scene.at("pipe")));
    let mut packing =
        Running::start(scene.command(&["-o", "x.zip", "--level", "9", "first", "second"]));
    packing.wait_for("step 2 of 3: create_zip_archive");
    let is_second = |path: &PathBuf| path.ends_with("1-second");
    let uploaded = scene.everything().into_iter().find(is_second).expect("it was uploaded");
    fs::rename(scene.at("pipe"), &uploaded).expect("they are on one disk");
    let _pipe = File::options().write(true).open(&uploaded).expect("it is opened to be read");

    send("INT", packing.id());
    packing.wait_for("create-zip: stopping\n");
    // Until it is so much later that it counts.
    while packing.runs() {
        send("INT", packing.id());
    }
    let (status, said) = packing.end();
    assert_eq!(status.code(), Some(130), "{said}");
    let left = scene.everything().into_iter().find(|path| path.is_dir()).expect("it is left");
    let name = left.file_name().and_then(|name| name.to_str()).expect("it is UTF-8");
    assert!(name.starts_with(".create-zip-"), "{left:?}");
    let last = said.lines().last().expect("it says something");
    assert!(last.starts_with("create-zip: stopped at once; `"), "{said}");
    assert!(last.ends_with(&format!("/{name}` is left behind")), "{said}");
    assert_eq!(scene.read("x.zip"), b"old");
    scene.holds(&[name, "first", "second", "x.zip"]);
}
