//! The arithmetic that this machine can do: the measure of every other kernel.

use crate::{
    Isa,
    product::{Left, Offsets, Packed, Right, Run, Sum, product},
};

const ROWS: usize = 48;
const TERMS: usize = 128;
/// Two vectors of the widest registers: with one, the kernel would wait for its own sums.
const COLUMNS: usize = 32;

/// A product small enough to stay in the first-level cache.
#[derive(Debug)]
pub struct Peak {
    isa: Isa,
    a: Vec<f32>,
    b: Packed,
    c: Vec<f32>,
    rows: Offsets,
    out: Offsets,
}

impl Peak {
    /// For one path.
    pub fn new(isa: Isa) -> Self {
        let mut b = Packed::default();
        b.fill(isa, TERMS, COLUMNS, |_, row| row.fill(0.5));
        Self {
            isa,
            a: vec![0.5; ROWS * TERMS],
            b,
            c: vec![0.0; ROWS * COLUMNS],
            rows: Offsets::every(TERMS, ROWS),
            out: Offsets::every(COLUMNS, ROWS),
        }
    }

    /// Computes it `times` times; the number of floating-point operations, two for each multiply-add.
    pub fn run(&mut self, times: usize) -> u64 {
        let runs = [Run {
            a: 0,
            b: 0,
            terms: TERMS,
        }];
        let left = Left {
            rows: &self.rows,
            step: 1,
            runs: &runs,
            out: &self.out,
        };
        for _ in 0..times {
            let right = Right::Packed(&self.b);
            product(self.isa, &self.a, &left, &right, &mut self.c, Sum::New);
        }
        (2 * ROWS * TERMS * COLUMNS * times) as u64
    }
}
