//! What goes wrong on the way: the archive is whole or there is none, and the user hears why.

use std::fs;

use crate::scene::{Running, Scene};

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
    let why = "cannot read `sparse`: 274877906944 bytes were expected, ";
    assert!(last.contains(why) && last.ends_with(" came"), "{said}");
    assert_eq!(scene.read("x.zip"), b"old");
    scene.holds(&["sparse", "x.zip"]);
}
