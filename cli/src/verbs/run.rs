//! Runs a sweep here, start to end: a coordinator in this process, workers beside it, progress, report.

use std::{io::IsTerminal, path::PathBuf, time::Duration};

use tokio::sync::mpsc;

use super::{coordinator::TimingArgs, launch};
use crate::{
    args::{WorkerSetup, duration},
    client::{self, History, How, Launched, Order, Sweeps},
    exit::{Exit, wrong},
    local::{
        coordinator,
        data::DataHere,
        follow::{Follower, PERIOD},
        former,
        preflight::{self, Images},
        setup, signals,
        workers::{Plan, Workers},
    },
    output::{out, progress::Progress},
    sweep_file::{self, SweepFile},
};

/// Arguments of `hone run`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    /// Worker processes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    #[command(flatten)]
    setup: WorkerSetup,
    /// Database file; created when it is not there
    #[arg(long, value_name = "FILE", default_value = "hone.db")]
    db: PathBuf,
    /// Pause after so long; the same command goes on
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_time: Option<Duration>,
    /// Start anew even if the same sweep is there
    #[arg(long)]
    again: bool,
    /// Leave the check out
    #[arg(long)]
    no_check: bool,
    /// End by printing the winner and the totals as one JSON object, and nothing else, on standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    timing: TimingArgs,
}

/// How long drained workers may take to hand their trials back.
const DRAIN: Duration = Duration::from_secs(60);

/// Runs `hone run`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    crate::output::log::init("error");
    let file = sweep_file::read(&args.file)?;
    let timing = args.timing.timing()?;
    let data = refuse_early(&file, &args)?;
    // From here on an early end is a pause.
    let interrupts = signals::channel()?;
    let coordinator = coordinator::start(&args.db, timing).await?;
    let result = sweep(&coordinator, &file, data.as_ref(), &args, interrupts).await;
    if result.is_ok() {
        leave(&coordinator.history(), &args).await?;
    }
    coordinator.end().await;
    result
}

/// Says which sweeps nobody trains from now on. Without any, what workers kept on disk is of no use and goes.
async fn leave(history: &History, args: &Args) -> anyhow::Result<()> {
    let sweeps = client::collect(history.sweeps().await?).await?;
    let left: Vec<_> = sweeps.iter().filter(|sweep| !sweep.ended()).collect();
    if left.is_empty() {
        former::tidy(&args.db)?;
    }
    for sweep in left.iter().filter(|sweep| sweep.state != "paused") {
        let (name, db) = (&sweep.sweep, args.db.display());
        out::note(format!(
            "{name} is not over: it goes on with `hone run` and its file, or with `hone coordinator --db {db}` and workers"
        ));
    }
    Ok(())
}

/// What can be known to fail is refused before anything is stored: programs, and data sets without their files.
fn refuse_early(file: &SweepFile, args: &Args) -> anyhow::Result<Option<DataHere>> {
    let programs = setup::programs(&args.setup.exec)?;
    if file.trainer != "cnn" && !programs.contains_key(&file.trainer) {
        let name = &file.trainer;
        return Err(wrong(format!(
            "the file's trainer is {name:?}: say what to run with --exec {name}=COMMAND"
        )));
    }
    match preflight::images(file, &args.file, &args.setup.data)? {
        Images::Elsewhere(reason) => Err(file.problem(&args.file, "data.source", reason)),
        Images::Here(checked) => {
            for warning in &checked.inventory.warnings {
                out::note(format!("data: {warning}"));
            }
            Ok(Some(checked.here))
        }
        Images::None => Ok(None),
    }
}

