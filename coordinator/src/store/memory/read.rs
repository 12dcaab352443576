//! [`Read`] over maps.

use std::ops::Range;

use super::{Memory, Stored};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, TrialNumber},
    store::{
        StoreError,
        command::Millis,
        history::{Event, LogLine, TrialFilter, TrialPlace, TrialResult, TrialSort},
        rows::{
            AttemptRow, PointRow, Read, ReportRow, RoundRow, Rows, SweepKey, SweepRow, TrialRow,
        },
        values::{BlobRef, WinnerRef},
    },
    trial::{AttemptState, TrialKind, TrialState},
};

impl Read for Memory {
    fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>> {
        let mut rows = self.sweeps.values();
        Ok(rows.find(|row| row.id.as_str() == name).map(|row| row.key))
    }

    fn sweep_keys(&self, live: bool) -> Rows<Vec<SweepKey>> {
        let wanted = |row: &&SweepRow| !live || !row.state.has_ended();
        Ok(self
            .sweeps
            .values()
            .filter(wanted)
            .map(|row| row.key)
            .collect())
    }

    fn newest_sweep(&self) -> Rows<Option<SweepKey>> {
        Ok(self.sweeps.keys().next_back().copied())
    }

    fn sweeps_of_identity(&self, identity: &str) -> Rows<Vec<SweepKey>> {
        let rows = self.sweeps.values().rev();
        Ok(rows
            .filter(|row| row.sweep.identity == identity)
            .map(|row| row.key)
            .collect())
    }

    fn sweep_of_request(&self, request: RequestId) -> Rows<Option<SweepKey>> {
        let mut rows = self.sweeps.values();
        Ok(rows.find(|row| row.request == request).map(|row| row.key))
    }

    fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow> {
        self.sweeps
            .get(&sweep)
            .cloned()
            .ok_or_else(|| StoreError::Damaged {
                table: "sweeps",
                column: "id",
                row: sweep.0.to_string(),
                problem: "the row is not there".to_owned(),
            })
    }

