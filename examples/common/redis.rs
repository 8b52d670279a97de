//! Where processes agree on who does what.

use clap::Args;
use distributed_task::coordination::Coordination;

use crate::program::Failure;

#[derive(Args)]
pub(crate) struct Redis {
    /// Where processes agree on who does it
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    #[arg(default_value = "redis://127.0.0.1/")]
    redis: String,
}

impl Redis {
    pub(crate) async fn open(&self) -> Result<Coordination, Failure> {
        Ok(Coordination::builder().redis(&self.redis).open().await?)
    }
}
