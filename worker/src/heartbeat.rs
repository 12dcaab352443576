//! Heartbeats: on a thread and a connection of their own, so that neither a training nor a large upload delays one.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    backoff,
    client::{self, Client, Directive},
    worker::Worker,
};

/// Starts the thread; it ends when `ended` is cancelled.
pub(crate) fn start(
    worker: Arc<Worker>,
    client: Client,
    ended: CancellationToken,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("heartbeat".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = beat_for_ever(&worker, &client) => {}
                    () = ended.cancelled() => {}
                }
            });
        })?;
    Ok(())
}

async fn beat_for_ever(worker: &Worker, client: &Client) {
    let mut away = false;
    loop {
        tokio::time::sleep(spread(worker.heartbeat())).await;
        match beat(worker, client).await {
            Ok(()) if away => {
                away = false;
                tracing::info!("the coordinator is back");
            }
            Ok(()) => {}
            Err(status) => {
                if !away {
                    tracing::warn!(
                        "heartbeat: {}; training goes on, reports are kept",
                        client::explain(&status)
                    );
                }
                away = true;
            }
        }
    }
}

/// ± 10 %, so that the heartbeats of many workers do not fall together.
fn spread(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * backoff::chance())
}

async fn beat(worker: &Worker, client: &Client) -> Result<(), tonic::Status> {
    let under_way = worker.attempts.all();
    let attempts: Vec<_> = under_way
        .iter()
        .map(|attempt| (attempt.reference.clone(), attempt.stop.steps()))
        .collect();
    // An answer later than the next heartbeat is no use.
    let deadline = worker.heartbeat().max(Duration::from_secs(1));
    let draining = worker.shutdown.is_draining();
    let mut beaten = client.heartbeat(&attempts, draining, deadline).await?;
    if beaten.unknown_session {
        tracing::info!("the coordinator was restarted; registering again");
        worker.register(client).await?;
        beaten = client.heartbeat(&attempts, draining, deadline).await?;
    }
    for (attempt, directive) in under_way.iter().zip(beaten.directives) {
        attempt.direct(directive);
    }
    if beaten.drain && !worker.shutdown.is_draining() {
        tracing::info!("the coordinator sends this worker away");
        worker.shutdown.drain();
    }
    if worker.shutdown.is_draining() {
        worker.attempts.direct_all(Directive::Release);
    }
    Ok(())
}
