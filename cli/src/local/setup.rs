//! What the flags of a worker mean: where its data sets are, and what it can train.

use std::{
    collections::BTreeMap,
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
};

use hone_worker::data::Library;

use crate::{
    args::{WorkerSetup, name_value},
    exit::wrong,
    output::style::environment,
    sweep_file::Data,
};

/// The places named by `--data`, which must be there, and by `HONE_DATA`, which need not; folders beside them by name.
pub fn library(data: &[String]) -> anyhow::Result<Library> {
    let (roots, folders) = places(data)?;
    Ok(Library::new(roots, folders))
}

fn places(data: &[String]) -> anyhow::Result<(Vec<PathBuf>, BTreeMap<String, PathBuf>)> {
    let mut roots = Vec::new();
    let mut folders = BTreeMap::new();
    for text in data {
        // A folder whose own name has an equals sign in it is still a folder.
        match named_folder(text).filter(|_| !Path::new(text).is_dir()) {
            Some((name, path)) if matches!(name, "digits" | "xor") => {
                return Err(wrong(format!(
                    "--data {text}: {name} is in the program; a folder of that name is given as --data {name}/={path}"
                )));
            }
            Some((name, path)) => {
                let folder = directory(path, text)?;
                let other = folders.insert(name.to_owned(), folder);
                once(
                    &format!("--data {text}"),
                    name,
                    other.as_deref().map(Path::display),
                )?;
            }
            None => roots.push(directory(text, text)?),
        }
    }
    for path in environment("HONE_DATA")
        .iter()
        .flat_map(|all| all.split(':'))
        .filter(|p| !p.is_empty())
    {
        roots.push(PathBuf::from(path));
    }
    Ok((roots, folders))
}

/// `NAME=DIR`, where a name has no slash but at its end.
pub fn named_folder(text: &str) -> Option<(&str, &str)> {
    let (name, path) = text.split_once('=')?;
    let bare = name.strip_suffix('/').unwrap_or(name);
    (!bare.is_empty() && !bare.contains(['/', '\\']) && !path.is_empty()).then_some((name, path))
}

/// Refuses a name that was given already: the last would win without a word.
fn once(argument: &str, name: &str, other: Option<impl Display>) -> anyhow::Result<()> {
    match other {
        Some(other) => Err(wrong(format!(
            "{argument}: {name} stands for {other} already; give each of them a name of its own"
        ))),
        None => Ok(()),
    }
}

fn directory(path: &str, argument: &str) -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(path);
    if folder.is_dir() {
        return Ok(folder);
    }
    let problem = match folder.exists() {
        true => format!("{path} is no folder"),
        false => format!("there is no folder {path}"),
    };
    Err(wrong(format!("--data {argument}: {problem}")))
}

/// `--exec NAME=COMMAND`, checked.
pub fn programs(exec: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut programs = BTreeMap::new();
    for text in exec {
        let (name, command) = name_value(text).ok_or_else(|| {
            wrong(format!(
                "--exec {text:?}: write NAME=COMMAND, for example --exec mine='python train.py'"
            ))
        })?;
        if name == "cnn" {
            return Err(wrong(
                "--exec cnn=…: cnn is the built-in trainer; choose another name",
            ));
        }
        let other = programs.insert(name.to_owned(), command.to_owned());
        once(&format!("--exec {text}"), name, other)?;
    }
    Ok(programs)
}

/// Puts the sets and the trainers into a worker's configuration.
pub fn equip(config: &mut hone_worker::Config, setup: &WorkerSetup) -> anyhow::Result<()> {
    let threads = usize::from(setup.threads);
    // What a trial needs before its first epoch is made once for all slots: they wait for it, so it may use what is theirs.
    let library = Arc::new(library(&setup.data)?.with_threads(config.slots * threads));
    config.trainers.insert(
        "cnn".into(),
        Arc::new(hone_worker::cnn::CnnTrainer::new(library.clone(), threads)),
    );
    for (name, command) in programs(&setup.exec)? {
        let trainer = hone_worker::exec::ExecTrainer::new(command);
        config.trainers.insert(name, Arc::new(trainer));
    }
    config.data = library;
    Ok(())
}

/// The same flags for a worker process of `hone run`.
pub fn arguments(setup: &WorkerSetup, workers: usize) -> Vec<String> {
    let mut arguments = vec![
        "--slots".to_owned(),
        setup.slots(workers).to_string(),
        "--threads".to_owned(),
        setup.threads.to_string(),
    ];
    for data in &setup.data {
        arguments.extend(["--data".to_owned(), data.clone()]);
    }
    for exec in &setup.exec {
        arguments.extend(["--exec".to_owned(), exec.clone()]);
    }
    arguments
}

/// The sweep's own folder of images beside what `--data` names, unless that names it already.
pub fn with_folder(named: &[String], data: &Data) -> Vec<String> {
    let mut all = named.to_vec();
    let is_named = |text: &String| named_folder(text).is_some_and(|(name, _)| name == data.name);
    if let Some(folder) = data.folder.as_ref().filter(|_| !named.iter().any(is_named)) {
        all.push(format!("{}={}", data.name, folder.display()));
    }
    all
}
