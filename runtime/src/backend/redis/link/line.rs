//! One connection to the server.

use std::{pin::Pin, sync::Arc};

use redis::{
    AsyncConnectionConfig, Cmd, RedisError, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cmd,
};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    LinkError, LinkSettings, Refused, Unanswered,
    address::{Place, Way},
    stream::{Counted, Moved},
};

/// One connection, which many calls share: they are sent one after the other, and answered in that
/// order.
pub(super) struct Line {
    wire: MultiplexedConnection,
    /// Where it leads to.
    pub(super) place: Place,
    /// The bytes that came.
    pub(super) heard: Moved,
    /// It broke, or was replaced: nobody will answer any more.
    pub(super) ended: CancellationToken,
    /// A call has waited for long.
    pub(super) suspected: Notify,
    driver: AbortHandle,
}

impl Line {
    /// Connects and logs in. The caller limits the time.
    pub(super) async fn connect(
        way: &Way,
        _settings: &LinkSettings,
    ) -> Result<Arc<Self>, RedisError> {
        let place = way.find().await?;
        let (stream, heard) = Counted::new(place.reach().await?);
        // Limits are ours: the crate's would leave a connection in place that answers nothing.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None)
            .set_pipeline_buffer_size(1024);
        let (mut wire, driver) =
            MultiplexedConnection::new_with_config(&way.login, stream, config).await?;
        let ended = CancellationToken::new();
        let over = ended.clone().drop_guard();
        let driver = tokio::spawn(async move {
            driver.await;
            drop(over);
        });
        let driver = driver.abort_handle();
        wire.req_packed_command(&cmd("PING")).await?.extract_error()?;
        Ok(Arc::new(Self { wire, place, heard, ended, suspected: Notify::new(), driver }))
    }

    /// Sends a command and waits for its answer until `limit`.
    pub(super) async fn ask(
        &self,
        command: &Cmd,
        mut limit: Pin<&mut Sleep>,
        settings: &LinkSettings,
    ) -> Result<Value, LinkError> {
        let mut wire = self.wire.clone();
        let mut answer = std::pin::pin!(wire.send_packed_command(command));
        let mut patience = std::pin::pin!(sleep(settings.patience));
        let mut is_patient = true;
        let unanswered = |source| Unanswered::new(command, &self.place, source).into();
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return match answer.and_then(Value::extract_error) {
                    Ok(answer) => Ok(answer),
                    Err(error) if error.code().is_some() => {
                        Err(Refused::server(command, &self.place, error).into())
                    }
                    Err(error) => Err(unanswered(Some(error))),
                },
                () = self.ended.cancelled() => return Err(unanswered(None)),
                () = &mut patience, if is_patient => {
                    is_patient = false;
                    self.suspected.notify_one();
                }
                () = &mut limit => return Err(unanswered(None)),
            }
        }
    }
}

/// A connection whose calls wait is not closed by itself.
impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
