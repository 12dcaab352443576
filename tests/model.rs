//! `hone model`: a network by itself, before a sweep and after one.

use std::fs;

use hone_worker::data::Library;
use serde_json::Value;

use crate::hone::{Hone, TINY};

/// The lecture's layer: ten 5×5 filters, stride 1, pad 2 on 32×32×3.
const LECTURE: &str = r#"
name = "lecture-layer"
[data]
source = "cifar10"
[model]
conv = [{ filters = 10, size = 5, pad = 2 }, { filters = 4, stride = 2, pad = 0 }]
batch_norm = false
[train]
[[search.round]]
points = 1
epochs = 1
"#;

#[test]
fn a_summary_has_the_lectures_numbers() {
    let hone = Hone::with(LECTURE);
    let summary = &hone.json(&["model", "summary", "sweep.toml", "--json"])[0];
    assert_eq!(summary["input"], serde_json::json!([32, 32, 3]));
    let first = &summary["layers"][0];
    assert_eq!(first["output"], serde_json::json!([32, 32, 10]));
    assert_eq!(first["parameters"], 760);
    let text = hone.good(&["model", "summary", "sweep.toml"]);
    for part in [
        "760",
        "(32 - 5 + 2*2)/1 + 1 = 32",
        "drops a border of 1 rows",
    ] {
        assert!(text.contains(part), "{part:?}: {text}");
    }
    let gone = LECTURE.replace("size = 5, pad = 2", "size = 7, pad = 0, pool = 27");
    let hone = Hone::with(&gone);
    let refused = hone.run(&["model", "summary", "sweep.toml"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("sweep.toml:6"), "{}", refused.err);
}

#[test]
fn a_bench_needs_no_data_and_tells_every_layer() {
    let hone = Hone::with(LECTURE);
    let bench = &hone.json(&["model", "bench", "sweep.toml", "--steps", "3", "--json"])[0];
    for key in [
        "train_images_per_second",
        "eval_images_per_second",
        "milliseconds_per_step",
        "share_of_peak",
    ] {
        assert!(
            bench[key].as_f64().is_some_and(|v| v > 0.0),
            "{key}: {bench}"
        );
    }
    assert!(
        bench["slot_bytes"]
            .as_u64()
            .is_some_and(|b| b < 100_000_000),
        "{bench}"
    );
    let layers: Vec<_> = bench["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| layer["name"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(layers, ["conv1", "conv2", "flatten", "output"]);
}

#[test]
fn first_weights_are_drawn_on_the_terminal_and_as_a_picture() {
    let hone = Hone::with(TINY);
    let text = hone.good(&["model", "activations", "sweep.toml", "-o", "out.svg"]);
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part:?}: {text}"))
    };
    assert!(at("tiny before training (128 training images)") < at("1000 rows of 100"));
    assert!(at("hidden1.relu") < at("output") && at("output") < at("tanh, Xavier"));
    let picture = fs::read_to_string(hone.path().join("out.svg")).expect("a picture");
    assert!(picture.contains("hidden1.relu") && picture.ends_with("</svg>\n"));
    let cases = &hone.json(&["model", "activations", "--json"])[0];
    assert_eq!(
        cases.as_array().map(Vec::len),
        Some(5),
        "the lecture's alone"
    );
    // The lecture's: weights of 0.01 collapse, weights of 1 saturate.
    let deviation = |case: usize| {
        cases[case]["layers"][4]["deviation"]
            .as_f64()
            .expect("a number")
    };
    assert!(deviation(0) < 1e-4 && deviation(1) > 0.9, "{cases}");
    let missing = Hone::with(LECTURE).run(&["model", "activations", "sweep.toml"]);
    assert_eq!(missing.code, Some(1), "{}", missing.out);
    assert!(missing.err.contains("data_batch"), "{}", missing.err);
}

#[test]
fn a_check_tells_a_net_that_trains_from_one_that_does_not() {
    let hone = Hone::with(TINY);
    let report = &hone.json(&["model", "check", "sweep.toml", "--json"])[0];
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["nets"][0]["overfit"]["accuracy"], 1.0);
    hone.write(
        "sweep.toml",
        &TINY.replace(
            "hidden = [16]",
            "hidden = [16]\ninit = \"normal\"\ninit_std = 9\nbatch_norm = false\noutput_gain = 1",
        ),
    );
    let failed = hone.run(&["model", "check", "sweep.toml"]);
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    assert!(
        failed.out.contains("first loss") && failed.out.contains("try: "),
        "{}",
        failed.out
    );
}

