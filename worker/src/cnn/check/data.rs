//! Whether the data are what they seem.

use std::collections::HashSet;

use super::{Finding, Severity};
use crate::data::Prepared;

/// Below so many features two equal images, or a constant one, are nothing strange (xor has two).
const FEW_FEATURES: usize = 16;

/// What is wrong with the data of a split.
pub(super) fn findings(prepared: &Prepared) -> Vec<Finding> {
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
    for (part, members) in [
        ("training", &split.train),
        ("validation", &split.validation),
    ] {
        let mut there = vec![false; classes.len()];
        for &image in members {
            there[images.labels[image as usize] as usize] = true;
        }
        let missing: Vec<&str> = classes
            .iter()
            .zip(there)
            .filter(|(_, there)| !there)
            .map(|(name, _)| name.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "the {part} part has no image of class {}",
                missing.join(", ")
            );
            add(
                Severity::Failure,
                message,
                "raise data.validation or data.limit, or give every class more images",
            );
        }
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
    if prepared.shape().features() >= FEW_FEATURES {
        content(prepared, &mut add);
    }
    findings
}

/// Images without content, and images that are in both parts.
fn content(prepared: &Prepared, add: &mut impl FnMut(Severity, String, &str)) {
    let features = prepared.shape().features();
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
