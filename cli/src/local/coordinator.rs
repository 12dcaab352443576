//! A coordinator in this process, on a port of its own on loopback.

use std::path::Path;

use anyhow::Context;
use hone_coordinator::{Config, Coordinator, Timing, store};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

use crate::{args::in_a_folder, client::History, output::out};

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
    tell_empty(db);
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

/// Whether a file is there and holds nothing at all: it has never been a database.
pub fn is_empty(db: &Path) -> bool {
    let holds_nothing =
        |path: &Path| std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() == 0);
    holds_nothing(db) && !store::beside(db, "-wal").is_ok_and(|log| log.exists())
}

/// Says that a new database begins in a file that is there: whoever named it may have meant another.
pub fn tell_empty(db: &Path) {
    if is_empty(db) {
        out::note(format!(
            "{} is empty: a new database begins in it",
            db.display()
        ));
    }
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
