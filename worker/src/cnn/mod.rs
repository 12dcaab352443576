//! The built-in trainer: convolutional networks for image classification.
//!
//! In reading order: what the sweep file can say ([`config`]), the layer list made of it ([`architecture`]), its first
//! weights ([`init`]), what runs a step of it ([`executor`]: [`fused`] and [`reference`]), what moves the weights ([`optimizer`],
//! [`schedule`]), the steps of a trial, epoch after epoch ([`curve`]), and what begins a trial ([`trainer`]).

pub mod activations;
pub mod architecture;
pub mod check;
pub mod config;
pub mod curve;
pub mod diagnosis;
pub mod dropout;
pub mod evaluate;
pub mod executor;
pub mod fused;
pub mod init;
pub mod optimizer;
pub mod reference;
pub mod saved_net;
pub mod schedule;
pub mod statistics;
pub mod trainer;

mod adapter;
mod random;
mod tensor_file;

/// Version of the arithmetic: raised whenever the same trial could come to other bits than before. A sweep is trained to its end
/// by the version that it was begun with.
///
/// 2: `pca` and `whiten` keep a factor of their matrix where that is smaller, and take the cheapest way to it; a split holds out at
/// least one image of every class of two or more, and `limit` keeps at least one of each class; all else is as in 1.
pub const ARITHMETIC: u32 = 2;

pub use architecture::Architecture;
pub use config::{Config, ConfigError};
pub use saved_net::SavedNet;
pub use trainer::CnnTrainer;

#[cfg(test)]
mod tests;
