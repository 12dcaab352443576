//! Eigenvalues and eigenvectors of a symmetric matrix, by Householder reflections and implicit QL steps (G. Golub and
//! C. Van Loan, *Matrix Computations*, sections 8.3.1 and 8.3.3).
//!
//! Only additions, multiplications, divisions and square roots, in a fixed order: the same bits on every machine.

use super::parallel::pieces;

/// What [`decompose`] gives.
pub(super) struct Eigen {
    /// Descending.
    pub(super) values: Vec<f64>,
    /// `[eigenvector, component]`, in the order of `values`, each of length 1.
    pub(super) vectors: Vec<f64>,
}

/// Decomposes a symmetric `[n, n]` matrix, of which only the lower triangle is read. `None`: not finite.
pub(super) fn decompose(mut matrix: Vec<f64>, n: usize) -> Option<Eigen> {
    let Tridiagonal {
        mut diagonal,
        mut beside,
        halves,
    } = reduce(&mut matrix, n);
    let vectors = diagonalize(&mut diagonal, &mut beside)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    let mut sorted = Vec::with_capacity(n * n);
    order.iter().for_each(|&row| vectors.row(row, &mut sorted));
    reflect_back(&matrix, &halves, n, &mut sorted);
    Some(Eigen {
        values: order.iter().map(|&row| diagonal[row]).collect(),
        vectors: sorted,
    })
}

struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Entry i stands between i and i + 1; the last is 0.
    beside: Vec<f64>,
    /// ½ |u|² of each reflection I − u uᵀ / (½ |u|²); 0 where none was needed.
    halves: Vec<f64>,
}

/// Makes the matrix tridiagonal from the last row up. Row i keeps its reflection vector u in its first i places.
fn reduce(matrix: &mut [f64], n: usize) -> Tridiagonal {
    let mut found = Tridiagonal {
        diagonal: vec![0.0; n],
        beside: vec![0.0; n],
        halves: vec![0.0; n],
    };
    let mut p = vec![0.0; n];
    for i in (1..n).rev() {
        let (above, row) = matrix.split_at_mut(i * n);
        found.diagonal[i] = row[i];
        let u = &mut row[..i];
        let last = u[i - 1];
        if u[..i - 1].iter().all(|&value| value == 0.0) {
            found.beside[i - 1] = last;
            continue;
        }
        let square = dot(u, u);
        // The sign that does not cancel.
        let length = if last > 0.0 {
            -square.sqrt()
        } else {
            square.sqrt()
        };
        let half = square - last * length;
        u[i - 1] = last - length;
        found.beside[i - 1] = length;
        found.halves[i] = half;
        apply_both_sides(above, n, u, half, &mut p[..i]);
    }
    found.diagonal[0] = matrix[0];
    found
}

/// A ← P A P for P = I − u uᵀ / half, on the lower triangle of the first `u.len()` rows.
fn apply_both_sides(a: &mut [f64], n: usize, u: &[f64], half: f64, p: &mut [f64]) {
    p.fill(0.0);
    for (j, row) in a.chunks(n).enumerate() {
        p[j] += dot(&row[..=j], &u[..=j]);
        add(&mut p[..j], u[j], &row[..j]);
    }
    p.iter_mut().for_each(|value| *value /= half);
    let shift = dot(u, p) / (2.0 * half);
    for (p, u) in p.iter_mut().zip(u) {
        *p -= shift * u;
    }
    for (j, row) in a.chunks_mut(n).enumerate() {
        let (uj, pj) = (u[j], p[j]);
        for ((value, u), p) in row[..=j].iter_mut().zip(u).zip(&*p) {
            *value -= uj * p + pj * u;
        }
    }
}

/// Brings eigenvectors of the tridiagonal matrix back to the matrix that it came from.
fn reflect_back(reflections: &[f64], halves: &[f64], n: usize, vectors: &mut [f64]) {
    // Some vectors at a time, so that each pass over the reflections serves them all.
    pieces(vectors, 8 * n, |_, vectors| {
        for i in 1..n {
            if halves[i] == 0.0 {
                continue;
            }
            let u = &reflections[i * n..][..i];
            for vector in vectors.chunks_mut(n) {
                let part = dot(u, &vector[..i]) / halves[i];
                add(&mut vector[..i], -part, u);
            }
        }
    });
}

