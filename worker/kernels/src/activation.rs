//! The pointwise nonlinearities, and what they do to a gradient.

use crate::math::{bounded_exp, logistic, tanh};

/// Calls `$function::<Curve, …>($args)` for the curve of `$activation`.
macro_rules! with_curve {
    ($activation:expr, $function:ident($($arg:expr),* $(,)?)) => {{
        use $crate::activation as curves;
        match $activation {
            Activation::Identity => $function::<curves::Identity>($($arg),*),
            Activation::Relu => $function::<curves::Relu>($($arg),*),
            Activation::Leaky(_) | Activation::Prelu => $function::<curves::Leaky>($($arg),*),
            Activation::Elu(_) => $function::<curves::Elu>($($arg),*),
            Activation::Sigmoid => $function::<curves::Sigmoid>($($arg),*),
            Activation::Tanh => $function::<curves::Tanh>($($arg),*),
            Activation::Gelu => $function::<curves::Gelu>($($arg),*),
            Activation::Silu => $function::<curves::Silu>($($arg),*),
        }
    }};
}
pub(crate) use with_curve;

/// A nonlinearity applied to each number by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// x > 0: x, else 0.
    Relu,
    /// x > 0: x, else slope · x.
    Leaky(f32),
    /// The same with a slope for each channel, which can be learned.
    Prelu,
    /// x > 0: x, else alpha · (e^x − 1).
    Elu(f32),
    /// 1/(1 + e^−x).
    Sigmoid,
    /// tanh x.
    Tanh,
    /// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks and Gimpel 2016).
    Gelu,
    /// x/(1 + e^−x).
    Silu,
}

impl Activation {
    /// Of one number; `slope` is PReLU's.
    pub fn value(self, z: f32, slope: f32) -> f32 {
        with_curve!(self, value_as(z, self.parameter().unwrap_or(slope)))
    }

    /// Its number below 0, where that is the same for all channels.
    pub fn parameter(self) -> Option<f32> {
        match self {
            Activation::Prelu => None,
            Activation::Leaky(number) | Activation::Elu(number) => Some(number),
            _ => Some(0.0),
        }
    }

    /// Whether its value never falls where its argument grows, given the slopes of all channels.
    pub(crate) fn rises(self, slopes: &[f32]) -> bool {
        match self {
            Activation::Identity | Activation::Relu | Activation::Sigmoid | Activation::Tanh => {
                true
            }
            Activation::Leaky(_) | Activation::Prelu => slopes.iter().all(|slope| *slope >= 0.0),
            Activation::Elu(alpha) => alpha >= 0.0,
            Activation::Gelu | Activation::Silu => false,
        }
    }
}

fn value_as<C: Curve>(z: f32, p: f32) -> f32 {
    C::value(z, p)
}

/// One of them, known when the loop is compiled. `p` is the slope of the channel, or alpha.
pub(crate) trait Curve {
    fn value(z: f32, p: f32) -> f32;
    /// The gradient with respect to `z`, given that with respect to the value.
    fn back(z: f32, p: f32, gradient: f32) -> f32;
}

pub(crate) struct Identity;
pub(crate) struct Relu;
pub(crate) struct Leaky;
pub(crate) struct Elu;
pub(crate) struct Sigmoid;
pub(crate) struct Tanh;
pub(crate) struct Gelu;
pub(crate) struct Silu;

impl Curve for Identity {
    #[inline(always)]
    fn value(z: f32, _: f32) -> f32 {
        z
    }
    #[inline(always)]
    fn back(_: f32, _: f32, gradient: f32) -> f32 {
        gradient
    }
}

/// NaN is neither above nor below 0, and must not become 0: it is the sign of a divergence.
impl Curve for Relu {
    #[inline(always)]
    fn value(z: f32, _: f32) -> f32 {
        if z <= 0.0 { 0.0 } else { z }
    }
    #[inline(always)]
    fn back(z: f32, _: f32, gradient: f32) -> f32 {
        if z <= 0.0 { 0.0 } else { gradient }
    }
}

impl Curve for Leaky {
    #[inline(always)]
    fn value(z: f32, p: f32) -> f32 {
        if z > 0.0 { z } else { p * z }
    }
    #[inline(always)]
    fn back(z: f32, p: f32, gradient: f32) -> f32 {
        if z > 0.0 { gradient } else { p * gradient }
    }
}

impl Curve for Elu {
    #[inline(always)]
    fn value(z: f32, p: f32) -> f32 {
        // e^z − 1 cancels near 0, where the series to the fourth power is exact to f32.
        let series = z * z.mul_add(z.mul_add(z.mul_add(1.0 / 24.0, 1.0 / 6.0), 0.5), 1.0);
        let below = if z > -0.05 {
            series
        } else {
            bounded_exp(z) - 1.0
        };
        if z > 0.0 { z } else { p * below }
    }
    #[inline(always)]
    fn back(z: f32, p: f32, gradient: f32) -> f32 {
        let slope = if z > 0.0 { 1.0 } else { p * bounded_exp(z) };
        gradient * slope
    }
}

impl Curve for Sigmoid {
    #[inline(always)]
    fn value(z: f32, _: f32) -> f32 {
        logistic(z)
    }
    #[inline(always)]
    fn back(z: f32, _: f32, gradient: f32) -> f32 {
        let s = logistic(z);
        gradient * (s * (1.0 - s))
    }
}

impl Curve for Tanh {
    #[inline(always)]
    fn value(z: f32, _: f32) -> f32 {
        tanh(z)
    }
    #[inline(always)]
    fn back(z: f32, _: f32, gradient: f32) -> f32 {
        let t = tanh(z);
        gradient * (1.0 - t * t)
    }
}

/// With ½(1 + tanh a) = 1/(1 + e^−2a).
const GELU_LINEAR: f32 = 1.595_769;
const GELU_CUBIC: f32 = 0.044_715;

impl Curve for Gelu {
    #[inline(always)]
    fn value(z: f32, _: f32) -> f32 {
        z * logistic(GELU_LINEAR * z * (GELU_CUBIC * z).mul_add(z, 1.0))
    }
    #[inline(always)]
    fn back(z: f32, _: f32, gradient: f32) -> f32 {
        let s = logistic(GELU_LINEAR * z * (GELU_CUBIC * z).mul_add(z, 1.0));
        let inner = GELU_LINEAR * (3.0 * GELU_CUBIC * z).mul_add(z, 1.0);
        gradient * (s * (1.0 - s)).mul_add(z * inner, s)
    }
}

impl Curve for Silu {
    #[inline(always)]
    fn value(z: f32, _: f32) -> f32 {
        z * logistic(z)
    }
    #[inline(always)]
    fn back(z: f32, _: f32, gradient: f32) -> f32 {
        let s = logistic(z);
        gradient * (s * (1.0 - s)).mul_add(z, s)
    }
}
