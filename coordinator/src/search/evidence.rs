//! What results say, in the units of the model: rungs brought to one level, bad values squeezed.

use super::{halving::PointOutcome, likelihood::Sample, objective::Objective, round::RoundState};

/// The model takes in at most so many results, so that a decision does not grow with the sweep.
const MOST_SAMPLES: usize = 128;
/// What earlier rounds teach is so many points at most.
const MOST_LESSONS: usize = 500;
/// Values further above the median than so many times the way from the best to the median are squeezed.
const SQUEEZED_FROM: f64 = 2.0;
/// Values further below the median than so many times that way are taken for as good as these: their squares stay numbers.
const MOST_BETTER: f64 = 1e6;
/// Hundreds of numbers below this can be added up and subtracted.
const GREAT: f64 = 1e300;
/// How much each rung below the top misleads more than the one above it.
const LAG_OF_A_RUNG: f64 = 0.5;

/// What is known of a point.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    /// Shares of the axes; NaN for a hyperparameter that the point does not have.
    pub at: Vec<f64>,
    /// Turned so that smaller is better; by rung from the top: the first is that of a full training.
    pub values: Vec<Option<f64>>,
    /// A trial of it diverged.
    pub diverged: bool,
}

impl Lesson {
    /// What a round says about one of its points, wherever it lies; `None` when it says nothing.
    pub fn of(state: &RoundState, point: u64, objective: &Objective) -> Option<Lesson> {
        let mut diverged = false;
        let levels = 0..state.rung_epochs(point).len();
        let values: Vec<Option<f64>> = levels
            .rev()
            .map(|level| match state.outcome(point, level, objective)? {
                PointOutcome::Value(value) => Some(value),
                PointOutcome::Diverged => {
                    diverged = true;
                    None
                }
                PointOutcome::Pruned(_) | PointOutcome::Failed => None,
            })
            .collect();
        let says = diverged || values.iter().any(Option::is_some);
        says.then_some(Lesson {
            at: Vec::new(),
            values,
            diverged,
        })
    }

    /// The same of a point with these shares of the axes.
    pub fn placed(self, at: Vec<f64>) -> Lesson {
        Lesson { at, ..self }
    }

    /// How far it came, the higher rung first, and its value there.
    fn rank(&self) -> (usize, f64) {
        let down = (0..self.values.len()).find(|&down| self.value(down).is_some());
        let value = down.and_then(|down| self.value(down));
        (down.unwrap_or(usize::MAX), value.unwrap_or(0.0))
    }

    fn value(&self, down: usize) -> Option<f64> {
        let value = self.values.get(down).copied().flatten();
        // How a point began that diverged says nothing about its end.
        value.filter(|_| !self.diverged)
    }
}

/// Leaves at most [`MOST_LESSONS`]: the best of those that came furthest, and of the rest an even choice by rank. Diverged ones rank last.
pub(super) fn thin_out<T: Clone>(told: &mut Vec<T>, lesson: impl Fn(&T) -> &Lesson) {
    if told.len() <= MOST_LESSONS {
        return;
    }
    told.sort_by(|a, b| {
        let ((down, value), (other_down, other)) = (lesson(a).rank(), lesson(b).rank());
        down.cmp(&other_down).then(value.total_cmp(&other))
    });
    *told = best_and_even(std::mem::take(told), MOST_LESSONS);
}

/// The results of all lessons, for a model of full trainings.
///
/// The rung with the most results stands for the whole space: its median is 0, its best −1. Other rungs are shifted by the mean change of
/// the points that reached both. Far above the median only the logarithm counts, so that no awful point bends the model.
pub(super) fn samples(lessons: &[Lesson]) -> Vec<Sample> {
    let levels = lessons.iter().map(|l| l.values.len()).max().unwrap_or(0);
    let unit = unit(lessons);
    let value = |lesson: &Lesson, down| Some(lesson.value(down)? * unit);
    let of_level = |down: usize| lessons.iter().filter_map(move |lesson| value(lesson, down));
    let Some(base) = (0..levels).max_by_key(|&down| of_level(down).count()) else {
        return Vec::new();
    };
    let mut values: Vec<f64> = of_level(base).collect();
    values.sort_by(f64::total_cmp);
    let Some(&best) = values.first() else {
        return Vec::new();
    };
    let median = values[values.len() / 2];
    let scale = if median > best { median - best } else { 1.0 };
    let shift = |from: usize, to: usize| {
        let changes: Vec<f64> = lessons
            .iter()
            .filter_map(|lesson| Some(value(lesson, to)? - value(lesson, from)?))
            .collect();
        changes.iter().sum::<f64>() / changes.len().max(1) as f64
    };
    let mut middles = vec![median; levels];
    for down in (0..base).rev() {
        middles[down] = middles[down + 1] + shift(down + 1, down);
    }
    for down in base + 1..levels {
        middles[down] = middles[down - 1] + shift(down - 1, down);
    }
    let mut samples = Vec::new();
    for lesson in lessons {
        for (down, middle) in middles.iter().enumerate() {
            if let Some(value) = value(lesson, down) {
                samples.push(Sample {
                    at: lesson.at.clone(),
                    lag: LAG_OF_A_RUNG * down as f64,
                    value: squeezed(((value - middle) / scale).clamp(-MOST_BETTER, f64::MAX)),
                });
            }
        }
    }
    fewer(samples)
}

