//! One rule a state. The thresholds were tuned on some six hundred trainings on digits and on a part of Fashion-MNIST, over
//! learning rates from far too low to far too high; `benches/diagnosis` counts how often they are right.

use super::{Diagnosis, EpochCurve, LayerReport, State};
use crate::cnn::{
    Config,
    config::{ActivationKind, BatchNormWhere},
    schedule::Schedule,
};

/// Share of dead units in one layer.
const DEAD: f64 = 0.4;
/// Share of saturated values in one layer.
const SATURATED: f64 = 0.5;
/// Share of twins among neighbouring units.
const TWINS: f64 = 0.5;
/// A step this small against the weights moves little in a few epochs.
const SMALL_STEP: f64 = 2e-3;
/// A step this large throws away what was learnt.
const LARGE_STEP: f64 = 0.02;
/// Share of the loss's whole fall that came late: below the first nothing moves any more, above the second it had hardly
/// begun.
const STANDS: f64 = 0.12;
const MOVES: f64 = 0.45;
/// Share of the chance loss that counts as "has not learnt".
const NOT_LEARNT: f64 = 0.7;
/// Share of the chance loss that counts as low accuracy even on training data.
const LOW: f64 = 0.3;
/// Difference of accuracies.
const GAP: f64 = 0.07;

/// A training on the couch.
pub(super) struct Case<'a> {
    pub config: &'a Config,
    /// ln(classes).
    pub chance: f64,
    pub curves: &'a [EpochCurve],
    /// The schedule's horizon.
    pub full_epochs: u32,
    /// The rate has come down to nothing at the horizon: more epochs were never planned.
    pub annealed: bool,
}

fn said(state: State, evidence: String, advice: impl Into<String>) -> Diagnosis {
    Diagnosis {
        state,
        evidence,
        advice: advice.into(),
    }
}

