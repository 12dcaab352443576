//! Eigenvalues and eigenvectors of a symmetric matrix, by Householder reflections and implicit QL steps (G. Golub and
//! C. Van Loan, *Matrix Computations*, sections 8.3.1 and 8.3.3).
//!
//! Only additions, multiplications, divisions and square roots, in a fixed order: the same bits on every machine and with
//! every number of threads.

use hone_kernels::fit::{LANES, Rotation, add, dot, rotate, subtract_two};

use super::{Crew, DataError};

/// What [`decompose`] gives.
pub(super) struct Eigen {
    /// Descending.
    pub(super) values: Vec<f64>,
    /// `[eigenvector, component]`, in the order of `values`, each of length 1.
    pub(super) vectors: Vec<f64>,
}

/// Decomposes a symmetric `[n, n]` matrix, of which only the lower triangle is read. `None`: not finite.
pub(super) fn decompose(
    mut matrix: Vec<f64>,
    n: usize,
    crew: &Crew,
) -> Result<Option<Eigen>, DataError> {
    let floor = ROUNDING * norm(&matrix, n);
    if !floor.is_finite() {
        return Ok(None);
    }
    let Tridiagonal {
        mut diagonal,
        mut beside,
        halves,
    } = reduce(&mut matrix, n, floor, crew)?;
    let Some(vectors) = diagonalize(&mut diagonal, &mut beside, floor, crew)? else {
        return Ok(None);
    };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    let mut sorted = Vec::with_capacity(n * n);
    order.iter().for_each(|&row| vectors.row(row, &mut sorted));
    drop(vectors);
    reflect_back(&matrix, &halves, n, &mut sorted, crew)?;
    Ok(Some(Eigen {
        values: order.iter().map(|&row| diagonal[row]).collect(),
        vectors: sorted,
    }))
}

/// What is smaller than this share of the matrix's largest entry is nothing, and is taken for 0.
///
/// Where the rank is far below n, as with fewer images than features, rounding leaves noise, the noise of noise, and so
/// on: the square of such a row would become 0, and what is divided by it no number. Noise itself is left alone.
const ROUNDING: f64 = f64::EPSILON * f64::EPSILON;

/// The largest entry of the lower triangle; infinite if one is no number.
fn norm(matrix: &[f64], n: usize) -> f64 {
    let rows = matrix.chunks(n.max(1)).enumerate();
    let entries = rows.flat_map(|(row, values)| &values[..=row]);
    entries.fold(0.0, |norm, value| {
        if norm.is_finite() && value.is_finite() {
            value.abs().max(norm)
        } else {
            f64::INFINITY
        }
    })
}

struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Entry i stands between i and i + 1; the last is 0.
    beside: Vec<f64>,
    /// ½ |u|² of each reflection I − u uᵀ / (½ |u|²); 0 where none was needed.
    halves: Vec<f64>,
}

/// Numbers that one piece of a triangular pass covers, about.
const PIECE: usize = 1 << 16;

/// Makes the matrix tridiagonal from the last row up. Row i keeps its reflection vector u in its first i places.
///
/// A reflection P A P = A − u pᵀ − p uᵀ reaches the rows above only when the next one passes over them: the matrix is
/// larger than the caches, and each pass takes as long as reading it.
fn reduce(matrix: &mut [f64], n: usize, floor: f64, crew: &Crew) -> Result<Tridiagonal, DataError> {
    let isa = crew.isa();
    let mut found = Tridiagonal {
        diagonal: vec![0.0; n],
        beside: vec![0.0; n],
        halves: vec![0.0; n],
    };
    let (mut p, mut next) = (vec![0.0; n], vec![0.0; n]);
    // The row whose reflection has not reached the rows above it.
    let mut held = None;
    for i in (0..n).rev() {
        let (above, rest) = matrix.split_at_mut(i * n);
        let (row, below) = rest.split_at_mut(n);
        let held_u = held.map(|k: usize| &below[(k - i - 1) * n..][..k]);
        if let Some(u) = held_u {
            subtract_two(isa, &mut row[..=i], u[i], &p, p[i], u);
        }
        found.diagonal[i] = row[i];
        let Some(last) = i.checked_sub(1) else {
            break;
        };
        let Some((length, half)) = reflection(&mut row[..i], floor, crew) else {
            found.beside[last] = row[last];
            continue;
        };
        (found.beside[last], found.halves[i]) = (length, half);
        let u = &row[..i];
        pass(
            above,
            n,
            held_u.map(|u| (u, &p[..])),
            u,
            &mut next[..i],
            crew,
        )?;
        next[..i].iter_mut().for_each(|value| *value /= half);
        let shift = dot(isa, u, &next[..i]) / (2.0 * half);
        for (p, u) in next.iter_mut().zip(u) {
            *p -= shift * u;
        }
        std::mem::swap(&mut p, &mut next);
        held = Some(i);
    }
    Ok(found)
}

