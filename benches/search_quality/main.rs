//! How good the points are that each strategy recommends, at equal total epochs.
//!
//! `--correlations`: what the learning curves are like. `--serve`: answer `TASK SEED EPOCH u…` lines for other programs. Otherwise the
//! bench itself: `--seeds N` (50), `--budget B` (20 and 60), `--only WORD` (contenders whose name has it), `--peer FILE` (lines
//! `NAME<tab>TASK<tab>BUDGET<tab>SEED<tab>LOSS` of another program, as `optuna_peer.py` writes them).

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

mod curves;
mod play;
mod report;
mod serve;
mod strategies;
mod table;
mod tasks;

use std::collections::BTreeMap;

use report::Regrets;
use strategies::CONTENDERS;
use tasks::{FULL_EPOCHS, tasks};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--correlations") {
        return curves::print();
    }
    if has("--serve") {
        return serve::run();
    }
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    let seeds = after("--seeds").and_then(|s| s.parse().ok()).unwrap_or(50);
    let only = after("--only");
    let budgets = match after("--budget").and_then(|s| s.parse().ok()) {
        Some(budget) => vec![budget],
        None => vec![20, 60],
    };
    for budget in budgets {
        let mut rows: Vec<(String, Regrets, f64)> = Vec::new();
        for contender in &CONTENDERS {
            let wanted = only.is_none_or(|word| contender.name.contains(word.as_str()));
            if !wanted && contender.name != "random" {
                continue;
            }
            let mut epochs = 0.0;
            let regrets: Regrets = tasks()
                .iter()
                .map(|task| {
                    (0..seeds)
                        .map(|seed| {
                            let sweep = contender.sweep(task, budget, seed);
                            let most = contender.most_epochs(budget);
                            let played = play::play(task, sweep, most)
                                .expect("the contenders' sweeps are sound");
                            epochs += played.epochs as f64;
                            played.regret
                        })
                        .collect()
                })
                .collect();
            let trainings = epochs / (seeds as f64 * tasks().len() as f64 * f64::from(FULL_EPOCHS));
            rows.push((contender.name.to_owned(), regrets, trainings));
        }
        if let Some(file) = after("--peer") {
            rows.extend(peers(file, budget));
        }
        print(budget, &rows);
    }
}

fn print(budget: u64, rows: &[(String, Regrets, f64)]) {
    println!(
        "\nB = {budget} full trainings, {} seeds: regret as a ratio to random's\n",
        rows[0].1[0].len()
    );
    print!("| strategy | all tasks | 95 % | wins | trainings |");
    tasks().iter().for_each(|task| print!(" {} |", task.name));
    println!("\n|---|---|---|---|---|{}", "---|".repeat(tasks().len()));
    for (name, regrets, trainings) in rows {
        let comparison = report::compare(regrets, &rows[0].1);
        let (low, high) = comparison.interval;
        print!(
            "| {name} | {:.2} | {low:.2}–{high:.2} | {:.0} % | {trainings:.1} |",
            comparison.mean,
            100.0 * comparison.wins
        );
        comparison
            .ratios
            .iter()
            .for_each(|ratio| print!(" {ratio:.2} |"));
        println!();
    }
}

/// Another program's results at this budget, by name; seeds that it lacks on some task are left out.
fn peers(file: &str, budget: u64) -> Vec<(String, Regrets, f64)> {
    let text = std::fs::read_to_string(file).expect("the peer's results can be read");
    let mut by_name: BTreeMap<String, Regrets> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [name, task, of_budget, _seed, loss] = fields[..]
            && of_budget.parse() == Ok(budget)
            && let (Ok(task), Ok(loss)) = (task.parse::<usize>(), loss.parse::<f64>())
            && task < tasks().len()
        {
            let regrets = by_name
                .entry(name.to_owned())
                .or_insert_with(|| vec![Vec::new(); tasks().len()]);
            regrets[task].push(play::regret((!loss.is_nan()).then_some(loss)));
        }
    }
    by_name
        .into_iter()
        .map(|(name, regrets)| {
            let least = regrets.iter().map(Vec::len).min().unwrap_or(0);
            let even = regrets
                .into_iter()
                .map(|of_task| of_task[..least].to_vec())
                .collect();
            (format!("Optuna {name}"), even, budget as f64)
        })
        .filter(|(_, regrets, _): &(String, Regrets, f64)| !regrets[0].is_empty())
        .collect()
}
