//! Log lines on standard error, for the processes that serve.

use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
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
        .with_writer(std::io::stderr)
        .with_ansi(Style::stderr().color)
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
