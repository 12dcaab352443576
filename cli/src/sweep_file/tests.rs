use std::path::Path;

use serde_json::json;

use super::{
    SweepFile,
    domain::Values,
    json_schema, parse,
    source::{Source, SweepFileError},
};

const DIGITS: &str = r#"
name = "digits"
seed = 7

[data]
source = "digits"
validation = 360

[model]
conv = [{ filters = 8, pool = 2 }, { filters = { choice = [8, 16] }, pool = 2 }]
hidden = [16]
dropout = { uniform = [0.0, 0.5] }

[train]
learning_rate = { log = [1e-4, 1e0] }
weight_decay = { log = [1e-6, 1e-1] }
batch_size = { power_of_two = [16, 128] }

[[search.round]]
points = 16
epochs = 2
[[search.round]]
top = 3
epochs = 4
repeats = 3
"#;

fn read(text: &str) -> Result<SweepFile, SweepFileError> {
    parse(
        &Source {
            path: "sweep.toml".into(),
            text: text.into(),
        },
        Path::new("."),
    )
}

fn good(text: &str) -> SweepFile {
    read(text).unwrap_or_else(|e| panic!("{e}"))
}

/// The file with one line replaced.
fn with(from: &str, to: &str) -> String {
    assert!(DIGITS.contains(from), "{from}");
    DIGITS.replacen(from, to, 1)
}

#[test]
fn a_file_is_read_with_its_space_in_order_of_path() {
    let file = good(DIGITS);
    let paths: Vec<&str> = file.domains.iter().map(|d| d.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "model.conv.1.filters",
            "model.dropout",
            "train.batch_size",
            "train.learning_rate",
            "train.weight_decay"
        ]
    );
    assert_eq!(
        file.spec["train"]["momentum"],
        json!(0.9),
        "defaults are filled in"
    );
    assert_eq!(
        file.canonical["model"]["conv"][1]["filters"],
        json!({ "choice": [8, 16] })
    );
    assert!(
        matches!(&file.domains[3].values, Values::Range { low, high, .. } if *low == 1e-4 && *high == 1.0)
    );
}

#[test]
fn the_definition_carries_typed_domains_and_rounds() {
    use hone_proto::v1;
    let definition = crate::sweep_file::definition(&good(DIGITS), true);
    let Some(v1::domain::Kind::Range(range)) = &definition.domains[2].kind else {
        panic!("a range")
    };
    assert!(range.power_of_two && range.integer && range.scale() == v1::Scale::Log);
    let Some(v1::search::Strategy::Written(written)) = definition.search.and_then(|s| s.strategy)
    else {
        panic!("written rounds")
    };
    assert_eq!(written.rounds[1].top, Some(3));
    assert_eq!(written.rounds[1].repeats, 3);
    assert_eq!(definition.data_source, "digits");
}

#[test]
fn identity_sees_values_and_not_their_spelling() {
    let identity = good(DIGITS).identity;
    for (from, to) in [
        ("seed = 7", "# a comment\nseed    =   7"),
        ("validation = 360", "validation = 360.0"),
        (
            "hidden = [16]\ndropout = { uniform = [0.0, 0.5] }",
            "dropout = { uniform = [0, 0.5] }\nhidden = [16]",
        ),
        ("weight_decay", "momentum = 0.9\nweight_decay"),
        (
            "choice = [8, 16] }, pool = 2",
            "choice = [8, 16] }, pool = 2, size = 3",
        ),
    ] {
        assert_eq!(good(&with(from, to)).identity, identity, "{to}");
    }
    for (from, to) in [
        ("seed = 7", "seed = 8"),
        ("1e-6", "1e-5"),
        ("points = 16", "points = 17"),
    ] {
        assert_ne!(good(&with(from, to)).identity, identity, "{to}");
    }
}

