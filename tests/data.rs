//! Known sets as people have them, and what is said where they are not.

use std::fs;

use crate::hone::{Hone, TINY};

/// Four files, named as archives name them: stripes, a pattern for each of ten classes.
fn write_idx(hone: &Hone, folder: &str, images: u8) {
    let folder = hone.path().join(folder);
    fs::create_dir_all(&folder).expect("a folder");
    let labels: Vec<u8> = (0..images).map(|at| at % 10).collect();
    let stripe = |at: u32, label: u8| u8::from((at + u32::from(label)) % 10 < 3) * 255;
    let pixels = labels
        .iter()
        .flat_map(|&label| (0..784).map(move |at| stripe(at, label)));
    let head = [0, 0, 8, 3, 0, 0, 0, images, 0, 0, 0, 28, 0, 0, 0, 28];
    let pixels: Vec<u8> = head.into_iter().chain(pixels).collect();
    let labels = [&[0, 0, 8, 1, 0, 0, 0, images], &labels[..]].concat();
    for part in ["train", "t10k"] {
        fs::write(folder.join(format!("{part}-images.idx3-ubyte")), &pixels).expect("a file");
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), &labels).expect("a file");
    }
}

fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    let found = lines.find(|line| line.trim_start().starts_with(name));
    found.unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

#[test]
fn doctor_says_what_is_where_and_what_lies_there_instead() {
    let hone = Hone::new();
    write_idx(&hone, "MNIST/raw", 20);
    fs::create_dir_all(hone.path().join("cifar10")).expect("a folder");
    hone.write("cifar10/train.parquet", "");
    for class in ["own/a", "own/b"] {
        fs::create_dir_all(hone.path().join(class)).expect("a folder");
    }
    let mut command = hone.command(&["doctor", "--data", ".", "--data", "own=own"]);
    let output = command
        .env("HONE_DATA", "gone")
        .output()
        .expect("hone starts");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        line(&text, "digits").ends_with("10 classes, embedded"),
        "{text}"
    );
    assert!(
        line(&text, "mnist").ends_with("20 images of 28×28×1, 10 classes, in ./MNIST/raw"),
        "{text}"
    );
    let cifar = line(&text, "cifar10");
    assert!(
        cifar.contains("./cifar10/train.parquet is a Parquet table"),
        "{text}"
    );
    assert!(cifar.contains("there is no folder gone"), "{text}");
    assert!(
        line(&text, "own").contains("cannot be used") && text.contains("no PNG or JPEG image"),
        "{text}"
    );
}

#[test]
fn a_sweep_runs_on_what_torchvision_has_left() {
    let hone = Hone::with(
        &TINY
            .replace("\"digits\"", "\"mnist\"")
            .replace("360", "0.5"),
    );
    write_idx(&hone, "MNIST/raw", 200);
    let ended = hone.run(&["run", "sweep.toml", "--data", "."]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    // The same files from elsewhere are the same set: nothing is trained again.
    let again = hone.run(&["run", "sweep.toml", "--data", "mnist=MNIST/raw"]);
    assert_eq!(again.out, ended.out, "{}", again.err);
    assert!(again.err.contains("has ended"), "{}", again.err);
}
