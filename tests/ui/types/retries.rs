//! T3: the tries of one step, and all steps in a row, cannot take longer than their saga.

use distributed_task::prelude::*;

#[distributed_task(timeout = "5m")]
struct Upload;

#[steps]
impl Upload {
    #[step(read_only, timeout = "2m", retry(max = 4, delay = "20s"))]
    fn upload(&self) {}
}

#[distributed_task(timeout = "1m")]
struct Wait;

#[steps]
impl Wait {
    #[step(read_only, retry(max = 3, delay = "30s", max_delay = "1m"))]
    fn wait(&self) {}
}

#[distributed_task(timeout = "1m", max_retries = 0)]
struct InARow;

#[steps]
impl InARow {
    #[step(read_only, timeout = "40s")]
    fn one(&self) {}

    #[step(read_only, timeout = "40s")]
    fn two(&self) {}
}

#[distributed_task(timeout = "5m", max_retries = 4)]
struct AsTheTaskSays;

#[steps]
impl AsTheTaskSays {
    #[step(no_undo = "it is sent", timeout = "4m", at_most_once)]
    fn at_most_once(&self) {}

    #[step(read_only, timeout = "58s")]
    fn five_times(&self) {}

    #[step(pivot)]
    fn charge(&self) {}

    #[step(retriable, timeout = "2h", retry(max = 1000))]
    fn after_the_point_of_no_return(&self) {}
}

#[distributed_task(timeout = "30s", max_retries = 6)]
struct NobodySaysItOfTheStep;

#[steps]
impl NobodySaysItOfTheStep {
    #[step(read_only)]
    fn look(&self) {}
}

/// No deadline is long enough: the macros take at most a year.
#[distributed_task(timeout = "1h")]
struct ForEver;

#[steps]
impl ForEver {
    #[step(read_only, retry(max = 4294967295))]
    fn look(&self) {}
}

/// Nothing is said of retries, so nothing is counted.
#[distributed_task(timeout = "1s")]
struct Defaults;

#[steps]
impl Defaults {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(timeout = "1m", max_retries = 0)]
struct SideBySide;

#[steps]
impl SideBySide {
    #[step(read_only, timeout = "40s", group = "both")]
    fn one(&self) {}

    #[step(read_only, timeout = "40s", group = "both")]
    fn two(&self) {}

    #[response]
    fn respond(&self) {}
}

fn main() {}
