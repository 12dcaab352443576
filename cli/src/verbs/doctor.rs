//! Looks at this machine: what it is, which data sets it has, who serves the database.

use hone_coordinator::store::serving_address;
use hone_worker::data::{DataError, DataSet};

use crate::{
    args::Place,
    exit::Exit,
    local::setup,
    output::{numbers, out, style::Style},
    sweep_file::KNOWN_SETS,
};

/// Arguments of `hone doctor`.
#[derive(clap::Args)]
pub struct Args {
    /// Where data sets are, or NAME=DIR for one set or a folder of images; may be repeated
    #[arg(long, value_name = "DIR|NAME=DIR")]
    data: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone doctor`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let style = Style::stdout();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!("hone {}\n", env!("CARGO_PKG_VERSION"));
    text.push_str(&format!("{}\n", item("cores", &cores.to_string(), style)));
    text.push_str(&format!("{}\n", item("arithmetic", instructions(), style)));
    let library = setup::library(&args.data)?;
    let known = KNOWN_SETS.map(|(name, ..)| name);
    let own = library.named().filter(|name| !known.contains(name));
    for name in known.into_iter().chain(own) {
        let found = match library.open(name) {
            Ok(set) => found(&set, style),
            Err(DataError::Missing { seen, .. }) => style.dim(seen),
            Err(error) => style.red(error.to_string()),
        };
        text.push_str(&format!("{}\n", item(name, &found, style)));
    }
    let db = match crate::client::connect(&args.place).await {
        Ok(history) => {
            let sweeps = crate::client::collect(history.sweeps().await?).await?;
            let sweeps = numbers::plural(sweeps.len() as u64, "sweep");
            match (args.place.coordinator(), serving_address(args.place.db())) {
                (Some(url), _) => format!("of the coordinator at {url}, {sweeps}"),
                (None, None) => format!("{}, {sweeps}", args.place.db().display()),
                (None, Some(by)) => {
                    format!("{}, {sweeps}; served at {by}", args.place.db().display())
                }
            }
        }
        Err(error) => style.dim(format!("{error:#}")),
    };
    text.push_str(&format!("{}\n", item("database", &db, style)));
    out::print(&text)?;
    Ok(Exit::Done)
}

/// What a set has, and where it lies unless it is embedded.
fn found(set: &DataSet, style: Style) -> String {
    let images = style.green(format!(
        "{} images of {}, {} classes",
        numbers::count(set.train.len() as u64),
        set.shape,
        set.classes.len()
    ));
    match &set.folder {
        Some(folder) => format!("{images}, in {}", folder.display()),
        None => format!("{images}, embedded"),
    }
}

fn item(name: &str, value: &str, style: Style) -> String {
    let value = value
        .lines()
        .collect::<Vec<_>>()
        .join(&format!("\n{}", " ".repeat(17)));
    format!("  {}  {value}", style.bold(format!("{name:<13}")))
}

/// The widest vector instructions that this CPU has.
fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return "AVX2 with FMA";
        }
        "x86-64 without AVX2: training will be slow"
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}
