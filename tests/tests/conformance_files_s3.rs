//! The file store on S3 keeps its contract, on a real HTTP server that checks signatures.

use distributed_task::{backend::files::ObjectFiles, conformance};
use distributed_task_tests::s3::{ACCESS_KEY, S3Server, SECRET_KEY};

#[tokio::test]
async fn files_on_s3_keep_the_contract() {
    let mut servers = Servers::default();
    conformance::files::run(async || servers.store()).await;
}

#[tokio::test]
async fn files_on_s3_never_sit_in_memory() {
    let mut servers = Servers::default();
    conformance::files::run_bounded(async || servers.store()).await;
}

/// A fresh server for each store.
#[derive(Default)]
struct Servers(Vec<S3Server>);

impl Servers {
    fn store(&mut self) -> ObjectFiles {
        self.0.push(S3Server::start());
        let endpoint = self.0.last().expect("one was started").endpoint();
        ObjectFiles::s3(endpoint, ACCESS_KEY, SECRET_KEY).build().expect("it can be one")
    }
}
