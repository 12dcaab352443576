//! `from`: what an earlier sweep has trained and a new one need not train again.

use std::collections::BTreeMap;

use super::shared::State;
use crate::{
    Error,
    definition::{self, SweepDefinition, fitting},
    ids::SweepId,
    search::{EarlierPoint, NoWorth, Params, TrialValue, worth},
    store::{StoreError, SweepDetail, TrialFilter, TrialSummary, WinnerRef},
    trial::TrialState,
};

impl State {
    /// The definition with those points of the sweep `from` in it that a worker would train just so for this one.
    pub async fn with_earlier(
        &self,
        stored: &[u8],
        new: &SweepDefinition,
        from: &str,
    ) -> Result<Vec<u8>, Error> {
        let name = SweepId::new(from);
        let parent = match self.store.read().sweep(&name).await {
            Err(error @ StoreError::NotFound { .. }) => {
                return Err(Error::input("search.from", error.to_string()));
            }
            other => other?,
        };
        let old = definition::parse_stored(&parent.summary.row.sweep.definition)?;
        let points = self.trained_points(&parent, &old).await?;
        let all = points.len();
        let fitting = fitting(new, &old, points);
        tracing::info!(
            from,
            points = all,
            fitting = fitting.len(),
            "earlier trials"
        );
        let data = parent.summary.row.data.as_ref().map(|data| data.hash);
        definition::with_earlier(stored, &fitting, data)
    }

    /// Points that were trained to their round's last epoch, with the round's full training, and their means.
    async fn trained_points(
        &self,
        parent: &SweepDetail,
        definition: &SweepDefinition,
    ) -> Result<Vec<(u32, EarlierPoint)>, Error> {
        let plan = definition
            .plan()
            .map_err(|error| Error::Broken(error.to_string()))?;
        let mut filter = TrialFilter {
            states: vec![TrialState::Completed, TrialState::Diverged],
            ..TrialFilter::default()
        };
        let mut points = BTreeMap::<WinnerRef, Vec<TrialSummary>>::new();
        let (read, sweep) = (self.store.read(), &parent.summary.row.id);
        while let Some(page) = read.next_trials(sweep, &mut filter).await? {
            for trial in page {
                points.entry(trial.row.place).or_default().push(trial);
            }
        }
        Ok(points
            .into_values()
            .filter_map(|trials| {
                let round = plan
                    .rounds
                    .get((trials[0].row.place.round as usize).checked_sub(1)?)?;
                Some((round.full_epochs, point(&trials)?))
            })
            .collect())
    }
}

/// What a point came to; `None` without a trial that tells. A trial that was tried again is what its retry came to.
fn point(trials: &[TrialSummary]) -> Option<EarlierPoint> {
    let params: Params = serde_json::from_str(&trials[0].params_json).ok()?;
    let is_retried = |trial: &&TrialSummary| {
        trials
            .iter()
            .any(|other| other.row.retry_of == Some(trial.row.number))
    };
    let values = trials
        .iter()
        .filter(|trial| !is_retried(trial))
        .map(|trial| match (trial.row.state, trial.row.objective) {
            (TrialState::Diverged, _) => TrialValue::Diverged,
            (_, Some(value)) => TrialValue::Value(value),
            (_, None) => TrialValue::Nothing,
        });
    let objective = match worth(values) {
        Ok(worth) => Some(worth.mean),
        Err(NoWorth::Diverged) => None,
        Err(NoWorth::Nothing) => return None,
    };
    Some(EarlierPoint { params, objective })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::TrialNumber,
        store::{SweepKey, TrialRow, tests::bench},
    };

    fn trial(number: u64, state: TrialState, objective: Option<f64>) -> TrialSummary {
        let new = bench::trial(number);
        let queued = TrialRow::queued(SweepKey(1), &new, 0);
        TrialSummary {
            row: TrialRow {
                state,
                objective,
                ..queued
            },
            params_json: r#"{"a":1}"#.to_owned(),
            diagnosis: None,
            ended: None,
        }
    }

    #[test]
    fn a_point_is_worth_here_what_it_was_there() {
        let mut trials: Vec<TrialSummary> = (1..)
            .zip([0.9, 0.5, 0.8])
            .map(|(number, value)| trial(number, TrialState::Completed, Some(value)))
            .collect();
        let mean = worth([0.9, 0.5, 0.8].map(TrialValue::Value)).unwrap().mean;
        assert_eq!(point(&trials).unwrap().objective, Some(mean));
        trials.push(trial(4, TrialState::Diverged, None));
        assert_eq!(point(&trials).unwrap().objective, None);
        // Tried again, it counts by what came out then.
        let mut retry = trial(5, TrialState::Completed, Some(0.7));
        retry.row.retry_of = Some(TrialNumber(4));
        trials.push(retry);
        assert!(point(&trials).unwrap().objective.is_some());
    }
}
