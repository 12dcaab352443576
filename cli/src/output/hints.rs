//! Commands that a text suggests work when they are pasted: with the database or the coordinator that was named here. Whoever suggests one
//! (a stored reason, too) need not know the name.

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use clap::{ArgMatches, Command, CommandFactory, parser::ValueSource};

/// What was named, as `--db FILE` or `--coordinator URL`.
static NAMED: OnceLock<(&'static str, String)> = OnceLock::new();

static COMMANDS: LazyLock<Command> = LazyLock::new(crate::Cli::command);

/// From now on commands are suggested with what this command line names.
pub fn named_by(mut typed: &ArgMatches) {
    while let Some((_, verb)) = typed.subcommand() {
        typed = verb;
    }
    for flag in ["db", "coordinator"] {
        let is_typed = typed.ids().any(|id| id == flag)
            && typed.value_source(flag) == Some(ValueSource::CommandLine);
        let value = typed
            .try_get_raw(flag)
            .ok()
            .flatten()
            .and_then(|mut all| all.next());
        if let Some(value) = value.filter(|_| is_typed) {
            let _ = NAMED.set((flag, quoted(&value.to_string_lossy())));
        }
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| format!("{word:?}"), Cow::into_owned)
}

/// The text with the flag in every `` `hone VERB …` `` that takes it and has none of that sort.
pub fn complete(text: &str) -> Cow<'_, str> {
    match NAMED.get() {
        Some((flag, value)) => with(text, flag, value),
        None => text.into(),
    }
}

fn with<'a>(text: &'a str, flag: &str, value: &str) -> Cow<'a, str> {
    const START: &str = "`hone ";
    if !text.contains(START) {
        return text.into();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(START) {
        let (before, command) = rest.split_at(at + 1);
        out.push_str(before);
        let end = command.find(['`', '\n']).unwrap_or(command.len());
        let (command, behind) = command.split_at(end);
        out.push_str(command);
        if behind.starts_with('`') && takes(command, flag) {
            out.push_str(&format!(" --{flag} {value}"));
        }
        rest = behind;
        // Else the end of this one would begin the next.
        if let Some(behind) = rest.strip_prefix('`') {
            out.push('`');
            rest = behind;
        }
    }
    out.push_str(rest);
    out.into()
}

/// Whether a command has such a flag and is not told already where to look.
fn takes(command: &str, flag: &str) -> bool {
    let mut at = &*COMMANDS;
    let mut words = command.split(' ').skip(1);
    while let Some(next) = words.next().and_then(|word| at.find_subcommand(word)) {
        at = next;
    }
    let has = |name: &str| at.get_arguments().any(|a| a.get_long() == Some(name));
    has(flag) && !command.contains("--db") && !command.contains("--coordinator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_command_says_where_to_look() {
        let text = "`hone logs own/1` says more; or `hone model export own -o x`, `hone schema`, `hone run`, `hone stop x --db a`, `sh`, `hone";
        let of_db = with(text, "db", "my.db");
        assert_eq!(
            of_db,
            "`hone logs own/1 --db my.db` says more; or `hone model export own -o x --db my.db`, `hone schema`, `hone run --db my.db`, \
             `hone stop x --db a`, `sh`, `hone"
        );
        let of_url = with(text, "coordinator", "http://h:1");
        assert!(
            of_url.contains("`hone logs own/1 --coordinator http://h:1`"),
            "{of_url}"
        );
        assert!(of_url.contains("`hone run`"), "{of_url}");
    }

    #[test]
    fn names_are_quoted_as_a_shell_takes_them() {
        assert_eq!(quoted("a.db"), "a.db");
        assert_eq!(quoted("my own.db"), "'my own.db'");
    }
}
