//! A trained network in a file: weights, statistics, preprocessing, architecture and labels. Everything that is needed to
//! use it, and nothing about how it was found.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Architecture, Config,
    architecture::{Op, Shape},
    executor::Executor,
    tensor_file::{self, Entry, TensorFile},
};
use crate::{
    data::{Crew, DataSet, Images, Part, Prepared, Preprocess, PreprocessKind, Split, read_image},
    trainer::{Stop, TrainError},
};

/// The network, ready to be run.
#[derive(Clone, Debug)]
pub struct SavedNet {
    /// What the file says about itself.
    pub about: About,
    /// The layers.
    pub architecture: Architecture,
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// The flat statistics vector.
    pub statistics: Vec<f32>,
    /// What is done to images first.
    pub preprocess: Preprocess,
}

/// The JSON text in the file's metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Version of this format.
    pub format: u32,
    /// The whole configuration with every default written out.
    pub config: Config,
    /// Height, width, channels of an image.
    pub shape: [usize; 3],
    /// Names of the classes, in the order of the outputs.
    pub labels: Vec<String>,
    /// What preprocessing does; its fitted numbers are tensors.
    pub preprocess: PreprocessKind,
    /// The epoch after which the network was like this.
    pub epoch: u32,
    /// The images that moved its weights; files of format 1 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
}

/// Which images a network has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// Hash of the whole data set, hex.
    pub data: String,
    /// The cross-validation fold that was held out, from 0; 0 without folds.
    pub fold: u32,
    /// How many images it was trained on.
    pub images: usize,
    /// Nothing was held out: the validation images are among them.
    pub everything: bool,
}

/// What this version writes; it reads this one and those before.
pub const FORMAT: u32 = 2;

/// Images and classes beyond this are no honest file's.
const MAX_SIDE: usize = 1 << 16;

impl SavedNet {
    /// Writes the file; the caller cares for temporary names and fsync.
    ///
    /// Tensors: each parameter by name (`conv1.weight` `[row, column, input, output]`, `output.weight` `[input, output]`,
    /// `conv1.bn.gamma`, …), `conv1.bn.mean`, `conv1.bn.variance`, and `preprocess.*`.
    pub fn save(&self, to: &Path) -> Result<(), TrainError> {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for parameter in &self.architecture.parameters {
            let values = &self.parameters[parameter.range.clone()];
            entries.push((parameter.name.clone(), parameter.shape.clone(), values));
        }
        for (name, range) in statistics(&self.architecture) {
            entries.push((name, vec![range.len()], &self.statistics[range]));
        }
        let scale = [self.preprocess.pixel_scale];
        entries.push((String::from("preprocess.pixel_scale"), vec![1], &scale));
        for (name, values) in [
            ("preprocess.subtract", &self.preprocess.subtract),
            ("preprocess.multiply", &self.preprocess.multiply),
            ("preprocess.rotate", &self.preprocess.rotate),
        ] {
            if !values.is_empty() {
                entries.push((name.to_owned(), vec![values.len()], values));
            }
        }
        tensor_file::write(to, &self.about, &entries)
    }

    /// Reads a file that [`save`](Self::save) wrote; a wrong one is an error that says what is wrong.
    pub fn open(from: &Path) -> Result<Self, TrainError> {
        Self::read(from).map_err(|reason| TrainError::Checkpoint {
            path: from.to_owned(),
            reason,
        })
    }