/// One digit of the embedded set as a picture, and its label.
fn digit(hone: &Hone, index: usize) -> String {
    let set = Library::default().open("digits").expect("digits");
    let size = set.shape.len();
    let pixels = set.train.pixels[index * size..(index + 1) * size].to_vec();
    let (width, height) = (set.shape.width as u32, set.shape.height as u32);
    let picture = image::GrayImage::from_raw(width, height, pixels).expect("its size");
    picture
        .save(hone.path().join(format!("{index}.png")))
        .expect("a picture");
    set.classes[set.train.labels[index] as usize].clone()
}

#[test]
fn a_sweeps_network_goes_out_is_evaluated_and_names_images() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let exported = hone.run(&["model", "export", "tiny", "-o", "net.safetensors"]);
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    let best = &hone.json(&["best", "--json"])[0];
    let of_winner: Vec<String> = best["trials"]
        .as_array()
        .expect("trials")
        .iter()
        .map(|trial| format!("tiny/{trial},"))
        .collect();
    assert!(
        of_winner.iter().any(|t| exported.err.contains(t)),
        "{} {best}",
        exported.err
    );

    let evaluated = &hone.json(&["model", "eval", "net.safetensors", "--json"])[0];
    assert_eq!(
        (&evaluated["part"], &evaluated["images"]),
        (&Value::from("test"), &Value::from(297))
    );
    assert!(
        evaluated["accuracy"].as_f64().is_some_and(|a| a > 0.85),
        "{evaluated}"
    );

    let labels: Vec<String> = (0..12).map(|index| digit(&hone, index)).collect();
    let files: Vec<String> = (0..12).map(|index| format!("{index}.png")).collect();
    let mut arguments = vec!["model", "predict", "net.safetensors", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let predicted = hone.json(&arguments);
    let right = predicted
        .iter()
        .zip(&labels)
        .filter(|(found, label)| found["label"] == **label);
    assert!(right.count() >= 10, "{predicted:?} {labels:?}");
    assert!(predicted.iter().all(|p| {
        p["probability"]
            .as_f64()
            .is_some_and(|p| (0.1..=1.0).contains(&p))
    }));
    let line = hone.good(&["model", "predict", "net.safetensors", "0.png"]);
    assert!(
        line.starts_with("0.png  ") && line.lines().count() == 1,
        "{line}"
    );
    let broken = hone.run(&["model", "predict", "net.safetensors", "sweep.toml"]);
    assert_eq!(broken.code, Some(2), "{}", broken.out);
    assert!(broken.err.contains("sweep.toml"), "{}", broken.err);

    // Trained again with the winner's params and seed, it is the very same file.
    hone.good(&["model", "train", "tiny", "-o", "again.safetensors"]);
    let bytes = |name: &str| fs::read(hone.path().join(name)).expect("a net");
    assert_eq!(bytes("net.safetensors"), bytes("again.safetensors"));
    // And once more on everything, for longer: no validation part, no validation metrics.
    let all = hone.run(&[
        "model",
        "train",
        "tiny",
        "--all-data",
        "--epochs",
        "4",
        "-o",
        "all.safetensors",
    ]);
    assert_eq!(all.code, Some(0), "{}", all.err);
    assert!(
        all.err.contains("epoch   4") && !all.err.contains("val_accuracy"),
        "{}",
        all.err
    );
    let evaluated = &hone.json(&["model", "eval", "all.safetensors", "--json"])[0];
    assert!(
        evaluated["accuracy"].as_f64().is_some_and(|a| a > 0.85),
        "{evaluated}"
    );
}

#[test]
fn a_training_of_a_file_takes_the_middle_unless_told() {
    let hone = Hone::with(TINY);
    let good = hone.run(&[
        "model",
        "train",
        "sweep.toml",
        "--set",
        "learning_rate=0.05",
        "--epochs",
        "3",
        "-o",
        "a.safetensors",
    ]);
    assert_eq!(good.code, Some(0), "{}", good.err);
    assert_eq!(
        good.err
            .lines()
            .filter(|line| line.starts_with("epoch "))
            .count(),
        3,
        "{}",
        good.err
    );
    for (arguments, code, words) in [
        (
            &["model", "train", "sweep.toml", "--set", "rate=1"][..],
            2,
            "no hyperparameter \"rate\"; there are",
        ),
        (
            &["model", "train", "sweep.toml", "--set", "learning_rate=1e6"],
            1,
            "the training diverged (",
        ),
        (&["model", "train", "nothing"], 2, "no database hone.db"),
        (&["model", "train", "nothing.toml"], 2, "nothing.toml"),
        (
            &["model", "train", "sweep.toml", "-o", "no/where.safetensors"],
            2,
            "there is no folder no",
        ),
        (&["model", "eval", "sweep.toml"], 2, "sweep.toml"),
    ] {
        let ended = hone.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{arguments:?}: {}", ended.err);
    }
}