/// What is replaced in the file, by what, and what the error must say (first: file, line, key).
const BAD: &[(&str, &str, &[&str])] = &[
    (
        "learning_rate =",
        "learning_rat =",
        &[
            "sweep.toml:15: train.learning_rat: unknown key",
            "did you mean `learning_rate`?",
        ],
    ),
    (
        "[train]",
        "[trian]",
        &["sweep.toml:14: trian: unknown key", "did you mean `train`?"],
    ),
    (
        "hidden = [16]",
        "hidden = 16",
        &["sweep.toml:11: model.hidden: expected a list, found 16"],
    ),
    (
        "seed = 7",
        "seed = \"x\"",
        &["sweep.toml:3: seed: expected a whole number, found \"x\""],
    ),
    (
        "seed = 7",
        "seed = -1",
        &["sweep.toml:3: seed: -1 is too small: at least 0"],
    ),
    (
        "name = \"digits\"",
        "name = \"a b\"",
        &[
            "sweep.toml:2: name: ",
            "letters, digits, `-` and `_`",
            "' '",
        ],
    ),
    (
        "name = \"digits\"",
        "",
        &["sweep.toml: name: this key is required"],
    ),
    ("seed = 7", "seed = ", &["sweep.toml:3: not TOML"]),
    (
        "log = [1e-4, 1e0]",
        "log = [1e0, 1e-4]",
        &[
            "sweep.toml:15: train.learning_rate: reversed range: 1 is above 1e-4",
            "{ log = [1e-4, 1] }",
        ],
    ),
    (
        "log = [1e-4, 1e0]",
        "log = [0.1, 0.1]",
        &["sweep.toml:15: train.learning_rate: empty range: both ends are 0.1"],
    ),
    (
        "log = [1e-4, 1e0]",
        "log = [0, 1e0]",
        &["sweep.toml:15: train.learning_rate: a log axis has no place for 0"],
    ),
    (
        "log = [1e-4, 1e0]",
        "log = [1e-4]",
        &["log takes two numbers", "{ log = [1e-4, 1e-1] }"],
    ),
    (
        "log = [1e-4, 1e0]",
        "log = [1e-4, inf]",
        &["must be finite, found inf"],
    ),
    (
        "log = [1e-4, 1e0]",
        "lgo = [1e-4, 1e0]",
        &[
            "sweep.toml:15: train.learning_rate: expected a number or a domain",
            "write { log = [1e-4, 1] }",
        ],
    ),
    (
        "log = [1e-4, 1e0]",
        "log = [1e-4, 1e0], stepp = 2",
        &[
            "train.learning_rate.stepp: unknown key in a domain",
            "did you mean `step`?",
        ],
    ),
    (
        "log = [1e-4, 1e0]",
        "log = [1e-4, 1e0], uniform = [0, 1]",
        &["a domain has one form"],
    ),
    (
        "uniform = [0.0, 0.5]",
        "uniform = [0.0, 0.5], step = 2",
        &["model.dropout.step: a step of 2 is wider than the range"],
    ),
    (
        "uniform = [0.0, 0.5]",
        "uniform = [0.0, 1.5]",
        &["sweep.toml:12: model.dropout: 1.5", "below 1"],
    ),
    (
        "power_of_two = [16, 128]",
        "power_of_two = [16, 100]",
        &["sweep.toml:17: train.batch_size: 100 is no power of two"],
    ),
    (
        "power_of_two = [16, 128]",
        "int = [1.5, 4]",
        &["int takes whole numbers, found 1.5"],
    ),
    (
        "power_of_two = [16, 128]",
        "uniform = [16, 128]",
        &[
            "train.batch_size: uniform gives numbers with a fraction",
            "`log_int`",
        ],
    ),
    (
        "power_of_two = [16, 128]",
        "choice = []",
        &["train.batch_size: an empty choice"],
    ),
    (
        "choice = [8, 16]",
        "choice = [8, \"x\"]",
        &["sweep.toml:10: model.conv.1.filters: expected a whole number, found \"x\""],
    ),
    ("choice = [8, 16]", "choice = [8, 8]", &["8 stands twice"]),
    (
        "choice = [8, 16]",
        "choice = [8, { int = [1, 2] }]",
        &["a domain inside a choice"],
    ),
    (
        "source = \"digits\"",
        "source = \"digitz\"",
        &[
            "sweep.toml:6: data.source: no data set and no folder \"digitz\"",
            "did you mean \"digits\"?",
        ],
    ),
    (
        "source = \"digits\"",
        "source = { choice = [\"digits\", \"xor\"] }",
        &["data.source: no domain may stand here"],
    ),
    (
        "hidden = [16]",
        "activation = \"reluu\"",
        &[
            "sweep.toml:11: model.activation: expected one of",
            "did you mean \"relu\"?",
        ],
    ),
    (
        "hidden = [16]",
        "activation = { choice = [\"relu\", \"tahn\"] }",
        &["model.activation", "did you mean \"tanh\"?"],
    ),
    (
        "filters = 8, pool = 2",
        "filters = 8, size = 7, pad = 0, pool = 2",
        &["sweep.toml:10: model.conv.1", "(1 - 2 + 2*0)/2 + 1"],
    ),
    (
        "points = 16",
        "points = 0",
        &["sweep.toml:20: search.round.0.points: 0 is too small: at least 1"],
    ),
    (
        "points = 16",
        "top = 2",
        &["sweep.toml:20: search.round.0.top: `top` in the first round"],
    ),
    (
        "points = 16\n",
        "",
        &["search.round.0: a round needs `points` or `top`"],
    ),
    (
        "top = 3",
        "top = 30",
        &["sweep.toml:23: search.round.1.top: the best 30 of a round that has 16 points"],
    ),
    (
        "top = 3",
        "top = 3\npoints = 3",
        &["search.round.1.top: `points` and `top` in one round"],
    ),
    (
        "epochs = 2",
        "epochs = 0",
        &["search.round.0.epochs: 0 is too small: at least 1"],
    ),
    (
        "[[search.round]]",
        "[search]\nbudget = \"10 epochs\"\n[[search.round]]",
        &["search.budget: this key is the planner's"],
    ),
    (
        "[[search.round]]",
        "[search]\nstrategy = \"zoom\"\n[[search.round]]",
        &["search.strategy: strategy \"zoom\" beside rounds"],
    ),
    (
        "[[search.round]]",
        "[search]\nsampler = \"grid\"\n[[search.round]]",
        &["the grid sampler needs values for this domain"],
    ),
    (
        "[[search.round]]",
        "[search]\nstart = [{ \"train.learning_rate\" = 2 }]\n[[search.round]]",
        &["search.start.0: train.learning_rate = 2 lies outside"],
    ),
    (
        "[[search.round]]",
        "[search]\nstart = [{ learning_rat = 0.1 }]\n[[search.round]]",
        &["no hyperparameter \"learning_rat\"; did you mean"],
    ),
    (
        "[data]",
        "[objective]\nmetric = \"val_acc\"\n[data]",
        &[
            "objective.metric: the trainer cnn reports no \"val_acc\"",
            "val_accuracy",
        ],
    ),
    (
        "[data]",
        "trainer = \"python\"\n[data]",
        &[
            "data: no table of the trainer \"python\"",
            "params: this table is required",
        ],
    ),
    (
        "[model]",
        "[params]\nx = 1\n[model]",
        &["params: no table of the trainer \"cnn\""],
    ),
    (
        "uniform = [0.0, 0.5]",
        "uniform = [0.0, 0.5], if = { optimizer = \"sgd\" }",
        &["model.dropout.if: no hyperparameter \"optimizer\""],
    ),
];

