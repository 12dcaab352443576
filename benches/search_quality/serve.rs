//! The tasks for other programs: one line in, one line out.

use std::io::{BufRead, Write};

use crate::tasks::tasks;

/// Answers `names` with the tasks' names and dimensions, `TASK SEED EPOCH u…` with the reported loss (`nan`: diverged), and
/// `TASK loss u…` with the loss without noise.
pub fn run() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let answer = answer(&line).unwrap_or_else(|| "what?".to_owned());
        if writeln!(out, "{answer}")
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
}

fn answer(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words == ["names"] {
        let names: Vec<String> = tasks()
            .iter()
            .map(|task| format!("{}|{}", task.name, task.dimensions()))
            .collect();
        return Some(names.join(";"));
    }
    let task = tasks().get(words.first()?.parse::<usize>().ok()?)?;
    let numbers = |from: usize| -> Option<Vec<f64>> {
        words
            .get(from..)?
            .iter()
            .map(|word| word.parse().ok())
            .collect()
    };
    let value = if *words.get(1)? == "loss" {
        task.loss(&numbers(2)?)
    } else {
        task.report(
            &numbers(3)?,
            words.get(1)?.parse().ok()?,
            words.get(2)?.parse().ok()?,
        )
    };
    Some(value.map_or_else(|| "nan".to_owned(), |value| format!("{value:?}")))
}
