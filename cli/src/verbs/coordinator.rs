//! Serves sweeps to workers until it is asked to end.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use hone_coordinator::{Config, Coordinator, Timing};
use tokio::net::TcpListener;

use crate::{
    args::{duration, in_a_folder},
    exit::{Exit, wrong},
    local::{coordinator::tell_empty, signals::Interrupts},
    output::{log, out},
};

/// Arguments of `hone coordinator`.
#[derive(clap::Args)]
pub struct Args {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7700")]
    listen: String,
    /// Listen on an address that others can reach, although nothing is encrypted and nobody is asked who they are
    #[arg(long)]
    insecure: bool,
    /// Database file; created when it is not there
    #[arg(long, value_name = "FILE", default_value = "hone.db")]
    db: PathBuf,
    /// Disk that checkpoints and weights may take, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 50)]
    disk: u32,
    #[command(flatten)]
    timing: TimingArgs,
}

/// How soon a worker that is silent counts as dead.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct TimingArgs {
    /// How often workers say that they live
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    heartbeat: Duration,
    /// How long a trial stays with a worker that is silent; at least three heartbeats
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    lease: Duration,
    /// The same for a worker that is still starting up
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    first_lease: Duration,
}

impl TimingArgs {
    /// Checked.
    pub fn timing(self) -> anyhow::Result<Timing> {
        Timing::new(self.heartbeat, self.lease, self.first_lease).map_err(|e| wrong(e.to_string()))
    }
}

/// Runs `hone coordinator`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    log::init("info");
    let timing = args.timing.timing()?;
    in_a_folder("--db", &args.db)?;
    tell_empty(&args.db);
    let address = resolve(&args.listen).await?;
    if !address.ip().is_loopback() && !args.insecure {
        return Err(wrong(format!(
            "--listen {}: others could reach this address, and nothing is encrypted there, nor is anybody asked who they \
             are. In a network where everybody may start and stop sweeps, add --insecure; else listen on 127.0.0.1",
            args.listen
        )));
    }
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is another coordinator there? Choose another port with --listen"))?;
    let address = listener.local_addr()?;
    let mut config = Config::new(&args.db);
    config.timing = timing;
    config.arithmetic = crate::sweep_file::arithmetic();
    config.limits.blob_bytes = u64::from(args.disk) << 30;
    let mut interrupts = Interrupts::new()?;
    let coordinator = Coordinator::start(listener, config).await?;
    out::note(format!(
        "listening on http://{address}, database {}",
        args.db.display()
    ));
    interrupts.next().await;
    out::note("ending; workers keep what they train and hand it over to the next coordinator");
    tokio::select! {
        () = coordinator.stop() => {}
        () = interrupts.next() => {}
    }
    Ok(Exit::Done)
}

async fn resolve(listen: &str) -> anyhow::Result<SocketAddr> {
    let found = tokio::net::lookup_host(listen)
        .await
        .map(|mut all| all.next());
    match found {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(wrong(format!("--listen {listen}: no such host"))),
        Err(error) => Err(wrong(format!(
            "--listen {listen}: {error}; write for example 127.0.0.1:7700"
        ))),
    }
}
