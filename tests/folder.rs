//! Folders of images, as people have them.

use std::{fs, path::Path};

use image::{GrayImage, Luma};
use serde_json::Value;

use crate::hone::Hone;

/// A small image that no other seed gives.
fn picture(path: &Path, side: u32, seed: u32) {
    fs::create_dir_all(path.parent().expect("below a folder")).expect("a folder");
    let image = GrayImage::from_fn(side, side, |x, y| {
        Luma([(seed * 37 + x * (seed * 11 + 3) + y * 29) as u8])
    });
    image.save(path).expect("written");
}

/// `photos/` with classes `a` and `b` of `count` images.
fn photos(count: u32) -> Hone {
    let hone = Hone::new();
    for (index, class) in ["a", "b"].into_iter().enumerate() {
        for image in 0..count {
            let path = format!("photos/{class}/{image}.png");
            picture(&hone.path().join(path), 8, image * 2 + index as u32);
        }
    }
    hone
}

fn sweep(data: &str, batch_size: &str) -> String {
    format!(
        "name = \"own\"\nseed = 1\n[data]\nsource = \"./photos\"\n{data}\n[model]\nhidden = [8]\n[train]\n\
         learning_rate = {{ log = [1e-3, 1e-1] }}\n{batch_size}\n[search]\nbudget = \"12 epochs\"\nfull_epochs = 2\n"
    )
}

/// `run` and `plan` refuse a sweep in the same words, and nothing is stored.
fn both_refuse(hone: &Hone, data: &str, batch_size: &str, says: &[&str]) {
    hone.write("sweep.toml", &sweep(data, batch_size));
    let ended = ["plan", "run"].map(|verb| hone.run(&[verb, "sweep.toml"]));
    for ended in &ended {
        assert_eq!(ended.code, Some(2), "{}{}", ended.out, ended.err);
        for says in says {
            assert!(ended.err.contains(says), "{says}: {}", ended.err);
        }
    }
    assert_eq!(ended[0].err, ended[1].err);
    assert!(!hone.path().join("hone.db").exists());
}

#[test]
fn plan_refuses_what_run_refuses() {
    let hone = photos(10);
    both_refuse(
        &hone,
        "validation = 1.0",
        "",
        &["sweep.toml:5: data.validation", "a share is below 1"],
    );
    both_refuse(
        &hone,
        "validation = 1",
        "",
        &["data.validation", "2 classes", "at least 2"],
    );
    both_refuse(
        &hone,
        "limit = 1",
        "",
        &["sweep.toml:5: data.limit", "at least 2"],
    );
    for batch in [
        "batch_size = 64",
        "batch_size = { choice = [8, 64] }",
        "batch_size = { power_of_two = [4, 64] }",
    ] {
        both_refuse(
            &hone,
            "",
            batch,
            &["sweep.toml:10: train.batch_size: 64: the training part has 18 images"],
        );
    }
    picture(&hone.path().join("photos/b/large.png"), 9, 99);
    fs::write(hone.path().join("photos/a/0.png"), b"\x89PNG\r\n\x1a\n").expect("written");
    both_refuse(
        &hone,
        "",
        "",
        &[
            "2 images or classes cannot be used",
            "a/0.png: no readable",
            "b/large.png: 9×9 pixels",
            "size = [8, 8]",
        ],
    );
    fs::remove_dir_all(hone.path().join("photos/a")).expect("removed");
    both_refuse(&hone, "", "", &["1 folder in it"]);
}

#[test]
fn launch_refuses_images_that_it_can_read() {
    let hone = photos(4);
    fs::write(hone.path().join("photos/a/bad.png"), "").expect("written");
    hone.write("sweep.toml", &sweep("", ""));
    let ended = hone.run(&[
        "launch",
        "sweep.toml",
        "--coordinator",
        "http://127.0.0.1:1",
    ]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("photos/a/bad.png"), "{}", ended.err);
}

