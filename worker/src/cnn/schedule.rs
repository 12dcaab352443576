//! How the learning rate moves over the horizon.

use super::config::{ScheduleKind, Train};

/// The learning rate as a function of the step.
///
/// The horizon is that of a full training and never the rung at which this one may be cut: a trial that is promoted goes
/// on along the same curve.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: ScheduleKind,
    learning_rate: f64,
    warmup_steps: f64,
    gamma: f64,
    every: usize,
    steps_per_epoch: usize,
    total_steps: usize,
}

/// One-cycle (Smith and Topin 2018) with the usual numbers.
const RISE: f64 = 0.3;
const START_DIVISOR: f64 = 25.0;
const END_DIVISOR: f64 = 250_000.0;

impl Schedule {
    /// `full_epochs`: the horizon.
    pub fn new(train: &Train, full_epochs: u32, steps_per_epoch: usize) -> Self {
        let full_epochs = full_epochs.max(1) as usize;
        let total_steps = full_epochs * steps_per_epoch.max(1);
        Self {
            kind: train.schedule,
            learning_rate: train.learning_rate,
            warmup_steps: train.warmup * total_steps as f64,
            gamma: train.gamma,
            every: train.every.unwrap_or(full_epochs.div_ceil(3)),
            steps_per_epoch: steps_per_epoch.max(1),
            total_steps,
        }
    }

    /// The rate of a step; steps count from 0 over the whole training.
    pub fn rate(&self, step: usize) -> f64 {
        let warm = if (step as f64) < self.warmup_steps {
            (step + 1) as f64 / (self.warmup_steps + 1.0)
        } else {
            1.0
        };
        warm * self.learning_rate * self.shape(step)
    }

    /// The schedule without warm-up, as a share of the full rate.
    fn shape(&self, step: usize) -> f64 {
        let last = self.total_steps.saturating_sub(1).max(1) as f64;
        let position = step as f64;
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Step => {
                let times = step / self.steps_per_epoch / self.every.max(1);
                libm::pow(self.gamma, times as f64)
            }
            ScheduleKind::Cosine => half_cosine(1.0, 0.0, position / self.total_steps as f64),
            ScheduleKind::OneCycle => {
                let top = (RISE * self.total_steps as f64 - 1.0).max(0.0);
                if position < top {
                    half_cosine(1.0 / START_DIVISOR, 1.0, position / top)
                } else {
                    let down = (position - top) / (last - top).max(1.0);
                    half_cosine(1.0, 1.0 / END_DIVISOR, down)
                }
            }
        }
    }
}

/// From `from` to `to` along half a cosine; `share` of the way, 0 to 1.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    to + (from - to) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind, change: impl FnOnce(&mut Train)) -> Schedule {
        let mut train = Train {
            schedule: kind,
            learning_rate: 1.0,
            ..Train::default()
        };
        change(&mut train);
        Schedule::new(&train, 10, 10)
    }

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }

    /// torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=100), cycle_momentum off, steps 0, 15, 29, 30, 64, 99.
    #[test]
    fn one_cycle_is_pytorchs() {
        let schedule = schedule(ScheduleKind::OneCycle, |_| {});
        for (step, wanted) in [(0, 0.04), (29, 1.0), (64, 0.500_002), (99, 0.000_004)] {
            close(schedule.rate(step), wanted);
        }
        assert!(schedule.rate(15) < schedule.rate(16) && schedule.rate(40) > schedule.rate(41));
    }

    #[test]
    fn cosine_ends_at_zero_at_the_horizon() {
        let schedule = schedule(ScheduleKind::Cosine, |_| {});
        close(schedule.rate(0), 1.0);
        close(schedule.rate(50), 0.5);
        close(schedule.rate(100), 0.0);
    }

    #[test]
    fn step_multiplies_by_gamma() {
        let schedule = schedule(ScheduleKind::Step, |train| {
            train.every = Some(4);
            train.gamma = 0.5;
        });
        for (step, wanted) in [(39, 1.0), (40, 0.5), (79, 0.5), (80, 0.25)] {
            close(schedule.rate(step), wanted);
        }
    }

    #[test]
    fn warmup_rises_in_a_line_and_then_leaves_the_schedule_alone() {
        let schedule = schedule(ScheduleKind::Constant, |train| train.warmup = 0.1);
        close(schedule.rate(0), 1.0 / 11.0);
        close(schedule.rate(9), 10.0 / 11.0);
        close(schedule.rate(10), 1.0);
    }
}
