//! Linear algebra of small symmetric matrices, kept as lower triangles row by row. Sums have a fixed order, so results are the same on
//! every machine.

/// Rows of a lower triangle.
pub(super) type Triangle = Vec<Vec<f64>>;

/// The inner product, in four sums that the machine can keep apart.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0.0; 4];
    let (fours, rest) = a.as_chunks::<4>();
    let (other, other_rest) = b.as_chunks::<4>();
    for (x, y) in fours.iter().zip(other) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    let tail: f64 = rest.iter().zip(other_rest).map(|(x, y)| x * y).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// The factor L of `matrix` = L Lᵀ; pivots that rounding has made too small are lifted.
pub(super) fn cholesky(matrix: &Triangle) -> Triangle {
    let mut factor: Triangle = Vec::with_capacity(matrix.len());
    for (i, row) in matrix.iter().enumerate() {
        let mut out = Vec::with_capacity(i + 1);
        for j in 0..i {
            let above: &Vec<f64> = &factor[j];
            let left = row[j] - dot(&out[..j], &above[..j]);
            out.push(left / above[j]);
        }
        let left = row[i] - dot(&out, &out);
        out.push(libm::sqrt(left.max(1e-10)));
        factor.push(out);
    }
    factor
}

/// L⁻¹ `values`.
pub(super) fn forward(factor: &Triangle, values: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::with_capacity(values.len() + 1);
    for (row, value) in factor.iter().zip(values) {
        let i = out.len();
        out.push((value - dot(&row[..i], &out)) / row[i]);
    }
    out
}

/// L⁻ᵀ `values`.
pub(super) fn backward(factor: &Triangle, values: &[f64]) -> Vec<f64> {
    let mut out = values.to_vec();
    for i in (0..out.len()).rev() {
        out[i] /= factor[i][i];
        let x = out[i];
        for j in 0..i {
            out[j] -= factor[i][j] * x;
        }
    }
    out
}

/// Lower triangle of the inverse of the factored matrix.
pub(super) fn inverse(factor: &Triangle) -> Triangle {
    let n = factor.len();
    // Columns of L⁻¹ from their diagonal on.
    let mut columns: Triangle = Vec::with_capacity(n);
    for j in 0..n {
        let mut column: Vec<f64> = Vec::with_capacity(n - j);
        column.push(1.0 / factor[j][j]);
        for i in j + 1..n {
            let sum = dot(&factor[i][j..i], &column);
            column.push(-sum / factor[i][i]);
        }
        columns.push(column);
    }
    (0..n)
        .map(|i| {
            (0..=i)
                .map(|j| dot(&columns[i], &columns[j][i - j..]))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factored_matrix_is_solved_and_inverted() {
        let matrix = vec![vec![4.0], vec![2.0, 5.0], vec![1.0, 3.0, 6.0]];
        let factor = cholesky(&matrix);
        let full = |i: usize, j: usize| if i >= j { matrix[i][j] } else { matrix[j][i] };
        let wanted = [1.0, -2.0, 0.5];
        let right: Vec<f64> = (0..3)
            .map(|i| (0..3).map(|j| full(i, j) * wanted[j]).sum())
            .collect();
        let found = backward(&factor, &forward(&factor, &right));
        let inverse = inverse(&factor);
        for i in 0..3 {
            assert!((found[i] - wanted[i]).abs() < 1e-12, "{found:?}");
            let of = |i: usize, j: usize| if i >= j { inverse[i][j] } else { inverse[j][i] };
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| full(i, k) * of(k, j)).sum();
                let unit = if i == j { 1.0 } else { 0.0 };
                assert!((product - unit).abs() < 1e-12, "{inverse:?}");
            }
        }
    }
}
