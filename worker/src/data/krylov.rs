//! The strongest principal components without the covariance: block Lanczos from a seeded start (N. Halko, P. Martinsson,
//! Y. Shkolnisky and M. Tygert, "An algorithm for the principal component analysis of large data sets", 2011; C. Musco and
//! C. Musco, "Randomized block Krylov methods", 2015), with full reorthogonalisation and Rayleigh-Ritz values.
//!
//! In the subspace that it finds the covariance is diagonal to rounding, whatever the spectrum: what is whitened comes out
//! white. How near the subspace is to the best one is what the residuals say.

use hone_kernels::fit::{LANES, Strided, add, add_numbers_times, dot};
use rand_core::Rng;

use super::{
    Crew, DataError,
    centred::Centred,
    eigen::{self, Eigen},
    random::generator,
    zca::NEGLIGIBLE,
};

/// A component has been found when what the covariance makes of it is itself times its variance, to this share.
const RESIDUAL: f64 = 1e-5;
/// Below this share of the largest variance a direction is rounding.
const ROUNDING: f64 = 1e-13;
/// Rows of a panel that are made at a time.
const ROWS: usize = 512;

/// Directions that are looked at for `wanted` components at first, and at most.
pub(super) fn basis(wanted: usize) -> (usize, usize) {
    let panels = |count: usize| count.div_ceil(LANES) * LANES;
    (panels(3 * wanted + 32), panels(6 * wanted + 64))
}

/// The `wanted` strongest eigenvectors of `factor` × Xᵀ X, `[component, feature]`; `None` where numbers end.
pub(super) fn strongest(
    images: &Centred<'_>,
    wanted: usize,
    factor: f64,
) -> Result<Option<Eigen>, DataError> {
    let crew = images.crew();
    let (first, most) = basis(wanted);
    let mut space = Space {
        panels: Vec::new(),
        diagonal: Vec::new(),
        beside: Vec::new(),
        crew,
    };
    space.extend(vec![0.0; images.features() * LANES], 0.0)?;
    space.beside.clear();
    let mut next_look = first;
    loop {
        let panel = &space.panels[space.panels.len() - 1];
        let mut image = images.transposed_times(&images.times(panel)?)?;
        image.iter_mut().for_each(|value| *value *= factor);
        space.take_in(&mut image)?;
        let largest = space.largest();
        if !largest.is_finite() {
            return Ok(None);
        }
        let size = space.size();
        space.extend(image, largest)?;
        if size < next_look {
            continue;
        }
        let Some(found) = eigen::decompose(space.projected(size), size, crew)? else {
            return Ok(None);
        };
        if size >= most || space.residuals_are_small(&found, wanted, size) {
            return space.lift(found, wanted, size).map(Some);
        }
        next_look = size + first / 4;
    }
}

/// An orthonormal basis, panel by panel, and the covariance in it: block tridiagonal.
struct Space<'a> {
    /// Each `[feature, LANES]`.
    panels: Vec<Vec<f64>>,
    /// `[LANES, LANES]` blocks, symmetric.
    diagonal: Vec<Vec<f64>>,
    /// The blocks below each of those, upper triangular.
    beside: Vec<Vec<f64>>,
    crew: &'a Crew,
}

