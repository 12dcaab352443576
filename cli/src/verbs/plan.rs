//! Says what a sweep will train, and how long it takes, without storing anything.

use std::path::PathBuf;

use hone_coordinator::search::{
    Budget, Kind, Plan, Planned, PointSource, RoundPlan, Search, shares_used,
};
use serde_json::json;

use crate::{
    args::WorkerSetup,
    exit::{Exit, wrong},
    local::{
        estimate::{self, Fit},
        preflight::{self, Images},
    },
    output::{
        numbers, out,
        style::Style,
        table::{Align, Table, padded, visible},
        told::line,
    },
    sweep_file::{
        self, SweepFile,
        domain::{Domain, Grid, listed},
        number,
        search::{self, SearchKind},
        tables::{At, Direction, Objective},
    },
};

/// Arguments of `hone plan`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    /// Worker processes to reckon with
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Numbers of slots for which the plan says how well it keeps them busy.
const WORKERS: [u32; 5] = [1, 2, 4, 8, 16];

/// Runs `hone plan`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let file = sweep_file::read(&args.file)?;
    let of_one = args.setup.slots(usize::from(args.workers));
    let slots = usize::from(args.workers) * of_one;
    let images = preflight::images(&file, &args.file, &args.setup.data)?;
    let estimate = estimate::measure(&file, &args.setup, &images, of_one)?;
    let definition = match minutes(&file, estimate.as_ref(), slots) {
        Some(epochs) => sweep_file::definition_of_epochs(&file, epochs),
        None => sweep_file::definition(&file, true),
    };
    let search = hone_coordinator::definition::search(&definition)
        .map_err(|error| wrong(error.to_string()))?;
    if args.json {
        let mut object = as_json(&search, &file, estimate.as_ref(), slots);
        object["data"] = json!(images.checked().map(|checked| &checked.inventory));
        out::json(&object)?;
    } else {
        let style = Style::stdout();
        let text = render(&search, &file, estimate.as_ref(), slots, style);
        out::print(&(text + &data(&images, style)))?;
    }
    Ok(Exit::Done)
}

/// Epochs that a budget in minutes would be here; `None` for another budget, and where nothing can be measured.
fn minutes(file: &SweepFile, estimate: Option<&estimate::Estimate>, slots: usize) -> Option<u64> {
    let SearchKind::Planned(planned) = &file.search.kind else {
        return None;
    };
    let Budget::Minutes(minutes) = planned.budget else {
        return None;
    };
    let used = slots.min(planned.parallel as usize);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate"
    )]
    let epochs = (minutes * 60.0 * used as f64 / estimate?.epoch_seconds) as u64;
    Some(epochs)
}

/// What there is to say about a budget in minutes.
fn about_minutes(file: &SweepFile, epochs: Option<u64>) -> Option<String> {
    let SearchKind::Planned(Planned {
        budget: budget @ Budget::Minutes(_),
        ..
    }) = file.search.kind
    else {
        return None;
    };
    let budget = search::budget_words(budget);
    Some(match epochs {
        Some(epochs) => format!(
            "{budget} are about {} here; the sweep's own check will measure it, once",
            numbers::plural(epochs, "epoch")
        ),
        None => format!(
            "{budget} are turned into epochs by the sweep's check; the rounds above are those of 20 trainings"
        ),
    })
}

fn as_json(
    search: &Search,
    file: &SweepFile,
    estimate: Option<&estimate::Estimate>,
    slots: usize,
) -> serde_json::Value {
    let plan = search.plan();
    let rounds: Vec<_> = plan.rounds.iter().map(|round| {
        json!({
            "round": round.number, "points": round.points(), "repeats": round.repeats,
            "top": matches!(round.source, PointSource::Top(_)),
            "brackets": round.brackets.iter().map(|b| b.rungs.iter().map(|r| json!({"epochs": r.epochs, "points": r.points})).collect::<Vec<_>>()).collect::<Vec<_>>(),
            "trials": round.trials(plan.folds), "epochs": epochs(round, plan.folds),
        })
    }).collect();
    json!({
        "sweep": file.name, "metric": file.objective.metric, "direction": file.objective.direction(), "space": axes(search, file), "rounds": rounds, "epochs": plan.epochs, "trials": plan.trials(), "notes": plan.notes,
        "finish": plan.finish.map(|f| json!({"top": f.top, "extra": f.extra})),
        "unused": unused(file),
        "combinations": search.definition().space.combinations(),
        "share_of_time_used": shares_used(search, &WORKERS).into_iter().map(|(n, share)| (n.to_string(), json!(share))).collect::<serde_json::Map<_, _>>(),
        "seconds": estimate.map(|e| e.seconds(plan.epochs, slots)),
        "images_per_second": estimate.map(|e| e.images_per_second),
        "fit_seconds": estimate.and_then(|e| e.fit).map(Fit::seconds),
        "fit_bytes": estimate.and_then(|e| e.fit).map(|fit| fit.cost.bytes),
    })
}

