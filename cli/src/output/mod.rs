//! What goes to the terminal: data on standard output, all else on standard error.

pub mod boxes;
pub mod curve;
pub mod hints;
pub mod log;
pub mod numbers;
pub mod out;
mod params;
mod picture;
pub mod progress;
pub mod report;
pub mod style;
pub mod table;
pub mod told;
pub mod totals;
