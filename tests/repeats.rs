//! Few combinations, finalists that cannot be told apart, and how the report explains its numbers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::hone::Hone;

fn file(open: &str, search: &str) -> String {
    format!(
        "name = \"tiny\"\nseed = 3\n[data]\nsource = \"digits\"\nvalidation = 300\nlimit = 100\n[model]\nhidden = [8]\n[train]\n{open}\n{search}\n"
    )
}

const FOUR: &str = "learning_rate = { choice = [0.05, 0.1] }\nbatch_size = { choice = [20, 50] }";

#[test]
fn four_combinations_are_four_points_with_many_trainings() {
    let text = file(
        FOUR,
        "[search]\nstrategy = \"random\"\nbudget = \"24 epochs\"\nfull_epochs = 1\nfinish = { top = 3, repeats = 2 }",
    );
    let hone = Hone::with(&text);
    let plan = hone.good(&["plan", "sweep.toml"]);
    assert!(plan.contains("4 combinations for 21 draws"), "{plan}");
    let run = &hone.json(&["run", "sweep.toml", "--no-check", "--json"])[0];
    assert_eq!(
        (&run["points_total"], &run["trials_total"]),
        (&Value::from(4), &Value::from(24))
    );
    let trials = hone.json(&["trials", "--json"]);
    let different =
        |key: fn(&Value) -> String| trials.iter().map(key).collect::<BTreeSet<_>>().len();
    assert_eq!(different(|trial| trial["params"].to_string()), 4);
    assert_eq!(different(|trial| trial["point"].to_string()), 4);
    assert_eq!(
        different(|trial| format!("{}.{}", trial["point"], trial["repeat"])),
        24
    );
    // Another seed each: no two trainings end alike.
    assert_eq!(different(|trial| trial["weights_hash"].to_string()), 24);
    let finalists: BTreeSet<String> = trials[21..]
        .iter()
        .map(|trial| trial["params"].to_string())
        .collect();
    assert_eq!(finalists.len(), 3);
    assert!(
        run["half_width"].is_number() && run["spread"].is_number(),
        "{run}"
    );
    assert_eq!(
        run["repeats"].as_u64().map(|n| n as usize),
        run["trials"].as_array().map(Vec::len)
    );
    hone.good(&["admin", "verify"]);
    let shown = &hone.json(&["show", "--json"])[0];
    assert_eq!(shown["winner"]["tied"], run["tied"]);
    let report = hone.good(&["show"]);
    assert!(report.contains("(95 % of the mean; sd "), "{report}");
    let tied = run["tied"].as_array().is_some_and(|tied| !tied.is_empty());
    let best = hone.good(&["best"]);
    assert_eq!(
        best.contains("cannot be told from it (95 %): round 1, point "),
        tied,
        "{best}"
    );
}

#[test]
fn the_report_says_why_the_winner_is_not_the_best_trial() {
    let rounds = "[[search.round]]\npoints = 6\nepochs = 2\n[[search.round]]\ntop = 2\nepochs = 2\nrepeats = 3";
    let hone = Hone::with(&file("learning_rate = { log = [1e-2, 3e-1] }", rounds));
    hone.good(&["run", "sweep.toml", "--no-check"]);
    let best = &hone.json(&["best", "--json"])[0];
    let first = &hone.json(&["trials", "--sort", "objective", "--limit", "1", "--json"])[0];
    let report = hone.good(&["show"]);
    let better = first["objective"].as_f64() > best["objective"].as_f64();
    let said = format!("trial {}'s ", first["trial"]);
    assert_eq!(report.contains(&said), better, "{report}");
    assert!(better, "a mean of three is below its best part: {report}");
}
