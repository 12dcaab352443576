//! Principal components and whitening, rotated back to an image (ZCA; A. Bell and T. Sejnowski, "The 'independent
//! components' of natural scenes are edge filters", 1997).

use super::{
    Config, DataError, DataSet, PreprocessKind, eigen, parallel::pieces, statistics::Statistics,
};

/// Components whose variance is below this share of the largest one cannot be told from rounding: they are left out.
const NEGLIGIBLE: f64 = 1e-8;
/// Images that are multiplied at a time: 512 × 255² fits 32 bits.
const BLOCK: usize = 512;

/// The symmetric matrix `[feature, feature]` that a centred image is multiplied by: Σ vᵢ vᵢᵀ over the strongest
/// components for `pca`, Σ vᵢ vᵢᵀ / √λᵢ for `whiten`.
pub(super) fn fit(
    config: &Config,
    set: &DataSet,
    train: &[u32],
    statistics: &Statistics,
) -> Result<Vec<f32>, DataError> {
    let features = set.shape.features();
    let kept = config
        .components
        .map_or(features, |count| features.min(count as usize));
    let covariance = covariance(config.scale / 255.0, set, train, statistics);
    let Some(found) = eigen::decompose(covariance, features) else {
        let message = "the covariance of the training images has no eigenvalues that are numbers";
        return Err(DataError::config(
            "preprocess",
            config.preprocess.name(),
            message,
        ));
    };
    let floor = NEGLIGIBLE * found.values.first().copied().unwrap_or(0.0);
    let usable = found
        .values
        .iter()
        .take(kept)
        .filter(|&&value| value > floor)
        .count();
    let weights: Vec<f64> = found.values[..usable]
        .iter()
        .map(|value| {
            if config.preprocess == PreprocessKind::Whiten {
                1.0 / value.sqrt()
            } else {
                1.0
            }
        })
        .collect();
    Ok(sum_of_products(&found.vectors, &weights, features))
}

/// Σ wᵢ vᵢ vᵢᵀ. A row is computed whole, in the order of the components.
fn sum_of_products(vectors: &[f64], weights: &[f64], features: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; features * features];
    const ROWS: usize = 32;
    pieces(&mut matrix, ROWS * features, |index, rows| {
        let mut sums = vec![0.0; rows.len()];
        for (vector, weight) in vectors.chunks(features).zip(weights) {
            for (row, sums) in sums.chunks_mut(features).enumerate() {
                let factor = weight * vector[index * ROWS + row];
                for (sum, value) in sums.iter_mut().zip(vector) {
                    *sum += factor * value;
                }
            }
        }
        for (to, sum) in rows.iter_mut().zip(sums) {
            *to = sum as f32;
        }
    });
    matrix
}

/// The lower triangle of the covariance of the scaled pixels (of n, not n − 1), from exact sums of whole numbers.
fn covariance(scale: f64, set: &DataSet, train: &[u32], statistics: &Statistics) -> Vec<f64> {
    let features = set.shape.features();
    let mut products = vec![0u64; features * features];
    let mut block = vec![0i16; features * BLOCK];
    for images in train.chunks(BLOCK) {
        block.fill(0);
        for (column, &image) in images.iter().enumerate() {
            let pixels = &set.train.pixels[image as usize * features..][..features];
            for (feature, &pixel) in pixels.iter().enumerate() {
                block[feature * BLOCK + column] = i16::from(pixel);
            }
        }
        add_products(&block, features, &mut products);
    }
    let count = u128::from(statistics.count.max(1));
    let factor = scale * scale / (count * count) as f64;
    let sums = &statistics.sums;
    let mut covariance = vec![0.0; features * features];
    for row in 0..features {
        for column in 0..=row {
            // n Σxy − Σx Σy, exact.
            let both = count * u128::from(products[row * features + column]);
            let apart = u128::from(sums[row]) * u128::from(sums[column]);
            covariance[row * features + column] = (both as i128 - apart as i128) as f64 * factor;
        }
    }
    covariance
}

/// Adds `block × blockᵀ` (`block` is `[feature, BLOCK]`) to the lower triangle.
fn add_products(block: &[i16], features: usize, products: &mut [u64]) {
    const ROWS: usize = 4;
    pieces(products, ROWS * features, |index, rows| {
        let first = index * ROWS;
        let end = first + rows.len() / features;
        for (column, right) in block.chunks_exact(BLOCK).enumerate().take(end) {
            // The right side stays in the cache for some rows; the few sums above the diagonal are never read.
            for (row, left) in (first..end).zip(block[first * BLOCK..].chunks_exact(BLOCK)) {
                let sum: i32 = left
                    .iter()
                    .zip(right)
                    .map(|(&a, &b)| i32::from(a) * i32::from(b))
                    .sum();
                rows[(row - first) * features + column] += sum as u64;
            }
        }
    });
}

#[cfg(test)]
mod tests;
