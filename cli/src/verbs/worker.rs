//! A worker process: trains trials for a coordinator.

use std::path::PathBuf;

use crate::{
    args::{WorkerSetup, line},
    client,
    exit::{Exit, wrong},
    local::{former, setup, signals},
    output::log,
};

/// Arguments of `hone worker`.
#[derive(clap::Args)]
pub struct Args {
    /// The coordinator's address, such as http://host:7700
    #[arg(
        long,
        value_name = "URL",
        env = "HONE_COORDINATOR",
        default_value = "http://127.0.0.1:7700"
    )]
    coordinator: String,
    #[command(flatten)]
    setup: WorkerSetup,
    /// Name in listings [default: host and process]
    #[arg(long, value_name = "NAME", value_parser = line)]
    name: Option<String>,
    /// Folder for checkpoints and unsent reports [default: hone-worker in the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Disk that local checkpoints may take, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 10)]
    disk: u32,
    /// The session to register with, hex: given by `hone run`
    #[arg(long, hide = true, value_name = "HEX")]
    session: Option<String>,
    /// Drain at a word on standard input, end when it closes: given by `hone run`
    #[arg(long, hide = true)]
    parent_pipe: bool,
}

/// Runs `hone worker`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    log::init(if args.parent_pipe { "warn" } else { "info" });
    let scratch = args
        .scratch
        .unwrap_or_else(|| std::env::temp_dir().join("hone-worker"));
    let mut config = hone_worker::Config::new(client::address(&args.coordinator)?, scratch)?;
    config.slots = args.setup.slots(1);
    config.disk_budget = u64::from(args.disk) << 30;
    config.obey_stdin = args.parent_pipe;
    if let Some(name) = args.name {
        config.name = name;
    }
    if let Some(hex) = args.session {
        config.session =
            former::unhex(&hex).ok_or_else(|| wrong("--session takes 32 hex digits"))?;
    }
    setup::equip(&mut config, &args.setup)?;
    let shutdown = hone_worker::Shutdown::default();
    let watch = tokio::spawn(signals::drain_then_now(shutdown.clone()));
    let result = hone_worker::run(config, shutdown).await;
    watch.abort();
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(error @ hone_worker::Error::Scratch { .. }) => Err(wrong(format!(
            "{error}; choose another folder with --scratch"
        ))),
        Err(error) => Err(error.into()),
    }
}
