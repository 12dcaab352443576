//! Principal components and whitening, rotated back to an image (ZCA; A. Bell and T. Sejnowski, "The 'independent
//! components' of natural scenes are edge filters", 1997).

use hone_kernels::fit::{LANES, add, dot};

use super::{
    Config, Crew, DataError, DataSet, PreprocessKind,
    centred::Centred,
    eigen::{self, Eigen},
    fit_cost::{FitCost, Way},
    krylov,
    statistics::Statistics,
};

/// Components whose variance is below this share of the largest one cannot be told from rounding: they are left out.
pub(super) const NEGLIGIBLE: f64 = 1e-8;

/// What a centred image is multiplied by: Σ vᵢ vᵢᵀ over the strongest components for `pca`, Σ vᵢ vᵢᵀ / √λᵢ for `whiten`.
///
/// Either that symmetric matrix, `[feature, feature]`, or, where it is smaller, a factor W `[component, feature]` of it:
/// the matrix is Wᵀ W.
pub(super) fn fit(
    config: &Config,
    set: &DataSet,
    train: &[u32],
    statistics: &Statistics,
    crew: &Crew,
) -> Result<Vec<f32>, DataError> {
    let features = set.shape.len();
    let cost = FitCost::of(config, set.shape, train.len(), 0);
    let way = cost.map_or(Way::Features, |cost| cost.way);
    let images = Centred::new(set, train, statistics, crew);
    let wrong =
        |message: String| DataError::config("preprocess", config.preprocess.name(), message);
    let Some(mut found) = components(config, &images, way)? else {
        let message = "the covariance of the training images has no eigenvalues that are numbers";
        return Err(wrong(message.to_owned()));
    };
    let kept = config.components.map_or(features, |count| count as usize);
    let floor = NEGLIGIBLE * found.values.first().copied().unwrap_or(0.0).max(0.0);
    let usable = found
        .values
        .iter()
        .take(kept)
        .filter(|&&value| value > floor)
        .count();
    if usable == 0 {
        let count = train.len();
        return Err(wrong(format!(
            "the {count} training images do not differ from each other, so there is no component to keep"
        )));
    }
    found.values.truncate(usable);
    if way == Way::Images {
        found.vectors = features_of(&images, &found, usable)?;
    }
    let weights = found.values.iter().map(|value| match config.preprocess {
        PreprocessKind::Whiten => 1.0 / value.sqrt(),
        _ => 1.0,
    });
    let weights: Vec<f64> = weights.collect();
    if factored(usable, features) {
        let rows = found.vectors.chunks(features).zip(&weights);
        return Ok(rows
            .flat_map(|(vector, weight)| {
                let root = weight.sqrt();
                vector.iter().map(move |value| (value * root) as f32)
            })
            .collect());
    }
    sum_of_products(&found.vectors, &weights, features, crew)
}

/// Whether so many components are kept as a factor: that is less to keep and less to multiply by.
pub(super) fn factored(components: usize, features: usize) -> bool {
    2 * components < features
}

/// Variances in the sweep's scale, and the eigenvectors: `[component, image]` for [`Way::Images`], else
/// `[component, feature]`.
fn components(config: &Config, images: &Centred<'_>, way: Way) -> Result<Option<Eigen>, DataError> {
    let scale = config.scale / 255.0;
    let count = images.images().max(1) as u128;
    match way {
        Way::Features => {
            let factor = scale * scale / (count * count) as f64;
            let covariance = images.covariance(factor)?;
            eigen::decompose(covariance, images.features(), images.crew())
        }
        Way::Images => {
            let factor = scale * scale / (count * count * count) as f64;
            let gram = images.gram(factor)?;
            eigen::decompose(gram, images.images(), images.crew())
        }
        Way::Krylov { wanted } => krylov::strongest(images, wanted, scale * scale / count as f64),
    }
}

/// What eigenvectors of the images' products are as directions of features: Xᵀ u, made as long as 1.
fn features_of(images: &Centred<'_>, found: &Eigen, usable: usize) -> Result<Vec<f64>, DataError> {
    let (count, features) = (images.images(), images.features());
    let isa = images.crew().isa();
    let mut vectors = Vec::with_capacity(usable * features);
    for group in found.vectors[..usable * count].chunks(LANES * count) {
        let mut panel = vec![0.0; count * LANES];
        for (lane, vector) in group.chunks_exact(count).enumerate() {
            for (row, value) in panel.chunks_exact_mut(LANES).zip(vector) {
                row[lane] = *value;
            }
        }
        let columns = krylov::transpose(&images.transposed_times(&panel)?);
        for column in columns.into_iter().take(group.len() / count) {
            let length = dot(isa, &column, &column).sqrt();
            vectors.extend(column.into_iter().map(|value| value / length));
        }
    }
    Ok(vectors)
}

/// Σ wᵢ vᵢ vᵢᵀ. A row is computed whole, in the order of the components.
fn sum_of_products(
    vectors: &[f64],
    weights: &[f64],
    features: usize,
    crew: &Crew,
) -> Result<Vec<f32>, DataError> {
    let mut matrix = vec![0.0; features * features];
    const ROWS: usize = 16;
    crew.pieces(&mut matrix, ROWS * features, |index, rows| {
        let mut sums = vec![0.0; rows.len()];
        for (vector, weight) in vectors.chunks(features).zip(weights) {
            for (row, sums) in sums.chunks_mut(features).enumerate() {
                add(
                    crew.isa(),
                    sums,
                    weight * vector[index * ROWS + row],
                    vector,
                );
            }
        }
        for (to, sum) in rows.iter_mut().zip(sums) {
            *to = sum as f32;
        }
    })?;
    Ok(matrix)
}

#[cfg(test)]
mod tests;