#[test]
fn bad_files_are_refused_with_line_key_and_what_would_be_right() {
    for (from, to, wanted) in BAD {
        let text = with(from, to);
        let error = match read(&text) {
            Ok(_) => panic!("accepted: {to}"),
            Err(error) => error.to_string(),
        };
        for part in *wanted {
            assert!(
                error.contains(part),
                "{to:?} must say {part:?}, said:\n{error}"
            );
        }
    }
}

/// What another tool's user writes in the file, and what is said of it, once.
const FOREIGN: &[(&str, &str, &[&str])] = &[
    (
        "learning_rate =",
        "lr =",
        &["train.lr: unknown key", "this is `learning_rate` here"],
    ),
    ("weight_decay =", "wd =", &["this is `weight_decay` here"]),
    ("batch_size =", "bs =", &["this is `batch_size` here"]),
    (
        "batch_size =",
        "batchSize =",
        &["did you mean `batch_size`?"],
    ),
    (
        "hidden = [16]",
        "layers = [16]",
        &["model.layers: unknown key", "this is `hidden` here"],
    ),
    (
        "hidden = [16]",
        "lr = 0.1",
        &[
            "model.lr: unknown key",
            "this is `learning_rate` in [train]",
        ],
    ),
    (
        "hidden = [16]",
        "momentum = 0.9",
        &["model.momentum: unknown key", "this key stands in [train]"],
    ),
    (
        "[train]",
        "[train]\nepochs = 10",
        &[
            "train.epochs: unknown key",
            "this is `full_epochs` in [search]",
        ],
    ),
    (
        "[train]",
        "[train]\nbudget = 180",
        &["train.budget: unknown key", "this key stands in [search]"],
    ),
    (
        "filters = 8,",
        "out_channels = 8, filters = 8,",
        &["model.conv.0.out_channels", "this is `filters` here"],
    ),
    (
        "filters = 8,",
        "kernel_size = 3, filters = 8,",
        &["this is `size` here"],
    ),
    (
        "source = \"digits\"",
        "dataset = \"digits\"",
        &["data.dataset: unknown key", "this is `source` here"],
    ),
    (
        "[data]",
        "[dataset]",
        &["dataset: unknown key", "this is [data] here"],
    ),
    (
        "validation = 360",
        "val_split = 0.2",
        &["this is `validation` here"],
    ),
    ("seed = 7", "random_state = 7", &["this is `seed` here"]),
    (
        "seed = 7",
        "[metric]\nname = \"val_loss\"",
        &["metric: unknown key", "this is [objective] here"],
    ),
    (
        "points = 16\nepochs",
        "n_trials = 16\nepochs",
        &["search.round.0.n_trials", "this is `points` here"],
    ),
    (
        "log = [1e-4, 1e0]",
        "loguniform = [1e-4, 1e0]",
        &["expected a number or a domain", "write { log = [1e-4, 1] }"],
    ),
    (
        "log = [1e-4, 1e0]",
        "min = 1e-4, max = 1e0",
        &["write { uniform = [1e-4, 1] }"],
    ),
    (
        "log = [1e-4, 1e0]",
        "low = 1e-4, high = 1e0, log = true",
        &["write { log = [1e-4, 1] }"],
    ),
    (
        "log = [1e-4, 1e0]",
        "uniform = [1e-4, 1e0], log = true",
        &["write { log = [1e-4, 1] }"],
    ),
    (
        "log = [1e-4, 1e0]",
        "values = [0.1, 0.2]",
        &["write { choice = [0.1, 0.2] }"],
    ),
    (
        "log = [1e-4, 1e0]",
        "value = 0.1",
        &["a constant is written as itself: 0.1"],
    ),
    (
        "power_of_two = [16, 128]",
        "distribution = \"int_uniform\", min = 16, max = 128",
        &["write { int = [16, 128] }"],
    ),
    (
        "uniform = [0.0, 0.5]",
        "uniform = [0.0, 0.5], q = 0.1",
        &[
            "model.dropout.q: unknown key in a domain",
            "did you mean `step`?",
        ],
    ),
    (
        "{ log = [1e-4, 1e0] }",
        "[1e-4, 1e0]",
        &[
            "expected a number, found a list",
            "write { log = [1e-4, 1] } for a range",
        ],
    ),
    (
        "{ log = [1e-4, 1e0] }",
        "\"loguniform(1e-4, 1)\"",
        &["write { log = [1e-4, 1] }"],
    ),
    (
        "{ log = [1e-4, 1e0] }",
        "\"1e-3\"",
        &["without quotes: 1e-3"],
    ),
    (
        "hidden = [16]",
        "hidden = { values = [[16], [32]] }",
        &["model.hidden", "write { choice = [[16], [32]] }"],
    ),
    (
        "hidden = [16]",
        "activation = \"swish\"",
        &["write \"silu\""],
    ),
    (
        "[data]",
        "[objective]\nmetric = \"accuracy\"\n[data]",
        &["write \"val_accuracy\""],
    ),
    (
        "[data]",
        "[objective]\nmetric = \"val_loss\"\ndirection = \"min\"\n[data]",
        &["write \"minimize\""],
    ),
    (
        "[[search.round]]",
        "[search]\nstrategy = \"grid\"\n[[search.round]]",
        &["search.strategy", "sampler = \"grid\""],
    ),
    (
        "[[search.round]]",
        "[search]\nstrategy = \"bayes\"\n[[search.round]]",
        &["write \"zoom\""],
    ),
];