async fn sweep(
    coordinator: &coordinator::Running,
    file: &SweepFile,
    data: Option<&DataHere>,
    args: &Args,
    mut interrupts: mpsc::Receiver<()>,
) -> anyhow::Result<Exit> {
    let mut sweeps = Sweeps::new(coordinator.channel());
    let definition = sweep_file::definition(file, !args.no_check);
    let launched = sweeps.launch(definition, data, args.again).await?;
    if let Some(data) = data {
        data.remember();
    }
    coordinator.coordinator.serve_first(&launched.sweep);
    launch::tell_name(file, &launched);
    tell(&launched);
    let live = launched.how != How::Ended && std::io::stderr().is_terminal();
    let mut follower = Follower::new(
        coordinator.history(),
        launched.sweep.clone(),
        Progress::new(live),
    );
    if launched.how == How::Ended {
        let detail = follower.look_quietly().await?;
        out::note(launch::ended(&detail));
        return launch::finish(&follower, detail.summary.state, args.json, next(args)).await;
    }
    if launched.how != How::Started {
        follower.skip_past().await?;
    }
    if launched.how == How::Continued {
        order(&mut sweeps, Order::Resume, &follower).await?;
    }
    former::free(&coordinator.coordinator, &args.db).await?;
    let (lines, mut said) = mpsc::unbounded_channel();
    let count = match launched.how {
        // Nothing of it is granted any more.
        How::Stopping => 0,
        _ => usize::from(args.workers),
    };
    let mut workers = start_workers(coordinator, file, args, count, lines)?;
    let state = watch(
        &mut follower,
        &mut workers,
        &mut sweeps,
        &mut said,
        &mut interrupts,
        args.max_time,
    )
    .await;
    if state.is_err() {
        workers.kill().await;
    }
    // Those that have handed back what they trained hold nothing; what the others held is free at once.
    for session in workers.sessions() {
        let reason = "its hone run ended";
        let coordinator = &coordinator.coordinator;
        coordinator.gone(session, false, reason).await?;
    }
    follower.progress().end();
    launch::finish(&follower, state?, args.json, next(args)).await
}

/// What goes on with a sweep that was interrupted: with `--again` it would begin once more.
fn next(args: &Args) -> &'static str {
    if args.again {
        "the same command without --again"
    } else {
        "the same command"
    }
}

fn tell(launched: &Launched) {
    let name = &launched.sweep;
    match launched.how {
        How::Started | How::Ended => {}
        How::Continued if launched.retried > 0 => out::note(launch::retried(launched)),
        How::Continued => out::note(format!("{name}: going on where it stopped")),
        How::Stopping => out::note(launch::stopping(name)),
    }
}

fn start_workers(
    coordinator: &coordinator::Running,
    file: &SweepFile,
    args: &Args,
    count: usize,
    lines: mpsc::UnboundedSender<String>,
) -> anyhow::Result<Workers> {
    let mut setup = args.setup.clone();
    if let Some(data) = &file.data {
        setup.data = setup::with_folder(&setup.data, data);
    }
    let plan = Plan {
        coordinator: coordinator.address(),
        scratch: former::scratch(&args.db)?,
        arguments: setup::arguments(&setup, count),
    };
    Workers::start(plan, count, coordinator.channel(), lines)
}

/// Orders something of a sweep. One that ends takes no order, and needs none.
async fn order(sweeps: &mut Sweeps, order: Order, follower: &Follower) -> anyhow::Result<()> {
    let Err(error) = sweeps.order(order, follower.sweep()).await else {
        return Ok(());
    };
    let sweep = follower.look_quietly().await?.summary;
    if sweep.ended() || sweep.state == "stopping" {
        return Ok(());
    }
    Err(error)
}

/// Follows the sweep, keeps workers running, and drains them when asked to; the state in which the sweep rests.
async fn watch(
    follower: &mut Follower,
    workers: &mut Workers,
    sweeps: &mut Sweeps,
    said: &mut mpsc::UnboundedReceiver<String>,
    interrupts: &mut mpsc::Receiver<()>,
    max_time: Option<Duration>,
) -> anyhow::Result<&'static str> {
    let mut tick = tokio::time::interval(PERIOD);
    let limit = async {
        match max_time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(limit);
    let again = loop {
        tokio::select! {
            _ = tick.tick() => {
                let detail = follower.look().await?;
                if detail.summary.ended() {
                    workers.drain().await;
                    tokio::select! {
                        () = workers.join(DRAIN) => {}
                        _ = interrupts.recv() => workers.kill().await,
                    }
                    return Ok(detail.summary.state);
                }
                workers.tend().await?;
            }
            Some(line) = said.recv() => follower.progress().say(line),
            _ = interrupts.recv() => break "once more Ctrl-C",
            () = &mut limit => {
                follower.progress().say("the time given with --max-time is over");
                break "Ctrl-C";
            }
        }
    };
    order(sweeps, Order::Pause, follower).await?;
    let doing = match follower.look_quietly().await?.summary.state {
        "paused" => "pausing",
        other => other,
    };
    follower.progress().say(format!(
        "{doing}: workers hand back what they train; {again} ends at once"
    ));
    workers.drain().await;
    tokio::select! {
        () = workers.join(DRAIN) => {}
        _ = interrupts.recv() => workers.kill().await,
    }
    // Some of what was trained ended meanwhile.
    Ok(follower.look().await?.summary.state)
}
