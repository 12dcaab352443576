//! Arguments that several verbs share.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    client::TrialName,
    exit::wrong,
    output::{hints, style::environment},
    sweep_file::names::{is_trainer, name_problem},
};

/// Where history is, and who takes orders.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Database file; the coordinator that serves it is asked, if one runs [default: hone.db]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// A coordinator's address, such as http://host:7700, in place of --db [env: HONE_COORDINATOR]
    #[arg(long, value_name = "URL", conflicts_with = "db")]
    coordinator: Option<String>,
}

impl Place {
    /// The database file, named or not.
    pub fn db(&self) -> &Path {
        self.db.as_deref().unwrap_or(Path::new("hone.db"))
    }

    /// Whether the file was named.
    pub fn names_db(&self) -> bool {
        self.db.is_some()
    }

    /// The coordinator that was named. A file that was named goes before the environment.
    pub fn coordinator(&self) -> Option<String> {
        let ambient = || environment("HONE_COORDINATOR").filter(|_| self.db.is_none());
        self.coordinator.clone().or_else(ambient)
    }
}

/// What a worker process is given; `hone run` hands it on to its own.
#[derive(Args, Clone, Debug, Default)]
pub struct WorkerSetup {
    /// Where data sets are, or NAME=DIR for one set or a folder of images; may be repeated
    #[arg(long, value_name = "DIR|NAME=DIR")]
    pub data: Vec<String>,
    /// Threads of one slot
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Trials trained at the same time by one worker [default: cores / (workers × threads)]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: Option<u16>,
    /// A program that trains trials whose file says trainer = "NAME"; may be repeated
    #[arg(long, value_name = "NAME=COMMAND")]
    pub exec: Vec<String>,
}

impl WorkerSetup {
    /// `--slots`, or what the machine has room for beside `workers − 1` others like this one; at least 1.
    pub fn slots(&self, workers: usize) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let room = cores / (workers.max(1) * usize::from(self.threads.max(1)));
        self.slots.map_or(room, usize::from).max(1)
    }
}

/// The trial that a verb is about; of a sweep's name says `instead`, in which SWEEP stands for it.
pub fn trial(text: &str, instead: &str) -> anyhow::Result<TrialName> {
    text.parse().map_err(|problem: String| {
        let is_sweep = name_problem(text).is_none();
        let instead = instead.replace("SWEEP", text);
        wrong(match is_sweep {
            true => format!("{problem}; {instead}"),
            false => problem,
        })
    })
}

/// Refuses a trial where a sweep is wanted, and says `instead`, in which TRIAL stands for it and SWEEP for its sweep; and a sweep's file.
pub fn no_trial(text: &str, instead: &str) -> anyhow::Result<()> {
    if Path::new(text)
        .extension()
        .is_some_and(|ending| ending == "toml")
    {
        return Err(wrong(format!(
            "{text} is a file, and this takes a sweep's name; `hone sweeps` lists them"
        )));
    }
    let Ok(Some(trial)) = TrialName::unless_sweep(text) else {
        return Ok(());
    };
    let sweep = match trial.sweep.as_str() {
        "" => "SWEEP".to_owned(),
        sweep => hints::quoted(sweep),
    };
    let instead = instead
        .replace("TRIAL", &hints::quoted(text))
        .replace("SWEEP", &sweep);
    Err(wrong(format!(
        "{text} is a trial, and this takes a sweep: {instead}"
    )))
}

/// `90s`, `2h`, `1h 30m`: a duration on the command line.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed =
        humantime::parse_duration(text).map_err(|e| format!("{e}; write for example 90s or 2h"))?;
    if parsed.is_zero() {
        Err("must be above zero".into())
    } else {
        Ok(parsed)
    }
}

/// A name that is shown in listings.
pub fn line(text: &str) -> Result<String, String> {
    const MOST: usize = 100;
    if text.trim().is_empty() {
        return Err("a name has at least one letter".into());
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(format!(
            "a name has no control characters, and this one has {control:?}"
        ));
    }
    match text.chars().count() {
        0..=MOST => Ok(text.to_owned()),
        long => Err(format!(
            "a name has at most {MOST} characters, and this one has {long}"
        )),
    }
}

/// `NAME=COMMAND` on the command line.
pub fn name_value(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    (is_trainer(name) && !value.is_empty()).then_some((name, value))
}

/// Refuses a file that cannot be made: it is a folder, or would be in one that is not there; `argument` is how it was named.
pub fn in_a_folder(argument: &str, file: &Path) -> anyhow::Result<()> {
    let problem = match file.parent() {
        _ if file.is_dir() => "it is a folder; name a file in it".to_owned(),
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            format!("there is no folder {}", folder.display())
        }
        _ => return Ok(()),
    };
    Err(wrong(format!("{argument} {}: {problem}", file.display())))
}
