//! The built-in trainer: convolutional networks for image classification.
//!
//! In reading order: what the sweep file can say ([`config`]), the layer list made of it ([`architecture`]).

pub mod architecture;
pub mod config;

pub use architecture::Architecture;
pub use config::{Config, ConfigError};
