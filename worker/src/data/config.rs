//! The `[data]` table of a sweep file: the one place that knows its keys, their defaults and what they may hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The sets that hone knows by name, with height, width and channels of an image and the number of classes.
pub const KNOWN_SETS: [(&str, [usize; 3], usize); 5] = [
    ("digits", [8, 8, 1], 10),
    ("mnist", [28, 28, 1], 10),
    ("fashion-mnist", [28, 28, 1], 10),
    ("cifar10", [32, 32, 3], 10),
    ("xor", [1, 1, 2], 2),
];

/// Whether a source is a known set: only the bare name is, every other source is a folder.
pub fn is_known_set(source: &str) -> bool {
    KNOWN_SETS.iter().any(|(name, ..)| *name == source)
}

/// What a source is called where paths have no place: a known set's name, or a folder's last part. A folder that is called like
/// a known set keeps a slash, `digits/`, so that the two are never taken for each other.
pub fn plain_name(source: &str) -> String {
    if is_known_set(source) {
        return source.to_owned();
    }
    let mut parts = source.split(['/', '\\']);
    let last = parts.rfind(|part| !matches!(*part, "" | ".")).unwrap_or("");
    // An equals sign would end the name in `--data NAME=DIR`.
    let name = last.replace('=', "-");
    if is_known_set(&name) {
        name + "/"
    } else {
        name
    }
}

/// Which images, how they are split, and what is done to them before the net sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `digits` or `xor` (embedded), `mnist`, `fashion-mnist`, `cifar10`, or the path of a folder with a folder per class.
    pub source: String,
    /// How much of the training images is held out for validation, stratified: a share below 1, else a count.
    /// Not used with `folds`.
    #[serde(default)]
    pub validation: Validation,
    /// Cross-validation instead: so many parts, each held out once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub folds: Option<u32>,
    /// Seed of the split. Not the sweep's seed, so that sweeps on one data set can be compared.
    #[serde(default)]
    pub split_seed: u32,
    /// Trains on so many images only, stratified; the validation part is split off before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u32>,
    /// Whether the winner's trials are evaluated on the test part, where the data set has one.
    #[serde(default = "yes")]
    pub test: bool,
    /// What is taken from every pixel, fitted on the training part alone.
    #[serde(default)]
    pub preprocess: PreprocessKind,
    /// How many principal components `pca` and `whiten` keep; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub components: Option<u32>,
    /// Pixels run from 0 to this before preprocessing: 1, or 255 as in the lecture.
    #[serde(default = "one")]
    #[schemars(range(min = 1e-9, max = 1e9))]
    pub scale: f64,
    /// `[height, width]` to which the images of a folder are resized; without it they must have one size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// Random changes to training images, drawn anew each epoch.
    #[serde(default)]
    pub augment: Augment,
}

/// How much is held out: a share of the training images, or a count of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
pub enum Validation {
    /// Above 0 and below 1.
    Share(f64),
    /// At least 1.
    Count(u32),
}

/// What is done to the pixels. `pca` and `whiten` are rotated back, so that the result is an image again (ZCA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PreprocessKind {
    /// Nothing.
    None,
    /// Subtracts the mean image of the training part.
    #[default]
    MeanImage,
    /// Subtracts each channel's mean.
    MeanChannel,
    /// Subtracts each feature's mean and divides by its standard deviation (z-score).
    Standardize,
    /// Maps each feature's range over the training part to 0..1.
    MinMax,
    /// Keeps the strongest principal components of the centred images.
    Pca,
    /// As `pca`, each component brought to variance 1.
    Whiten,
}

/// Random changes to training images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Mirrors every second image left to right, by chance.
    pub flip: bool,
    /// Moves the image by up to so many pixels up, down, left and right. What moves in from outside is 0 *after*
    /// preprocessing: with a mean subtracted, the mean.
    pub shift: u32,
}

/// A key of `[data]` with a value that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("data.{key} = {value}: {message}")]
pub struct ConfigProblem {
    /// Path below `data`, such as `augment.shift`.
    pub key: &'static str,
    /// The value as it was read.
    pub value: String,
    /// What would be right.
    pub message: String,
}

