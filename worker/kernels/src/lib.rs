//! CPU kernels for training convolutional networks.
//!
//! Images are `[batch, height, width, channels]`, convolution weights `[height, width, channels, filters]`, linear weights
//! `[inputs, outputs]`; all f32, in plain slices. Every result has the same bits on every path ([`Isa`]) and with every number of
//! threads.

mod isa;
mod lanes;
mod product;

pub mod math;

mod activation;
mod dropout;
mod rows;
mod shape;

mod compute;
mod norm;
mod output_gradient;
mod prologue;

mod conv;
pub mod fit;
mod geometry;
mod linear;
mod loss;
mod peak;
mod pool;
mod winograd;

pub use activation::Activation;
pub use compute::Compute;
pub use conv::{Conv, Destination, Source};
pub use dropout::Dropout;
pub use geometry::{Geometry, windows};
pub use isa::{Isa, IsaError};
pub use linear::Linear;
pub use loss::{Loss, softmax_cross_entropy};
pub use norm::{Moments, NormGradient};
pub use output_gradient::OutputGradient;
pub use peak::Peak;
pub use pool::{Pool, global_average, global_average_back, maxout, maxout_back, sum};
pub use prologue::{Affine, Prologue, PrologueGradient};
pub use shape::Shape;
