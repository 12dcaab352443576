//! How good the points are that each strategy recommends, at equal total epochs.
//!
//! `--correlations`: what the learning curves are like. `--serve`: answer `TASK SEED EPOCH u…` lines for other programs.

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

mod curves;
mod serve;
mod tasks;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--correlations") {
        curves::print();
    } else if has("--serve") {
        serve::run();
    }
}