#[test]
fn other_tools_words_are_told_as_they_are_here_and_once() {
    for (from, to, wanted) in FOREIGN {
        let error = read(&with(from, to))
            .map(|file| file.written)
            .expect_err(to);
        let said = error.to_string();
        for part in *wanted {
            assert!(
                said.contains(part),
                "{to:?} must say {part:?}, said:\n{said}"
            );
        }
        assert_eq!(error.problems().len(), 1, "{to:?} said:\n{said}");
    }
    let planned = &DIGITS[..DIGITS.find("[[search.round]]").expect("rounds")];
    for (search, wanted) in [
        (
            "[sweep]\nbudget = \"9 epochs\"\nfull_epochs = 9",
            "this is [search] here",
        ),
        (
            "[search]\nn_trials = 20\nfull_epochs = 9",
            "this is `budget` here",
        ),
        (
            "[search]\nbudget = 180\nfull_epochs = 9",
            "expected a string, found 180",
        ),
        (
            "[search]\nbudget = \"9 epochs\"\nmax_epochs = 9",
            "this is `full_epochs` here",
        ),
        (
            "[search]\nbudget = \"9 epochs\"\nfull_epochs = 9\nmethod = \"bayes\"",
            "this is `strategy` here",
        ),
    ] {
        let error = read(&format!("{planned}{search}\n"))
            .map(|file| file.written)
            .expect_err(search);
        let said = error.to_string();
        assert!(
            said.contains(wanted),
            "{search:?} must say {wanted:?}, said:\n{said}"
        );
        assert_eq!(error.problems().len(), 1, "{search:?} said:\n{said}");
    }
    let error = read(&format!(
        "{planned}[search]\nbudget = 180\nfull_epochs = 9\n"
    ))
    .expect_err("a number");
    assert!(error.to_string().contains("\"180 epochs\""), "{error}");
}

