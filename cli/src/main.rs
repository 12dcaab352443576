//! `hone`: hyperparameter search for convolutional networks. Parses, wires, runs, and maps errors to exit codes.

mod args;
mod client;
mod exit;
mod local;
mod output;
mod sweep_file;
mod typed;
mod verbs;
mod view;

use clap::{CommandFactory, FromArgMatches, Parser};

/// Training allocates little, but what it does allocate is large: the system's allocator gives such blocks back to the
/// kernel each time, and page faults then cost more than the arithmetic.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hyperparameter search for convolutional networks.
///
/// Start with `hone init digits > sweep.toml` and `hone run sweep.toml`.
#[derive(Parser)]
#[command(
    name = "hone",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    verb: verbs::Verb,
}

fn main() -> std::process::ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|typed| {
        output::hints::named_by(&typed);
        Cli::from_arg_matches(&typed)
    });
    match parsed {
        Ok(cli) => exit::code(cli.verb.execute()),
        Err(error) => typed::refused(&error),
    }
}
