//! Makes a child of a sweep: its file with some values set, which reuses the parent's trials that fit.

use std::path::Path;

use super::launch;
use crate::{
    args::{Place, no_trial},
    client,
    exit::{Exit, wrong},
    local::data::DataHere,
    local::data::folder_of,
    output::{out, told::line},
    sweep_file::{self, fork, source::Source},
};

/// Arguments of `hone fork`.
#[derive(clap::Args)]
pub struct Args {
    /// The parent [default: the latest sweep]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    /// What is different, as the sweep file has it: learning_rate='{ log = [1e-4, 1e-2] }'; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// The child's name [default: the parent's with -fork behind it]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Send the child to the coordinator instead of printing its file
    #[arg(long)]
    launch: bool,
    #[command(flatten)]
    place: Place,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?}: write KEY=VALUE, such as momentum=0.8"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Runs `hone fork`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    no_trial(&args.sweep, "`hone fork SWEEP` makes a child of its sweep")?;
    let history = client::connect(&args.place).await?;
    let (parent, canonical) = history.file(&args.sweep).await?;
    let name = args.name.unwrap_or_else(|| format!("{parent}-fork"));
    let (mut child, changed) =
        fork::child(&parent, &canonical, &name, &args.settings).map_err(wrong)?;
    let folder = match fork::is_folder(&child) {
        true => history
            .data_hash(&parent)
            .await?
            .and_then(|hash| folder_of(&hash)),
        false => None,
    };
    if let Some(folder) = &folder {
        child["data"]["source"] = folder.display().to_string().into();
    }
    let source = Source {
        path: format!("{name}.toml"),
        text: fork::to_toml(&child),
    };
    let file = sweep_file::parse(&source, Path::new("."))?;
    if args.launch {
        for change in &changed {
            out::note(format!("{name}: {change}"));
        }
        let channel = client::running(&args.place).await?;
        let data = DataHere::if_here(&file)?;
        return launch::send(channel, &file, data, true, false)
            .await
            .map(|_| Exit::Done);
    }
    let mut text = format!(
        "# {name}: what {parent} has trained and fits is reused, at no cost; run it on the same database.\n"
    );
    for change in &changed {
        text.push_str(&format!("# {}\n", line(change)));
    }
    if fork::is_folder(&child) && folder.is_none() {
        text.push_str("# data.source: write the folder's path, from where this file stands.\n");
    }
    out::file(&(text + &source.text))?;
    Ok(Exit::Done)
}
