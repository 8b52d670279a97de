//! The three terminals of the README, typed by a test; only the addresses are others.

use std::{env, fs, net::TcpListener, os::unix::fs::symlink, path::Path, process::Command};

use crate::scene::{Running, Scene, create_zip_distributed};

/// What the README says to type: in each terminal, and then in the first, the second and the third.
fn terminals() -> [String; 4] {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    let section = readme.split("\n## Over processes\n").nth(1).expect("it has the section");
    let section = section.split("\n## ").next().expect("it is not empty");
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<_> = blocks.take(4).map(str::to_owned).collect();
    blocks.try_into().expect("it has four blocks to type")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_terminals_in_the_readme_make_an_archive() {
    let scene = Scene::new();
    for name in ["README.md", "examples"] {
        symlink(root().join(name).canonicalize().expect("it is there"), scene.at(name))
            .expect("there is room");
    }
    let ports = [free_port(), free_port()];
    let [every, servers, worker, submit] = terminals().map(|typed| {
        assert!(typed.contains("6380") || typed.contains("9000") || typed.contains("create-zip"));
        typed.replace("6380", &ports[0].to_string()).replace("9000", &ports[1].to_string())
    });
    // What is built is built already.
    let programs = scene.at("programs");
    fs::create_dir(&programs).expect("there is room");
    symlink(create_zip_distributed(), programs.join("create-zip")).expect("there is room");
    symlink(env!("CARGO_BIN_EXE_s3-server"), programs.join("s3-server")).expect("there is room");
    let mut servers: Vec<_> = servers.lines().collect();
    let built: Vec<_> = servers.drain(..2).collect();
    assert_eq!(
        built,
        [
            "cargo build --bin create-zip --features distributed",
            "cargo build --package distributed-task-tests --bin s3-server",
        ]
    );
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([programs].into_iter().chain(env::split_paths(&path)));
    let path = path.expect("it was one");
    let terminal = |typed: &str| {
        let mut bash = Command::new("bash");
        // It becomes the program, so that whoever ends it ends that.
        let alone = if cfg!(target_os = "linux") { "setpriv --pdeathsig KILL " } else { "" };
        bash.args([
            "-c",
            &format!("{every}exec {alone}{}", typed.trim_end().trim_end_matches('&')),
        ]);
        Running::start({
            bash.env("PATH", &path).current_dir(scene.at(""));
            bash
        })
    };

    let mut servers: Vec<_> = servers.into_iter().map(terminal).collect();
    servers[1].wait_for("s3-server: ready");
    let redis = format!("127.0.0.1:{}", ports[0]);
    distributed_task_test_servers::wait_until("Redis answers", || {
        std::net::TcpStream::connect(&redis).is_ok()
    });
    let mut worker = terminal(&worker);
    worker.wait_for("create-zip: ready: ");
    let (status, said) = terminal(&submit).end();
    assert!(status.success(), "{said}");
    let packed = scene.listed("archive.zip");
    assert!(packed.contains(&"README.md".to_owned()), "{packed:?}");
    assert!(packed.contains(&"examples/create-zip/worker.rs".to_owned()), "{packed:?}");
    assert_eq!(worker.signal("TERM").0.code(), Some(0));
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}
