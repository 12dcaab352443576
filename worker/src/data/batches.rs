//! The order of the training images in one epoch.

use super::random::{generator, shuffle};

/// The batches of one epoch: a shuffle that depends on the trial's seed and the epoch alone, so that a resume needs no
/// stored position.
#[derive(Clone, Debug)]
pub struct Batches {
    order: Vec<u32>,
    batch_size: usize,
}

impl Batches {
    /// Shuffles `images` (indices into the training images). `epoch` counts from 1.
    ///
    /// A last, smaller batch is left out (another shuffle brings its images in again), unless it is the only one.
    pub fn epoch(images: &[u32], batch_size: usize, seed: u64, epoch: u32) -> Batches {
        let mut order = images.to_vec();
        shuffle(
            &mut generator("hone order of an epoch v1", &[seed, u64::from(epoch)]),
            &mut order,
        );
        let batch_size = batch_size.max(1);
        if order.len() > batch_size {
            order.truncate(order.len() / batch_size * batch_size);
        }
        Batches { order, batch_size }
    }

    /// How many steps the epoch has.
    pub fn steps(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// Steps of an epoch over `images` images, without making one.
    pub fn steps_of(images: usize, batch_size: usize) -> usize {
        (images / batch_size.max(1)).max(usize::from(images > 0))
    }

    /// The batches, as indices into the training images.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.order.chunks(self.batch_size)
    }
}