    fn rounds(&self, sweep: SweepKey) -> Rows<Vec<RoundRow>> {
        let rows = self.rounds.range((sweep, 0)..=(sweep, u32::MAX));
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    fn warnings(&self, sweep: SweepKey) -> Rows<Vec<(String, String)>> {
        Ok(self.warnings.get(&sweep).cloned().unwrap_or_default())
    }

    fn best_point(&self, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
        let best = self
            .points_of(sweep, round)
            .filter_map(|point| Some((point, point.value.score?)))
            .min_by(|(a, x), (b, y)| y.total_cmp(x).then(a.place.cmp(&b.place)));
        Ok(best.map(|(point, _)| point.clone()))
    }

    fn point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>> {
        Ok(self.points.get(&(sweep, place)).cloned())
    }

    fn trial(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>> {
        Ok(self.trials.get(&(sweep, trial)).cloned())
    }

    fn trial_notes(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)> {
        Ok(self.notes.get(&(sweep, trial)).cloned().unwrap_or_default())
    }

    fn trials_of_point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>> {
        Ok(self
            .trials_of(sweep)
            .filter(|trial| trial.place == place && trial.kind == TrialKind::Search)
            .cloned()
            .collect())
    }

    fn retries_of(&self, sweep: SweepKey, of: TrialNumber) -> Rows<Vec<TrialRow>> {
        Ok(self
            .trials_of(sweep)
            .filter(|trial| trial.retry_of == Some(of))
            .cloned()
            .collect())
    }

    fn replaced(&self, sweep: SweepKey) -> Rows<[u64; 8]> {
        let retries = self.trials_of(sweep).filter_map(|trial| trial.retry_of);
        let replaced: std::collections::BTreeSet<TrialNumber> = retries.collect();
        let mut counts = [0; 8];
        for trial in replaced
            .into_iter()
            .filter_map(|n| self.trials.get(&(sweep, n)))
        {
            counts[trial.state as usize] += u64::from(trial.kind == TrialKind::Search);
        }
        Ok(counts)
    }

    fn first_planned(&self, sweep: SweepKey, of: &Range<u64>) -> Rows<Option<TrialNumber>> {
        let mut planned = self
            .trials_of(sweep)
            .filter(|trial| trial.retry_of.is_none() && trial.kind != TrialKind::Check);
        let first = planned.find(|trial| of.contains(&trial.number.0));
        Ok(first.map(|trial| trial.number))
    }

    fn trials_in(&self, sweep: SweepKey, states: &[TrialState]) -> Rows<Vec<TrialNumber>> {
        Ok(self
            .trials_of(sweep)
            .filter(|trial| states.contains(&trial.state))
            .map(|trial| trial.number)
            .collect())
    }

    fn list_trials(
        &self,
        sweep: SweepKey,
        filter: &TrialFilter,
        maximize: bool,
        limit: u64,
    ) -> Rows<Vec<(TrialRow, String)>> {
        let wanted = |trial: &&TrialRow| {
            trial.number.0 > filter.after
                && filter.round.is_none_or(|round| trial.place.round == round)
                && (filter.all_kinds || trial.kind == TrialKind::Search)
                && (filter.states.is_empty() || filter.states.contains(&trial.state))
        };
        let order = |a: &TrialPlace, b: &TrialPlace| {
            let by_number = a.number.cmp(&b.number);
            match (filter.sort, a.objective, b.objective) {
                (TrialSort::Number, ..) => by_number,
                (TrialSort::Recent, ..) => b.changed.cmp(&a.changed).then(by_number.reverse()),
                (_, Some(a), Some(b)) if maximize => b.total_cmp(&a).then(by_number),
                (_, Some(a), Some(b)) => a.total_cmp(&b).then(by_number),
                (_, a, b) => a.is_none().cmp(&b.is_none()).then(by_number),
            }
        };
        let behind = |trial: &&TrialRow| {
            let past = filter.past.as_ref();
            past.is_none_or(|past| order(past, &trial.listed()).is_lt())
        };
        let trials = self.trials_of(sweep).filter(wanted).filter(behind);
        let mut trials: Vec<TrialRow> = trials.cloned().collect();
        trials.sort_by(|a, b| order(&a.listed(), &b.listed()));
        trials.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let params = |trial: &TrialRow| {
            let point = self.points.get(&(sweep, trial.place));
            point.map(|point| point.params_json.clone())
        };
        Ok(trials
            .into_iter()
            .filter_map(|trial| Some((params(&trial)?, trial)))
            .map(|(params, trial)| (trial, params))
            .collect())
    }

    fn queue_head(&self, sweep: SweepKey) -> Rows<Option<TrialRow>> {
        let queue = self.queued(sweep);
        Ok(queue
            .min_by_key(|trial| (trial.queue_order, trial.number))
            .cloned())
    }

    fn queue_held(&self, sweep: SweepKey, checkpoints: &[Hash]) -> Rows<Option<TrialRow>> {
        let held = |trial: &&TrialRow| {
            trial
                .checkpoint
                .is_some_and(|hash| checkpoints.contains(&hash))
        };
        let queue = self.queued(sweep).filter(held);
        Ok(queue
            .min_by_key(|trial| (trial.queue_order, trial.number))
            .cloned())
    }

    fn attempt(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
    ) -> Rows<Option<AttemptRow>> {
        Ok(self.attempts.get(&(sweep, trial, attempt)).cloned())
    }

    fn attempts(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<AttemptRow>> {
        Ok(self.attempts_of(sweep, trial).cloned().collect())
    }

    fn trained_ms(&self, sweep: SweepKey) -> Rows<u64> {
        let ends_itself = [AttemptState::Finished, AttemptState::Released];
        let attempts = self.attempts.iter().filter(|((of, ..), _)| *of == sweep);
        let mut spans: Vec<(Millis, Millis)> = attempts
            .map(|(&(_, trial, number), row)| {
                let by_itself = row.ended.filter(|_| ends_itself.contains(&row.state));
                let reports = (sweep, trial, number, 0)..=(sweep, trial, number, u32::MAX);
                let reported = self.reports.range(reports).map(|(_, report)| report.at);
                (
                    row.started,
                    by_itself.or(reported.max()).unwrap_or(row.started),
                )
            })
            .collect();
        spans.sort_unstable();
        let mut covered = Millis::MIN;
        let mut sum = 0;
        for (began, ended) in spans {
            sum += (ended - began.max(covered)).max(0);
            covered = covered.max(ended);
        }
        Ok(sum.unsigned_abs())
    }

    fn open_attempts(
        &self,
        session: Option<SessionId>,
    ) -> Rows<Vec<(SweepKey, TrialNumber, AttemptRow)>> {
        Ok(self
            .attempts
            .iter()
            .filter(|(_, row)| row.state == AttemptState::Running)
            .filter(|(_, row)| session.is_none_or(|session| row.session == session))
            .map(|((sweep, trial, _), row)| (*sweep, *trial, row.clone()))
            .collect())
    }

    fn granted(
        &self,
        session: SessionId,
        request: RequestId,
    ) -> Rows<Option<(SweepKey, TrialNumber, AttemptRow)>> {
        let open = self.open_attempts(Some(session))?;
        Ok(open.into_iter().find(|(.., row)| row.request == request))
    }

    fn reports(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<ReportRow>> {
        let first = (sweep, trial, AttemptNumber(0), 0);
        let last = (sweep, trial, AttemptNumber(u32::MAX), u32::MAX);
        let rows = self.reports.range(first..=last);
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    fn reported(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        epoch: u32,
    ) -> Rows<Option<Option<Hash>>> {
        let row = self.reports.get(&(sweep, trial, attempt, epoch));
        Ok(row.map(|row| row.point.weights_hash))
    }

    fn events(
        &self,
        sweep: SweepKey,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Rows<Vec<Event>> {
        Ok(self
            .events
            .iter()
            .filter(|stored| stored.sweep == Some(sweep) && stored.event.seq > after)
            .filter(|stored| trial.is_none() || stored.event.trial == trial)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|stored| stored.event.clone())
            .collect())
    }

    fn results(&self, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>> {
        Ok(self
            .events
            .iter()
            .filter(|stored| stored.sweep == Some(sweep) && stored.event.seq > after)
            .filter_map(|stored| self.result(sweep, stored))
            .collect())
    }

    fn blobs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<BlobRef>> {
        let rows = self
            .blobs
            .range((sweep, trial, Hash([0; 32]))..=(sweep, trial, Hash([255; 32])));
        Ok(rows.map(|(_, blob)| *blob).collect())
    }

    fn sweep_blobs(&self, sweep: SweepKey) -> Rows<Vec<(TrialNumber, BlobRef)>> {
        let rows = self.blobs.iter().filter(|((key, ..), _)| *key == sweep);
        Ok(rows.map(|((_, trial, _), blob)| (*trial, *blob)).collect())
    }

    fn stored_blobs(&self) -> Rows<Vec<Hash>> {
        let stored = self.blobs.values().filter(|blob| blob.stored);
        let hashes: std::collections::BTreeSet<Hash> = stored.map(|blob| blob.hash).collect();
        Ok(hashes.into_iter().collect())
    }

    fn blob_needed(&self, hash: Hash) -> Rows<bool> {
        Ok(self.blobs.keys().any(|(.., other)| *other == hash))
    }

    fn logs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<LogLine>> {
        let first = (sweep, trial, AttemptNumber(0));
        let last = (sweep, trial, AttemptNumber(u32::MAX));
        let mut lines = Vec::new();
        for ((.., attempt), texts) in self.logs.range(first..=last) {
            lines.extend(texts.iter().map(|(number, text)| LogLine {
                attempt: *attempt,
                number: *number,
                text: text.clone(),
            }));
        }
        Ok(lines)
    }
}

impl Memory {
    fn trials_of(&self, sweep: SweepKey) -> impl Iterator<Item = &TrialRow> {
        let first = (sweep, TrialNumber(0));
        let last = (sweep, TrialNumber(u64::MAX));
        self.trials.range(first..=last).map(|(_, trial)| trial)
    }

    fn queued(&self, sweep: SweepKey) -> impl Iterator<Item = &TrialRow> {
        self.trials_of(sweep)
            .filter(|trial| trial.state == TrialState::Queued)
    }

    fn attempts_of(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
    ) -> impl Iterator<Item = &AttemptRow> {
        let first = (sweep, trial, AttemptNumber(0));
        let last = (sweep, trial, AttemptNumber(u32::MAX));
        self.attempts.range(first..=last).map(|(_, row)| row)
    }

    fn points_of(&self, sweep: SweepKey, round: u32) -> impl Iterator<Item = &PointRow> {
        let place = |point| (sweep, WinnerRef { round, point });
        self.points
            .range(place(0)..=place(u64::MAX))
            .map(|(_, row)| row)
    }

    fn result(&self, sweep: SweepKey, stored: &Stored) -> Option<TrialResult> {
        let (epoch, to_epoch, objective) = stored.result?;
        let event = &stored.event;
        let state = TrialState::parse(&event.to)?;
        let reached = state.is_terminal() || state == TrialState::Waiting;
        if event.from == event.to || !reached {
            return None;
        }
        let number = event.trial?;
        let trial = self.trials.get(&(sweep, number))?;
        let notes = self.notes.get(&(sweep, number));
        Some(TrialResult {
            seq: event.seq,
            number,
            kind: trial.kind,
            round: trial.place.round,
            point: trial.place.point,
            repeat: trial.repeat,
            fold: trial.fold,
            state,
            ended_early: event.event == "ended_early",
            to_epoch,
            epoch,
            objective,
            retry_of: trial.retry_of,
            reason: trial.reason.clone(),
            result_json: notes.map(|(_, result)| result.clone()).unwrap_or_default(),
        })
    }
}
