//! A command line that is none of ours: told in our words where it is another tool's, in clap's otherwise.

use std::process::ExitCode;

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{exit::Exit, output::out, output::style::Style};

/// What other tools' verbs are called here.
const VERBS: &[(&str, &str)] = &[
    (
        "status ls list ps jobs runs studies queue",
        "`hone sweeps` lists sweeps, `hone show` shows one, `hone trials` its trials",
    ),
    (
        "start exec train fit tune optimize search go sweep execute",
        "`hone run SWEEP.toml` runs a sweep here, `hone launch SWEEP.toml` sends one to a coordinator",
    ),
    (
        "submit create enqueue push add schedule",
        "`hone launch SWEEP.toml` sends a sweep to a coordinator",
    ),
    (
        "kill abort terminate end halt",
        "`hone stop SWEEP` ends a sweep, `hone cancel SWEEP/TRIAL` one trial",
    ),
    (
        "delete del remove drop purge clean",
        "`hone rm SWEEP` removes a sweep that has ended",
    ),
    (
        "tail log output stdout stderr",
        "`hone logs SWEEP/TRIAL` prints what a trial's worker wrote",
    ),
    (
        "agent client join node slave",
        "`hone worker` trains trials for a coordinator",
    ),
    (
        "serve server daemon master head up controller",
        "`hone coordinator` serves sweeps to workers",
    ),
    (
        "info describe get inspect report summary results progress watch",
        "`hone show SWEEP` shows a sweep, `hone show SWEEP/TRIAL` a trial",
    ),
    (
        "winner result best-trial best-params top recommend",
        "`hone best SWEEP` shows the params that a sweep recommends",
    ),
    (
        "history events explain story",
        "`hone why SWEEP` tells what happened to a sweep, `hone why SWEEP/TRIAL` to a trial",
    ),
    (
        "restart continue unpause",
        "`hone resume SWEEP` goes on with a paused sweep; `hone run SWEEP.toml` with one that was interrupted",
    ),
    ("suspend hold", "`hone pause SWEEP` pauses a sweep"),
    (
        "rerun redo repeat",
        "`hone retry SWEEP/TRIAL` trains a failed trial again, `hone reproduce SWEEP/TRIAL` compares one to the bit",
    ),
    (
        "clone copy branch",
        "`hone fork SWEEP` writes the file of a child",
    ),
    (
        "new template example examples",
        "`hone init digits` prints a sweep file to start from",
    ),
    (
        "validate check lint dry-run dryrun estimate",
        "`hone plan SWEEP.toml` checks a sweep file and says what it will train",
    ),
    (
        "verify backup restore fsck",
        "`hone admin verify` checks a database, `hone admin backup` and `hone admin restore` copy it",
    ),
    (
        "export predict eval evaluate bench",
        "`hone model export` writes a network, `hone model eval` and `hone model predict` use it, `hone model bench` measures",
    ),
    (
        "ui dashboard plot board tensorboard viz",
        "hone serves no pages: `hone show SWEEP` draws the search, `--json` after a listing gives data for plots",
    ),
    ("version", "`hone --version`"),
];

