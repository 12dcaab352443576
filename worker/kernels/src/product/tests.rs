use super::*;
use proptest::prelude::*;

fn noise(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 8_388_608.0 - 1.0)
        .collect()
}

/// The definition: one chain of fused multiply-adds for each output.
fn plain(a: &[f32], left: &Left<'_>, b: &[f32], columns: usize, c: &mut [f32], accumulate: bool) {
    for (row, out) in left.rows.iter().zip(left.out) {
        for n in 0..columns {
            let mut sum = if accumulate { c[out + n] } else { 0.0 };
            for run in left.runs {
                for k in 0..run.terms {
                    sum = a[row + run.a + k * left.step].mul_add(b[(run.b + k) * columns + n], sum);
                }
            }
            c[out + n] = sum;
        }
    }
}

proptest! {
    #[test]
    fn every_path_gives_the_bits_of_the_definition(
        rows in 1usize..40, columns in 1usize..70, terms in prop::collection::vec(1usize..40, 1..5),
        step in 1usize..4, accumulate: bool, packed: bool,
    ) {
        let depth: usize = terms.iter().sum();
        let mut b_row = 0;
        let runs: Vec<_> = terms.iter().map(|&terms| {
            let run = Run { a: b_row * step, b: b_row, terms };
            b_row += terms;
            run
        }).collect();
        let a = noise(rows * depth * step, 1);
        let mut b = noise(depth * columns, 2);
        let offsets: Vec<_> = (0..rows).map(|r| r * depth * step).collect();
        let out: Vec<_> = (0..rows).rev().map(|r| r * columns).collect();
        let left = Left { rows: &offsets, step, runs: &runs, out: &out };
        let start = noise(rows * columns, 3);
        let mut expected = start.clone();
        plain(&a, &left, &b, columns, &mut expected, accumulate);
        b.resize(b.len() + 64, f32::NAN);
        for isa in Isa::all() {
            let mut panels = Packed::default();
            panels.fill(isa, depth, columns, |r, into| into.copy_from_slice(&b[r * columns..(r + 1) * columns]));
            let right = if packed { Right::Packed(&panels) } else { Right::Plain { data: b.as_ptr(), stride: columns, columns } };
            let mut c = start.clone();
            // SAFETY: all offsets were made for these buffers, and B has 64 elements more than it needs.
            unsafe { product(isa, a.as_ptr(), &left, &right, c.as_mut_ptr(), accumulate) };
            prop_assert!(c.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()), "{}", isa.name());
        }
    }
}
