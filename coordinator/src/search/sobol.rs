//! Owen-scrambled Sobol points: each a pure function of its index.
//!
//! Scrambling is the nested uniform one (A. B. Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences", 1995): every digit is flipped
//! by a random bit that depends on all digits before it. The bit is a hash of the prefix, so nothing is stored.

use super::{
    direction_numbers::ROWS,
    keyed::{self, Purpose},
};

const BITS: u32 = 32;

/// Coordinates of point `index` in [0, 1), one per dimension.
///
/// The scrambling differs for each `seed`, `purpose` and `stream`. Dimensions past the table are independent random numbers.
pub(super) fn point(
    seed: u64,
    purpose: Purpose,
    stream: u64,
    index: u64,
    dimensions: usize,
) -> Vec<f64> {
    (0..dimensions)
        .map(|dimension| {
            let key = keyed::number(seed, purpose, &[stream, dimension as u64]);
            match digits(index, dimension) {
                Some(x) => unit(scramble(x, key)),
                None => unit(mix(key ^ mix(index)) as u32),
            }
        })
        .collect()
}

/// The unscrambled coordinate as 32 binary digits after the point; `None` past the table.
fn digits(index: u64, dimension: usize) -> Option<u32> {
    let mut x = 0;
    for bit in 0..BITS {
        if index >> bit & 1 == 1 {
            x ^= direction(dimension, bit)?;
        }
    }
    (dimension <= ROWS.len()).then_some(x)
}

/// The `bit`-th direction number, by the recurrence of Bratley and Fox (ACM TOMS 659, 1988).
fn direction(dimension: usize, bit: u32) -> Option<u32> {
    if dimension == 0 {
        return Some(1 << (BITS - 1 - bit));
    }
    let row = ROWS.get(dimension - 1)?;
    let degree = row.1.len();
    let mut numbers = [0u32; BITS as usize];
    for k in 0..=bit as usize {
        numbers[k] = if k < degree {
            row.1[k] << (BITS - 1 - k as u32)
        } else {
            let mut v = numbers[k - degree] ^ (numbers[k - degree] >> degree);
            for j in 1..degree {
                if row.0 >> (degree - 1 - j) & 1 == 1 {
                    v ^= numbers[k - j];
                }
            }
            v
        };
    }
    Some(numbers[bit as usize])
}

fn scramble(x: u32, key: u64) -> u32 {
    let mut flips = 0;
    for bit in 0..BITS {
        // The digits before this one, with a leading 1 that tells prefixes of different lengths apart.
        let prefix = (1u64 << bit) | u64::from(x).checked_shr(BITS - bit).unwrap_or(0);
        flips |= ((mix(key ^ prefix.wrapping_mul(0x9e37_79b9_7f4a_7c15)) & 1) as u32)
            << (BITS - 1 - bit);
    }
    x ^ flips
}

/// The finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The middle of the cell that 32 digits name: never 0, never 1.
fn unit(x: u32) -> f64 {
    (f64::from(x) + 0.5) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_are_those_of_the_published_sequence() {
        // Joe and Kuo's own example program prints these for three dimensions, in Gray-code order; the set of the first eight is the same.
        let mut points: Vec<[f64; 3]> = (0..8u64)
            .map(|i| [0, 1, 2].map(|d| f64::from(digits(i, d).unwrap()) / 4_294_967_296.0))
            .collect();
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let expected = [
            [0.0, 0.0, 0.0],
            [0.125, 0.625, 0.375],
            [0.25, 0.75, 0.75],
            [0.375, 0.375, 0.625],
            [0.5, 0.5, 0.5],
            [0.625, 0.125, 0.875],
            [0.75, 0.25, 0.25],
            [0.875, 0.875, 0.125],
        ];
        assert_eq!(points, expected);
    }

    #[test]
    fn every_axis_is_stratified_and_scrambling_keeps_it() {
        for stream in 0..3 {
            let points: Vec<Vec<f64>> = (0..256)
                .map(|i| point(7, Purpose::Scramble, stream, i, 128))
                .collect();
            for axis in 0..128 {
                let mut cells = [0; 256];
                for p in &points {
                    cells[(p[axis] * 256.0) as usize] += 1;
                }
                assert!(cells.iter().all(|&n| n == 1), "axis {axis}: {cells:?}");
            }
        }
    }

    #[test]
    fn the_first_two_axes_fill_every_elementary_rectangle() {
        let points: Vec<Vec<f64>> = (0..64)
            .map(|i| point(3, Purpose::Scramble, 1, i, 2))
            .collect();
        for log_width in 0..=6u32 {
            let (columns, rows) = (1usize << log_width, 1usize << (6 - log_width));
            let mut cells = vec![0; 64];
            for p in &points {
                let column = (p[0] * columns as f64) as usize;
                let row = (p[1] * rows as f64) as usize;
                cells[column * rows + row] += 1;
            }
            assert!(cells.iter().all(|&n| n == 1), "{columns} × {rows}");
        }
    }

    #[test]
    fn another_stream_or_seed_gives_other_points() {
        let at = |seed, stream| point(seed, Purpose::Scramble, stream, 5, 3);
        assert_ne!(at(1, 1), at(1, 2));
        assert_ne!(at(1, 1), at(2, 1));
        assert_eq!(at(1, 1), at(1, 1));
    }
}
