//! The right factor, packed for the kernels, and how its columns are cut into blocks.

use crate::isa::{Isa, Path};

/// B in blocks of as many columns as one kernel takes, each block's rows contiguous and filled up with zeros.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub columns: usize,
    pub rows: usize,
    pub data: Vec<f32>,
}

impl Packed {
    /// Packs `rows` rows of `columns` each; `row(r, into)` writes one, and `into` is not cleared before.
    pub fn fill(
        &mut self,
        isa: Isa,
        rows: usize,
        columns: usize,
        mut row: impl FnMut(usize, &mut [f32]),
    ) {
        self.reserve(isa, rows, columns);
        let lanes = isa.0.lanes();
        let mut line = vec![0.0; columns];
        for r in 0..rows {
            row(r, &mut line);
            let mut at = 0;
            for block in isa.0.blocks(columns) {
                let width = block.vectors * lanes;
                let taken = width.min(columns - block.start);
                let to = at + r * width;
                self.data[to..to + taken].copy_from_slice(&line[block.start..block.start + taken]);
                at += rows * width;
            }
        }
    }

    /// Room for `rows` rows of `columns`; what is beyond the columns is zero.
    fn reserve(&mut self, isa: Isa, rows: usize, columns: usize) {
        let size = rows * columns.div_ceil(isa.0.lanes()) * isa.0.lanes();
        if (self.rows, self.columns, self.data.len()) != (rows, columns, size) {
            self.data.clear();
            self.data.resize(size, 0.0);
            (self.rows, self.columns) = (rows, columns);
        }
    }
}

/// Some whole vectors of columns.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub start: usize,
    pub vectors: usize,
    /// Columns of the last vector.
    pub last: usize,
}

impl Path {
    pub(super) const fn lanes(self) -> usize {
        match self {
            Path::Avx512 | Path::Wide => 16,
            Path::Avx2 | Path::Portable | Path::Libm => 8,
        }
    }

    /// Vectors of columns that one kernel takes.
    pub(super) const fn widest(self) -> usize {
        match self {
            Path::Avx512 => 4,
            Path::Wide => 1,
            Path::Avx2 | Path::Portable | Path::Libm => 2,
        }
    }

    /// Rows that one kernel takes beside so many vectors, so that accumulators fill the registers.
    pub(super) fn tallest(self, vectors: usize) -> usize {
        match (self, vectors) {
            (Path::Avx512, 4) => 6,
            (Path::Avx512, _) => 8,
            (_, 1) if self != Path::Wide => 8,
            _ => 6,
        }
    }

    /// `columns` cut into blocks of nearly equal width.
    pub(super) fn blocks(self, columns: usize) -> impl Iterator<Item = Block> {
        let (lanes, widest) = (self.lanes(), self.widest());
        let vectors = columns.div_ceil(lanes);
        let count = vectors.div_ceil(widest);
        (0..count).map(move |i| {
            let (from, to) = (i * vectors / count, (i + 1) * vectors / count);
            let end = (to * lanes).min(columns);
            Block {
                start: from * lanes,
                vectors: to - from,
                last: end - (to - 1) * lanes,
            }
        })
    }
}