impl Case<'_> {
    pub fn diverged(&self, reason: &str) -> Diagnosis {
        let rate = self.config.train.learning_rate;
        let advice = format!(
            "a learning rate of {:.1e} or less, train.warmup = 0.1, or train.clip_norm = 1",
            rate / 10.0
        );
        said(
            State::Diverged,
            format!("{reason}; learning rate {rate:.1e}"),
            advice,
        )
    }

    pub fn symmetric(&self) -> Option<Diagnosis> {
        let (layer, share) = self.worst(self.curves.last()?, |layer| layer.twins)?;
        (share >= TWINS).then(|| {
            let evidence = format!(
                "{:.0} % of neighbouring units of {layer} have equal weights",
                100.0 * share
            );
            said(
                State::SymmetricUnits,
                evidence,
                "random first weights: model.init = \"he\" or \"xavier\"",
            )
        })
    }

    /// Activations that vanish on their way with a flat start, or a loss far above chance at small steps.
    pub fn bad_init(&self) -> Option<Diagnosis> {
        let first = self.curves.first()?;
        let advice = || match self.config.model.activation {
            ActivationKind::Sigmoid | ActivationKind::Tanh => {
                "model.init = \"xavier\", or model.batch_norm = true"
            }
            _ => "model.init = \"he\", or model.batch_norm = true",
        };
        if first.train_loss > 2.0 * self.chance && self.largest_step() < LARGE_STEP {
            let evidence = format!(
                "the first epoch's loss is {:.2}, {:.1} × ln(classes): the first weights are too large",
                first.train_loss,
                first.train_loss / self.chance
            );
            return Some(said(State::BadInit, evidence, advice()));
        }
        let hidden = hidden(first);
        let (deepest, shallowest) = (hidden.last()?, hidden.first()?);
        let deviation = deepest.deviation?;
        let vanished = deviation < 0.01 || deviation < 0.03 * shallowest.deviation?;
        let flat = (0.9..1.05).contains(&(first.train_loss / self.chance));
        // Steps that are too large kill a whole layer within an epoch, and nothing comes through then either.
        let dead = self.worst(first, |layer| layer.dead);
        let alive = dead.is_none_or(|(_, share)| share < 0.95);
        (vanished && flat && alive).then(|| {
            let evidence = format!(
                "a flat start: loss {:.3} in epoch 1, and the activations of {} deviate by {deviation:.1e} only",
                first.train_loss, deepest.name
            );
            said(State::BadInit, evidence, advice())
        })
    }

    /// Units that died; those of a layer through which hardly anything comes were never alive: [`Self::bad_init`]'s.
    pub fn dead(&self) -> Option<Diagnosis> {
        let (layer, share) = self.worst(self.curves.last()?, |layer| layer.dead)?;
        (share >= DEAD).then(|| {
            let evidence = format!("{:.0} % of the units of {layer} are 0 for every image", 100.0 * share);
            let advice = "a lower learning rate, model.activation = \"leaky_relu\", model.bias_init = 0.01, or batch norm";
            said(State::DeadUnits, evidence, advice)
        })
    }

    pub fn saturated(&self) -> Option<Diagnosis> {
        let (layer, share) = self.worst(self.curves.last()?, |layer| layer.saturated)?;
        (share >= SATURATED).then(|| {
            let evidence = format!(
                "{:.0} % of the values of {layer} are at an end of their range",
                100.0 * share
            );
            let mut advice = String::from(
                "model.init = \"xavier\", a lower learning rate, or model.activation = \"relu\"",
            );
            if self.config.model.batch_norm != BatchNormWhere::Everywhere {
                advice += "; model.batch_norm = true keeps inputs in range";
            }
            said(State::Saturated, evidence, advice)
        })
    }

    pub fn rate_too_high(&self) -> Option<Diagnosis> {
        let (first, last) = (self.curves.first()?, self.curves.last()?);
        let step = self.largest_step();
        let lowest = self
            .curves
            .iter()
            .map(|epoch| epoch.train_loss)
            .fold(f64::INFINITY, f64::min);
        let rises = self
            .curves
            .windows(2)
            .filter(|pair| pair[1].train_loss > 1.1 * pair[0].train_loss)
            .count();
        let unsettled =
            rises * 4 >= self.curves.len() && rises >= 2 && last.train_loss > 0.05 * self.chance;
        let lost = last.train_loss > 1.5 * lowest && last.train_loss > 0.3 * self.chance;
        // A net without a hidden layer stands still exactly at chance: that is its lack of capacity.
        let broken = self.dead().is_some() || self.saturated().is_some();
        let restless = broken || rises > 0 || last.train_loss > 1.05 * self.chance;
        let stuck = step > LARGE_STEP && restless && last.train_loss > NOT_LEARNT * self.chance;
        let high = first.train_loss > 2.0 * self.chance && step > LARGE_STEP;
        let killed = self.dead().is_some() && step > LARGE_STEP;
        let often = rises >= 2 && rises * 6 >= self.curves.len();
        let rushing = step > 4.0 * LARGE_STEP && often && !self.annealed;
        let jumping = self.validation_jumps();
        (unsettled || lost || stuck || high || killed || rushing || jumping).then(|| {
            let evidence = format!(
                "the training loss rose in {rises} of {} epochs, from its lowest {lowest:.3} to {:.3} at last; a step is up \
                 to {step:.1e} of the weights (1e-3 to 1e-2 is usual)",
                self.curves.len(),
                last.train_loss
            );
            said(State::RateTooHigh, evidence, self.rate_advice(0.1))
        })
    }

    /// The validation loss jumps up again and again and does not come back, without a gap that would tell of overfitting.
    fn validation_jumps(&self) -> bool {
        let losses: Vec<f64> = self.curves.iter().filter_map(|e| e.val_loss).collect();
        let (Some(last), Some(end)) = (losses.last(), self.curves.last()) else {
            return false;
        };
        let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let jumps = losses.windows(2).filter(|pair| pair[1] > 1.25 * pair[0]);
        let gap = end.train_accuracy - end.val_accuracy.unwrap_or_default();
        jumps.count() >= 2
            && *last > 1.4 * lowest
            && gap < GAP
            && !self.annealed
            && end.train_loss > 5e-3 * self.chance
            && self.largest_step() > 1.5 * LARGE_STEP
    }

    /// By the loss: accuracy may rise well above chance while the loss stands still (CS231n's run at 1e-6).
    pub fn rate_too_low(&self) -> Option<Diagnosis> {
        let (first, last) = (self.curves.first()?, self.curves.last()?);
        let step = self.largest_step();
        let fallen = 1.0 - last.train_loss / first.train_loss;
        let small = step < SMALL_STEP;
        let slow = small && last.train_loss > NOT_LEARNT * self.chance;
        // Half learnt and on its way still: far from any end, or stopped by its schedule on the way.
        let late = small && last.train_loss > LOW * self.chance && self.late_fall() > STANDS;
        let stopped = self.annealed
            && last.train_loss > 0.5 * LOW * self.chance
            && (step < 1.5 * SMALL_STEP && self.late_fall() > 1.5 * STANDS
                || step < 0.5 * LARGE_STEP && self.late_fall() > MOVES);
        // Far more are right than the loss would let one think: the logits go the right way, and too slowly.
        let right = last.train_accuracy > 3.0 * (-last.train_loss).exp();
        let lagging = last.train_loss > 0.85 * self.chance && right && step < LARGE_STEP;
        (self.curves.len() >= 2 && (slow || late || stopped || lagging)).then(|| {
            let evidence = format!(
                "the loss fell by {:.1} % in {} epochs, to {:.3} (chance: {:.3}); a step is at most {step:.1e} of the weights \
                 (1e-3 to 1e-2 is usual)",
                100.0 * fallen,
                self.curves.len(),
                last.train_loss,
                self.chance
            );
            said(State::RateTooLow, evidence, self.rate_advice(10.0))
        })
    }

    pub fn overfitting(&self) -> Option<Diagnosis> {
        let last = self.curves.last()?;
        let gap = last.train_accuracy - last.val_accuracy?;
        let lowest = self
            .curves
            .iter()
            .filter_map(|epoch| epoch.val_loss)
            .fold(f64::INFINITY, f64::min);
        let val_loss = last.val_loss?;
        let risen = val_loss > 1.3 * lowest
            && last.train_loss < 0.5 * val_loss
            && val_loss > 0.1 * self.chance;
        let learnt = last.train_loss < NOT_LEARNT * self.chance;
        (learnt && (gap > GAP || (risen && gap > 0.5 * GAP))).then(|| {
            let evidence = format!(
                "accuracy {:.3} in training, {:.3} in validation; validation loss {val_loss:.3}, its lowest {lowest:.3}",
                last.train_accuracy,
                last.train_accuracy - gap
            );
            let advice = "regularise: model.dropout = 0.3, train.weight_decay = 1e-3, data.augment, or more images";
            said(State::Overfitting, evidence, advice)
        })
    }

    pub fn still_improving(&self) -> Option<Diagnosis> {
        if self.annealed || self.curves.len() < 3 {
            return None;
        }
        let tail = &self.curves[self.curves.len() - self.curves.len().div_ceil(3).max(2)..];
        let (from, to) = (tail.first()?, tail.last()?);
        let loss = |epoch: &EpochCurve| epoch.val_loss.unwrap_or(epoch.train_loss);
        let lowest = self.curves.iter().map(loss).fold(f64::INFINITY, f64::min);
        let falling = loss(to) <= 1.02 * lowest && loss(to) < 0.95 * loss(from);
        (falling && self.late_fall() > STANDS).then(|| {
            let evidence = format!(
                "in the last {} epochs the validation loss fell from {:.3} to {:.3}; {:.0} % of all that the training loss fell \
                 came in the second half",
                tail.len(),
                loss(from),
                loss(to),
                100.0 * self.late_fall()
            );
            said(State::StillImproving, evidence, "more epochs (search.full_epochs), or a higher learning rate")
        })
    }

    pub fn underfitting(&self) -> Option<Diagnosis> {
        let last = self.curves.last()?;
        let gap = last.train_accuracy - last.val_accuracy?;
        let plateau = self.curves.len() >= 3 && self.late_fall() < STANDS;
        // Of what is not learnt at all, a gap says nothing: few validation images differ by chance.
        let no_gap = gap < GAP || last.train_loss > NOT_LEARNT * self.chance;
        (plateau && no_gap && last.train_loss > LOW * self.chance).then(|| {
            let evidence = format!(
                "accuracy {:.3} in training and {:.3} in validation, and the loss stands at {:.3}",
                last.train_accuracy,
                last.train_accuracy - gap,
                last.train_loss
            );
            let advice = if self.linear() {
                "the net is linear: give it a hidden layer and an activation"
            } else {
                "more capacity: more filters, wider or more hidden layers; less dropout and weight decay"
            };
            said(State::Underfitting, evidence, advice)
        })
    }

    pub fn healthy(&self) -> Diagnosis {
        let evidence = self.curves.last().map_or_else(
            || String::from("no epoch is done"),
            |last| {
                let validation = last
                    .val_accuracy
                    .map_or_else(String::new, |accuracy| format!(", {accuracy:.3} in validation"));
                format!(
                    "training loss {:.3}, accuracy {:.3}{validation}; a step is up to {:.1e} of the weights",
                    last.train_loss,
                    last.train_accuracy,
                    self.largest_step()
                )
            },
        );
        said(State::Healthy, evidence, "nothing")
    }

    /// The largest median step of an epoch: schedules end at rates near 0, so the last epoch says little. The output layer
    /// is left out where there is another: it starts a tenth as large, so its first steps always look large.
    fn largest_step(&self) -> f64 {
        let median = |epoch: &EpochCurve| {
            let mut layers = hidden(epoch);
            if layers.is_empty() {
                layers = epoch.layers.iter().collect();
            }
            let mut steps: Vec<f64> = layers.iter().map(|layer| layer.update_ratio).collect();
            steps.sort_by(f64::total_cmp);
            steps.get(steps.len() / 2).copied().unwrap_or_default()
        };
        self.curves.iter().map(median).fold(0.0, f64::max)
    }

    /// Of all that the training loss fell from chance, the share that came after half of the way; below 0 if it rose. The way
    /// is counted in learning rate and not in epochs: at the end of a cosine nothing moves in any training.
    fn late_fall(&self) -> f64 {
        const STEPS: usize = 32;
        let schedule = Schedule::new(&self.config.train, self.full_epochs, STEPS);
        let way = |epoch: usize| -> f64 {
            let steps = epoch * STEPS..(epoch + 1) * STEPS;
            steps.map(|step| schedule.rate(step)).sum()
        };
        let ways: Vec<f64> = (0..self.curves.len()).map(way).collect();
        let half = 0.5 * ways.iter().sum::<f64>();
        let mut gone = 0.0;
        let middle = ways.iter().position(|way| {
            gone += way;
            gone >= half
        });
        let (Some(last), Some(middle)) = (self.curves.last(), middle) else {
            return 0.0;
        };
        let fall = self.curves[middle].train_loss - last.train_loss;
        fall / (self.chance - last.train_loss).max(0.05 * self.chance)
    }

    fn linear(&self) -> bool {
        let model = &self.config.model;
        model.activation == ActivationKind::None
            || (model.conv.is_empty() && model.hidden.is_empty())
    }

    fn worst(
        &self,
        epoch: &EpochCurve,
        number: impl Fn(&LayerReport) -> Option<f64>,
    ) -> Option<(String, f64)> {
        epoch
            .layers
            .iter()
            .filter_map(|layer| Some((layer.name.clone(), number(layer)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn rate_advice(&self, factor: f64) -> String {
        let rate = self.config.train.learning_rate;
        format!(
            "train.learning_rate = {:.1e} (now {rate:.1e})",
            rate * factor
        )
    }
}

fn hidden(epoch: &EpochCurve) -> Vec<&LayerReport> {
    epoch
        .layers
        .iter()
        .filter(|layer| layer.name != "output")
        .collect()
}
