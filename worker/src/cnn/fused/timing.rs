//! Where the time of a step goes, for `hone model bench`.

use std::time::{Duration, Instant};

/// Time of one layer, over all steps since the clock was started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerTime {
    /// Forward.
    pub forward: Duration,
    /// Backward.
    pub backward: Duration,
}

/// A stopwatch for each layer; off unless asked for.
#[derive(Debug, Default)]
pub(super) struct Timing {
    layers: Vec<LayerTime>,
}

impl Timing {
    /// Begins anew, for so many layers.
    pub fn enable(&mut self, layers: usize) {
        self.layers = vec![LayerTime::default(); layers];
    }

    pub fn layers(&self) -> &[LayerTime] {
        &self.layers
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch for people: no result depends on it"
    )]
    pub fn start(&self) -> Option<Instant> {
        (!self.layers.is_empty()).then(Instant::now)
    }

    pub fn forward(&mut self, layer: usize, started: Option<Instant>) {
        if let Some(started) = started {
            self.layers[layer].forward += started.elapsed();
        }
    }

    pub fn backward(&mut self, layer: usize, started: Option<Instant>) {
        if let Some(started) = started {
            self.layers[layer].backward += started.elapsed();
        }
    }
}
