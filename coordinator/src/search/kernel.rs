//! How alike two points are: the Matérn 5/2 kernel, with a length of its own for each axis.

use super::cholesky::Triangle;

const ROOT_5: f64 = 2.236_067_977_499_79;

/// The kernel of a squared distance, and its slope by half the logarithm of the lengths, per squared distance.
pub(super) fn matern(square: f64) -> (f64, f64) {
    let r = ROOT_5 * square.sqrt();
    let e = libm::exp(-r);
    ((1.0 + r + r * r / 3.0) * e, 5.0 / 3.0 * (1.0 + r) * e)
}

/// How far two shares are apart; different choices as far as the ends of half a range, as are one that is there and one that is not.
pub(super) fn apart(is_choice: bool, a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0.0 } else { 0.5 };
    }
    if is_choice {
        if a == b { 0.0 } else { 0.5 }
    } else {
        a - b
    }
}

/// How far every two of several points are apart along each axis: what stays the same while lengths are looked for.
pub(super) struct Pairs {
    count: usize,
    axes: usize,
    /// Squared distances, `[pair][axis]`; pairs in the order of a lower triangle without its diagonal.
    squares: Vec<f64>,
}

impl Pairs {
    /// Of these points, `[point][axis]`.
    pub fn of(points: &[&[f64]], is_choice: &[bool]) -> Pairs {
        let mut squares = Vec::with_capacity(points.len() * points.len() / 2 * is_choice.len());
        for (i, a) in points.iter().enumerate() {
            for b in &points[..i] {
                squares.extend(is_choice.iter().zip(*a).zip(*b).map(|((is_choice, a), b)| {
                    let distance = apart(*is_choice, *a, *b);
                    distance * distance
                }));
            }
        }
        Pairs {
            count: points.len(),
            axes: is_choice.len(),
            squares,
        }
    }

    /// Squared distances of point `i` and those before it, a slice of one number an axis for each.
    pub fn before(&self, i: usize) -> impl Iterator<Item = &[f64]> {
        let first = i * i.saturating_sub(1) / 2 * self.axes;
        self.squares[first..first + i * self.axes].chunks_exact(self.axes)
    }

    /// Kernels and their slopes (see [`matern`]), with the diagonal, for the inverses of the squared lengths.
    pub fn kernels(&self, inverse_squares: &[f64]) -> (Triangle, Triangle) {
        let mut kernels = Vec::with_capacity(self.count);
        let mut slopes = Vec::with_capacity(self.count);
        for i in 0..self.count {
            let mut row = Vec::with_capacity(i + 1);
            let mut of_slopes = Vec::with_capacity(i + 1);
            for squares in self.before(i) {
                let square = squares.iter().zip(inverse_squares).map(|(s, by)| s * by);
                let (kernel, slope) = matern(square.sum());
                row.push(kernel);
                of_slopes.push(slope);
            }
            let (kernel, slope) = matern(0.0);
            row.push(kernel);
            of_slopes.push(slope);
            kernels.push(row);
            slopes.push(of_slopes);
        }
        (kernels, slopes)
    }
}
