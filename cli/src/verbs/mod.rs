//! A file a verb, by the same name.

mod admin;
mod best;
mod coordinator;
mod doctor;
mod extend;
mod fork;
mod init;
mod launch;
mod logs;
mod model;
mod orders;
mod plan;
mod reproduce;
mod rm;
mod run;
mod schema;
mod show;
mod sweeps;
mod trials;
mod why;
mod worker;

use std::future::Future;

use clap::Subcommand;

use crate::{
    client::{Order, TrialOrder},
    exit::Exit,
};

/// What hone can be asked to do.
#[derive(Subcommand)]
pub enum Verb {
    /// Run a sweep here, start to end: coordinator, workers, progress and report
    Run(run::Args),
    /// Say what a sweep will train, and how long it takes, without starting it
    Plan(plan::Args),
    /// Write a commented sweep file to start from
    Init(init::Args),
    /// Print the JSON Schema of sweep files, for editors
    Schema,
    /// Serve sweeps to workers
    Coordinator(coordinator::Args),
    /// Train trials for a coordinator
    Worker(worker::Args),
    /// Send a sweep to a coordinator
    Launch(launch::Args),
    /// List sweeps
    Sweeps(sweeps::Args),
    /// List the trials of a sweep
    Trials(trials::Args),
    /// Show a sweep, or everything about one trial
    Show(show::Args),
    /// Show the params that a sweep recommends
    Best(best::Args),
    /// Tell the story of a trial or a sweep
    Why(why::Args),
    /// Print what a trial's worker wrote about it
    Logs(logs::Args),
    /// Stop a sweep for good; `hone show` prints its report
    Stop(orders::SweepArgs),
    /// Pause a sweep; what runs is given back with a checkpoint
    Pause(orders::SweepArgs),
    /// Go on with a paused sweep
    Resume(orders::SweepArgs),
    /// End one trial
    Cancel(orders::TrialArgs),
    /// Train a point again, as a new trial
    Retry(orders::TrialArgs),
    /// Train a trial again here and compare it with what is stored, to the bit
    Reproduce(reproduce::Args),
    /// Give a sweep more budget: one round more
    Extend(extend::Args),
    /// Make a child of a sweep, which reuses what fits of its trials
    Fork(fork::Args),
    /// Remove an ended sweep and all that belongs to it
    Rm(rm::Args),
    /// Look at a network by itself: shapes, check, training, export
    Model(model::Args),
    /// Check, copy or bring back a database
    Admin(admin::Args),
    /// Look at this machine: cores, data sets, database
    Doctor(doctor::Args),
}

impl Verb {
    /// Does it.
    pub fn execute(self) -> anyhow::Result<Exit> {
        match self {
            Verb::Run(args) => block_on(run::run(args)),
            Verb::Plan(args) => plan::run(&args),
            Verb::Init(args) => init::run(&args),
            Verb::Schema => schema::run(),
            Verb::Coordinator(args) => block_on(coordinator::run(args)),
            Verb::Worker(args) => block_on(worker::run(args)),
            Verb::Launch(args) => block_on(launch::run(args)),
            Verb::Sweeps(args) => block_on(sweeps::run(args)),
            Verb::Trials(args) => block_on(trials::run(args)),
            Verb::Show(args) => block_on(show::run(args)),
            Verb::Best(args) => block_on(best::run(args)),
            Verb::Why(args) => block_on(why::run(args)),
            Verb::Logs(args) => block_on(logs::run(args)),
            Verb::Stop(args) => block_on(orders::sweep(Order::Stop, args)),
            Verb::Pause(args) => block_on(orders::sweep(Order::Pause, args)),
            Verb::Resume(args) => block_on(orders::sweep(Order::Resume, args)),
            Verb::Cancel(args) => block_on(orders::trial(TrialOrder::Cancel, args)),
            Verb::Retry(args) => block_on(orders::trial(TrialOrder::Retry, args)),
            Verb::Reproduce(args) => block_on(reproduce::run(args)),
            Verb::Extend(args) => block_on(extend::run(args)),
            Verb::Fork(args) => block_on(fork::run(args)),
            Verb::Rm(args) => block_on(rm::run(args)),
            Verb::Model(args) => block_on(model::run(args)),
            Verb::Admin(args) => block_on(admin::run(args)),
            Verb::Doctor(args) => block_on(doctor::run(args)),
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    // Two threads: training has threads of its own and must not be crowded out by message handling.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}
