//! A folder of images is the one that the user meant: by its path in the file, and by its content.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{GrayImage, Luma};

use crate::{
    cluster::{Cluster, within},
    hone::Hone,
};

const SWEEP: &str = r#"
name = "own"
seed = 3

[data]
source = "SOURCE"
validation = 0.25
test = false

[model]
hidden = [4]

[train]
learning_rate = { log = [1e-2, 1e0] }
batch_size = 8

[[search.round]]
points = 2
epochs = 1
[[search.round]]
top = 1
epochs = 2
"#;

/// Classes `a` (dark) and `b` (bright), eight images each, that differ from another `tone`'s.
fn images(at: &Path, tone: u8) {
    for (class, light) in [("a", 20), ("b", 180)] {
        let folder = at.join(class);
        fs::create_dir_all(&folder).expect("a folder");
        for n in 0..8u8 {
            let image = GrayImage::from_fn(6, 6, |x, y| Luma([light + tone + n + (x * y) as u8]));
            image
                .save(folder.join(format!("{n}.png")))
                .expect("an image");
        }
    }
}

fn own(source: &str) -> Hone {
    Hone::with(&SWEEP.replace("SOURCE", source))
}

fn file(hone: &Hone, name: &str, source: &str) -> PathBuf {
    hone.write(name, &SWEEP.replace("SOURCE", source))
}

/// What a run at its end said of itself.
fn run(hone: &Hone, file: &str) -> (String, String) {
    let ended = hone.run(&["run", file, "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let row: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    (row["sweep"].as_str().expect("a name").to_owned(), ended.err)
}

#[test]
fn a_folder_that_is_called_like_a_known_set_is_that_folder() {
    for source in ["own/digits", "./digits", "mnist/", "own/cifar10"] {
        let hone = own(source);
        images(&hone.path().join(source), 0);
        let summary = &hone.json(&["model", "summary", "sweep.toml", "--json"])[0];
        assert_eq!(summary["classes"], 2, "{source}");
        run(&hone, "sweep.toml");
        let log = hone.good(&["logs", "1"]);
        let name = source
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .expect("a name");
        assert!(log.contains(&format!("data {name}/")), "{log}");
    }
}

#[test]
fn a_bare_known_name_is_the_known_set_and_mentions_a_folder_of_that_name() {
    let hone = own("xor");
    images(&hone.path().join("xor"), 0);
    let (_, said) = run(&hone, "sweep.toml");
    assert!(
        said.contains(r#"the folder beside the sweep file is source = "./xor""#),
        "{said}"
    );
    let refused = hone.run(&["plan", "sweep.toml", "--data", "xor=xor"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--data xor/=xor"), "{}", refused.err);
}

#[test]
fn folders_of_one_name_are_told_apart_by_their_images() {
    let hone = own("p1/images");
    images(&hone.path().join("p1/images"), 0);
    images(&hone.path().join("p2/images"), 30);
    images(&hone.path().join("p3/images"), 0);
    file(&hone, "two.toml", "p2/images");
    file(&hone, "three.toml", "p3/images");
    assert_eq!(run(&hone, "sweep.toml").0, "own");
    let (second, said) = run(&hone, "two.toml");
    assert_eq!(second, "own-2");
    assert!(said.contains("own is this file on other images"), "{said}");
    // Equal images from anywhere are one sweep.
    assert_eq!(run(&hone, "three.toml").0, "own");
    assert_eq!(run(&hone, "two.toml").0, "own-2");
    assert_eq!(hone.json(&["sweeps", "--json"]).len(), 2);
}

#[test]
fn images_that_change_beneath_a_sweep_end_the_command_at_once() {
    let hone = own("images");
    let folder = hone.path().join("images");
    images(&folder, 0);
    assert_eq!(run(&hone, "sweep.toml").0, "own");
    fs::copy(folder.join("a/0.png"), folder.join("a/8.png")).expect("copied");
    let refused = hone.run(&["run", "sweep.toml"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    for words in ["own: its images have changed", "put them back", "--again"] {
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    fs::remove_file(folder.join("a/8.png")).expect("removed");
    assert_eq!(run(&hone, "sweep.toml").0, "own");
    fs::copy(folder.join("a/0.png"), folder.join("a/8.png")).expect("copied");
    let again = hone.json(&["run", "sweep.toml", "--again", "--json"]);
    assert_eq!(again[0]["sweep"], "own-2");
    assert_eq!(run(&hone, "sweep.toml").0, "own-2");
}

#[test]
fn a_sweeps_folder_is_found_again_without_naming_it() {
    let hone = own("pictures/images");
    let folder = hone.path().join("pictures/images");
    images(&folder, 0);
    run(&hone, "sweep.toml");
    hone.good(&["reproduce", "1"]);
    hone.good(&["model", "train", "own", "-o", "held.safetensors"]);
    hone.good(&[
        "model",
        "train",
        "own",
        "--all-data",
        "-o",
        "all.safetensors",
    ]);
    let eval = |net: &str, more: &[&str]| {
        let arguments = [&["model", "eval", net, "--json"], more].concat();
        let row = hone.json(&arguments).remove(0);
        (
            row["part"].as_str().expect("a part").to_owned(),
            row["images"].clone(),
        )
    };
    assert_eq!(
        eval("held.safetensors", &[]),
        ("validation".to_owned(), 4.into())
    );
    assert_eq!(
        eval("all.safetensors", &[]),
        ("training".to_owned(), 16.into())
    );
    // Another folder is judged whole, by its path alone, even if it has the same name.
    images(&hone.path().join("later/images"), 40);
    for more in [
        ["--source", "later/images"],
        ["--data", "images=later/images"],
    ] {
        assert_eq!(
            eval("held.safetensors", &more),
            ("whole".to_owned(), 16.into())
        );
    }
    // What is found again must be what it was.
    fs::remove_file(folder.join("b/7.png")).expect("removed");
    let changed = hone.run(&["reproduce", "1"]);
    assert_eq!(changed.code, Some(2), "{}", changed.err);
}

#[test]
fn a_launcher_s_images_are_those_that_are_trained_on() {
    let hone = own("p2/images");
    images(&hone.path().join("p1/images"), 0);
    images(&hone.path().join("p2/images"), 30);
    let mut cluster = Cluster::start_in(hone, 0);
    cluster.start_worker_with(&["--data", "images=p1/images"]);
    within("the wrong images are told", || {
        let waits = cluster.hone().json(&["show", "--json"]).remove(0);
        let why = waits["waiting_for"].as_str().expect("words").to_owned();
        why.contains("has other content").then_some(())
    });
    let shown = cluster.hone().good(&["show"]);
    assert!(shown.contains("has other content"), "{shown}");
    cluster.start_worker_with(&["--data", "images=p2/images"]);
    within("the sweep ends", || cluster.has_ended().then_some(()));
    // A launch from a machine without the images joins it.
    fs::remove_dir_all(cluster.hone().path().join("p2")).expect("removed");
    let joined = cluster.hone().run(&["launch", "sweep.toml"]);
    assert!(
        joined.err.contains("own: this very sweep has ended"),
        "{}",
        joined.err
    );
    assert!(joined.err.contains("images is not here"), "{}", joined.err);
}
