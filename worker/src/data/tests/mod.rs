//! Behaviour that spans the module's files.

mod batches;
mod config;
mod known;
mod library;
mod preprocess;
mod split;

use super::{Crew, DataSet, Images, Shape};
use crate::trainer::Stop;

/// The caller's own thread, never stopped.
pub(super) fn crew() -> Crew {
    Crew::new(1, Stop::default()).unwrap()
}

/// A set of 1×1 images whose labels are given; the pixel is the image's index.
fn labelled(labels: &[u32]) -> DataSet {
    let classes = labels.iter().max().map_or(0, |&last| last as usize + 1);
    let classes = (0..classes).map(|class| class.to_string()).collect();
    let pixels = (0..labels.len()).map(|index| index as u8).collect();
    DataSet::new(
        "test",
        Shape::new(1, 1, 1),
        classes,
        Images {
            pixels,
            labels: labels.to_vec(),
        },
        None,
    )
}

/// A set of images from rows of pixels, all of one class but the first.
fn pictured(shape: Shape, rows: &[&[u8]]) -> DataSet {
    let labels = (0..rows.len() as u32).map(|index| index.min(1)).collect();
    let train = Images {
        pixels: rows.concat(),
        labels,
    };
    DataSet::new("test", shape, vec!["a".into(), "b".into()], train, None)
}