/// Epochs of a whole round when nothing diverges.
fn epochs(round: &RoundPlan, folds: u32) -> u64 {
    let brackets: u64 = round
        .brackets
        .iter()
        .map(hone_coordinator::search::Bracket::epochs)
        .sum();
    brackets * u64::from(round.repeats) * u64::from(folds)
}

/// Keys that the chosen optimizer, activation or schedule does not look at.
fn unused(file: &SweepFile) -> Vec<String> {
    let mut keys = Vec::new();
    if file.trainer == "cnn" {
        let of = hone_worker::cnn::Config::unused_keys;
        keys = of(&file.written);
        // What one value of a choice leaves unused, another may look at.
        for domain in &file.domains {
            for (value, _) in domain.probes() {
                let mut spec = file.written.clone();
                sweep_file::set(&mut spec, &domain.path, value);
                let unused = of(&spec);
                keys.retain(|said| unused.iter().any(|other| key_of(other) == key_of(said)));
            }
        }
    }
    keys.extend(file.search.unused());
    keys
}

fn data(images: &Images, style: Style) -> String {
    match images {
        Images::None => String::new(),
        Images::Here(checked) => preflight::render(&checked.inventory, style),
        Images::Elsewhere(reason) => {
            format!(
                "\n{}\n  not here, so not checked: {reason}\n",
                style.bold("data")
            )
        }
    }
}

fn key_of(said: &str) -> &str {
    said.split(' ').next().unwrap_or_default()
}

fn render(
    search: &Search,
    file: &SweepFile,
    estimate: Option<&estimate::Estimate>,
    slots: usize,
    style: Style,
) -> String {
    let plan = search.plan();
    let mut out = format!("{}  seed {}\n", style.bold(&file.name), file.seed);
    out.push_str(&format!("  {}\n\n", objective(&file.objective)));
    out.push_str(&rounds(plan, style));
    if let Some(finish) = plan.finish {
        let trials = numbers::plural(u64::from(finish.extra), "more trial");
        out.push_str(&format!("  then the best {}: {trials} each\n", finish.top));
    }
    out.push_str(&format!(
        "\n  {}, {}\n",
        numbers::plural(plan.trials(), "trial"),
        numbers::plural(plan.epochs, "epoch")
    ));
    out.push_str(&space(search, file, style));
    if let Some(estimate) = estimate {
        let time = numbers::duration(estimate.seconds(plan.epochs, slots));
        let speed = numbers::rate(estimate.images_per_second);
        let slots = numbers::plural(slots as u64, "slot");
        let basis = format!("{speed} images a second a slot, measured here on a few steps");
        out.push_str(&format!(
            "\n  about {} on {slots}  {}\n",
            style.bold(time),
            style.dim(format!("({basis})"))
        ));
        out.push_str(&estimate.fit.map_or_else(String::new, |fit| before(&fit)));
    }
    let shares: Vec<String> = shares_used(search, &WORKERS)
        .iter()
        .map(|(workers, share)| format!("{workers}: {:.0} %", share * 100.0))
        .collect();
    let text = format!(
        "share of their time that so many slots are used: {}",
        shares.join(", ")
    );
    out.push_str(&format!("  {}\n", style.dim(text)));
    if let Some(words) = about_minutes(file, minutes(file, estimate, slots)) {
        out.push_str(&format!("  {words}\n"));
    }
    let bang = style.yellow("!");
    if let Some(words) = repeats(search) {
        out.push_str(&format!("  {words}\n"));
    }
    for note in &plan.notes {
        out.push_str(&format!("  {note}\n"));
    }
    for key in unused(file) {
        out.push_str(&format!("  {bang} {key}\n"));
    }
    out
}

/// What happens where the space has fewer combinations than the plan draws points.
fn repeats(search: &Search) -> Option<String> {
    let combinations = search.definition().space.combinations()?;
    let drawn: u64 = drawn_points(search.plan());
    (combinations < drawn).then(|| {
        format!(
            "{} for {}: what comes again is trained again with another seed, as one more repeat of its point",
            numbers::plural(combinations, "combination"),
            numbers::plural(drawn, "draw"),
        )
    })
}

/// Points of all rounds that a sampler fills.
fn drawn_points(plan: &Plan) -> u64 {
    let drawn = plan
        .rounds
        .iter()
        .filter(|round| !matches!(round.source, PointSource::Top(_)));
    drawn.map(RoundPlan::points).sum()
}

