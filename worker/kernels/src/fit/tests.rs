use super::*;
use crate::Isa;

/// Numbers without a pattern that rounding could agree with.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let step = |state: &mut u64| {
        *state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (*state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..count).map(|_| step(&mut state)).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_product_is_one_chain_a_number_on_every_path() {
    let (rows, terms) = (11, 37);
    let bytes: Vec<u8> = (0..rows * terms).map(|i| (i * 97 % 256) as u8).collect();
    let floats = numbers(rows * terms, 1);
    let (panel, start) = (numbers(terms * LANES, 2), numbers(rows * LANES, 3));
    let chain = |left: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        let mut out = start.clone();
        for (at, out) in out.iter_mut().enumerate() {
            for term in 0..terms {
                *out = left(at / LANES, term).mul_add(panel[term * LANES + at % LANES], *out);
            }
        }
        out
    };
    let wanted_bytes = bits(&chain(&|row, term| f64::from(bytes[row * terms + term])));
    // Transposed, as it lies when rows are the inner dimension.
    let wanted_floats = bits(&chain(&|row, term| floats[term * rows + row]));
    for isa in Isa::all() {
        let mut out = start.clone();
        let left = Strided {
            values: &bytes[..],
            row_step: terms,
            term_step: 1,
        };
        add_bytes_times(isa, left, &panel, &mut out);
        assert_eq!(bits(&out), wanted_bytes, "{}", isa.name());
        let mut out = start.clone();
        let left = Strided {
            values: &floats[..],
            row_step: 1,
            term_step: rows,
        };
        add_numbers_times(isa, left, &panel, &mut out);
        assert_eq!(bits(&out), wanted_floats, "{}", isa.name());
    }
}

#[test]
fn sums_and_rotations_have_the_same_bits_on_every_path() {
    let (a, b) = (numbers(83, 4), numbers(83, 5));
    let rotations: Vec<Rotation> = (0..40)
        .map(|i| Rotation {
            row: i * 7 % 9,
            cosine: 0.6,
            sine: 0.8,
        })
        .collect();
    let on = |isa| {
        let mut panel = numbers(10 * LANES, 6);
        rotate(isa, &mut panel, &rotations);
        let mut sum = a.clone();
        add(isa, &mut sum, 0.3, &b);
        subtract_two(isa, &mut sum, 0.7, &b, -0.2, &a);
        panel.extend(sum);
        panel.push(dot(isa, &a, &b));
        bits(&panel)
    };
    let first = on(Isa::best());
    assert!(Isa::all().all(|isa| on(isa) == first));
}

#[test]
fn whole_products_are_exact_up_to_white_images() {
    let (terms, count) = (33, 5);
    let block: Vec<i16> = (0..terms * count)
        .map(|i| if i < terms { 255 } else { (i % 256) as i16 })
        .collect();
    for isa in Isa::all() {
        let mut sums = vec![7; 2 * count];
        add_whole_products(isa, &block[..2 * terms], &block, terms, &mut sums, count);
        for (at, sum) in sums.iter().enumerate() {
            let row = |index: usize| block[index * terms..][..terms].iter();
            let exact: u64 = row(at / count)
                .zip(row(at % count))
                .map(|(&a, &b)| a as u64 * b as u64)
                .sum();
            assert_eq!(*sum, 7 + exact, "{}", isa.name());
        }
    }
}
