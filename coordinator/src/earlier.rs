//! `from`: what an earlier sweep has trained and a new one need not train again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Error,
    driver::{SweepPlan, fitting},
    ids::SweepId,
    rpc::convert::{definition, settled},
    search::{EarlierPoint, Params},
    state::State,
    store::{StoreError, SweepDetail, TrialFilter, TrialSummary},
    trial::TrialState,
};

/// Trials read at once.
const PAGE: u64 = 1000;

impl State {
    /// The definition with those points of the sweep `from` in it that a worker would train just so for this one.
    pub(crate) async fn with_earlier(
        &self,
        definition: &[u8],
        plan: &SweepPlan,
        from: &str,
    ) -> Result<Vec<u8>, Error> {
        let name = SweepId::new(from);
        let parent = match self.store.read().sweep(&name).await {
            Err(error @ StoreError::NotFound { .. }) => {
                return Err(Error::input("search.from", error.to_string()));
            }
            other => other?,
        };
        let stored = definition::stored(&parent.sweep.definition)?;
        let (_, parent_plan) = definition::parse(stored)?;
        let points = self.trained_points(&parent, &parent_plan).await?;
        let all = points.len();
        let fitting = fitting(plan, &parent_plan, points);
        tracing::info!(
            from,
            points = all,
            fitting = fitting.len(),
            "earlier trials"
        );
        let data = parent.data.as_ref().map(|data| data.hash);
        settled::with_earlier(definition, &fitting, data)
    }

    /// Points that were trained to their round's last epoch, with the round's full training, and their means.
    async fn trained_points(
        &self,
        parent: &SweepDetail,
        plan: &SweepPlan,
    ) -> Result<Vec<(u32, EarlierPoint)>, Error> {
        let search = plan
            .make_search()
            .map_err(|error| Error::Broken(error.to_string()))?;
        let mut filter = TrialFilter {
            limit: Some(PAGE),
            states: vec![TrialState::Completed, TrialState::Diverged],
            ..TrialFilter::default()
        };
        let mut points = BTreeMap::<(u32, u64), Vec<TrialSummary>>::new();
        loop {
            let sweep = &parent.summary.sweep;
            let page = self.store.read().trials(sweep, &filter).await?;
            let is_last = (page.len() as u64) < PAGE;
            for trial in page {
                filter.after = trial.number.0;
                points
                    .entry((trial.round, trial.point))
                    .or_default()
                    .push(trial);
            }
            if is_last {
                break;
            }
        }
        Ok(points
            .into_values()
            .filter_map(|trials| {
                let rounds = &search.plan().rounds;
                let round = rounds.get((trials[0].round as usize).checked_sub(1)?)?;
                Some((round.full_epochs, point(&trials, plan.search.folds)?))
            })
            .collect())
    }
}

/// What a point came to: the mean over its trials, diverged if one of them is; `None` while folds are missing.
fn point(trials: &[TrialSummary], folds: u32) -> Option<EarlierPoint> {
    let params: Params = serde_json::from_str::<BTreeMap<String, Value>>(&trials[0].params_json)
        .ok()?
        .into_iter()
        .collect();
    if trials
        .iter()
        .any(|trial| trial.state == TrialState::Diverged)
    {
        return Some(EarlierPoint {
            params,
            objective: None,
        });
    }
    let mut repeats = BTreeMap::<u32, BTreeMap<u32, f64>>::new();
    for trial in trials {
        let value = trial.objective?;
        repeats
            .entry(trial.repeat)
            .or_default()
            .insert(trial.fold, value);
    }
    repeats.retain(|_, of_folds| of_folds.len() == folds as usize);
    let means: Vec<f64> = repeats
        .values()
        .map(|of_folds| of_folds.values().sum::<f64>() / of_folds.len() as f64)
        .collect();
    (!means.is_empty()).then(|| EarlierPoint {
        params,
        objective: Some(means.iter().sum::<f64>() / means.len() as f64),
    })
}
