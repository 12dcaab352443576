//! Every key of `[search]` and of domains does what the page about sweep files says: through the real binary, from the
//! file to what a worker gets and back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::hone::Hone;

/// A net that trains in no time; `{}` stands for the search.
fn file(open: &str, search: &str) -> String {
    format!(
        "name = \"tiny\"\nseed = 3\n[data]\nsource = \"digits\"\nvalidation = 300\nlimit = 100\n[model]\nhidden = [8]\n[train]\n{open}\n{search}\n"
    )
}

const RATE: &str = "learning_rate = { log = [1e-3, 1e0] }";

fn ran(text: &str) -> Hone {
    let hone = Hone::with(text);
    hone.good(&["run", "sweep.toml", "--no-check"]);
    hone
}

fn trials(hone: &Hone) -> Vec<Value> {
    hone.json(&["trials", "--json"])
}

fn sweep(hone: &Hone) -> Value {
    hone.json(&["show", "--json"]).remove(0)
}

fn spec(hone: &Hone, trial: &Value) -> Value {
    let name = trial["trial"].to_string();
    hone.json(&["show", &name, "--json"]).remove(0)["spec"].take()
}

#[test]
fn a_hyperparameter_exists_only_where_its_conditions_hold() {
    let open = "optimizer = { choice = [\"sgd\", \"adam\", \"rmsprop\"] }
nesterov = { choice = [true, false], if = { optimizer = \"sgd\" } }
momentum = { uniform = [0.5, 0.95], if = { \"train.optimizer\" = \"sgd\", nesterov = true } }
epsilon = { log = [1e-9, 1e-7], if = { optimizer = [\"adam\", \"rmsprop\"] } }";
    let hone = ran(&file(open, "[[search.round]]\npoints = 16\nepochs = 1"));
    let trials = trials(&hone);
    assert_eq!(trials.len(), 16);
    let mut seen = [false; 3];
    for trial in &trials {
        let params = trial["params"].as_object().unwrap();
        let sgd = params["train.optimizer"] == "sgd";
        let nesterov = params.get("train.nesterov");
        assert_eq!(nesterov.is_some(), sgd, "{params:?}");
        let accelerated = nesterov == Some(&json!(true));
        assert_eq!(
            params.contains_key("train.momentum"),
            accelerated,
            "{params:?}"
        );
        assert_eq!(params.contains_key("train.epsilon"), !sgd, "{params:?}");
        let spec = spec(&hone, trial);
        let got = |key: &str, default: Value| {
            let path = format!("train.{key}");
            assert_eq!(
                &spec["train"][key],
                params.get(&path).unwrap_or(&default),
                "{path}"
            );
        };
        got("momentum", json!(0.9));
        got("nesterov", json!(false));
        got("epsilon", json!(1e-8));
        seen[usize::from(sgd) + usize::from(accelerated)] = true;
    }
    assert_eq!(seen, [true; 3], "the points reach every case");
}

#[test]
fn a_grid_is_the_whole_product_and_its_best_can_be_trained_on() {
    let open = "learning_rate = { log = [1e-3, 1e-1], points = 3 }
batch_size = { choice = [16, 32] }
weight_decay = { uniform = [0, 1], grid = [0.0, 0.5] }";
    let hone = ran(&file(
        open,
        "[search]\nsampler = \"grid\"\n[[search.round]]\nepochs = 1\n[[search.round]]\ntop = 2\nepochs = 2\nrepeats = 2",
    ));
    let trials = trials(&hone);
    let of = |round: u64| {
        let points = trials.iter().filter(|t| t["round"] == round);
        let mut points: Vec<String> = points.map(|t| t["params"].to_string()).collect();
        points.sort();
        points.dedup();
        points
    };
    assert_eq!((trials.len(), of(1).len(), of(2).len()), (12 + 4, 12, 2));
    assert!(of(2).iter().all(|point| of(1).contains(point)));
    let rates: Vec<f64> = trials[..12]
        .iter()
        .map(|t| t["params"]["train.learning_rate"].as_f64().unwrap())
        .collect();
    for wanted in [1e-3, 1e-2, 1e-1] {
        assert!(
            rates.iter().any(|rate| (rate / wanted - 1.0).abs() < 1e-9),
            "{rates:?}"
        );
    }
}

#[test]
fn a_grid_takes_every_value_of_a_range_that_has_an_end() {
    let open = "batch_size = { power_of_two = [16, 64] }\nlearning_rate = { uniform = [0.1, 0.5], step = 0.15 }\nmomentum = { choice = [0.0, 0.9] }";
    let text = file(
        open,
        "[search]\nsampler = \"grid\"\n[[search.round]]\nepochs = 1",
    )
    .replace("hidden = [8]", "hidden = [{ int = [4, 5] }]");
    let hone = ran(&text);
    let params: BTreeSet<String> = trials(&hone)
        .iter()
        .map(|trial| trial["params"].to_string())
        .collect();
    assert_eq!(params.len(), 3 * 3 * 2 * 2, "{params:?}");
    let all: String = params.into_iter().collect();
    for value in [
        "\"train.learning_rate\":0.25",
        "\"train.learning_rate\":0.4,",
        "\"train.batch_size\":32",
        "\"model.hidden.0\":5",
    ] {
        assert!(all.contains(value), "{value}: {all}");
    }
    hone.good(&["admin", "verify"]);
    let plan = hone.good(&["plan", "sweep.toml"]);
    for words in [
        "maximizes val_accuracy",
        "in steps of 0.15: the largest is 0.4, no step hits 0.5",
    ] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
}

#[test]
fn a_fork_takes_conditions_along_that_its_choice_decides() {
    let open = "optimizer = { choice = [\"sgd\", \"adam\"] }\nmomentum = { uniform = [0, 0.9], if = { optimizer = \"sgd\" } }\nbeta1 = { uniform = [0.8, 0.9], if = { optimizer = \"adam\" } }";
    let open = open.replace("if = { optimizer", "if = { \"train.optimizer\"");
    let hone = ran(&file(&open, "[[search.round]]\npoints = 2\nepochs = 1"));
    let child = hone.good(&["fork", "--set", "optimizer=sgd", "--name", "child"]);
    for words in [
        "# train.momentum always exists now: train.optimizer is \"sgd\"",
        "# train.beta1 is gone, and has its default: train.optimizer is \"sgd\"",
        "momentum = { uniform = [0",
    ] {
        assert!(child.contains(words), "{words}: {child}");
    }
    hone.write("child.toml", &child);
    let space = hone.json(&["plan", "child.toml", "--json"])[0]["space"].to_string();
    assert!(
        space.contains("train.momentum") && !space.contains("beta1"),
        "{space}"
    );
}

#[test]
fn samplers_pruners_and_strategies_run_to_their_end() {
    for (search, least) in [
        (
            "[search]\nsampler = \"tpe\"\n[[search.round]]\npoints = 12\nepochs = 1",
            12,
        ),
        (
            "[[search.round]]\npoints = 9\nepochs = 4\npruner = \"median\"",
            9,
        ),
        (
            "[[search.round]]\npoints = 9\nepochs = 9\npruner = \"asha\"",
            9,
        ),
        (
            "[search]\nstrategy = \"early-cut\"\nbudget = \"10 trainings\"\nfull_epochs = 9",
            30,
        ),
        (
            "[search]\nstrategy = \"random\"\nsampler = \"tpe\"\nbudget = \"12 trainings\"\nfull_epochs = 1",
            12,
        ),
        (
            "[search]\nbudget = \"60 epochs\"\nfull_epochs = 3\nhedge = true\nwiden = true",
            15,
        ),
    ] {
        let hone = ran(&file(RATE, search));
        let sweep = sweep(&hone);
        assert_eq!(sweep["state"], "completed", "{search}: {sweep}");
        let trials = trials(&hone);
        assert!(trials.len() >= least, "{search}: {} trials", trials.len());
        if search.contains("early-cut") {
            assert!(trials.iter().any(|t| t["state"] == "pruned"), "{search}");
        }
    }
}

#[test]
fn start_target_and_folds() {
    let search = "[search]\nstart = [{ learning_rate = 0.25 }]\n[[search.round]]\npoints = 3\nepochs = 2\n[[search.round]]\npoints = 3\nepochs = 2";
    let text = file(RATE, search)
        .replace("validation = 300", "folds = 3")
        .replace("[data]", "[objective]\ntarget = 0.05\n[data]");
    let hone = ran(&text);
    let trials = trials(&hone);
    assert_eq!(trials[0]["params"]["train.learning_rate"], 0.25);
    assert_eq!(
        trials.len(),
        9,
        "three folds of three points; the target ends the search there"
    );
    let sweep = sweep(&hone);
    assert!(
        sweep["reason"].as_str().unwrap().contains("target 0.05"),
        "{sweep}"
    );
}

#[test]
fn files_that_make_no_sense_are_refused_at_their_line() {
    let plain = "[[search.round]]\npoints = 4\nepochs = 1";
    for (open, search, parts) in [
        (
            "optimizer = { choice = [\"sgd\", \"adam\"], if = { schedule = \"step\" } }\nschedule = { choice = [\"step\", \"constant\"], if = { optimizer = \"sgd\" } }",
            plain,
            &[
                "sweep.toml:10: train.optimizer.if",
                "the circle goes through",
            ][..],
        ),
        (
            "momentum = { uniform = [0, 0.9], if = { optimizer = \"sgd\" } }",
            plain,
            &["sweep.toml:10: train.momentum.if: no hyperparameter \"optimizer\""],
        ),
        (
            "optimizer = { choice = [\"sgd\", \"adam\"] }\nmomentum = { uniform = [0, 0.9], if = { optimizer = \"rmsprop\" } }",
            plain,
            &["sweep.toml:11: train.momentum.if: train.optimizer is never \"rmsprop\""],
        ),
        (
            RATE,
            "[search]\nsampler = \"grid\"\n[[search.round]]\nepochs = 1",
            &[
                "sweep.toml:10: train.learning_rate: the grid sampler needs values",
                "points = n",
            ],
        ),
        (
            "batch_size = { choice = [16, 32, 64] }",
            "[search]\nstrategy = \"random\"\nsampler = \"grid\"\nbudget = \"2 epochs\"\nfull_epochs = 1",
            &[
                "search.budget: the grid has 3 points and costs 3 epochs, the budget is 2",
                "\"3 epochs\"",
            ],
        ),
        (
            "batch_size = { choice = [16, 32] }",
            "[search]\nsampler = \"grid\"\n[[search.round]]\nepochs = 1\n[[search.round]]\npoints = 2\nepochs = 1",
            &["sweep.toml:16: search.round.1.points: the first round has trained the whole grid"],
        ),
        (
            "batch_size = { power_of_two = [16, 64], points = 4 }",
            plain,
            &["train.batch_size.points: 4 grid values of a domain that has 3"],
        ),
        (
            RATE,
            "[search]\nstrategy = \"early-cut\"\nsampler = \"tpe\"\nbudget = \"9 epochs\"\nfull_epochs = 1",
            &["sweep.toml:13: search.sampler: the strategy \"early-cut\" does not take"],
        ),
        (
            RATE,
            "[search]\nbudget = \"9 epochs\"\nfull_epochs = 1\nparallel = 0",
            &["sweep.toml:14: search.parallel: 0 is too small"],
        ),
        (
            RATE,
            "[search]\nfrom = \"nobody\"\nbudget = \"9 epochs\"\nfull_epochs = 1",
            &["search.from: there is no sweep"],
        ),
    ] {
        let hone = Hone::with(&file(open, search));
        let ended = hone.run(&["run", "sweep.toml"]);
        assert_eq!(ended.code, Some(2), "{open} {search}: {}", ended.err);
        for part in parts {
            assert!(
                ended.err.contains(part),
                "must say {part:?}:\n{}",
                ended.err
            );
        }
    }
    let both = file(RATE, plain).replace("validation = 300", "validation = 300\nfolds = 3");
    let ended = Hone::with(&both).run(&["run", "sweep.toml"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .err
            .contains("sweep.toml:5: data.validation: validation = 300 beside folds"),
        "{}",
        ended.err
    );
    let listed = file(RATE, plain).replace(
        "hidden = [8]",
        "activation = { choice = [\"relu\", \"elu\"] }\nhidden = [{ int = [4, 8], if = { activation = \"relu\" } }]",
    );
    let ended = Hone::with(&listed).run(&["plan", "sweep.toml"]);
    assert!(
        ended
            .err
            .contains("model.hidden.0.if: a place in a list cannot be left out"),
        "{}",
        ended.err
    );
}

const ZOOM: &str = "[search]\nbudget = \"40 epochs\"\nfull_epochs = 2\nparallel = 2";

#[test]
fn an_extended_sweep_goes_on_with_the_same_command_and_ends_again() {
    let hone = ran(&file(RATE, ZOOM));
    let before = trials(&hone);
    let rounds = sweep(&hone)["rounds"].as_array().unwrap().len();
    for (time, by) in ["12 epochs", "4 trainings"].into_iter().enumerate() {
        hone.good(&["extend", "--by", by]);
        assert_eq!(sweep(&hone)["state"], "running");
        let ended = hone.run(&["extend", "--by", by]);
        assert!(
            ended.code != Some(0) && ended.err.contains("only a completed or stopped sweep"),
            "{}",
            ended.err
        );
        hone.good(&["run", "sweep.toml", "--no-check"]);
        let sweep = sweep(&hone);
        assert_eq!(sweep["state"], "completed", "{sweep}");
        assert_eq!(sweep["rounds"].as_array().unwrap().len(), rounds + 1 + time);
        // The replay of the search knows that the plan has grown, and that the first end had tests of its own.
        hone.good(&["admin", "verify"]);
    }
    let after = trials(&hone);
    let kept: Vec<_> = after.iter().filter(|t| before.contains(t)).collect();
    assert_eq!(
        kept.len(),
        before.len(),
        "nothing of the first plan is trained again"
    );
    let numbers = |of: &[Value]| of.iter().map(|t| t["trial"].as_u64().unwrap()).max();
    assert!(numbers(&after) > numbers(&before));
    let epochs = |of: &[Value]| of.iter().map(|t| t["epoch"].as_u64().unwrap()).sum::<u64>();
    assert!(
        epochs(&after) <= 40 + 12 + 8 && epochs(&after) > epochs(&before) + 12,
        "{}",
        epochs(&after)
    );
    // The same once more, with another number of slots and an end in the middle: the same trials.
    let other = Hone::with(&file(RATE, ZOOM));
    other.good(&["run", "sweep.toml", "--no-check", "--slots", "1"]);
    other.good(&["extend", "--by", "12 epochs"]);
    let mut run = other.start(&["run", "sweep.toml", "--no-check", "--slots", "1"]);
    run.read_until("val_acc: ");
    run.kill();
    other.good(&["run", "sweep.toml", "--no-check", "--slots", "3"]);
    other.good(&["extend", "--by", "4 trainings"]);
    other.good(&["run", "sweep.toml", "--no-check"]);
    let told = |hone: &Hone| -> Vec<String> {
        let line = |t: &Value| {
            format!(
                "{} {} {} {}",
                t["trial"], t["params"], t["state"], t["objective"]
            )
        };
        trials(hone).iter().map(line).collect()
    };
    assert_eq!(told(&other), told(&hone));
}

#[test]
fn a_stopped_sweep_keeps_what_it_has_and_gives_up_the_rest() {
    let long = file(
        RATE,
        "[search]\nbudget = \"4000 epochs\"\nfull_epochs = 400\nstrategy = \"random\"",
    );
    let hone = Hone::with(&long);
    let mut run = hone.start(&["run", "sweep.toml", "--no-check", "--slots", "1"]);
    run.read_until("val_acc: ");
    run.terminate();
    run.wait();
    hone.good(&["stop"]);
    assert_eq!(sweep(&hone)["state"], "stopped");
    let before = trials(&hone).len();
    hone.good(&["extend", "--by", "400 epochs"]);
    hone.good(&["run", "sweep.toml", "--no-check"]);
    assert_eq!(sweep(&hone)["state"], "completed");
    let after = trials(&hone);
    assert_eq!(
        after.len(),
        before + 1,
        "one full training more, nothing of the old plan"
    );
    assert_eq!(after.last().unwrap()["state"], "completed");
}

#[test]
fn written_rounds_cannot_be_extended_and_name_fork() {
    let hone = ran(&file(RATE, "[[search.round]]\npoints = 4\nepochs = 1"));
    let ended = hone.run(&["extend", "--by", "5 epochs"]);
    assert!(
        ended.code != Some(0) && ended.err.contains("hone fork"),
        "{}",
        ended.err
    );
    assert_eq!(sweep(&hone)["state"], "completed");
}

#[test]
fn a_fork_reuses_what_fits_and_draws_other_points() {
    let hone = ran(&file(RATE, ZOOM));
    let parent = trials(&hone);
    let text = hone.good(&[
        "fork",
        "tiny",
        "--set",
        "learning_rate={ log = [1e-2, 1e0] }",
        "--name",
        "finer",
    ]);
    assert!(
        text.contains("from = \"tiny\"") && text.contains("learning_rate = { log = [0.01, 1"),
        "{text}"
    );
    hone.write("finer.toml", &text);
    hone.good(&["run", "finer.toml", "--no-check"]);
    let child = sweep(&hone);
    assert_eq!(
        (&child["sweep"], &child["state"]),
        (&json!("finer"), &json!("completed"))
    );
    let full = parent.iter().filter(|t| t["state"] == "completed");
    let inside = full.filter(|t| t["params"]["train.learning_rate"].as_f64().unwrap() >= 1e-2);
    let inside: Vec<String> = inside.map(|t| t["params"].to_string()).collect();
    assert!(!inside.is_empty(), "the parent has trained something there");
    for trial in trials(&hone) {
        // Round 0: what the finish trains again, with other seeds.
        assert_eq!(
            inside.contains(&trial["params"].to_string()),
            trial["round"] == 0,
            "{trial}"
        );
    }
    let warned = child["warnings"].to_string();
    assert!(
        warned.contains("are reused from tiny") && !warned.contains("\"0 points"),
        "{warned}"
    );
    hone.good(&["admin", "verify"]);
    // The parent may go: what was reused is kept with the child.
    hone.good(&["rm", "tiny", "--yes"]);
    hone.good(&["extend", "finer", "--by", "4 epochs"]);
    hone.good(&["run", "finer.toml", "--no-check"]);
    assert_eq!(sweep(&hone)["state"], "completed");
    for (setting, says) in [
        ("learning_rat=1", "did you mean learning_rate"),
        ("optimizer=adm", "did you mean \"adam\""),
        ("batch_size=[", "--set batch_size=["),
    ] {
        let ended = hone.run(&["fork", "finer", "--set", setting]);
        assert!(
            ended.code == Some(2) && ended.err.contains(says),
            "{setting}: {}",
            ended.err
        );
    }
}

#[test]
fn minutes_are_turned_into_epochs_once_by_the_check() {
    let text = file(RATE, "[search]\nbudget = \"0.005 min\"\nfull_epochs = 20");
    let hone = Hone::with(&text);
    let ended = hone.run(&["run", "sweep.toml", "--no-check"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(
        ended.err.contains("search.budget: a budget in minutes"),
        "{}",
        ended.err
    );
    assert!(
        hone.good(&["plan", "sweep.toml"])
            .contains("0.005 min are about ")
    );
    hone.good(&["run", "sweep.toml"]);
    let sweep = sweep(&hone);
    assert_eq!(sweep["state"], "completed", "{sweep}");
    assert!(
        sweep["warnings"]
            .to_string()
            .contains("the budget of 0.005 min is "),
        "{sweep}"
    );
    let planned = sweep["epochs_planned"].as_u64().unwrap();
    assert!(
        planned > 0 && sweep["epochs_trained"].as_u64().unwrap() <= planned,
        "{sweep}"
    );
    assert_eq!(trials(&hone)[0]["trial"], 2, "the check came first");
}

#[test]
fn the_plan_names_keys_that_no_value_of_a_choice_looks_at() {
    let open = "optimizer = { choice = [\"adam\", \"sgd\"] }\nmomentum = 0.8\ngamma = 0.5";
    let search =
        "[search]\nstrategy = \"random\"\nhedge = true\nbudget = \"4 epochs\"\nfull_epochs = 1";
    let plan = Hone::with(&file(open, search)).good(&["plan", "sweep.toml"]);
    assert!(plan.contains("! train.gamma is not used"), "{plan}");
    assert!(plan.contains("! search.hedge is not used"), "{plan}");
    assert!(!plan.contains("train.momentum"), "sgd looks at it: {plan}");
}