/// What values are multiplied with: only their proportions count, and sums and differences of the greatest numbers would be none.
fn unit(lessons: &[Lesson]) -> f64 {
    let values = lessons.iter().flat_map(|lesson| &lesson.values).flatten();
    let most = values.fold(0.0, |most: f64, value| most.max(value.abs()));
    if most > GREAT {
        1.0 / GREAT.sqrt()
    } else {
        1.0
    }
}

/// At most [`MOST_SAMPLES`] of the trained points, evenly chosen, and whether each diverged.
pub(super) fn fates(lessons: &[Lesson]) -> Vec<(Vec<f64>, bool)> {
    let count = lessons.len().min(MOST_SAMPLES);
    (0..count)
        .map(|i| &lessons[i * lessons.len() / count])
        .map(|lesson| (lesson.at.clone(), lesson.diverged))
        .collect()
}

fn squeezed(value: f64) -> f64 {
    let beyond = value - SQUEEZED_FROM;
    if beyond > 0.0 {
        SQUEEZED_FROM + libm::log1p(beyond)
    } else {
        value
    }
}

/// When there are too many: the best of the highest rungs, and of the rest an even choice by rank.
fn fewer(mut samples: Vec<Sample>) -> Vec<Sample> {
    if samples.len() <= MOST_SAMPLES {
        return samples;
    }
    samples.sort_by(|a, b| a.lag.total_cmp(&b.lag).then(a.value.total_cmp(&b.value)));
    best_and_even(samples, MOST_SAMPLES)
}

/// The first half of `count` from the front, the other half evenly from the rest.
fn best_and_even<T: Clone>(mut ranked: Vec<T>, count: usize) -> Vec<T> {
    let rest = ranked.split_off(count / 2);
    let room = count - ranked.len();
    ranked.extend((0..room).map(|i| rest[i * rest.len() / room].clone()));
    ranked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lesson(values: &[Option<f64>]) -> Lesson {
        Lesson {
            at: vec![0.5],
            values: values.to_vec(),
            diverged: false,
        }
    }

    #[test]
    fn rungs_are_brought_to_one_level_by_the_points_that_reached_both() {
        let lessons = [
            lesson(&[Some(1.0), Some(5.0)]),
            lesson(&[None, Some(6.0)]),
            lesson(&[None, Some(7.0)]),
        ];
        let found = samples(&lessons);
        // The lower rung has median 6 and best 5; the point that went on lost 4.
        let values: Vec<(f64, f64)> = found.iter().map(|s| (s.lag, s.value)).collect();
        assert_eq!(values, [(0.0, -1.0), (0.5, -1.0), (0.5, 0.0), (0.5, 1.0)]);
    }

    proptest! {
        #[test]
        fn values_of_any_size_become_samples_of_a_usual_one(
            values in prop::collection::vec((any_value(), prop::option::of(any_value())), 1..40),
        ) {
            let lessons: Vec<Lesson> = values.iter().map(|(a, b)| lesson(&[*b, Some(*a)])).collect();
            for sample in samples(&lessons) {
                prop_assert!(sample.value.is_finite() && sample.value.abs() <= 1e6, "{sample:?}");
            }
        }
    }

    fn any_value() -> impl Strategy<Value = f64> {
        let extreme = vec![
            1e308,
            -1e308,
            f64::MAX,
            f64::MIN,
            1e-308,
            5e-324,
            -5e-324,
            0.0,
            1.0,
        ];
        prop_oneof![
            prop::sample::select(extreme),
            any::<f64>().prop_filter("finite", |v| v.is_finite()),
        ]
    }

    #[test]
    fn diverged_points_give_no_value_and_many_results_are_thinned_out() {
        let mut diverged = lesson(&[None, Some(0.0)]);
        diverged.diverged = true;
        assert!(samples(&[diverged]).is_empty());
        let many: Vec<Lesson> = (0..1000).map(|i| lesson(&[Some(f64::from(i))])).collect();
        let found = samples(&many);
        assert_eq!(found.len(), MOST_SAMPLES);
        assert_eq!(found[0].value, -1.0, "the best is in");
    }
}
