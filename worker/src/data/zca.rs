//! Principal components and whitening, rotated back to an image (ZCA).

use super::{Config, DataError, DataSet, statistics::Statistics};

/// The symmetric matrix that a centred image is multiplied by.
pub(super) fn fit(
    config: &Config,
    set: &DataSet,
    train: &[u32],
    statistics: &Statistics,
) -> Result<Vec<f32>, DataError> {
    let _ = (set, train, statistics);
    Err(DataError::config(
        "preprocess",
        config.preprocess.name(),
        "not yet",
    ))
}