impl Space<'_> {
    /// Directions whose image is known.
    fn size(&self) -> usize {
        self.diagonal.len() * LANES
    }

    /// Takes the image of the last panel: what lies in the space becomes a block of the diagonal, the rest is left over.
    fn take_in(&mut self, image: &mut [f64]) -> Result<(), DataError> {
        let parts = self.take_off(image)?;
        self.diagonal
            .push(parts[parts.len() - LANES * LANES..].to_vec());
        self.take_off(image)?;
        Ok(())
    }

    /// The largest variance that was met, about.
    fn largest(&self) -> f64 {
        let entries = self
            .diagonal
            .iter()
            .flat_map(|block| block.iter().step_by(LANES + 1));
        entries.fold(0.0, |largest, &value| {
            if value > largest || value.is_nan() {
                value
            } else {
                largest
            }
        })
    }

    /// Makes the rest orthonormal and adds it. A column that is nothing but rounding gives way to a random one: the space
    /// was complete there, and other directions may be left.
    fn extend(&mut self, rest: Vec<f64>, largest: f64) -> Result<(), DataError> {
        let isa = self.crew.isa();
        let mut columns = transpose(&rest);
        drop(rest);
        let mut triangle = vec![0.0; LANES * LANES];
        for c in 0..LANES {
            let (before, column) = columns.split_at_mut(c);
            let column = &mut column[0];
            for _ in 0..2 {
                for (b, other) in before.iter().enumerate() {
                    let part = dot(isa, other, column);
                    triangle[b * LANES + c] += part;
                    add(isa, column, -part, other);
                }
            }
            let length = dot(isa, column, column).sqrt();
            if length > ROUNDING * largest {
                triangle[c * LANES + c] = length;
                column.iter_mut().for_each(|value| *value /= length);
            } else {
                self.draw(before, column)?;
            }
        }
        self.beside.push(triangle);
        self.panels.push(interleave(&columns));
        Ok(())
    }

    /// A random direction that is in neither the space nor `before`.
    fn draw(&self, before: &[Vec<f64>], column: &mut [f64]) -> Result<(), DataError> {
        let isa = self.crew.isa();
        let ids = [self.panels.len() as u64, before.len() as u64];
        let mut random = generator("hone principal components v1", &ids);
        let mut panel = vec![0.0; column.len() * LANES];
        for row in panel.chunks_exact_mut(LANES) {
            // ±1: exact, and as good a start as any.
            row[0] = if random.next_u32() & 1 == 0 {
                1.0
            } else {
                -1.0
            };
        }
        for _ in 0..2 {
            self.take_off(&mut panel)?;
            for other in before {
                for (to, row) in column.iter_mut().zip(panel.chunks_exact(LANES)) {
                    *to = row[0];
                }
                let part = dot(isa, other, column);
                for (row, other) in panel.chunks_exact_mut(LANES).zip(other) {
                    row[0] -= part * other;
                }
            }
        }
        for (to, row) in column.iter_mut().zip(panel.chunks_exact(LANES)) {
            *to = row[0];
        }
        let length = dot(isa, column, column).sqrt();
        column.iter_mut().for_each(|value| *value /= length);
        Ok(())
    }

    /// Takes the part of `panel` off that lies in the space; returns it, `[direction, LANES]`.
    fn take_off(&self, panel: &mut [f64]) -> Result<Vec<f64>, DataError> {
        let isa = self.crew.isa();
        let mut parts = vec![0.0; self.panels.len() * LANES * LANES];
        self.crew
            .pieces(&mut parts, LANES * LANES, |index, parts| {
                let left = Strided {
                    values: &self.panels[index][..],
                    row_step: 1,
                    term_step: LANES,
                };
                add_numbers_times(isa, left, panel, parts);
            })?;
        let negative: Vec<f64> = parts.iter().map(|part| -part).collect();
        self.add_combination(&negative, panel)?;
        Ok(parts)
    }

    /// to += Σ direction × weights, `[direction, LANES]`.
    fn add_combination(&self, weights: &[f64], to: &mut [f64]) -> Result<(), DataError> {
        self.crew.pieces(to, ROWS * LANES, |index, to| {
            for (panel, weights) in self.panels.iter().zip(weights.chunks_exact(LANES * LANES)) {
                let values = &panel[index * ROWS * LANES..][..to.len()];
                let left = Strided {
                    values,
                    row_step: LANES,
                    term_step: 1,
                };
                add_numbers_times(self.crew.isa(), left, weights, to);
            }
        })
    }

    /// The lower triangle of the covariance in the basis, `[size, size]`.
    fn projected(&self, size: usize) -> Vec<f64> {
        let mut matrix = vec![0.0; size * size];
        for (blocks, down) in [(&self.diagonal, 0), (&self.beside, LANES)] {
            for (index, block) in blocks.iter().enumerate() {
                let at = index * LANES;
                if at + down == size {
                    continue;
                }
                for (row, values) in block.chunks_exact(LANES).enumerate() {
                    matrix[(at + down + row) * size + at..][..LANES].copy_from_slice(values);
                }
            }
        }
        matrix
    }

    fn residuals_are_small(&self, found: &Eigen, wanted: usize, size: usize) -> bool {
        let Some(beside) = self.beside.last() else {
            return false;
        };
        let floor = NEGLIGIBLE * found.values[0];
        let vectors = found
            .vectors
            .chunks_exact(size)
            .zip(&found.values)
            .take(wanted);
        vectors.into_iter().all(|(vector, value)| {
            let end = &vector[size - LANES..];
            let rows = beside.chunks_exact(LANES);
            let square: f64 = rows
                .map(|row| row.iter().zip(end).map(|(a, b)| a * b).sum::<f64>())
                .map(|part| part * part)
                .sum();
            square.sqrt() <= RESIDUAL * value.max(floor)
        })
    }

    /// Eigenvectors of the projection as directions of features, `[component, feature]`.
    fn lift(&self, found: Eigen, wanted: usize, size: usize) -> Result<Eigen, DataError> {
        let features = self.panels[0].len() / LANES;
        let mut vectors = Vec::with_capacity(wanted * features);
        for group in found.vectors[..wanted * size].chunks(LANES * size) {
            let mut weights = vec![0.0; size * LANES];
            for (lane, vector) in group.chunks_exact(size).enumerate() {
                for (row, value) in weights.chunks_exact_mut(LANES).zip(vector) {
                    row[lane] = *value;
                }
            }
            let mut panel = vec![0.0; features * LANES];
            self.add_combination(&weights, &mut panel)?;
            for column in transpose(&panel).into_iter().take(group.len() / size) {
                vectors.extend(column);
            }
        }
        Ok(Eigen {
            values: found.values[..wanted].to_vec(),
            vectors,
        })
    }
}

/// The columns of a panel, each by itself.
pub(super) fn transpose(panel: &[f64]) -> Vec<Vec<f64>> {
    let column = |lane| panel.iter().skip(lane).step_by(LANES).copied().collect();
    (0..LANES).map(column).collect()
}

fn interleave(columns: &[Vec<f64>]) -> Vec<f64> {
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows)
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect()
}
