//! What is in the archives.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::PathBuf,
};

use crate::scene::{Kind, Scene, text};

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
fn only_the_names_in_the_archive_must_be_utf_8() {
    let scene = Scene::new();
    let odd = |name: &[u8]| PathBuf::from(OsStr::from_bytes(&[b"odd \xff/", name].concat()));
    let (input, archive) = (odd(b"file"), odd(b"\xfe.zip"));
    fs::create_dir(scene.at("").join(odd(b""))).expect("there is room");
    fs::write(scene.at("").join(&input), "x").expect("there is room");
    let output = scene.run(&["-o".as_ref(), archive.as_os_str(), input.as_os_str()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    fs::rename(scene.at("").join(archive), scene.at("one.zip")).expect("it is there");
    assert_eq!(scene.listed("one.zip"), ["file"]);
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

/// One half of zip64; of the other, sizes, the tests of the example see that it is announced, as to
/// pack four gigabytes takes a minute.
#[test]
fn more_entries_than_16_bits_can_count_are_packed() {
    let scene = Scene::new();
    // Folders, because each file would be uploaded, and most of them by way of links, because each
    // folder would be made.
    for number in 0..256 {
        fs::create_dir_all(scene.at(&format!("folders/{number:03}"))).expect("there is room");
    }
    fs::create_dir(scene.at("many")).expect("there is room");
    for number in 0..256 {
        symlink("../folders", scene.at(&format!("many/{number:03}"))).expect("there is room");
    }
    let output = scene.run(&["-o", "archive.zip", "many"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(": 65793 entries, "), "{}", text(&output.stderr));
    let listed = scene.listed("archive.zip");
    assert_eq!(listed.len(), 1 + 256 + 256 * 256);
    assert_eq!((&*listed[1], &*listed[65_792]), ("many/000/", "many/255/255/"));
}

#[test]
fn an_archive_that_was_there_is_replaced_and_its_permissions_stay() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    let mode = || fs::metadata(scene.at("x.zip")).expect("it is there").permissions().mode();
    assert!(scene.run(&["-o", "x.zip", "file"]).status.success());
    assert_eq!(mode() & 0o600, 0o600, "those of a new file: {:o}", mode());

    for old in [0o640, 0o666, 0o400] {
        fs::write(scene.at("x.zip"), "old").expect("there is room");
        fs::set_permissions(scene.at("x.zip"), PermissionsExt::from_mode(old)).expect("ours");
        assert!(scene.run(&["-o", "x.zip", "file"]).status.success());
        assert_eq!(scene.listed("x.zip"), ["file"]);
        assert_eq!(mode() & 0o777, old, "{:o}", mode());
        fs::remove_file(scene.at("x.zip")).expect("it is ours");
    }
}

#[test]
fn an_output_that_is_a_link_is_followed() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    fs::create_dir(scene.at("real")).expect("there is room");
    fs::write(scene.at("real/t.zip"), "old").expect("there is room");
    symlink("real/t.zip", scene.at("link.zip")).expect("there is room");
    let output = scene.run(&["-o", "link.zip", "file"]);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("create-zip: link.zip: 1 entry, "), "{said}");
    assert!(scene.at("link.zip").is_symlink());
    assert_eq!(scene.listed("real/t.zip"), ["file"]);
    scene.holds(&["file", "link.zip", "real"]);
    assert_eq!(fs::read_dir(scene.at("real")).expect("it is there").count(), 1);

    let output = scene.run(&["-o", "link.zip", "real"]);
    let error = "create-zip: the output `link.zip` lies in the input `real`\n";
    assert_eq!(text(&output.stderr), error);
}