/// A program gets what `[params]` has; what reads like a search space of another tool is none of it.
#[test]
fn params_of_a_program_are_its_own_but_for_other_tools_domains() {
    let file = |line: &str| {
        format!(
            "name = \"own\"\ntrainer = \"mine\"\n[params]\nx = {{ uniform = [0, 1] }}\n{line}\n[objective]\nmetric = \"s\"\ndirection = \"maximize\"\n[[search.round]]\npoints = 2\nepochs = 1\n"
        )
    };
    for (line, right) in [
        ("a = { choices = [1, 2] }", "write { choice = [1, 2] }"),
        ("a = { unifrom = [0, 1] }", "write { uniform = [0, 1] }"),
        ("a = { min = 0, max = 1 }", "write { int = [0, 1] }"),
        ("a = { values = [1, 2] }", "write { choice = [1, 2] }"),
        (
            "a = { distribution = \"log_uniform_values\", min = 0.1, max = 1 }",
            "write { log = [0.1, 1] }",
        ),
        (
            "a = { b = { low = 1, high = 2.5 } }",
            "write { uniform = [1, 2.5] }",
        ),
        (
            "lr = [1e-4, 1e-1]",
            "write { log = [1e-4, 0.1] } for a range",
        ),
        (
            "lr = \"loguniform(1e-4, 1e-1)\"",
            "write { log = [1e-4, 0.1] }",
        ),
        ("budget = \"180 epochs\"", "the budget stands in [search]"),
    ] {
        let error = read(&file(line)).map(|file| file.written).expect_err(line);
        let said = error.to_string();
        assert!(
            said.contains(right) && said.contains("if it is a constant all the same"),
            "{line}: {said}"
        );
        assert_eq!(error.problems().len(), 1, "{line}: {said}");
    }
    for line in [
        "lr = 0.1",
        "epochs = 10",
        "betas = [0.9, 0.999]",
        "layers = [64, 64]",
        "a = { type = \"linear\", bias = true }",
        "a = { path = \"x\", min = 3 }",
        "a = \"f(x)\"",
        "a = { choice = [{ min = 0, max = 1 }] }",
        "lr = { choice = [[1e-4, 1e-1]] }",
        "[params.optimizer]\nname = \"adam\"\nlr = 0.1",
    ] {
        good(&file(line));
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = DIGITS
        .replace("learning_rate", "learning_rat")
        .replace("hidden = [16]", "hidden = 16");
    let error = read(&text).expect_err("two problems");
    assert_eq!(error.problems().len(), 2);
}

#[test]
fn budgets_are_epochs_trainings_or_minutes_and_pay_at_least_one_training() {
    let planned = |budget: &str| {
        let at = DIGITS.find("[[search.round]]").expect("rounds");
        format!(
            "{}[search]\nbudget = \"{budget}\"\nfull_epochs = 9\n",
            &DIGITS[..at]
        )
    };
    for budget in ["180 epochs", "20 trainings", "30 min", "9 epochs"] {
        good(&planned(budget));
    }
    let small = read(&planned("8 epochs"))
        .expect_err("too small")
        .to_string();
    assert!(
        small.contains("the smallest that works is \"9 epochs\""),
        "{small}"
    );
    let unit = read(&planned("8 apples")).expect_err("no unit").to_string();
    assert!(
        unit.contains("\"180 epochs\", \"20 trainings\" or \"30 min\""),
        "{unit}"
    );
}

/// What makes two files the same sweep must not change with the program: a sweep of an earlier one goes on.
#[test]
fn the_canonical_search_has_every_key_with_its_default() {
    let at = DIGITS.find("[[search.round]]").expect("rounds");
    let search = |keys: &str| {
        let file = good(&format!("{}[search]\n{keys}", &DIGITS[..at]));
        file.canonical["search"].clone()
    };
    assert_eq!(
        search("budget = \"2 h\"\nfull_epochs = 9\nstart = [{ learning_rate = 0.1 }]"),
        json!({
            "strategy": "zoom", "budget": "120 min", "full_epochs": 9, "eta": 3, "parallel": 4, "hedge": false, "widen": false,
            "finish": { "top": 3, "repeats": 3 }, "sampler": "sobol", "start": [{ "train.learning_rate": 0.1 }], "from": null,
        })
    );
    assert_eq!(
        search(
            "strategy = \"early-cut\"\nbudget = \"20.5 trainings\"\nfull_epochs = 9\neta = 4\nhedge = true\nfrom = \"other\""
        ),
        json!({
            "strategy": "early-cut", "budget": "20.5 trainings", "full_epochs": 9, "eta": 4, "parallel": 4, "hedge": true,
            "widen": false, "finish": null, "sampler": "sobol", "start": [], "from": "other",
        })
    );
    assert_eq!(
        search(
            "strategy = \"random\"\nbudget = \"1 epoch\"\nfull_epochs = 1\nfinish = { top = 2 }"
        ),
        json!({
            "strategy": "random", "budget": "1 epochs", "full_epochs": 1, "eta": 3, "parallel": 4, "hedge": false, "widen": false,
            "finish": { "top": 2, "repeats": 3 }, "sampler": "random", "start": [], "from": null,
        })
    );
    assert_eq!(
        search(
            "sampler = \"tpe\"\n[[search.round]]\npoints = 4\nepochs = 1\npruner = \"asha\"\n[[search.round]]\ntop = 2\nepochs = 3"
        ),
        json!({
            "strategy": "rounds", "sampler": "tpe", "start": [], "from": null, "round": [
                { "points": 4, "epochs": 1, "repeats": 1, "pruner": "asha" },
                { "top": 2, "epochs": 3, "repeats": 1, "pruner": "none" },
            ],
        })
    );
}

#[test]
fn keys_that_a_strategy_does_not_look_at_are_named() {
    let at = DIGITS.find("[[search.round]]").expect("rounds");
    let unused = |strategy: &str| {
        let keys = "budget = \"20 epochs\"\nfull_epochs = 2\neta = 4\nhedge = true\nwiden = false\nparallel = 2";
        let text = format!(
            "{}[search]\nstrategy = \"{strategy}\"\n{keys}",
            &DIGITS[..at]
        );
        good(&text).search.unused()
    };
    assert!(unused("zoom").is_empty());
    let [eta, hedge] =
        ["eta", "hedge"].map(|key| format!("search.{key} is not used: zoom alone looks at it"));
    assert_eq!(unused("random"), [eta, hedge]);
}

#[test]
fn another_trainer_has_free_params() {
    let file = good(
        "name = \"p\"\ntrainer = \"python\"\n[params]\nx = { uniform = [-1, 1] }\nnested = { depth = { int = [1, 4] }, kind = \"a\" }\n[search]\nbudget = \"10 epochs\"\nfull_epochs = 2\n",
    );
    let paths: Vec<&str> = file.domains.iter().map(|d| d.path.as_str()).collect();
    assert_eq!(paths, ["params.nested.depth", "params.x"]);
    assert_eq!(file.spec["params"]["nested"]["kind"], "a");
    assert!(file.data.is_none());
}

#[test]
fn an_unknown_metric_needs_a_direction() {
    let text = "name = \"p\"\ntrainer = \"python\"\n[objective]\nmetric = \"f1\"\n[params]\nx = { uniform = [-1, 1] }\n[search]\nbudget = \"10 epochs\"\nfull_epochs = 2\n";
    let error = read(text).expect_err("no direction").to_string();
    assert!(
        error.contains("direction = \"maximize\" or \"minimize\""),
        "{error}"
    );
    good(&text.replace("\"f1\"", "\"f1\"\ndirection = \"maximize\""));
}

#[test]
fn a_choice_may_hold_whole_lists() {
    let text = with(
        "conv = [{ filters = 8, pool = 2 }, { filters = { choice = [8, 16] }, pool = 2 }]",
        "conv = { choice = [[], [{ filters = 8 }]] }",
    );
    let file = good(&text);
    assert_eq!(file.domains[0].path, "model.conv");
    let full = &file.canonical["model"]["conv"]["choice"][1][0];
    assert_eq!(
        full["stride"], 1,
        "defaults are filled in inside of a choice: {full}"
    );
}

#[test]
fn a_geometry_without_output_shows_the_arithmetic_and_the_choice() {
    let text = with(
        "filters = 8, pool = 2",
        "filters = 8, size = { choice = [3, 7] }, pad = 0, stride = 3, pool = 2",
    );
    let error = read(&text).expect_err("8×8 images").to_string();
    assert!(error.contains("sweep.toml:10: model.conv"), "{error}");
    assert!(
        error.contains("(1 - 2 + 2*0)/2 + 1"),
        "the arithmetic: {error}"
    );
    assert!(
        error.contains("with model.conv.0.size = 3"),
        "the choice: {error}"
    );
}

#[test]
fn a_folder_is_known_by_its_last_name() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("flowers")).expect("a folder");
    let text = with(
        "source = \"digits\"",
        "source = \"./flowers\"\nsize = [8, 8]",
    );
    let source = Source {
        path: "sweep.toml".into(),
        text,
    };
    let file = parse(&source, folder.path()).unwrap_or_else(|e| panic!("{e}"));
    let data = file.data.expect("images");
    assert_eq!(
        (data.name.as_str(), data.set.as_str()),
        ("flowers", "flowers@8x8")
    );
    assert!(data.folder.is_some_and(|f| f.ends_with("flowers")));
    assert_eq!(file.spec["data"]["source"], "flowers");
}

