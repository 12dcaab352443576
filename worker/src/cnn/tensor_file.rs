//! Files of named tensors (safetensors) with one JSON text beside them; never trusted when read.

use std::{collections::HashMap, fs, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Serialize, de::DeserializeOwned};

use crate::{trainer::TrainError, user_file};

/// Larger than any network that may be made, with optimizer state and best weights beside it.
const MAX_BYTES: u64 = 8 << 30;

/// The one key of the file's metadata.
const METADATA: &str = "hone";

/// A tensor to be written: name, shape, values.
pub(super) type Entry<'a> = (String, Vec<usize>, &'a [f32]);

/// Writes tensors and `about` as JSON.
pub(super) fn write(
    to: &Path,
    about: &impl Serialize,
    entries: &[Entry<'_>],
) -> Result<(), TrainError> {
    let fault =
        |error: &dyn std::fmt::Display| TrainError::Worker(format!("{}: {error}", to.display()));
    let bytes: Vec<Vec<u8>> = entries
        .iter()
        .map(|(.., values)| bytes_of(values))
        .collect();
    let views = entries
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| {
            Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| fault(&error))?;
    let about = serde_json::to_string(about).map_err(|error| fault(&error))?;
    let metadata = HashMap::from([(METADATA.to_owned(), about)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|error| fault(&error))?;
    fs::write(to, file).map_err(|error| fault(&error))
}

/// A file that was read.
pub(super) struct TensorFile<T> {
    /// The JSON text.
    pub about: T,
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl<T: DeserializeOwned> TensorFile<T> {
    /// Reads a whole file. The error says what is wrong with it.
    pub fn read(from: &Path) -> Result<Self, String> {
        let bytes = user_file::read(from, MAX_BYTES).map_err(|error| error.to_string())?;
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| format!("not safetensors: {error}"))?;
        let about = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA))
            .ok_or("it has no metadata of hone's")?;
        let about =
            serde_json::from_str(about).map_err(|error| format!("its metadata: {error}"))?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|error| format!("not safetensors: {error}"))?;
        let mut tensors = HashMap::new();
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(format!("tensor {name} is {:?}; all are F32", view.dtype()));
            }
            tensors.insert(
                name.to_owned(),
                (view.shape().to_vec(), floats_of(view.data())),
            );
        }
        Ok(Self { about, tensors })
    }

    /// Takes a tensor out, if it is there and has this shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        match self.tensors.remove(name) {
            Some((found, values)) if found == shape => Ok(values),
            Some((found, _)) => Err(format!("tensor {name} is {found:?}; {shape:?} is needed")),
            None => Err(format!("tensor {name} is missing")),
        }
    }

    /// Takes a list out; empty when it is not there.
    pub fn take_list(&mut self, name: &str) -> Vec<f32> {
        self.tensors
            .remove(name)
            .map(|(_, values)| values)
            .unwrap_or_default()
    }
}

/// Little-endian bytes.
pub(super) fn bytes_of(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn floats_of(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}

/// An f64 in JSON to the bit, whatever a parser makes of decimals.
pub(super) mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Exact(pub f64);

    impl Serialize for Exact {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.to_bits().serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Exact {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            u64::deserialize(deserializer).map(|bits| Self(f64::from_bits(bits)))
        }
    }
}
