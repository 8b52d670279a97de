//! The session in the README, typed by a test.

use std::{env, fs, net::TcpListener, path::Path, process::Command};

use crate::scene::{Scene, program, text};

/// What the README tells to type in the folder of the workspace, after the build: the first session in
/// one process at a time, and the second over Redis.
fn sessions() -> [String; 2] {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("it is there");
    let section =
        readme.split("\n## Killed and started again\n").nth(1).expect("it has the section");
    let section = section.split("\n## ").next().expect("it is not empty");
    let mut blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let build = blocks.next().expect("it says how to build");
    assert!(build.starts_with("cargo build --bin order\n"), "{build}");
    [(); 2].map(|()| blocks.next().expect("it has two sessions").to_owned())
}

/// Types it: what was printed, and what went wrong.
#[track_caller]
fn type_in(scene: &Scene, session: &str) -> (String, String) {
    let folder = program().parent().expect("it is in a folder").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([folder].into_iter().chain(env::split_paths(&path)));
    let output = Command::new("timeout")
        .args(["--signal=KILL", "60", "bash", "-c", session])
        .env("PATH", path.expect("it was one"))
        .current_dir(scene.at(""))
        .output()
        .expect("timeout starts");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    (out, err)
}

#[test]
fn the_session_in_the_readme_charges_once_although_its_process_was_killed() {
    let scene = Scene::new();
    let [session, _] = sessions();
    assert!(session.contains("kill -9"), "{session}");
    let (out, err) = type_in(&scene, &session);
    // What the README says about it.
    let charged: Vec<_> = out.lines().filter(|line| line.contains("charged")).collect();
    assert_eq!(charged.len(), 2, "before the kill and at the end: {out}{err}");
    assert!(charged[0].ends_with(": reserved 1, charged 1 x, paid 3.50, shipped 0"), "{out}{err}");
    assert!(charged[1].ends_with(": reserved 1, charged 1 x, paid 3.50, shipped 1"), "{out}{err}");
    let events = ["`charge` starts", "probe of `charge`: it happened", "`ship` done"];
    assert!(events.iter().all(|event| out.contains(event)), "{out}{err}");
    assert!(out.contains("the order is completed: 3.50 paid"), "{out}{err}");
}

#[test]
fn the_session_over_redis_charges_once_although_a_worker_was_killed() {
    let scene = Scene::new();
    let [_, session] = sessions();
    assert!(session.contains("kill -9") && session.matches("7000").count() == 2, "{session}");
    // Nobody else's server.
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("it is bound").port().to_string();
    drop(free);
    let (out, err) = type_in(&scene, &session.replace("7000", &port));
    let last = out.lines().last().expect("it says something");
    assert!(last.ends_with(": reserved 1, charged 1 x, paid 4.20, shipped 1"), "{out}{err}");
    assert!(out.contains("probe of `charge`: it happened"), "{out}{err}");
    assert!(out.contains("the order is completed: 4.20 paid"), "{out}{err}");
}
