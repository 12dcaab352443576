//! PURE: whether this build goes on with a stored sweep. Its history can be read in any case; what another version decided or
//! trained half of, this one would end otherwise.

use std::collections::BTreeMap;

use crate::search;

/// Versions of the arithmetic of those trainers that promise the same bits, by name. Others are not compared.
pub type Arithmetic = BTreeMap<String, u32>;

/// What a sweep was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Of the search that decides.
    pub search: u32,
    /// Of its trainer's arithmetic.
    pub arithmetic: u32,
}

impl Versions {
    /// What a definition stands for that names none.
    pub const FIRST: Self = Self {
        search: 1,
        arithmetic: 1,
    };

    /// Whether this build's search would decide as the one that the sweep was begun with.
    pub fn same_search(self) -> bool {
        self.search == search::VERSION
    }

    /// Why this build does not go on with it, in words; `None`: it does.
    pub fn refusal(self, trainer: &str, arithmetic: &Arithmetic) -> Option<String> {
        let here = self.here(trainer, arithmetic)?;
        Some(format!(
            "begun by another version of hone ({self}; this one has {here}), and so not continued: its history stays, and \
             a launch with --again starts it anew"
        ))
    }

    /// Why this build does not begin what was launched so: nothing would ever go on with it.
    pub fn launch_refusal(self, trainer: &str, arithmetic: &Arithmetic) -> Option<String> {
        let here = self.here(trainer, arithmetic)?;
        Some(format!(
            "launched by another version of hone ({self}; the coordinator has {here}), and so not begun: update the older of \
             the two"
        ))
    }

    /// What this build has, where that is something else.
    fn here(self, trainer: &str, arithmetic: &Arithmetic) -> Option<Self> {
        let here = Self {
            search: search::VERSION,
            arithmetic: arithmetic.get(trainer).copied().unwrap_or(self.arithmetic),
        };
        (self != here).then_some(here)
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "search {}, arithmetic {}", self.search, self.arithmetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_goes_on_with_the_versions_that_it_was_begun_with() {
        let arithmetic = Arithmetic::from([("cnn".to_owned(), 3)]);
        let here = Versions {
            search: search::VERSION,
            arithmetic: 3,
        };
        assert_eq!(here.refusal("cnn", &arithmetic), None);
        for other in [
            Versions { search: 1, ..here },
            Versions {
                arithmetic: 2,
                ..here
            },
        ] {
            let words = other.refusal("cnn", &arithmetic).expect("a refusal");
            assert!(
                words.contains("--again") && words.contains(&other.to_string()),
                "{words}"
            );
        }
    }

    #[test]
    fn a_program_of_ones_own_has_no_version() {
        let begun = Versions {
            search: search::VERSION,
            arithmetic: 1,
        };
        assert_eq!(begun.refusal("mine", &Arithmetic::new()), None);
    }
}
