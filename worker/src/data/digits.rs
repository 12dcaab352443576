//! The embedded digits: 1,797 images of 8×8 (see `embedded/README.md` for origin and licence).

use std::io::Read;
use std::path::Path;

use super::{
    DataError, DataSet, Images, Shape,
    random::generator,
    split::{Strata, take},
};

const COUNT: usize = 1797;
const SHAPE: Shape = Shape::new(8, 8, 1);
const TEST: usize = 297;

/// Unpacks the embedded digits: 1,500 to train and validate with, 297 as test part.
pub(super) fn open() -> Result<DataSet, DataError> {
    let here = Path::new("embedded digits");
    let mut bytes = Vec::with_capacity(COUNT * (1 + SHAPE.len()));
    flate2::read::GzDecoder::new(&include_bytes!("embedded/digits.gz")[..])
        .read_to_end(&mut bytes)
        .map_err(|error| DataError::file(here, error))?;
    let (labels, pixels) = bytes.split_at_checked(COUNT).unwrap_or_default();
    let labels: Vec<u32> = labels.iter().map(|&label| u32::from(label)).collect();

    // Half up, so 16 levels become 0, 16, 32, 48, 64, 80, …, 255.
    let pixels: Vec<u8> = pixels
        .iter()
        .map(|&level| ((u16::from(level) * 255 + 8) / 16) as u8)
        .collect();
    let all = Images { pixels, labels };

    // The published order follows the writers, so the test part is drawn, and class by class.
    let everything: Vec<u32> = (0..COUNT as u32).collect();
    let strata = Strata::new(
        &everything,
        &all.labels,
        &mut generator("hone digits test part v1", &[]),
    );
    let (test, train) = take(strata, TEST);
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    let mut set = DataSet::new(
        "digits",
        SHAPE,
        classes,
        all.pick(&train, SHAPE),
        Some(all.pick(&test, SHAPE)),
    );
    set.note =
        "UCI optical digits, CC BY 4.0; 297 of 1,797 images held out as test part".to_owned();
    Ok(set)
}
