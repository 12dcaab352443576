//! What augmentation does to one image.

use rand_core::Rng;

use super::{
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
