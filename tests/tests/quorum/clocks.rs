//! What a health check says of the clocks of several servers.

use std::time::Duration;

use distributed_task::{
    coordination::{Coordination, HealthStatus},
    lease::LeaseStore as _,
};
use tokio::time::{Instant, advance};

use crate::{
    node::{Mode, Node},
    nodes, over, over_two_and_a_third_later,
};

const HOUR: i64 = 3600;
const MINUTE: Duration = Duration::from_secs(60);

async fn process(nodes: &[Node]) -> Coordination {
    Coordination::on_this_runtime(over(nodes).await)
}

/// Checks after a minute: these clocks jumped, and no others.
async fn says(process: &Coordination, jumps: &[&str]) {
    advance(MINUTE).await;
    let health = process.health().await;
    let status = match jumps {
        [] => HealthStatus::Healthy,
        _ => HealthStatus::Degraded,
    };
    assert_eq!(health.status, status, "{health:?}");
    let reason = health.reason.unwrap_or_default();
    let told: Vec<_> = reason.split_terminator("; ").collect();
    assert_eq!(told.len(), jumps.len(), "{reason}");
    for (told, jump) in told.iter().zip(jumps) {
        assert!(told.starts_with(jump), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_health_check_says_which_clock_of_three_jumped() {
    let nodes = nodes(3);
    let process = process(&nodes).await;
    says(&process, &[]).await;
    nodes[1].set_clock(HOUR);
    says(&process, &["at server 2 the clock of the lease store went on by 3660s while 60s"]).await;
    says(&process, &[]).await;
    nodes[0].set_clock(-HOUR);
    nodes[1].set_clock(0);
    let [first, second] = ["server 1", "server 2"]
        .map(|at| format!("at {at} the clock of the lease store went back by 3540s while 60s"));
    says(&process, &[&first, &second]).await;
    says(&process, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumped_while_its_server_was_away_is_told_when_it_is_back() {
    for mode in [Mode::Hangs, Mode::Fails] {
        let nodes = nodes(3);
        let process = process(&nodes).await;
        says(&process, &[]).await;
        nodes[2].set(mode);
        nodes[2].set_clock(HOUR);
        says(&process, &[]).await;
        nodes[0].set_clock(HOUR);
        says(&process, &["at server 1 the clock"]).await;
        nodes[2].set(Mode::Good);
        says(&process, &["at server 3 the clock of the lease store went on by 3780"]).await;
        says(&process, &[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_left_out_of_the_clocks() {
    let nodes = nodes(3);
    let leases = over(&nodes).await;
    nodes[1].set(Mode::Hangs);
    let begun = Instant::now();
    let told = leases.clocks().await.into_iter().map(|clock| clock.address);
    assert_eq!(told.collect::<Vec<_>>(), ["server 1", "server 3"]);
    assert!(begun.elapsed() <= Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_opened_later_tells_its_clock_as_well() {
    let nodes = nodes(3);
    let leases = over_two_and_a_third_later(&nodes).await;
    let told = leases.clocks().await.into_iter().map(|clock| clock.address);
    assert_eq!(told.collect::<Vec<_>>(), ["server 1", "server 2", "the third"]);
}
