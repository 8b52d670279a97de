//! A Redis and an S3 server of a test's own, and what is said when they cannot be used.

use std::{ffi::OsStr, fs, process::Command};

use distributed_task_test_servers::{RedisOptions, RedisServer};
use distributed_task_tests::s3::{ACCESS_KEY, S3Server, SECRET_KEY};

use crate::scene::{Running, Scene, create_zip, create_zip_distributed, text};

pub(crate) struct Servers {
    pub(crate) redis: RedisServer,
    pub(crate) s3: S3Server,
}

impl Servers {
    pub(crate) fn start() -> Self {
        Self { redis: RedisServer::start(RedisOptions::default()), s3: S3Server::start() }
    }

    /// The program, told of both by its environment.
    pub(crate) fn command(&self, scene: &Scene, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(create_zip_distributed());
        command
            .args(arguments)
            .current_dir(scene.at(""))
            .env("REDIS_URL", self.redis.url())
            .env("S3_ENDPOINT", self.s3.endpoint())
            .env("S3_ACCESS_KEY", ACCESS_KEY)
            .env("S3_SECRET_KEY", SECRET_KEY);
        command
    }

    /// A worker that is ready.
    pub(crate) fn worker(&self, scene: &Scene) -> Running {
        let mut worker = Running::start(self.command(scene, &["worker", "--jobs", "2"]));
        worker.wait_for("ready: packs 2 at a time");
        worker
    }

    /// Fails unless every file is gone, and every saga is over.
    #[track_caller]
    pub(crate) fn hold_nothing(&self) {
        assert_eq!(self.s3.objects(), [""; 0]);
        assert_eq!(self.s3.unfinished(), [""; 0]);
        assert_eq!(self.open_sagas(), [""; 0]);
    }

    /// The keys in Redis of sagas that are not over.
    pub(crate) fn open_sagas(&self) -> Vec<String> {
        let open = ["j", "o", "ph", "in", "t", "c", "p", "w:*", "r:*"];
        let keys =
            open.iter().map(|key| self.redis.cli(&["KEYS", &format!("{{create-zip:0}}:{key}")]));
        keys.filter(|found| !found.is_empty()).collect()
    }
}

/// How a server is named, what is said about it, and with which status.
type Mistake<'a> = (&'a [(&'a str, &'a str)], i32, String);

#[test]
fn servers_that_cannot_be_used_are_told_in_one_line() {
    let (scene, servers) = (Scene::new(), Servers::start());
    fs::write(scene.at("file"), "x").expect("there is room");
    let locked = RedisServer::start(RedisOptions { password: Some("right"), ..Default::default() });
    let cache =
        RedisServer::start(RedisOptions { policy: Some("allkeys-lru"), ..Default::default() });
    let at = |port: u16| format!("redis://127.0.0.1:{port}/");
    let wrong = format!("redis://:wrong@127.0.0.1:{}/", locked.port());
    let s3 = servers.s3.endpoint();

    let mistakes: [Mistake<'_>; 11] = [
        (&[("REDIS_URL", "")], 2, "name Redis with --redis URL, such as ".into()),
        (&[("S3_ENDPOINT", "")], 2, "name the S3 server with --s3 ENDPOINT, such as ".into()),
        (&[("S3_ACCESS_KEY", "")], 2, "name the access key of the S3 server with ".into()),
        (
            &[("S3_SECRET_KEY", "")],
            2,
            format!("set S3_SECRET_KEY in the environment to the secret key of `{ACCESS_KEY}`"),
        ),
        (&[("REDIS_URL", "localhost:6379")], 2, "the address of Redis is no address: ".into()),
        (
            &[("REDIS_URL", "redis://127.0.0.1:1/")],
            1,
            "Redis at 127.0.0.1:1 cannot be reached: ".into(),
        ),
        (
            &[("REDIS_URL", &wrong)],
            1,
            format!("Redis at 127.0.0.1:{} cannot be used: ", locked.port()),
        ),
        (
            &[("REDIS_URL", &at(cache.port()))],
            1,
            format!("Redis at 127.0.0.1:{} has `maxmemory-policy allkeys-lru`: ", cache.port()),
        ),
        (
            &[("S3_ENDPOINT", "127.0.0.1:9000")],
            2,
            "the endpoint `127.0.0.1:9000` cannot be used: ".into(),
        ),
        (
            &[("S3_ENDPOINT", "http://127.0.0.1:1")],
            1,
            "cannot use bucket `incoming-files`: cannot reach http://127.0.0.1:1 (".into(),
        ),
        (
            &[("S3_SECRET_KEY", "not-that-one")],
            1,
            format!("cannot use bucket `incoming-files`: {s3} refuses access key `{ACCESS_KEY}` ("),
        ),
    ];
    for (environment, status, start) in mistakes {
        for arguments in [&["submit", "-o", "x.zip", "file"][..], &["worker"]] {
            let mut command = servers.command(&scene, arguments);
            command.envs(environment.iter().copied());
            let output = command.output().expect("it starts");
            let said = text(&output.stderr);
            let expected = format!("create-zip: {start}");
            assert!(said.starts_with(&expected) && said.lines().count() == 1, "{said}");
            assert!(!said.contains("wrong") || said.contains("are wrong"), "{said}");
            assert!(!said.contains("not-that-one"), "{said}");
            assert_eq!(output.status.code(), Some(status), "{said}");
        }
    }
    scene.holds(&["file"]);
    servers.hold_nothing();
}

