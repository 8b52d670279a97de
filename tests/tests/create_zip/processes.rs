//! `submit` and `worker`, over servers of their own: who is killed, told to stop, or late.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task_test_servers::wait_until;
use distributed_task_tests::s3::Fault;

use crate::{
    scene::{Kind, Running, Scene, send, text},
    servers::Servers,
};

#[test]
fn a_worker_packs_what_another_process_submits() {
    let (scene, servers) = (Scene::new(), Servers::start());
    let packed = scene.tree("photos");
    let worker = servers.worker(&scene);
    let submit = ["submit", "--output", "archive.zip", "photos", "photos/top.txt"];
    let output = servers.command(&scene, &submit).output().expect("it starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let said: Vec<_> = said.lines().collect();
    assert!(said.contains(&"create-zip: writing the archive"), "{said:?}");
    let last = said.last().expect("it says something");
    assert!(last.starts_with("create-zip: archive.zip: 9 entries, "), "{said:?}");
    assert!(output.stdout.is_empty());

    let mut expected = packed;
    expected.insert("top.txt".into(), Kind::File { content: b"top".to_vec(), mode: 0o644 });
    assert_eq!(scene.unzip("archive.zip"), expected);
    scene.holds(&["archive.zip", "photos", "unzipped"]);
    servers.hold_nothing();

    let (status, said) = worker.signal("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
    let last = said.lines().last().expect("it says something");
    assert_eq!(last, "create-zip: stopping: finishes the steps that run, and gives the rest back");
}

#[test]
fn another_worker_goes_on_when_one_is_killed() {
    let (scene, servers) = (Scene::new(), Servers::start());
    let packed = scene.tree("photos");
    let reads = hold_reads(&servers);
    let doomed = servers.worker(&scene);
    let submit =
        Running::start(servers.command(&scene, &["submit", "-o", "archive.zip", "photos"]));
    reads.until_sagas(1);
    doomed.signal("KILL");
    assert!(!servers.open_sagas().is_empty(), "the control: it was at work");

    servers.s3.heal();
    let heir = servers.worker(&scene);
    let (status, said) = submit.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(scene.unzip("archive.zip"), packed);
    servers.hold_nothing();
    assert_eq!(heir.signal("INT").0.code(), Some(0));
}

#[test]
fn a_worker_that_is_told_to_stop_finishes_its_step_and_gives_the_rest_back() {
    let (scene, servers) = (Scene::new(), Servers::start());
    let packed = scene.tree("photos");
    let reads = hold_reads(&servers);
    let mut leaving = servers.worker(&scene);
    let submit =
        Running::start(servers.command(&scene, &["submit", "-o", "archive.zip", "photos"]));
    reads.until_sagas(1);
    send("TERM", leaving.id());
    leaving.wait_for("stopping: finishes the steps that run, and gives the rest back");
    servers.s3.heal();
    let (status, said) = leaving.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("took too long"), "{said}");

    let _heir = servers.worker(&scene);
    let (status, said) = submit.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(scene.unzip("archive.zip"), packed);
    servers.hold_nothing();
}

#[test]
fn ctrl_c_at_submit_has_the_worker_take_everything_back() {
    let (scene, servers) = (Scene::new(), Servers::start());
    scene.tree("photos");
    fs::write(scene.at("x.zip"), "old").expect("there is room");
    let reads = hold_reads(&servers);
    let worker = servers.worker(&scene);
    let mut submit = Running::start(servers.command(&scene, &["submit", "-o", "x.zip", "photos"]));
    reads.until_sagas(1);
    assert!(!servers.s3.objects().is_empty(), "the control: there is something to take back");
    send("INT", submit.id());
    submit.wait_for("stopping");
    // The step hears of it when something comes again.
    servers.s3.heal();
    let (status, said) = submit.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.ends_with("create-zip: stopped; nothing is left behind\n"), "{said}");
    assert_eq!(scene.read("x.zip"), b"old");
    servers.hold_nothing();
    assert_eq!(worker.signal("TERM").0.code(), Some(0));
}

#[test]
fn a_submit_without_worker_says_how_to_start_one_and_waits() {
    let (scene, servers) = (Scene::new(), Servers::start());
    let packed = scene.tree("photos");
    let mut submit =
        Running::start(servers.command(&scene, &["submit", "-o", "archive.zip", "photos"]));
    submit.wait_for("no worker has taken it yet: start one with `create-zip worker`");
    assert!(submit.runs());
    let _worker = servers.worker(&scene);
    let (status, said) = submit.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(scene.unzip("archive.zip"), packed);
    servers.hold_nothing();
}

#[test]
fn two_workers_share_what_is_submitted() {
    let (scene, servers) = (Scene::new(), Servers::start());
    scene.tree("photos");
    // Each packs two at a time: one alone would leave two of the four for ever.
    let reads = hold_reads(&servers);
    let _workers = [servers.worker(&scene), servers.worker(&scene)];
    let submits: Vec<_> = (0..4)
        .map(|number| {
            let archive = format!("{number}.zip");
            Running::start(servers.command(&scene, &["submit", "-o", &archive, "photos"]))
        })
        .collect();
    reads.until_sagas(4);
    servers.s3.heal();
    for submit in submits {
        let (status, said) = submit.end();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(!said.contains("no worker has taken it"), "{said}");
    }
    assert!(scene.read("0.zip") == scene.read("3.zip"), "they differ");
    servers.hold_nothing();
}

#[test]
fn a_second_ctrl_c_ends_a_worker_at_once_and_another_one_does_its_work() {
    let (scene, servers) = (Scene::new(), Servers::start());
    let packed = scene.tree("photos");
    let reads = hold_reads(&servers);
    let mut impatient = servers.worker(&scene);
    let submit =
        Running::start(servers.command(&scene, &["submit", "-o", "archive.zip", "photos"]));
    reads.until_sagas(1);
    // Not all at once: those within half a second are one wish.
    while impatient.runs() {
        send("INT", impatient.id());
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, said) = impatient.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.ends_with("stopped at once; another worker does again what ran here\n"), "{said}");

    servers.s3.heal();
    let _worker = servers.worker(&scene);
    let (status, said) = submit.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(scene.unzip("archive.zip"), packed);
    servers.hold_nothing();
}

/// The sagas whose files somebody wants to read.
#[derive(Clone, Default)]
struct Reads(Arc<Mutex<BTreeSet<String>>>);

/// Lets nobody read a file until the server behaves again.
fn hold_reads(servers: &Servers) -> Reads {
    let reads = Reads::default();
    let seen = reads.clone();
    servers.s3.fault(move |request| {
        let mut parts = request.path.split('/').skip_while(|part| *part != "create-zip-from-files");
        match parts.nth(1) {
            Some(saga) if request.method == "GET" => {
                seen.0.lock().expect("nobody panics").insert(saga.to_owned());
                Fault::Hold
            }
            _ => Fault::None,
        }
    });
    reads
}

impl Reads {
    fn until_sagas(&self, number: usize) {
        wait_until("workers read", || self.0.lock().expect("nobody panics").len() >= number);
    }
}
