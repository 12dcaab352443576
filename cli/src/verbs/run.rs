//! Runs a sweep here, start to end: a coordinator in this process, workers beside it, progress, report.

use std::{io::IsTerminal, path::PathBuf, time::Duration};

use anyhow::Context;
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
        former, setup, signals,
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
    let data = preflight(&file, &args)?;
    let coordinator = coordinator::start(&args.db, timing).await?;
    let result = sweep(&coordinator, &file, data.as_ref(), &args).await;
    if matches!(result, Ok(Exit::Done | Exit::Failed)) {
        tidy(&coordinator.history(), &args).await?;
    }
    coordinator.end().await;
    result
}

/// Removes what workers kept on disk once no sweep of this database can go on with it.
async fn tidy(history: &History, args: &Args) -> anyhow::Result<()> {
    let mut sweeps = client::collect(history.sweeps().await?).await?.into_iter();
    if sweeps.all(|sweep| sweep.ended()) {
        // Gone already is as good, and what cannot be removed does no harm.
        let _ = std::fs::remove_dir_all(scratch(args)?);
    }
    Ok(())
}

/// What can be known to fail is refused before anything is stored: programs, and data sets without their files.
fn preflight(file: &SweepFile, args: &Args) -> anyhow::Result<Option<DataHere>> {
    let programs = setup::programs(&args.setup.exec)?;
    if file.trainer != "cnn" && !programs.contains_key(&file.trainer) {
        let name = &file.trainer;
        return Err(wrong(format!(
            "the file's trainer is {name:?}: say what to run with --exec {name}=COMMAND"
        )));
    }
    let Some(data) = &file.data else {
        return Ok(None);
    };
    let here = DataHere::open(file, data, &args.setup.data)?;
    file.check_images(&args.file, &here.set)?;
    Ok(Some(here))
}

async fn sweep(
    coordinator: &coordinator::Running,
    file: &SweepFile,
    data: Option<&DataHere>,
    args: &Args,
) -> anyhow::Result<Exit> {
    let mut sweeps = Sweeps::new(coordinator.channel());
    let definition = client::definition(file, !args.no_check);
    let launched = sweeps.launch(definition, data, args.again).await?;
    if let Some(data) = data {
        data.remember();
    }
    coordinator.coordinator.serve_only(&launched.sweep);
    launch::tell_name(file, &launched);
    tell(&launched);
    let live = launched.how != How::Ended && std::io::stderr().is_terminal();
    let mut follower = Follower::new(
        coordinator.history(),
        launched.sweep.clone(),
        Progress::new(live),
    );
    if launched.how == How::Ended {
        let state = follower.look_quietly().await?.summary.state;
        return launch::finish(&follower, state, args.json).await;
    }
    if launched.how == How::Continued {
        follower.skip_past().await?;
        order(&mut sweeps, Order::Resume, &launched.sweep, &follower).await?;
    }
    for worker in former::recall(&scratch(args)?) {
        worker.end().await;
        let reason = "its hone run died";
        coordinator
            .coordinator
            .gone(worker.session, true, true, reason)
            .await?;
    }
    let (lines, mut said) = mpsc::unbounded_channel();
    let workers = start_workers(coordinator, file, args, lines)?;
    let state = watch(
        &mut follower,
        workers,
        &mut sweeps,
        &launched.sweep,
        &mut said,
        args.max_time,
    )
    .await;
    follower.progress().end();
    launch::finish(&follower, state?, args.json).await
}

fn tell(launched: &Launched) {
    let name = &launched.sweep;
    match launched.how {
        How::Started => {}
        How::Continued => out::note(format!("{name}: going on where it stopped")),
        How::Ended => out::note(format!(
            "{name}: this very sweep has ended, here is its report; --again starts it anew"
        )),
    }
}

fn start_workers(
    coordinator: &coordinator::Running,
    file: &SweepFile,
    args: &Args,
    lines: mpsc::UnboundedSender<String>,
) -> anyhow::Result<Workers> {
    let count = usize::from(args.workers);
    let mut setup = args.setup.clone();
    if let Some(data) = &file.data {
        setup.data = setup::with_folder(&setup.data, data);
    }
    let plan = Plan {
        coordinator: coordinator.address(),
        scratch: scratch(args)?,
        arguments: setup::arguments(&setup, count),
    };
    Workers::start(plan, count, coordinator.channel(), lines)
}

/// Where workers keep checkpoints, beside the database.
fn scratch(args: &Args) -> anyhow::Result<PathBuf> {
    let mut scratch = args.db.clone().into_os_string();
    scratch.push(".work");
    std::path::absolute(PathBuf::from(scratch)).context("where is the database's folder?")
}

/// Orders something of a sweep. One that has just come to its end takes no order, and needs none.
async fn order(
    sweeps: &mut Sweeps,
    order: Order,
    sweep: &str,
    follower: &Follower,
) -> anyhow::Result<()> {
    match sweeps.order(order, sweep).await {
        Err(error) if !follower.look_quietly().await?.summary.ended() => Err(error),
        _ => Ok(()),
    }
}

/// Follows the sweep, keeps workers running, and drains them when asked to; the state in which the sweep rests.
async fn watch(
    follower: &mut Follower,
    mut workers: Workers,
    sweeps: &mut Sweeps,
    sweep: &str,
    said: &mut mpsc::UnboundedReceiver<String>,
    max_time: Option<Duration>,
) -> anyhow::Result<&'static str> {
    let mut interrupts = signals::channel()?;
    let mut tick = tokio::time::interval(PERIOD);
    let limit = async {
        match max_time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(limit);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let detail = follower.look().await?;
                if detail.summary.ended() {
                    workers.drain();
                    workers.join(DRAIN).await;
                    return Ok(detail.summary.state);
                }
                workers.tend().await?;
            }
            Some(line) = said.recv() => follower.progress().say(line),
            _ = interrupts.recv() => break,
            () = &mut limit => {
                follower.progress().say("the time given with --max-time is over");
                break;
            }
        }
    }
    follower
        .progress()
        .say("pausing: workers hand back what they train; once more Ctrl-C ends at once");
    order(sweeps, Order::Pause, sweep, follower).await?;
    workers.drain();
    tokio::select! {
        () = workers.join(DRAIN) => {}
        _ = interrupts.recv() => {}
    }
    Ok(follower.look_quietly().await?.summary.state)
}