/// Turns a row beside the diagonal into the vector that reflects it onto its last place: what is left there, and half the
/// vector's square. `None` when nothing is to be done.
fn reflection(row: &mut [f64], floor: f64, crew: &Crew) -> Option<(f64, f64)> {
    let (&mut last, before) = row.split_last_mut()?;
    if before.iter().all(|&value| value.abs() <= floor) {
        return None;
    }
    let square = dot(crew.isa(), row, row);
    // The sign that does not cancel.
    let length = if last > 0.0 {
        -square.sqrt()
    } else {
        square.sqrt()
    };
    if let Some(end) = row.last_mut() {
        *end = last - length;
    }
    Some((length, square - last * length))
}

/// Applies the held reflection to the rows of the lower triangle, and multiplies what they become by u.
fn pass(
    rows: &mut [f64],
    n: usize,
    held: Option<(&[f64], &[f64])>,
    u: &[f64],
    product: &mut [f64],
    crew: &Crew,
) -> Result<(), DataError> {
    let isa = crew.isa();
    let count = (PIECE / u.len()).max(1);
    let mut pieces: Vec<_> = rows
        .chunks_mut(count * n)
        .zip(product.chunks_mut(count))
        .collect();
    crew.pieces(&mut pieces, 1, |index, piece| {
        let rows = piece
            .iter_mut()
            .flat_map(|(rows, product)| rows.chunks_mut(n).zip(product.iter_mut()));
        for (at, (row, product)) in rows.enumerate() {
            let j = index * count + at;
            let row = &mut row[..=j];
            if let Some((u, p)) = held {
                subtract_two(isa, row, u[j], p, p[j], u);
            }
            *product = dot(isa, row, &u[..=j]);
        }
    })?;
    // The other half of the symmetric matrix: a piece of columns, down the rows.
    let (rows, columns) = (&*rows, count.max(64));
    crew.pieces(product, columns, |index, product| {
        let first = index * columns;
        for (j, row) in rows.chunks(n).enumerate().skip(first + 1) {
            let end = product.len().min(j - first);
            add(isa, &mut product[..end], u[j], &row[first..j]);
        }
    })
}

/// Brings eigenvectors of the tridiagonal matrix back to the matrix that it came from.
fn reflect_back(
    reflections: &[f64],
    halves: &[f64],
    n: usize,
    vectors: &mut [f64],
    crew: &Crew,
) -> Result<(), DataError> {
    let isa = crew.isa();
    // Some vectors at a time, so that each pass over the reflections serves them all.
    crew.pieces(vectors, 8 * n, |_, vectors| {
        for i in 1..n {
            if halves[i] == 0.0 {
                continue;
            }
            let u = &reflections[i * n..][..i];
            for vector in vectors.chunks_mut(n) {
                let part = dot(isa, u, &vector[..i]) / halves[i];
                add(isa, &mut vector[..i], -part, u);
            }
        }
    })
}

/// A square matrix in panels of a few columns: `[panel, row, LANES]`, so that a panel stays in the cache while many
/// rotations pass over it.
struct Panels {
    n: usize,
    values: Vec<f64>,
}

/// Rotations that are collected before they are applied.
const COLLECT: usize = 1 << 16;

impl Panels {
    fn identity(n: usize) -> Panels {
        let mut values = vec![0.0; n.div_ceil(LANES) * n * LANES];
        for i in 0..n {
            values[(i / LANES * n + i) * LANES + i % LANES] = 1.0;
        }
        Panels { n, values }
    }

    fn rotate(&mut self, rotations: &mut Vec<Rotation>, crew: &Crew) -> Result<(), DataError> {
        crew.pieces(&mut self.values, self.n * LANES, |_, panel| {
            rotate(crew.isa(), panel, rotations);
        })?;
        rotations.clear();
        Ok(())
    }

    fn row(&self, row: usize, to: &mut Vec<f64>) {
        let end = to.len() + self.n;
        for panel in self.values.chunks(self.n * LANES) {
            to.extend_from_slice(&panel[row * LANES..][..LANES]);
        }
        to.truncate(end);
    }
}

/// Turns `diagonal` into the eigenvalues; the rows of what it returns are the eigenvectors.
fn diagonalize(
    diagonal: &mut [f64],
    beside: &mut [f64],
    floor: f64,
    crew: &Crew,
) -> Result<Option<Panels>, DataError> {
    let n = diagonal.len();
    let mut vectors = Panels::identity(n);
    let mut rotations = Vec::with_capacity(COLLECT + n);
    for first in 0..n {
        // Two or three steps are usual; far more means that the matrix is not one of numbers.
        for step in 0.. {
            let negligible = |&i: &usize| {
                let next_to_it = diagonal[i].abs() + diagonal[i + 1].abs();
                beside[i].abs() <= floor.max(f64::EPSILON * next_to_it)
            };
            let last = (first..n - 1).find(negligible).unwrap_or(n - 1);
            if last == first {
                break;
            }
            if step == 100 {
                return Ok(None);
            }
            ql_step(diagonal, beside, first, last, &mut rotations);
            if rotations.len() >= COLLECT {
                vectors.rotate(&mut rotations, crew)?;
            }
        }
    }
    vectors.rotate(&mut rotations, crew)?;
    Ok(Some(vectors))
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
