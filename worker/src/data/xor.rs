//! Four noisy corners of a square, two classes: what no linear classifier can tell apart.

use rand_core::Rng;

use super::{DataSet, Images, Shape, random::generator};

/// Two features: an image of one pixel with two channels.
const SHAPE: Shape = Shape::new(1, 1, 2);
const TRAIN: u32 = 1000;
const TEST: u32 = 200;

/// The corners lie at 64 and 192 of 255; the noise around them is nearly normal with a standard deviation of about 18,
/// and never more than 64: no point crosses the middle, so accuracy 1 can be reached.
pub(super) fn open() -> DataSet {
    let classes = vec!["same".to_owned(), "different".to_owned()];
    let mut set = DataSet::new("xor", SHAPE, classes, draw(0, TRAIN), Some(draw(1, TEST)));
    set.note = "drawn by hone: class `same` near (0.25, 0.25) and (0.75, 0.75), `different` near the other two".to_owned();
    set
}

fn draw(part: u64, count: u32) -> Images {
    let mut random = generator("hone xor v1", &[part]);
    let mut images = Images::default();
    for index in 0..count {
        let corner = index % 4;
        for bit in [corner & 1, corner >> 1] {
            // A sum of four uniform bytes is close to a normal one (mean 510, deviation 148); an eighth of it is the noise.
            let sum: i32 = random
                .next_u32()
                .to_le_bytes()
                .iter()
                .map(|&byte| i32::from(byte))
                .sum();
            let centre = if bit == 1 { 192 } else { 64 };
            images
                .pixels
                .push((centre + (sum - 510) / 8).clamp(0, 255) as u8);
        }
        images.labels.push((corner & 1) ^ (corner >> 1));
    }
    images
}
