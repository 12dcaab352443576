//! Which instructions the kernels use, chosen at run time, so that a plain release build is fast on every machine.
//!
//! Every path gives the same bits: each output of a product is one chain of fused multiply-adds over its terms in
//! order, and everything else is done element by element. Lane width changes the time alone.

use std::fmt;

/// A path that this machine can take. Holding one is the proof that the processor has its instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(pub(crate) Path);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Sixteen lanes in one register.
    Avx512,
    /// Eight lanes in one register.
    Avx2,
    /// Sixteen lanes in two registers: AVX-512's blocking on a machine without it, for tests.
    Wide,
    /// Arrays of eight lanes, compiled with the processor's fused multiply-add.
    Portable,
    /// Arrays of eight lanes with the C library's `fmaf`: right everywhere, and a hundred times slower.
    Libm,
}

impl Path {
    /// Fastest first.
    pub(crate) const ALL: [Path; 5] = [
        Path::Avx512,
        Path::Avx2,
        Path::Wide,
        Path::Portable,
        Path::Libm,
    ];

    fn name(self) -> &'static str {
        match self {
            Path::Avx512 => "avx512",
            Path::Avx2 => "avx2",
            Path::Wide => "avx2x2",
            Path::Portable => "portable",
            Path::Libm => "libm",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn available(self) -> bool {
        match self {
            Path::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && Path::Avx2.available()
            }
            Path::Avx2 | Path::Wide => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
            }
            Path::Portable => is_x86_feature_detected!("fma"),
            Path::Libm => true,
        }
    }

    /// Elsewhere `mul_add` is what the target makes of it: one instruction on aarch64.
    #[cfg(not(target_arch = "x86_64"))]
    fn available(self) -> bool {
        matches!(self, Path::Portable | Path::Libm)
    }
}

/// Why a path cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsaError {
    name: String,
    known: bool,
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here: Vec<_> = Isa::all().map(Isa::name).collect();
        let here = here.join(", ");
        if self.known {
            write!(
                f,
                "HONE_ISA={}: this processor lacks it; it has {here}",
                self.name
            )
        } else {
            write!(
                f,
                "HONE_ISA={}: no such path; this processor has {here}",
                self.name
            )
        }
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// The fastest path of this machine.
    pub fn best() -> Isa {
        Isa::all().next().unwrap_or(Isa(Path::Libm))
    }

    /// Every path that this machine has, fastest first.
    pub fn all() -> impl Iterator<Item = Isa> {
        Path::ALL
            .into_iter()
            .filter(|path| path.available())
            .map(Isa)
    }

    /// What `HONE_ISA` says.
    pub fn named(name: &str) -> Result<Isa, IsaError> {
        let error = |known| IsaError {
            name: name.to_owned(),
            known,
        };
        let path = Path::ALL
            .into_iter()
            .find(|path| path.name() == name)
            .ok_or(error(false))?;
        if path.available() {
            Ok(Isa(path))
        } else {
            Err(error(true))
        }
    }

    /// The path that the environment variable `HONE_ISA` forces, else the fastest one.
    #[expect(
        clippy::disallowed_methods,
        reason = "it cannot change a result, only the time: no argument is worth it"
    )]
    pub fn from_environment() -> Result<Isa, IsaError> {
        match std::env::var("HONE_ISA") {
            Ok(name) if !name.is_empty() => Isa::named(&name),
            _ => Ok(Isa::best()),
        }
    }

    /// Its name in `HONE_ISA`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// Defines functions whose loops are compiled once for each instruction set and chosen by their first argument.
///
/// The body is inlined into each copy, so whatever it calls must be `#[inline(always)]`: a function left outside would be
/// compiled without the features, and its `mul_add` would call the C library.
macro_rules! for_each_isa {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name(isa: $crate::isa::Isa, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "fma")]
            fn fma($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            use $crate::isa::Path;
            match isa.0 {
                // SAFETY: an `Isa` exists only for a path whose instructions this processor has.
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 | Path::Wide => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Path::Portable => unsafe { fma($($arg),*) },
                _ => body($($arg),*),
            }
        }
    )*};
}
pub(crate) use for_each_isa;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nothing_has_is_refused_with_those_that_there_are() {
        let message = Isa::named("avx1024").unwrap_err().to_string();
        assert!(
            message.contains("no such path") && message.contains("libm"),
            "{message}"
        );
        for isa in Isa::all() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
        }
    }
}
