//! The files in `examples/` are read as anybody's would be.

use std::path::{Path, PathBuf};

use super::{KNOWN_SETS, SweepFile, domain::Values, read, search::SearchKind};

/// The sweep files of the built-in trainer.
fn examples() -> Vec<PathBuf> {
    files(&["", "grid-against-random"])
}

fn files(folders: &[&str]) -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = folders.iter().map(|folder| top.join(folder));
    let mut files: Vec<PathBuf> = folders
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

fn example(name: &str) -> SweepFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name);
    read(&path).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn every_example_is_a_sweep_file() {
    let files = examples();
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let sweep = read(&file).unwrap_or_else(|error| panic!("{error:#}"));
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!(sweep.name, name, "an example is named as its file");
    }
}

#[test]
fn the_other_trainers_examples_and_the_benchmarks_sweep_are_sweep_files() {
    let files = files(&["exec", "python-worker", "../benches/fashion_sweep"]);
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        read(&file).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

#[test]
fn digits_is_the_search_that_the_readme_promises() {
    let sweep = example("digits.toml");
    assert!(sweep.domains.len() >= 3, "hyperparameters");
    let rate = sweep
        .domains
        .iter()
        .find(|domain| domain.path == "train.learning_rate")
        .unwrap();
    let Values::Range { low, high, .. } = rate.values else {
        panic!("a range of learning rates")
    };
    assert!((high / low).log10() >= 3.999, "four decades");
    let SearchKind::Rounds(rounds) = &sweep.search.kind else {
        panic!("written rounds")
    };
    let drawn: Vec<u64> = rounds.iter().filter_map(|round| round.points).collect();
    assert!(
        drawn.len() >= 2 && drawn.iter().sum::<u64>() >= 30,
        "{drawn:?}"
    );
    let last = rounds.last().unwrap();
    assert_eq!((last.top, last.repeats), (Some(3), 3));
}

#[test]
fn the_lectures_search_is_in_the_lectures_ranges() {
    let sweep = example("lecture.toml");
    let ranges: Vec<(&str, f64, f64)> = sweep
        .domains
        .iter()
        .map(|domain| match domain.values {
            Values::Range { low, high, .. } => (domain.path.as_str(), low, high),
            Values::Choice(_) => panic!("{} has no range", domain.path),
        })
        .collect();
    assert_eq!(
        ranges,
        [
            ("train.learning_rate", 1e-4, 1e-3),
            ("train.weight_decay", 1e-4, 1.0)
        ]
    );
    assert_eq!(sweep.spec["data"]["scale"], 255.0);
    assert_eq!(sweep.spec["model"]["init_std"], 1e-4);
}

#[test]
fn every_example_goes_over_the_wire() {
    for file in examples() {
        let sweep = read(&file).unwrap();
        let wire = crate::sweep_file::definition(&sweep, true);
        assert_eq!(wire.domains.len(), sweep.domains.len());
        let set = sweep.data.map(|data| data.set).unwrap_or_default();
        assert!(
            KNOWN_SETS.iter().any(|(name, ..)| *name == set) && wire.data_source == set,
            "{set}"
        );
    }
}
