//! exp, ln, tanh and the logistic function: our own, since the C library's differ from machine to machine.
//!
//! Branch-free polynomials in f32 with fused multiply-adds, so that loops over them become vector code. NaN stays NaN.
//! The constants follow from the series themselves (Taylor, and the odd series of ln); the errors stated are measured
//! against f64 by the tests below.

/// Adding and subtracting it rounds to the nearest integer, to even: 1.5 · 2^23.
const ROUNDER: f32 = 12_582_912.0;
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// 2^n for integers n in [-126, 127], given n + `ROUNDER`.
#[inline(always)]
fn power_of_two(shifted: f32) -> f32 {
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// The integer nearest to x/ln 2, and e^(x − that · ln 2).
#[inline(always)]
fn split_power(x: f32) -> (f32, f32) {
    let n = x.mul_add(std::f32::consts::LOG2_E, ROUNDER) - ROUNDER;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let mut p = 1.0 / 5040.0;
    p = r.mul_add(p, 1.0 / 720.0);
    p = r.mul_add(p, 1.0 / 120.0);
    p = r.mul_add(p, 1.0 / 24.0);
    p = r.mul_add(p, 1.0 / 6.0);
    p = r.mul_add(p, 0.5);
    p = r.mul_add(p, 1.0);
    (n, r.mul_add(p, 1.0))
}

/// e^x, within 2 ulp; 0 below -104, infinite above 88.73.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Written so that NaN passes both comparisons.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (n, p) = split_power(x);
    // In two factors, since 2^128 and the powers below 2^-126 are no normal numbers.
    let half = n.mul_add(0.5, ROUNDER);
    let rest = n - (half - ROUNDER) + ROUNDER;
    p * power_of_two(half) * power_of_two(rest)
}

/// e^x, within 2 ulp, for x from -87 to 87, and beyond them what it is there: one factor is enough. The activations
/// need no more, and are not slowed down by subnormal numbers.
#[inline(always)]
pub(crate) fn bounded_exp(x: f32) -> f32 {
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let (n, p) = split_power(x);
    p * power_of_two(n + ROUNDER)
}

/// ln x for positive normal x, within 2 ulp; −∞ at 0, NaN below it and for NaN, ∞ at ∞.
pub fn ln(x: f32) -> f32 {
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 || x == f32::INFINITY {
        return if x > 0.0 { x } else { f32::NAN };
    }
    let (x, below) = if x < f32::MIN_POSITIVE {
        (x * 16_777_216.0, -24.0)
    } else {
        (x, 0.0)
    };
    let exponent = (x.to_bits() as i32 - 0x3f35_04f3) >> 23;
    let mantissa = f32::from_bits((x.to_bits() as i32 - (exponent << 23)) as u32);
    // ln m = 2 artanh((m − 1)/(m + 1)), m in [√½, √2).
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut p: f32 = 1.0 / 11.0;
    p = square.mul_add(p, 1.0 / 9.0);
    p = square.mul_add(p, 1.0 / 7.0);
    p = square.mul_add(p, 1.0 / 5.0);
    p = square.mul_add(p, 1.0 / 3.0);
    let tail = 2.0 * s * square * p;
    let n = exponent as f32 + below;
    n.mul_add(LN2_HIGH, n.mul_add(LN2_LOW, tail) + 2.0 * s)
}

/// 1/(1 + e^−x), within 4 ulp for x of at least -87.
#[inline(always)]
pub fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + bounded_exp(-x))
}

/// tanh x, within 4 ulp.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let magnitude = x.abs();
    let power = bounded_exp(2.0 * magnitude);
    // (e^2x − 1)/(e^2x + 1) cancels near 0; there the continued fraction's rational form x(a + bx² + cx⁴)/(…) is exact enough:
    // tanh x = x/(1 + x²/(3 + x²/(5 + x²/(7 + x²/(9 + x²/11))))).
    let q = x * x;
    let top = q.mul_add(q.mul_add(21.0, 1260.0), 10_395.0);
    let bottom = q.mul_add(q.mul_add(q + 210.0, 4725.0), 10_395.0);
    // One division for both: it is the dearest operation here.
    let small = magnitude < 0.55;
    let top = if small { magnitude * top } else { power - 1.0 };
    let bottom = if small { bottom } else { power + 1.0 };
    (top / bottom).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units of the last place of the right answer.
    fn ulps(got: f32, right: f64) -> f64 {
        let nearest = right as f32;
        let unit =
            f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
        (f64::from(got) - right).abs() / unit
    }

    fn worst(from: f32, to: f32, ours: impl Fn(f32) -> f32, right: impl Fn(f64) -> f64) -> f64 {
        let count = 400_000;
        (0..=count)
            .map(|i| from + (to - from) * i as f32 / count as f32)
            .map(|x| ulps(ours(x), right(f64::from(x))))
            .fold(0.0, f64::max)
    }

    #[test]
    fn errors_are_within_the_stated_ulps() {
        let cases = [
            ("exp", worst(-87.0, 88.7, exp, f64::exp), 2.0),
            ("exp near 0", worst(-0.01, 0.01, exp, f64::exp), 2.0),
            ("ln", worst(1e-30, 10.0, ln, f64::ln), 2.0),
            ("ln near 1", worst(0.9, 1.1, ln, f64::ln), 2.0),
            ("ln large", worst(1.0, 1e30, ln, f64::ln), 2.0),
            ("tanh", worst(-12.0, 12.0, tanh, f64::tanh), 4.0),
            ("tanh near 0", worst(-0.6, 0.6, tanh, f64::tanh), 4.0),
            (
                "logistic",
                worst(-80.0, 40.0, logistic, |x| 1.0 / (1.0 + (-x).exp())),
                4.0,
            ),
        ];
        for (name, worst, bound) in cases {
            assert!(worst <= bound, "{name}: {worst} ulp");
        }
    }

    #[test]
    fn the_ends_are_right() {
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && ln(f32::NAN).is_nan());
        assert!(logistic(f32::NAN).is_nan());
        assert_eq!((tanh(50.0), tanh(-50.0), tanh(0.0)), (1.0, -1.0, 0.0));
        assert_eq!(
            (ln(1.0), ln(0.0), ln(f32::INFINITY)),
            (0.0, f32::NEG_INFINITY, f32::INFINITY)
        );
        assert!(ln(-1.0).is_nan());
        assert!(
            (f64::from(exp(-100.0)) / (-100f64).exp() - 1.0).abs() < 0.05,
            "a subnormal"
        );
    }
}
