//! Colours, and whether there are any.

use std::{
    hash::{BuildHasher, RandomState},
    io::IsTerminal,
    sync::LazyLock,
};

/// What a terminal can show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Colours and bold.
    pub color: bool,
    /// Block and box characters.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// Somebody looks at it, on lines of that width.
    pub terminal: bool,
}

impl Style {
    /// For standard output.
    pub fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// For standard error.
    pub fn stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        let plain = environment("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = environment("TERM").is_some_and(|v| v == "dumb");
        Style {
            color: terminal && !plain && !dumb,
            unicode: unicode(),
            width: width(terminal),
            terminal,
        }
    }

    /// How long a line may be: on a terminal a longer one breaks.
    pub fn limit(self) -> usize {
        if self.terminal {
            self.width
        } else {
            usize::MAX
        }
    }

    /// The accent: names and what is best.
    pub fn bold(self, text: impl std::fmt::Display) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub fn dim(self, text: impl std::fmt::Display) -> String {
        self.paint("2", text)
    }

    /// Good.
    pub fn green(self, text: impl std::fmt::Display) -> String {
        self.paint("32", text)
    }

    /// To look at.
    pub fn yellow(self, text: impl std::fmt::Display) -> String {
        self.paint("33", text)
    }

    /// Bad.
    pub fn red(self, text: impl std::fmt::Display) -> String {
        self.paint("31", text)
    }

    /// Bars.
    pub fn cyan(self, text: impl std::fmt::Display) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: impl std::fmt::Display) -> String {
        if self.color {
            format!("\x1b[{code}{0}{text}\x1b[0{0}", *OWN)
        } else {
            text.to_string()
        }
    }

    /// A state, and what it does not say itself.
    pub fn state_but(self, state: &str, but: Option<String>) -> String {
        match but {
            Some(but) => format!("{}{}", self.state(state), self.yellow(format!(", {but}"))),
            None => self.state(state),
        }
    }

    /// A trial's or sweep's state in its colour.
    pub fn state(self, state: &str) -> String {
        match state {
            "completed" => self.green(state),
            "running" | "checking" => self.cyan(state),
            "diverged" | "paused" | "stopping" | "stopped" | "cancelled" => self.yellow(state),
            "failed" => self.red(state),
            _ => self.dim(state),
        }
    }
}

/// Ends the marks that [`Style`] paints with, until they are [`shown`]. Nobody else can know it: what comes with colours of its own has none.
static OWN: LazyLock<String> =
    LazyLock::new(|| format!(";{}m", RandomState::new().hash_one("colours")));

/// How long the mark is that a text begins with, if it does.
pub fn mark(text: &str) -> Option<usize> {
    let code = text.strip_prefix("\x1b[")?;
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    let own = code.get(digits..)?.starts_with(OWN.as_str());
    own.then(|| "\x1b[".len() + digits + OWN.len())
}

/// The text with what a terminal understands in place of our marks.
pub fn shown(text: &str) -> String {
    text.replace(OWN.as_str(), "m")
}

/// Reads the environment, which only the binary's edge does.
pub fn environment(key: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge: what the terminal can do, and HONE_* settings"
    )]
    std::env::var(key).ok()
}

/// As the locale says; without one, yes: today's terminals can.
fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(environment)
        .find(|v| !v.is_empty());
    locale.is_none_or(|l| l.to_lowercase().replace('-', "").contains("utf8"))
}

fn width(terminal: bool) -> usize {
    let asked = environment("COLUMNS").and_then(|c| c.parse().ok());
    let seen = || {
        let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
        (terminal && size.ws_col > 0).then_some(usize::from(size.ws_col))
    };
    asked.or_else(seen).unwrap_or(100).clamp(40, 240)
}