    fn read(from: &Path) -> Result<Self, String> {
        let mut file = TensorFile::<About>::read(from)?;
        let about = file.about.clone();
        if !(1..=FORMAT).contains(&about.format) {
            return Err(format!(
                "format {}; this version reads 1 to {FORMAT}",
                about.format
            ));
        }
        about.config.validate().map_err(|error| error.to_string())?;
        if about
            .shape
            .iter()
            .chain([&about.labels.len()])
            .any(|&side| side == 0 || side > MAX_SIDE)
        {
            return Err(format!(
                "images {:?} of {} classes",
                about.shape,
                about.labels.len()
            ));
        }
        let architecture = Architecture::new(
            &about.config.model,
            Shape::from(about.shape),
            about.labels.len(),
        )
        .map_err(|error| error.to_string())?;
        let mut parameters = Vec::with_capacity(architecture.parameter_count);
        for parameter in &architecture.parameters {
            parameters.extend(file.take(&parameter.name, &parameter.shape)?);
        }
        let mut stored = vec![0.0; architecture.statistics_count];
        for (name, range) in statistics(&architecture) {
            let values = file.take(&name, &[range.len()])?;
            stored[range].copy_from_slice(&values);
        }
        let preprocess = Preprocess {
            kind: about.preprocess,
            pixel_scale: file.take("preprocess.pixel_scale", &[1])?[0],
            subtract: file.take_list("preprocess.subtract"),
            multiply: file.take_list("preprocess.multiply"),
            rotate: file.take_list("preprocess.rotate"),
        };
        preprocess
            .check(architecture.input.len())
            .map_err(|error| error.to_string())?;
        Ok(Self {
            about,
            architecture,
            parameters,
            statistics: stored,
            preprocess,
        })
    }

    /// These images of a data set through this network's own preprocessing; refused when its images or classes are others.
    pub fn prepare(
        &self,
        set: Arc<DataSet>,
        images: &[(Part, Vec<u32>)],
        crew: &Crew,
    ) -> Result<Prepared, TrainError> {
        let shape = [set.shape.height, set.shape.width, set.shape.channels];
        if shape != self.about.shape || set.classes.len() != self.about.labels.len() {
            return Err(TrainError::Trial(format!(
                "{}: images {shape:?} of {} classes; the network was made for {:?} and {}",
                set.name,
                set.classes.len(),
                self.about.shape,
                self.about.labels.len()
            )));
        }
        let of_training = images.iter().filter(|(part, _)| *part == Part::Train);
        let split = Split {
            train: of_training.flat_map(|(_, images)| images.clone()).collect(),
            validation: Vec::new(),
        };
        let prepared = Prepared::with(set, split, self.preprocess.clone(), crew)?;
        if images.iter().any(|(part, _)| *part == Part::Test) {
            return Ok(prepared.with_test(crew)?);
        }
        Ok(prepared)
    }
}

/// The most probable class of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Its name.
    pub label: String,
    /// Its softmax probability.
    pub probability: f64,
    /// What was done to the image so that it fits the network, and what of its file was not looked at.
    pub changed: Vec<String>,
}

impl SavedNet {
    /// Names the class of a PNG or JPEG image, resized to the network's input.
    pub fn predict(
        &self,
        executor: &mut dyn Executor,
        image: &Path,
    ) -> Result<Prediction, TrainError> {
        let shape = Shape::from(self.about.shape);
        let (pixels, changed) = read_image(image, shape)?;
        let image = Images {
            pixels,
            labels: vec![0],
        };
        let set = DataSet::new("image", shape, self.about.labels.clone(), image, None);
        let crew = Crew::new(1, Stop::default())?;
        let prepared = self.prepare(Arc::new(set), &[(Part::Train, vec![0])], &crew)?;
        let mut pixels = vec![0.0; shape.len()];
        prepared.fill(Part::Train, &[0], &mut pixels, &mut [0]);
        let mut logits = vec![0.0; self.about.labels.len()];
        executor.logits(&self.parameters, &self.statistics, &pixels, &mut logits)?;
        let (mut top, mut peak) = (0, f64::NEG_INFINITY);
        for (class, &logit) in logits.iter().enumerate() {
            if f64::from(logit) > peak {
                (top, peak) = (class, f64::from(logit));
            }
        }
        let total: f64 = logits
            .iter()
            .map(|&logit| libm::exp(f64::from(logit) - peak))
            .sum();
        Ok(Prediction {
            label: self.about.labels.get(top).cloned().unwrap_or_default(),
            probability: 1.0 / total,
            changed,
        })
    }
}

/// Name and place of all running statistics.
fn statistics(architecture: &Architecture) -> Vec<(String, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    for layer in &architecture.layers {
        if let Op::BatchNorm(norm) = &layer.op {
            found.push((format!("{}.mean", layer.name), norm.mean.clone()));
            found.push((format!("{}.variance", layer.name), norm.variance.clone()));
        }
    }
    found
}
