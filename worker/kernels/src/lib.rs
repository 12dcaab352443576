//! CPU kernels for training convolutional networks.
//!
//! Images are `[batch, height, width, channels]`, convolution weights `[height, width, channels, filters]`, linear weights
//! `[inputs, outputs]`; all f32, in plain slices. Every result has the same bits on every path ([`Isa`]) and with every number of
//! threads.

mod isa;
mod lanes;
mod product;

pub use isa::{Isa, IsaError};