#[test]
fn the_schema_lets_domains_stand_where_the_reader_does() {
    let schema = json_schema();
    let text = schema.to_string();
    let model = schema["$defs"]["Model"]["properties"]["dropout"].to_string();
    assert!(model.contains("#/$defs/Domain"), "{model}");
    let data = schema["$defs"]["Config"]["properties"].clone();
    assert!(data["limit"].to_string().contains("Domain"), "{data}");
    assert!(!data["source"].to_string().contains("Domain"), "{data}");
    for key in ["full_epochs", "repeats", "power_of_two", "weight_decay"] {
        assert!(text.contains(key), "{key}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    /// Whatever is cut out of or put into a file: an answer, never a panic.
    #[test]
    fn no_text_makes_the_reader_panic(at in 0usize..600, len in 0usize..40, put in "[ -~\n]{0,12}") {
        let chars: Vec<char> = DIGITS.chars().collect();
        let (from, to) = (at.min(chars.len()), (at + len).min(chars.len()));
        let text: String = chars[..from].iter().chain(put.chars().collect::<Vec<_>>().iter()).chain(&chars[to..]).collect();
        if let Err(error) = read(&text) {
            proptest::prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn every_example_is_a_good_sweep_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "toml") {
            super::read(&path).unwrap_or_else(|e| panic!("{e}"));
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen} examples");
}