/// What comes before the first epoch.
fn before(fit: &Fit) -> String {
    let times = match fit.folds {
        1 => "once".to_owned(),
        folds => format!("once for each of {folds} folds"),
    };
    let (kind, words) = (fit.kind, fit.cost.words(fit.threads));
    format!("  of that for {kind}, fitted {times} by each worker before its first epoch: {words}\n")
}

fn rounds(plan: &Plan, style: Style) -> String {
    let mut table = Table::new(&[
        ("round", Align::Right),
        ("points", Align::Right),
        ("epochs each", Align::Left),
        ("repeats", Align::Right),
        ("trials", Align::Right),
        ("epochs", Align::Right),
    ]);
    let arrow = if style.unicode { " → " } else { " -> " };
    for round in &plan.rounds {
        let points = match round.source {
            PointSource::Top(n) => format!("best {n}"),
            PointSource::Drawn { .. } | PointSource::Proposed { .. } => {
                numbers::count(round.points())
            }
        };
        let brackets: Vec<String> = round
            .brackets
            .iter()
            .map(|bracket| {
                let rungs = bracket.rungs.iter().map(|r| match bracket.rungs.len() {
                    1 => r.epochs.to_string(),
                    _ => format!("{} × {}", r.points, r.epochs),
                });
                rungs.collect::<Vec<_>>().join(arrow)
            })
            .collect();
        table.row(vec![
            round.number.to_string(),
            points,
            brackets.join("; "),
            round.repeats.to_string(),
            numbers::count(round.trials(plan.folds)),
            numbers::count(epochs(round, plan.folds)),
        ]);
    }
    table.render(style, 2)
}

/// What a point is ranked by: `maximizes val_accuracy, by its best epoch`.
fn objective(objective: &Objective) -> String {
    let verb = match objective.direction() {
        Direction::Maximize => "maximizes",
        Direction::Minimize => "minimizes",
    };
    let at = match objective.at {
        At::Best => "best",
        At::Last => "last",
    };
    let target = objective
        .target
        .map(|target| format!("; ends where a point reaches {}", numbers::short(target)));
    let (metric, target) = (line(&objective.metric), target.unwrap_or_default());
    format!("{verb} {metric}, of a trial's {at} epoch{target}")
}

fn space(search: &Search, file: &SweepFile, style: Style) -> String {
    if file.domains.is_empty() {
        return "\n  no domains: one point\n".into();
    }
    let widths = file.domains.iter().map(|d| visible(&line(&d.path)));
    let width = widths.max().unwrap_or(0);
    let combinations = search.definition().space.combinations();
    let counted = combinations.map_or_else(String::new, |n| {
        format!("  {}", numbers::plural(n, "combination"))
    });
    let mut out = format!("\n{}{counted}\n", style.bold("search space"));
    for domain in &file.domains {
        let words = format!("{}{}", domain.describe(), beside(search, domain));
        let path = padded(&line(&domain.path), width);
        out.push_str(&format!("  {path}  {}\n", style.dim(line(&words))));
    }
    out
}

/// What a domain's form does not say: the end that its step does not hit, its grid, when it exists.
fn beside(search: &Search, domain: &Domain) -> String {
    let mut words = String::new();
    if let Some((high, largest)) = ends(search, domain).filter(|(high, largest)| largest < high) {
        let (high, largest) = (number(high), number(largest));
        words.push_str(&format!(": the largest is {largest}, no step hits {high}"));
    }
    match &domain.grid {
        Some(Grid::Values(values)) => {
            words.push_str(&format!("; on a grid {}", listed(values.iter().cloned())));
        }
        Some(Grid::Points(points)) => words.push_str(&format!("; on a grid {points} of them")),
        None => {}
    }
    for (at, condition) in domain.conditions.iter().enumerate() {
        let word = if at == 0 { "; if" } else { " and" };
        let (path, values) = (&condition.path, listed(condition.values.iter().cloned()));
        words.push_str(&format!("{word} {path} is {values}"));
    }
    words
}

/// The upper end of a range as it is written, and the largest value that is drawn.
fn ends(search: &Search, domain: &Domain) -> Option<(f64, f64)> {
    let space = &search.definition().space;
    match &space.domains()[space.position(&domain.path)?].kind {
        Kind::Range(range) => Some((range.high, range.largest())),
        Kind::Choice(_) => None,
    }
}

/// The axes for programs: as the file has them, and the largest value of a range.
fn axes(search: &Search, file: &SweepFile) -> Vec<serde_json::Value> {
    let axis = |domain: &Domain| {
        let largest = ends(search, domain).map(|(_, largest)| largest);
        json!({ "path": domain.path, "domain": sweep_file::domain_json(domain), "largest": largest })
    };
    file.domains.iter().map(axis).collect()
}
