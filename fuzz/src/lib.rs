//! Feeds parsers with mutated inputs.
//!
//! Every parser of what comes from outside (sweep files, requests, checkpoints, data sets) has a test that calls [`fuzz`]
//! with some good inputs. `cargo test` tries a few thousand mutations of them; `HONE_FUZZ_SECONDS=600 cargo test --release
//! --workspace fuzz_ -- --nocapture` goes on for ten minutes a target, and `HONE_FUZZ_SEED=2` takes other ones.
//!
//! What guides it is what a target says about an input: the text of its answer. An input with a new answer joins the
//! corpus and is mutated further, so that the search works its way through a parser's checks one by one.

mod mutate;

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use mutate::Mutator;
use rustix::time::{ClockId, clock_gettime};

/// Inputs that `cargo test` tries, and how long it goes on at most: on a busy machine it tries fewer.
const SHORT: (u64, Duration) = (4000, Duration::from_secs(5));
/// One input may take so long before it counts as a hang, on the clock and of the processor's time: parsers take microseconds, and a
/// test machine may be busy or stopped.
const HANG: Duration = Duration::from_secs(10);
/// All inputs together may raise the process's peak memory by so much.
const MEMORY: u64 = 1 << 30;
/// Answers are told apart up to this length.
const ANSWER: usize = 160;
/// Inputs grow no longer than this, in bytes.
const LONGEST: usize = 1 << 16;

/// A parser and what it is fed with.
pub struct Target<'a> {
    /// For messages, and for the file that a crash leaves in the folder for temporary files.
    pub name: &'a str,
    /// Good inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Words of the format, to be put anywhere.
    pub words: &'a [&'a [u8]],
}

/// Calls `parse` with mutated inputs. What it returns tells inputs apart: an error's text, or something about the result.
///
/// # Panics
/// When an input makes it panic or hang, or all of them together raise the peak of this process's memory by a gigabyte. The
/// input is in the message.
pub fn fuzz(target: &Target<'_>, parse: impl Fn(&[u8]) -> String) {
    let mut mutator = Mutator::new(number("HONE_FUZZ_SEED").unwrap_or(1), target.words);
    let limit = number("HONE_FUZZ_SECONDS").map(Duration::from_secs);
    let mut corpus = target.seeds.clone();
    let mut answers: HashSet<String> = corpus
        .iter()
        .map(|input| try_one(target, &parse, input))
        .collect();
    let (begun, memory) = (now(), peak_memory());
    let mut tried = 0;
    let (most, longest) = match limit {
        Some(limit) => (u64::MAX, limit),
        None => SHORT,
    };
    while tried < most && begun.elapsed() < longest {
        let mut input = mutator.mutated(&corpus);
        input.truncate(LONGEST);
        if answers.insert(try_one(target, &parse, &input)) {
            corpus.push(input);
        }
        tried += 1;
        let grown = peak_memory().saturating_sub(memory);
        assert!(
            tried % 256 != 0 || grown < MEMORY,
            "{}: memory grew by {grown} bytes",
            target.name
        );
    }
    say(&format!(
        "{}: {tried} inputs, {} different answers",
        target.name,
        answers.len()
    ));
}

fn try_one(target: &Target<'_>, parse: &impl Fn(&[u8]) -> String, input: &[u8]) -> String {
    let (begun, worked) = (now(), processor_time());
    let answer = catch_unwind(AssertUnwindSafe(|| parse(input)));
    let took = begun.elapsed().min(processor_time() - worked);
    if answer.is_err() || took > HANG {
        let path = std::env::temp_dir().join(format!("hone-fuzz-{}", target.name));
        let kept = std::fs::write(&path, input).is_ok();
        panic!(
            "{}: {} at an input of {} bytes{}: {}",
            target.name,
            if answer.is_err() {
                "panicked".to_owned()
            } else {
                format!("took {took:?}")
            },
            input.len(),
            if kept {
                format!(" (in {})", path.display())
            } else {
                String::new()
            },
            input[..input.len().min(2000)].escape_ascii()
        );
    }
    // Numbers in a message do not make it another answer.
    let words = answer.unwrap_or_default();
    let words = words.chars().filter(|c| !c.is_ascii_digit());
    words.take(ANSWER).collect()
}

/// The peak of this process's resident memory, bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

/// What this process's threads have worked so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long tests go on is said in the environment"
)]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long an input takes, and when to end"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "tests show it with --nocapture")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "example: panicked")]
    fn what_lies_behind_three_checks_is_found() {
        let target = Target {
            name: "example",
            seeds: vec![b"hello world".to_vec()],
            words: &[b"key"],
        };
        fuzz(&target, |input| {
            if !input.starts_with(b"hello") {
                return "no hello".to_owned();
            }
            if !input.windows(3).any(|word| word == b"key") {
                return "no key".to_owned();
            }
            assert!(input.len() < 40, "planted");
            format!("length {}", "x".repeat(input.len()))
        });
    }
}
