//! The gradient of a stored tensor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hone_kernels::{Compute, Destination, NormGradient, OutputGradient, PrologueGradient};

use super::node::Batch;

/// The gradient of a stored tensor. Clones share one buffer: where a gradient passes unchanged (the terms of a sum), or goes back
/// in place.
#[derive(Clone, Debug, Default)]
pub(super) struct Gradient(Arc<Mutex<Buffer>>);

/// Its numbers, and how the tensor's own node is to read them.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub values: Vec<f32>,
    /// A reader has written it in this pass: the next one adds.
    pub written: bool,
    /// What the reader's prologue left.
    pub left: PrologueGradient,
    /// The way back through its batch norm.
    pub norm: NormGradient,
    /// The window of its pool and whether it normalises, unless the numbers are those of the stored pixels.
    pub through: Option<(usize, bool)>,
}

impl Gradient {
    /// A panic elsewhere leaves numbers that the next pass writes anew.
    pub fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both have one buffer.
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Buffer {
    /// Room for `len` numbers as they are, and whether to add to those that are there.
    pub fn open(&mut self, len: usize) -> (&mut [f32], bool) {
        self.through = None;
        self.values.resize(len, 0.0);
        (&mut self.values, std::mem::replace(&mut self.written, true))
    }

    pub fn receive(&mut self, values: &[f32]) {
        let (to, add) = self.open(values.len());
        for (to, value) in to.iter_mut().zip(values) {
            *to = if add { *to + value } else { *value };
        }
    }

    /// As the node reads it that made the tensor.
    pub fn of_output<'a>(&'a self, tensor: &Batch<'a>) -> OutputGradient<'a> {
        let (window, normalises) = self.through.unwrap_or((1, false));
        OutputGradient {
            shape: tensor.shape,
            values: &self.values,
            window,
            argmax: &self.left.argmax,
            norm: normalises.then_some((&self.norm, tensor.raw)),
        }
    }

    /// The same in place: at every stored pixel, whatever the reader's prologue was.
    pub fn write_out(&mut self, compute: &Compute, tensor: &Batch<'_>, spare: &mut Vec<f32>) {
        if self.through.is_some_and(|through| through != (1, false)) {
            spare.resize(tensor.raw.len(), 0.0);
            self.of_output(tensor).write(compute, spare);
            std::mem::swap(&mut self.values, spare);
            self.through = None;
        }
    }

    /// Where a convolution puts the gradient of the `len` numbers that it read, through its prologue if there is one.
    pub fn destination(&mut self, len: usize, prologue: bool) -> Destination<'_> {
        let (_, add) = self.open(len);
        let (gradient, left) = (&mut self.values, &mut self.left);
        match prologue {
            true => Destination::Prologue { gradient, left },
            false => Destination::Plain { gradient, add },
        }
    }
}