/// One plane rotation of rows `row` and `row + 1`.
#[derive(Clone, Copy)]
struct Rotation {
    row: usize,
    cosine: f64,
    sine: f64,
}

/// A square matrix in panels of a few columns: `[panel, row, PANEL]`, so that a panel stays in the cache while many
/// rotations pass over it.
struct Panels {
    n: usize,
    values: Vec<f64>,
}

const PANEL: usize = 16;
/// Rotations that are collected before they are applied.
const COLLECT: usize = 1 << 16;

impl Panels {
    fn identity(n: usize) -> Panels {
        let mut values = vec![0.0; n.div_ceil(PANEL) * n * PANEL];
        for i in 0..n {
            values[(i / PANEL * n + i) * PANEL + i % PANEL] = 1.0;
        }
        Panels { n, values }
    }

    fn rotate(&mut self, rotations: &mut Vec<Rotation>) {
        pieces(&mut self.values, self.n * PANEL, |_, panel| {
            for &Rotation { row, cosine, sine } in rotations.iter() {
                let (upper, lower) = panel[row * PANEL..][..2 * PANEL].split_at_mut(PANEL);
                for (a, b) in upper.iter_mut().zip(lower) {
                    (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
                }
            }
        });
        rotations.clear();
    }

    fn row(&self, row: usize, to: &mut Vec<f64>) {
        let end = to.len() + self.n;
        for panel in self.values.chunks(self.n * PANEL) {
            to.extend_from_slice(&panel[row * PANEL..][..PANEL]);
        }
        to.truncate(end);
    }
}

/// Turns `diagonal` into the eigenvalues; the rows of what it returns are the eigenvectors.
fn diagonalize(diagonal: &mut [f64], beside: &mut [f64]) -> Option<Panels> {
    let n = diagonal.len();
    let mut vectors = Panels::identity(n);
    let mut rotations = Vec::with_capacity(COLLECT + n);
    for first in 0..n {
        // Two or three steps are usual; far more means that the matrix is not one of numbers.
        for step in 0.. {
            let negligible = |&i: &usize| {
                beside[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs())
            };
            let last = (first..n - 1).find(negligible).unwrap_or(n - 1);
            if last == first {
                break;
            }
            if step == 100 || !diagonal[first].is_finite() {
                return None;
            }
            ql_step(diagonal, beside, first, last, &mut rotations);
            if rotations.len() >= COLLECT {
                vectors.rotate(&mut rotations);
            }
        }
    }
    vectors.rotate(&mut rotations);
    Some(vectors)
}

/// One implicit QL step with Wilkinson's shift on the block from `first` to `last`.
fn ql_step(d: &mut [f64], e: &mut [f64], first: usize, last: usize, rotations: &mut Vec<Rotation>) {
    let half = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let root = (half * half + 1.0).sqrt();
    let mut g = d[last] - d[first] + e[first] / (half + if half < 0.0 { -root } else { root });
    let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let r = (f * f + g * g).sqrt();
        e[i + 1] = r;
        if r == 0.0 {
            // The block falls apart here; the next step takes the pieces.
            d[i + 1] -= moved;
            e[last] = 0.0;
            return;
        }
        (sine, cosine) = (f / r, g / r);
        g = d[i + 1] - moved;
        let r = (d[i] - g) * sine + 2.0 * cosine * b;
        moved = sine * r;
        d[i + 1] = g + moved;
        g = cosine * r - b;
        rotations.push(Rotation {
            row: i,
            cosine,
            sine,
        });
    }
    d[first] -= moved;
    e[first] = g;
    e[last] = 0.0;
}

/// Eight sums side by side, then those in order: fast, and the same everywhere.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_whole, b_whole) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_whole
        .remainder()
        .iter()
        .zip(b_whole.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_whole.zip(b_whole) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `to += factor × from`.
fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
