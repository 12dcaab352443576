//! The keys of `[data]`, `[model]` and `[train]`: the only place that knows them. No candle in here.

mod batch_norm;
mod error;
mod model;
mod padding;
mod train;
mod unused;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use batch_norm::BatchNormWhere;
pub use error::ConfigError;
pub use model::{ActivationKind, ConvBlock, InitKind, InitShape, Model, PoolKind};
pub use padding::Padding;
pub use train::{OptimizerKind, ScheduleKind, Train};

/// Everything that the built-in trainer is told by a sweep file, with a value in every place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which images, and what is done to them before training.
    pub data: crate::data::Config,
    /// The network.
    #[serde(default)]
    pub model: Model,
    /// How it is trained.
    #[serde(default)]
    pub train: Train,
}

/// The parts of a trial's spec that this trainer reads; `objective` is the worker loop's.
const SECTIONS: [&str; 3] = ["data", "model", "train"];

impl Config {
    /// Reads a trial's spec: an object with `data`, `model`, `train` (and `objective`, which is not looked at).
    ///
    /// Every key and every range is checked; the error names the path, the value and what would be right.
    pub fn from_spec(spec: &Value) -> Result<Self, ConfigError> {
        let object = spec
            .as_object()
            .ok_or_else(|| ConfigError::new("", spec.to_string(), "a table was expected"))?;
        let mut wanted = Map::new();
        for (key, value) in object {
            match key.as_str() {
                "objective" => {}
                key if SECTIONS.contains(&key) => {
                    wanted.insert(key.to_owned(), value.clone());
                }
                key => {
                    let message = "unknown; a trial has objective, data, model and train";
                    return Err(ConfigError::new(key, value.to_string(), message));
                }
            }
        }
        let wanted = Value::Object(wanted);
        let config: Self = serde_path_to_error::deserialize(&wanted)
            .map_err(|error| ConfigError::from_serde(&wanted, &error))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every range; [`from_spec`](Self::from_spec) has done so already.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.data.check()?;
        self.model.validate()?;
        self.train.validate()
    }

    /// Keys that `spec` sets although the choices made in it do not use them, each with the reason, for `hone plan`.
    pub fn unused_keys(spec: &Value) -> Vec<String> {
        unused::unused_keys(spec)
    }
}

#[cfg(test)]
mod tests;