/// What other tools' flags are called here.
const FLAGS: &[(&str, &str)] = &[
    (
        "n-trials num-trials trials max-trials num-samples count n budget max-evals",
        "how much is trained stands in the sweep file: budget = \"20 trainings\" in [search]",
    ),
    (
        "epochs max-epochs num-epochs n-epochs e",
        "how long is trained stands in the sweep file: full_epochs in [search]",
    ),
    (
        "lr learning-rate batch-size bs dropout weight-decay wd optimizer",
        "what is searched stands in the sweep file: `hone init digits` prints one",
    ),
    (
        "seed random-seed random-state s",
        "it stands in the sweep file: seed = 7",
    ),
    (
        "name study study-name project experiment sweep-name",
        "it stands in the sweep file: name = \"mine\"",
    ),
    (
        "sampler strategy method algorithm pruner search-alg direction metric mode goal",
        "how is searched, and for what, stands in the sweep file: [search] and [objective]",
    ),
    (
        "config c file f sweep",
        "the sweep file is an argument without a flag: `hone run SWEEP.toml`",
    ),
    (
        "jobs j n-jobs parallel concurrency max-concurrent num-workers procs cpus",
        "--workers says how many processes train, --slots how many trials each trains at once, --threads how many threads a trial has",
    ),
    (
        "timeout time max-time-s time-limit deadline",
        "--max-time 2h pauses after so long",
    ),
    (
        "storage database output out output-dir o save-dir log-dir local-dir",
        "--db FILE says where history is kept",
    ),
    (
        "resume continue load-if-exists",
        "the same command goes on with a sweep that was interrupted; --again starts anew",
    ),
    (
        "restart force overwrite fresh",
        "--again starts the same sweep anew",
    ),
    (
        "gpu gpus device cuda num-gpus",
        "hone trains on the CPU; a program of yours that is given with --exec may use what it likes",
    ),
    (
        "verbose v debug quiet q log-level",
        "what is logged says HONE_LOG, for example HONE_LOG=info or HONE_LOG=debug",
    ),
    (
        "format csv yaml output-format",
        "--json gives one object a line",
    ),
    (
        "address host url server remote port p",
        "--coordinator http://host:7700 says who is asked, --listen 127.0.0.1:7700 where a coordinator listens",
    ),
    (
        "dataset data-dir data-path root",
        "--data DIR says where data sets are",
    ),
];

/// Says what is wrong with a command line, or prints the help that was asked for.
pub fn refused(error: &Error) -> ExitCode {
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if help || !error.use_stderr() {
        error.exit();
    }
    let style = Style::stderr();
    let label = style.red(style.bold("error:"));
    let text = theirs(error).unwrap_or_else(|| {
        let text = error.render().to_string();
        text.strip_prefix("error: ")
            .unwrap_or(&text)
            .trim_end()
            .to_owned()
    });
    out::note(format!("{label} {text}"));
    ExitCode::from(Exit::Wrong as u8)
}

/// Of another tool's word what it is here.
fn theirs(error: &Error) -> Option<String> {
    let (kind, what, table) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, "verb", VERBS),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, "flag", FLAGS),
        _ => return None,
    };
    let Some(ContextValue::String(word)) = error.get(kind) else {
        return None;
    };
    // `hone admin check` is another matter than `hone check`.
    if what == "verb" && std::env::args().nth(1).as_ref() != Some(word) {
        return None;
    }
    let plain = word
        .trim_start_matches('-')
        .split('=')
        .next()?
        .to_lowercase()
        .replace('_', "-");
    let is = |(words, _): &&(&str, &str)| words.split(' ').any(|word| word == plain);
    let (_, right) = table.iter().find(is)?;
    Some(format!("there is no {what} {word} here: {right}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_word_of_another_tool_is_one_of_ours() {
        let ours = crate::Cli::command();
        for word in VERBS.iter().flat_map(|(words, _)| words.split(' ')) {
            assert!(ours.find_subcommand(word).is_none(), "{word}");
        }
        for table in [VERBS, FLAGS] {
            let words = table.iter().flat_map(|(words, _)| words.split(' '));
            let mut words: Vec<&str> = words.collect();
            let all = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), all, "one stands twice: {words:?}");
        }
    }

    #[test]
    fn suggested_commands_are_there() {
        let ours = crate::Cli::command();
        for (_, right) in VERBS.iter().chain(FLAGS) {
            for command in right
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|c| c.starts_with("hone "))
            {
                let verb = command.split(' ').nth(1).expect("a verb");
                let is_ours = verb.starts_with('-') || ours.find_subcommand(verb).is_some();
                assert!(is_ours, "{command}");
            }
        }
    }
}
