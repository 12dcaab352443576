//! Log lines on standard error, for the processes that serve.

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::{
    out,
    style::{Style, environment},
};

/// Starts logging at `level` (libraries at `warn` at most), or as `HONE_LOG` says. Lines of an attempt go to its log as well.
pub fn init(level: &str) {
    let libraries = if level == "error" { level } else { "warn" };
    let usual = format!("{libraries},hone={level},hone_worker={level},hone_coordinator={level}");
    let asked = environment("HONE_LOG").unwrap_or_else(|| usual.clone());
    let filter = EnvFilter::try_new(&asked).unwrap_or_else(|error| {
        out::note(format!("HONE_LOG={asked}: {error}; {usual} is used"));
        EnvFilter::new(usual)
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Lines)
        // Both are done for all that this program says.
        .with_ansi(false)
        .with_ansi_sanitization(false)
        .with_target(false);
    // Warnings alone stand among what a command says itself.
    let lines = match level {
        "warn" => lines.without_time().with_filter(filter).boxed(),
        _ => lines.with_filter(filter).boxed(),
    };
    // A second start is a no-op: the first one's lines go on.
    let _ = tracing_subscriber::registry()
        .with(lines)
        // Filtered by itself: else every library would make its trace events for it.
        .with(hone_worker::LogLayer.with_filter(LevelFilter::INFO))
        .try_init();
}

/// Events on standard error, with what all that is said there has in common.
struct Lines;

/// One event, which comes in one piece.
struct Line(Level);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Level::INFO)
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        Line(*event.level())
    }
}

impl io::Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        out::note(line(
            &String::from_utf8_lossy(event),
            self.0,
            Style::stderr(),
        ));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What somebody else's message has after its first line stands below it, as no line of its own.
fn line(event: &str, level: Level, style: Style) -> String {
    let text = event.trim_end_matches('\n').replace('\n', "\n    ");
    let word = level.as_str();
    let painted = match level {
        Level::ERROR => style.red(word),
        Level::WARN => style.yellow(word),
        _ => style.dim(word),
    };
    text.replacen(word, &painted, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_and_what_hangs_below_it() {
        let event = " WARN trial{trial=own/1}: lost\n ERROR all is lost\n";
        let plain = line(event, Level::WARN, Style::default());
        assert_eq!(
            plain,
            " WARN trial{trial=own/1}: lost\n     ERROR all is lost"
        );
        let style = Style {
            color: true,
            ..Style::default()
        };
        let painted = out::shown(&line(event, Level::WARN, style));
        assert!(
            painted.starts_with(" \x1b[33mWARN\x1b[0m trial"),
            "{painted}"
        );
    }
}
