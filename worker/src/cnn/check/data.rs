//! Whether the data are what they seem.

use std::collections::HashSet;

use super::{Finding, Severity};
use crate::data::{Config, DataSet, Prepared, Split};

/// Below so many features two equal images, or a constant one, are nothing strange (xor has two).
const FEW_FEATURES: usize = 16;

/// What is wrong with the data of a split.
pub(super) fn findings(prepared: &Prepared, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, message: String, advice: &str| {
        let subject = String::from("data");
        findings.push(Finding {
            severity,
            subject,
            message,
            advice: advice.to_owned(),
        });
    };
    let (images, split) = (&prepared.set.train, &prepared.split);
    let classes = &prepared.set.classes;
    if let Some(label) = images
        .labels
        .iter()
        .find(|&&label| label as usize >= classes.len())
    {
        let message = format!("label {label} among {} classes", classes.len());
        add(
            Severity::Failure,
            message,
            "labels count from 0; repair the data set",
        );
        return findings;
    }
    for warning in &prepared.set.inventory.warnings {
        add(
            Severity::Warning,
            warning.clone(),
            "look at the files, and mend them unless it is meant",
        );
    }
    let train: HashSet<u32> = split.train.iter().copied().collect();
    let shared = split
        .validation
        .iter()
        .filter(|image| train.contains(image))
        .count();
    if shared > 0 {
        let message = format!("{shared} validation images are trained on as well");
        add(
            Severity::Failure,
            message,
            "this is a fault of hone's split: please report it",
        );
    }
    if prepared.shape().len() >= FEW_FEATURES {
        content(prepared, &mut add);
    }
    findings.extend(missing(&prepared.set, split, config));
    findings
}

/// Classes that a part of the split has no image of. A failure is refused before a sweep begins, where the data are at hand.
pub fn missing(set: &DataSet, split: &Split, config: &Config) -> Vec<Finding> {
    let sizes = set.train.class_counts(set.classes.len());
    let mut findings = Vec::new();
    for (part, members) in [
        ("training", &split.train),
        ("validation", &split.validation),
    ] {
        let mut there = vec![false; set.classes.len()];
        for &image in members {
            there[set.train.labels[image as usize] as usize] = true;
        }
        let missing: Vec<usize> = (0..there.len()).filter(|&class| !there[class]).collect();
        let Some(size) = missing.iter().map(|&class| sizes[class]).min() else {
            continue;
        };
        let (severity, advice) = match (config.folds, set.given_validation()) {
            (_, Some(_)) if part == "validation" => {
                (Severity::Warning, "its images are never judged".to_owned())
            }
            (Some(folds), None) if part == "validation" && size > 1 => (
                Severity::Warning,
                format!(
                    "folds = {} holds out one of each class every time",
                    size.min(folds as usize)
                ),
            ),
            _ => (Severity::Failure, remedy(size)),
        };
        let names: Vec<&str> = missing
            .iter()
            .map(|&class| set.classes[class].as_str())
            .collect();
        findings.push(Finding {
            severity,
            subject: String::from("data"),
            message: format!("the {part} part has no image of class {}", names.join(", ")),
            advice,
        });
    }
    findings
}

fn remedy(images: usize) -> String {
    match images {
        0 | 1 => format!(
            "the class has {images} of the images that are split, and one to train on and one to hold out are needed: \
             add some, or take the class away"
        ),
        _ => "raise data.validation or data.limit, or give every class more images".to_owned(),
    }
}

/// Images without content, and images that are in both parts.
fn content(prepared: &Prepared, add: &mut impl FnMut(Severity, String, &str)) {
    let features = prepared.shape().len();
    let (images, split) = (&prepared.set.train, &prepared.split);
    let pixels = |image: u32| &images.pixels[image as usize * features..][..features];
    let all = split.train.iter().chain(&split.validation);
    let constant: Vec<u32> = all
        .copied()
        .filter(|&image| pixels(image).windows(2).all(|pair| pair[0] == pair[1]))
        .collect();
    if let Some(first) = constant.first() {
        let count = split.train.len() + split.validation.len();
        // One blank scan in ten thousand spoils nothing; one in a hundred is a broken conversion.
        let severity = if constant.len() * 100 > count {
            Severity::Failure
        } else {
            Severity::Warning
        };
        let message = format!(
            "{} of {count} images have one value everywhere (the first: {first})",
            constant.len()
        );
        add(
            severity,
            message,
            "look at them: a failed conversion, or blank scans to be taken out",
        );
    }
    let hash = |image: u32| *blake3::hash(pixels(image)).as_bytes();
    let train: HashSet<[u8; 32]> = split.train.iter().map(|&image| hash(image)).collect();
    let twice = split
        .validation
        .iter()
        .filter(|&&image| train.contains(&hash(image)))
        .count();
    if twice > 0 {
        let message = format!(
            "{twice} of {} validation images have an equal twin in training",
            split.validation.len()
        );
        add(
            Severity::Warning,
            message,
            "validation accuracy flatters by about that share; remove the duplicates",
        );
    }
}