impl Config {
    /// The defaults, for a source.
    pub fn new(source: &str) -> Config {
        Config {
            source: source.to_owned(),
            validation: Validation::default(),
            folds: None,
            split_seed: 0,
            limit: None,
            test: true,
            preprocess: PreprocessKind::default(),
            components: None,
            scale: 1.0,
            size: None,
            augment: Augment::default(),
        }
    }

    /// The name under which workers offer the set: the [`plain_name`] of its source, with `@HEIGHTxWIDTH` when it is resized.
    ///
    /// It goes over the wire in place of a path, and [`super::Library::open`] takes it.
    pub fn set_name(&self) -> String {
        let plain = plain_name(&self.source);
        match self.size {
            Some([height, width]) => format!("{plain}@{height}x{width}"),
            None => plain,
        }
    }

    /// Refuses values that no data set could satisfy.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        let wrong = |key, value: String, message: &str| {
            Err(ConfigProblem {
                key,
                value,
                message: message.to_owned(),
            })
        };
        if self.source.trim_matches(['/', '\\', ' ']).is_empty() {
            return wrong(
                "source",
                format!("{:?}", self.source),
                "name a data set or a folder with a folder per class",
            );
        }
        if let Some(folds @ 0..2) = self.folds {
            return wrong(
                "folds",
                folds.to_string(),
                "at least 2 parts are needed for cross-validation",
            );
        }
        if self.limit == Some(0) {
            return wrong(
                "limit",
                "0".into(),
                "at least 1 training image; leave the key out for all of them",
            );
        }
        if self.components == Some(0) {
            return wrong(
                "components",
                "0".into(),
                "at least 1; leave the key out for all of them",
            );
        }
        // Beyond, fitted values would not all be numbers in f32.
        if !(1e-9..=1e9).contains(&self.scale) {
            return wrong(
                "scale",
                format!("{:?}", self.scale),
                "a number from 1e-9 to 1e9, such as 1 or 255",
            );
        }
        if let Some(size) = self.size
            && size.iter().any(|&side| side == 0 || side > super::MAX_SIDE)
        {
            return wrong(
                "size",
                format!("{size:?}"),
                "[height, width], each from 1 to 4096 pixels",
            );
        }
        if self.augment.shift > super::MAX_SIDE {
            return wrong(
                "augment.shift",
                self.augment.shift.to_string(),
                "a number of pixels below the image's size",
            );
        }
        Ok(())
    }

    /// Refuses what images of this size cannot give.
    pub fn fits(&self, shape: super::Shape) -> Result<(), ConfigProblem> {
        let side = shape.height.min(shape.width);
        if self.augment.shift as usize >= side {
            return Err(ConfigProblem {
                key: "augment.shift",
                value: self.augment.shift.to_string(),
                message: format!("images of {shape} would be moved out of sight: less than {side}"),
            });
        }
        match self.components {
            Some(kept) if self.preprocess.rotates() && kept as usize > shape.len() => {
                Err(ConfigProblem {
                    key: "components",
                    value: kept.to_string(),
                    message: format!("images of {shape} have {} components at most", shape.len()),
                })
            }
            _ => Ok(()),
        }
    }
}

impl Default for Validation {
    fn default() -> Self {
        Validation::Share(0.1)
    }
}

impl TryFrom<f64> for Validation {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value > 0.0 && value < 1.0 {
            Ok(Validation::Share(value))
        } else if value >= 1.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 {
            Ok(Validation::Count(value as u32))
        } else {
            Err(format!(
                "validation = {value}: a share between 0 and 1, or a whole number of images"
            ))
        }
    }
}

impl From<Validation> for f64 {
    fn from(value: Validation) -> f64 {
        match value {
            Validation::Share(share) => share,
            Validation::Count(count) => f64::from(count),
        }
    }
}

impl PreprocessKind {
    /// The name in a sweep file.
    pub fn name(self) -> &'static str {
        match self {
            PreprocessKind::None => "none",
            PreprocessKind::MeanImage => "mean-image",
            PreprocessKind::MeanChannel => "mean-channel",
            PreprocessKind::Standardize => "standardize",
            PreprocessKind::MinMax => "min-max",
            PreprocessKind::Pca => "pca",
            PreprocessKind::Whiten => "whiten",
        }
    }

    /// Whether pixels are mixed with each other, so that a preprocessed copy of the set is kept.
    pub fn rotates(self) -> bool {
        matches!(self, PreprocessKind::Pca | PreprocessKind::Whiten)
    }
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}
