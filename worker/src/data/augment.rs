//! What augmentation does to one image.

use rand_core::Rng;

use super::{
    Shape,
    config::Augment,
    random::{below, generator},
};

/// Names the draws of one epoch of one trial: each image's change depends on it and on the image's index alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AugmentKey {
    /// The trial's seed.
    pub seed: u64,
    /// From 1.
    pub epoch: u32,
}

/// The change that one image gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Mirrored left to right, before the move.
    pub flip: bool,
    /// Rows downwards.
    pub down: i32,
    /// Columns to the right.
    pub right: i32,
}

impl Change {
    /// Draws the change of one image, named by its index in the training images.
    pub fn draw(augment: &Augment, key: AugmentKey, image: u32) -> Change {
        let ids = [key.seed, u64::from(key.epoch), u64::from(image)];
        let mut random = generator("hone augmentation v1", &ids);
        let flip = random.next_u32() & 1 == 1 && augment.flip;
        let shift = augment.shift as i32;
        let mut step = || below(&mut random, 2 * augment.shift + 1) as i32 - shift;
        let down = step();
        Change {
            flip,
            down,
            right: step(),
        }
    }
}

impl Change {
    /// Copies an image `[height, width, channel]`, changed; what comes in from outside is 0.
    pub fn apply(&self, shape: Shape, from: &[f32], to: &mut [f32]) {
        to.fill(0.0);
        let (channels, row) = (shape.channels, shape.width * shape.channels);
        let rows = overlap(shape.height, self.down);
        let columns = overlap(shape.width, self.right);
        for y in rows {
            let from = &from[(y as i64 - i64::from(self.down)) as usize * row..][..row];
            let to = &mut to[y * row..][..row];
            let first = (columns.start as i64 - i64::from(self.right)) as usize;
            if self.flip {
                for (offset, x) in columns.clone().enumerate() {
                    let mirrored = shape.width - 1 - (first + offset);
                    to[x * channels..][..channels]
                        .copy_from_slice(&from[mirrored * channels..][..channels]);
                }
            } else {
                let length = columns.len() * channels;
                to[columns.start * channels..][..length]
                    .copy_from_slice(&from[first * channels..][..length]);
            }
        }
    }
}

/// Where an axis of so many pixels, moved by `by`, still has something to show.
fn overlap(length: usize, by: i32) -> std::ops::Range<usize> {
    let moved = (by.unsigned_abs() as usize).min(length);
    if by >= 0 {
        moved..length
    } else {
        0..length - moved
    }
}