#[test]
fn where_the_images_are_elsewhere_plan_says_so() {
    let hone = Hone::new();
    hone.write("sweep.toml", &sweep("", ""));
    let plan = hone.good(&["plan", "sweep.toml"]);
    assert!(
        plan.contains("not here, so not checked") && plan.contains("--data photos=DIR"),
        "{plan}"
    );
    let run = hone.run(&["run", "sweep.toml"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("there is no folder"), "{}", run.err);
}

#[test]
fn what_was_read_is_told_by_plan_show_and_the_log() {
    let hone = photos(12);
    let folder = hone.path().join("photos");
    fs::write(folder.join("a/1.webp"), "").expect("written");
    fs::copy(folder.join("a/3.png"), folder.join("b/twin.png")).expect("copied");
    hone.write("sweep.toml", &sweep("", "batch_size = 8"));
    let told = [
        "2 classes of 8×8×1 images: training 25 (12 to 13 a class)",
        "passed over: 1 .webp (a/1.webp)",
        "twins with different labels: a/3.png, b/twin.png",
    ];
    let plan = hone.good(&["plan", "sweep.toml"]);
    hone.good(&["run", "sweep.toml"]);
    let show = hone.good(&["show"]);
    let check = hone.json(&["trials", "--all", "--json"]);
    let check = check
        .iter()
        .find(|trial| trial["round"] == 0)
        .expect("a check");
    let name = format!("own/{}", check["trial"]);
    let log = hone.good(&["logs", &name]);
    for told in told {
        for (what, text) in [("plan", &plan), ("show", &show), ("log", &log)] {
            assert!(text.contains(told), "{what}: {told}: {text}");
        }
    }
    let object: &Value = &hone.json(&["show", "--json"])[0];
    assert_eq!(object["check"]["data"]["parts"][0]["images"], 25);
}

#[test]
fn a_validation_part_of_its_own_is_used() {
    let hone = photos(12);
    fs::rename(hone.path().join("photos"), hone.path().join("train")).expect("renamed");
    for class in ["a", "b"] {
        for image in 0..3 {
            let path = format!("photos/Val/{class}/{image}.png");
            picture(
                &hone.path().join(path),
                8,
                100 + image * 2 + u32::from(class == "b"),
            );
        }
    }
    fs::rename(hone.path().join("train"), hone.path().join("photos/train")).expect("renamed");
    // A tenth is what is drawn unless the file says otherwise; written out it is meant.
    both_refuse(
        &hone,
        "validation = 0.1",
        "",
        &[
            "sweep.toml:5: data.validation",
            "brings a validation part of 6 images",
        ],
    );
    both_refuse(
        &hone,
        "folds = 3",
        "",
        &[
            "sweep.toml:5: data.folds",
            "brings a validation part of 6 images",
        ],
    );
    hone.write("sweep.toml", &sweep("limit = 20", "batch_size = 8"));
    let plan = hone.good(&["plan", "sweep.toml"]);
    assert!(
        plan.contains("training 24 (12 a class), validation 6 (3 a class)"),
        "{plan}"
    );
    assert!(
        plan.contains("20 images are trained on; the validation part is the set's own"),
        "{plan}"
    );
    hone.good(&["run", "sweep.toml"]);
    let everything = hone.run(&[
        "model",
        "train",
        "sweep.toml",
        "--all-data",
        "--epochs",
        "1",
    ]);
    assert!(
        everything
            .err
            .contains("30 training and 0 validation images"),
        "{}",
        everything.err
    );
}

#[test]
fn init_opens_the_folder_and_its_file_runs() {
    let hone = photos(12);
    let init = || {
        let text = hone.good(&["init", "photos"]);
        hone.write("start.toml", &text);
        hone.good(&["plan", "start.toml"]);
        text
    };
    let text = init();
    assert!(
        text.contains("# 2 classes of 8×8×1 images: training 24 (12 a class)\n"),
        "{text}"
    );
    assert!(!text.contains("size = ["), "{text}");
    picture(&hone.path().join("photos/b/large.png"), 10, 99);
    let text = init();
    assert!(
        text.contains("\nsize = [8, 8]            # the images have 2 sizes"),
        "{text}"
    );
    assert!(
        text.contains("# files of 2 sizes: 8×8 (24), 10×10 (1)\n"),
        "{text}"
    );
    fs::write(hone.path().join("photos/b/cut.jpg"), b"\xff\xd8\xff").expect("written");
    let refused = hone.run(&["init", "photos"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(
        refused
            .err
            .contains("photos/b/cut.jpg: no readable PNG or JPEG"),
        "{}",
        refused.err
    );
}