#[test]
fn what_cannot_be_packed_is_told_before_any_server_is_asked() {
    let (scene, servers) = (Scene::new(), Servers::start());
    for (arguments, status, error) in [
        (&["submit"][..], 2, "name at least one file or folder to pack (see --help)"),
        (&["submit", "here"], 2, "name the archive with --output FILE"),
        (
            &["submit", "-o", "x.zip", "here"],
            1,
            "cannot read `here`: No such file or directory (os error 2)",
        ),
        (&["submit", "-o", "x.zip", "-l", "3", "here"], 2, "unexpected argument '-l' found"),
        (&["worker", "here"], 2, "unexpected argument 'here' found"),
    ] {
        let mut command = servers.command(&scene, arguments);
        command.env("REDIS_URL", "redis://127.0.0.1:1/");
        let output = command.output().expect("it starts");
        assert_eq!(text(&output.stderr), format!("create-zip: {error}\n"), "{arguments:?}");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn help_names_the_variables_and_shows_no_password() {
    let (scene, servers) = (Scene::new(), Servers::start());
    let mut command = servers.command(&scene, &["submit", "--help"]);
    command.env("REDIS_URL", "redis://:hidden@127.0.0.1:1/");
    let help = text(&command.output().expect("it starts").stdout);
    for name in ["REDIS_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_REGION"] {
        assert!(help.contains(name), "{help}");
    }
    assert!(!help.contains("hidden") && !help.contains(SECRET_KEY), "{help}");
}

#[test]
fn files_with_the_names_of_commands_are_packed_as_before() {
    let scene = Scene::new();
    for name in ["submit", "worker", "help"] {
        fs::write(scene.at(name), name).expect("there is room");
    }
    for program in [create_zip(), create_zip_distributed()] {
        for arguments in [
            ["-o", "x.zip", "submit", "worker", "help"],
            ["./submit", "worker", "help", "-o", "x.zip"],
        ] {
            let mut packing = Command::new(program);
            let output =
                packing.args(arguments).current_dir(scene.at("")).output().expect("it starts");
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert_eq!(scene.listed("x.zip"), ["submit", "worker", "help"]);
        }
    }
}

#[test]
fn a_build_without_the_feature_says_which_one_has_it() {
    let output = Scene::new().run(&["worker", "--redis", "redis://127.0.0.1:1/"]);
    assert_eq!(
        text(&output.stderr),
        "create-zip: this build has neither `submit` nor `worker`: build it with `--features \
         distributed`; a file of that name is packed as `./submit`\n"
    );
    assert_eq!(output.status.code(), Some(2));
}
