//! A coordinator in this process, on a port of its own on loopback.

use std::path::Path;

use anyhow::Context;
use hone_coordinator::{Config, Coordinator, Timing};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

use crate::{args::in_a_folder, client::History};

/// A coordinator that runs until [`Running::end`].
#[derive(Debug)]
pub struct Running {
    /// To ask it what only its own process may.
    pub coordinator: Coordinator,
    channel: Channel,
}

/// Starts it on a database file, which is created when it is not there.
pub async fn start(db: &Path, timing: Timing) -> anyhow::Result<Running> {
    in_a_folder("--db", db)?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("cannot listen on loopback")?;
    let mut config = Config::new(db);
    config.timing = timing;
    config.arithmetic = crate::sweep_file::arithmetic();
    let coordinator = Coordinator::start(listener, config).await?;
    let channel = Endpoint::from_shared(format!("http://{}", coordinator.address()))?
        .connect()
        .await?;
    Ok(Running {
        coordinator,
        channel,
    })
}

impl Running {
    /// A connection to it.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Its history, asked in process: no network, and no time limit that passes while this process is stopped or the machine
    /// sleeps.
    pub fn history(&self) -> History {
        History::local(self.coordinator.history())
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("http://{}", self.coordinator.address())
    }

    /// Ends it; what was acknowledged is on disk.
    pub async fn end(self) {
        drop(self.channel);
        self.coordinator.stop().await;
    }
}
