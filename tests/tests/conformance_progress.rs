//! The trackers of progress keep their contract.

use distributed_task::{backend::memory::MemoryProgress, conformance};

#[tokio::test]
async fn s2_progress_in_memory_keeps_the_contract() {
    conformance::progress::run(async || MemoryProgress::default()).await;
}
