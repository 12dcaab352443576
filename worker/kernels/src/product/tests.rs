use super::*;
use proptest::prelude::*;

fn noise(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 8_388_608.0 - 1.0)
        .collect()
}

/// The definition: one chain of fused multiply-adds for each output.
fn plain(a: &[f32], left: &Left<'_>, b: &[f32], columns: usize, c: &mut [f32], accumulate: bool) {
    for (row, out) in left.rows.at.iter().zip(&left.out.at) {
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
        let offsets: Offsets = (0..rows).map(|r| r * depth * step).collect();
        let out: Offsets = (0..rows).rev().map(|r| r * columns).collect();
        let left = Left { rows: &offsets, step, runs: &runs, out: &out };
        let start = noise(rows * columns, 3);
        let mut expected = start.clone();
        plain(&a, &left, &b, columns, &mut expected, accumulate);
        b.resize(b.len() + SLACK, f32::NAN);
        for isa in Isa::all() {
            let mut panels = Packed::default();
            panels.fill(isa, depth, columns, |r, into| into.copy_from_slice(&b[r * columns..(r + 1) * columns]));
            let right = if packed { Right::Packed(&panels) } else { Right::Plain { data: &b, stride: columns, columns } };
            let mut c = start.clone();
            let sum = if accumulate { Sum::GoOn } else { Sum::New };
            product(isa, &a, &left, &right, &mut c, sum);
            prop_assert!(c.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()), "{}", isa.name());
        }
    }
}

/// Whatever the tables say, a product stays inside its slices or does not begin.
#[test]
fn tables_that_reach_too_far_are_refused() {
    let (a, b) = (vec![1.0; 20], vec![1.0; 8 + SLACK]);
    let reaches = |row: usize, step: usize, run: Run, out: usize| {
        let (rows, out) = (
            [0, row].into_iter().collect(),
            [0, out].into_iter().collect(),
        );
        let left = Left {
            rows: &rows,
            step,
            runs: &[run],
            out: &out,
        };
        let right = Right::Plain {
            data: &b,
            stride: 4,
            columns: 4,
        };
        let mut c = vec![0.0; 10];
        let mut run = || product(Isa::best(), &a, &left, &right, &mut c, Sum::New);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut run)).is_err()
    };
    let run = |a, b, terms| Run { a, b, terms };
    assert!(!reaches(10, 9, run(0, 0, 2), 6), "the last of each");
    let far = [
        reaches(11, 9, run(0, 0, 2), 6),
        reaches(10, 10, run(0, 0, 2), 6),
        reaches(10, 9, run(1, 0, 2), 6),
        reaches(10, 9, run(0, 1, 2), 6),
        reaches(10, 9, run(0, 0, 2), 7),
        reaches(usize::MAX, 9, run(0, 0, 2), 6),
        reaches(10, usize::MAX, run(0, 0, 2), 6),
        reaches(10, 9, run(usize::MAX, 0, 2), 6),
        reaches(10, 9, run(0, usize::MAX, 2), 6),
        reaches(10, 0, run(0, 0, usize::MAX), 6),
        reaches(10, 9, run(0, 0, 2), usize::MAX),
    ];
    assert_eq!(far, [true; 11]);
}
