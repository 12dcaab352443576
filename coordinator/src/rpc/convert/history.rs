//! What is read from the store, as messages of `History`.

use hone_proto::v1;

use super::{
    field::read,
    model::{
        TRIAL_STATES, blob, bytes, milliseconds, sweep_state, trial_id, trial_kind, trial_state,
    },
};
use crate::{
    Error,
    definition::{self, box_message, objective_message},
    ids::SweepId,
    state::{Connected, LastHeard, WorkerView},
    store::{
        Best, EventRow, LogRow, ReportRow, RoundDetail, SweepDetail, SweepSummary, TrialDetail,
        TrialFilter, TrialSort, TrialSummary,
    },
    trial::TrialState,
    versions::Arithmetic,
};

/// `connected`: what only a running coordinator knows.
pub fn sweep_summary(
    summary: &SweepSummary,
    connected: Option<&Connected>,
    arithmetic: &Arithmetic,
) -> v1::SweepSummary {
    let row = &summary.row;
    let heard = connected.and_then(|connected| connected.last_heard(&row.id));
    let mut waiting_for = String::new();
    if !row.state.has_ended() {
        let refusal = match definition::stored(&row.sweep.definition) {
            Ok(stored) => definition::versions(&stored).refusal(&row.sweep.trainer, arithmetic),
            // One that cannot be read hides no other.
            Err(error) => Some(error.to_string()),
        };
        let waits = || Some(connected?.waiting_for(row));
        waiting_for = refusal.or_else(waits).unwrap_or_default();
    }
    let shortage = connected.filter(|_| !row.state.has_ended());
    let shortage = shortage.and_then(|connected| connected.shortage.clone());
    v1::SweepSummary {
        sweep: row.id.to_string(),
        state: sweep_state(row.state).into(),
        points: row.points,
        trials: summary.counts.iter().sum(),
        best: summary.best,
        metric: row.sweep.objective.metric.clone(),
        created_ms: row.created,
        ended_ms: row.ended,
        reason: row.reason.clone(),
        last_heard_ms: heard.map(|heard| milliseconds(heard.ago)),
        silent: heard.is_some_and(|heard| heard.silent),
        waiting_for,
        shortage: shortage.unwrap_or_default(),
    }
}

/// `connected`: what only a running coordinator knows; `trained_ms`: where it was asked for.
pub fn sweep_detail(
    detail: SweepDetail,
    connected: Option<&Connected>,
    trained_ms: Option<u64>,
    arithmetic: &Arithmetic,
) -> Result<v1::SweepDetail, Error> {
    let row = &detail.summary.row;
    let stored = definition::stored(&row.sweep.definition)?;
    let (newest, winner) = (detail.rounds.last(), detail.best);
    Ok(v1::SweepDetail {
        trained_ms,
        summary: Some(sweep_summary(&detail.summary, connected, arithmetic)),
        definition: Some(stored),
        trials: Some(counts(detail.summary.counts)),
        rounds: detail.rounds.iter().map(round).collect::<Result<_, _>>()?,
        warnings: detail.warnings,
        reason: row.reason.clone(),
        epochs_trained: row.epochs_trained,
        epochs_planned: row.epochs_planned,
        trials_planned: row.trials_planned,
        images_trained: row.images_trained,
        training_seconds: row.training_seconds,
        first_grant_ms: row.first_grant,
        last_end_ms: row.last_end,
        workers: connected.map_or(0, Connected::workers),
        slots: connected.map_or(0, Connected::slots),
        data_hash: bytes(row.data.as_ref().map(|data| data.hash)),
        check_json: row.check_json.to_string(),
        round: newest.map_or(0, |round| round.row.planned.round),
        best: winner.map(|winner| best(winner, &row.sweep.objective.metric)),
        last_event: detail.last_event,
    })
}

fn counts(counts: [u64; 8]) -> v1::TrialCounts {
    let of = |state: TrialState| counts[state as usize];
    v1::TrialCounts {
        queued: of(TrialState::Queued),
        running: of(TrialState::Running),
        waiting: of(TrialState::Waiting),
        completed: of(TrialState::Completed),
        pruned: of(TrialState::Pruned),
        diverged: of(TrialState::Diverged),
        cancelled: of(TrialState::Cancelled),
        failed: of(TrialState::Failed),
    }
}

fn round(round: &RoundDetail) -> Result<v1::RoundSummary, Error> {
    let planned = &round.row.planned;
    let (rungs, rung_points) = planned.rungs.iter().copied().unzip();
    Ok(v1::RoundSummary {
        round: planned.round,
        points: planned.points,
        points_finished: round.row.finished,
        rungs,
        repeats: planned.repeats,
        top: planned.top,
        r#box: box_message(&planned.box_json)
            .map_err(|error| Error::Broken(format!("a stored box cannot be read: {error}")))?,
        best: round.best,
        rung_points,
    })
}

pub fn best(best: Best, metric: &str) -> v1::Best {
    let tied = best.tied.iter().map(|tie| v1::PointPlace {
        round: tie.round,
        point: tie.point,
    });
    v1::Best {
        sweep: best.sweep.to_string(),
        point: best.place.point,
        round: best.place.round,
        objective: best.objective,
        metric: metric.to_owned(),
        spread: best.spread,
        repeats: best.repeats,
        trials: best.trials.iter().map(|trial| trial.0).collect(),
        params_json: best.params_json,
        epochs: best.epochs,
        test_accuracy: best.test_accuracy,
        half_width: best.half_width,
        tied: tied.collect(),
    }
}

/// Which trials of a sweep.
pub fn trial_filter(request: &v1::ListTrialsRequest) -> Result<TrialFilter, Error> {
    let sort = match v1::TrialSort::try_from(request.sort) {
        Ok(v1::TrialSort::Unspecified | v1::TrialSort::Number) => TrialSort::Number,
        Ok(v1::TrialSort::Objective) => TrialSort::Objective,
        Ok(v1::TrialSort::Recent) => TrialSort::Recent,
        Err(_) => {
            let problem = format!("{} is not known", request.sort);
            return Err(Error::input("sort", problem));
        }
    };
    let states = request.states.iter();
    let states = states.map(|state| read("states", &TRIAL_STATES, *state));
    Ok(TrialFilter {
        sort,
        limit: request.limit,
        states: states.collect::<Result<_, _>>()?,
        round: request.round,
        all_kinds: request.all_kinds,
        after: request.after,
        past: None,
    })
}

/// `heard`: of its worker, while it runs.
pub fn trial_summary(
    sweep: &SweepId,
    summary: TrialSummary,
    heard: Option<LastHeard>,
) -> v1::TrialSummary {
    let trial = summary.row;
    v1::TrialSummary {
        last_heard_ms: heard.map(|heard| milliseconds(heard.ago)),
        silent: heard.is_some_and(|heard| heard.silent),
        trial: Some(trial_id(sweep, trial.number)),
        kind: trial_kind(trial.kind).into(),
        point: trial.place.point,
        round: trial.place.round,
        repeat: trial.repeat,
        fold: trial.fold,
        state: trial_state(trial.state),
        objective: trial.objective,
        epoch: trial.epoch,
        weights_hash: bytes(trial.weights_hash),
        params_json: summary.params_json,
        attempts: trial.attempts,
        worker: trial.worker,
        seconds: trial.seconds,
        to_epoch: trial.to_epoch,
        retry_of: trial.retry_of.map(|trial| trial.0),
        reason: trial.reason,
        images: trial.images,
        cause: trial
            .cause
            .map_or_else(String::new, |cause| cause.as_str().to_owned()),
        diagnosis: summary.diagnosis.unwrap_or_default(),
        started_ms: trial.started,
        ended_ms: summary.ended,
    }
}

pub fn trial_detail(
    sweep: &SweepId,
    detail: TrialDetail,
    heard: Option<LastHeard>,
) -> v1::TrialDetail {
    let attempts = detail.attempts.into_iter().map(|attempt| v1::Attempt {
        attempt: attempt.attempt.0,
        worker: attempt.worker,
        state: attempt.state.as_str().to_owned(),
        started_ms: attempt.started,
        ended_ms: attempt.ended,
        reason: attempt.reason,
    });
    v1::TrialDetail {
        attempts: attempts.collect(),
        curve: detail.curve.into_iter().map(curve_point).collect(),
        diagnosis_json: detail.diagnosis_json,
        result_json: detail.result_json,
        spec_json: detail.spec_json,
        seed: detail.summary.row.seed,
        blobs: detail.blobs.into_iter().map(blob).collect(),
        full_epochs: detail.summary.row.full_epochs,
        objective: Some(objective_message(&detail.sweep.objective)),
        summary: Some(trial_summary(sweep, detail.summary, heard)),
    }
}

fn curve_point(point: ReportRow) -> v1::CurvePoint {
    let metrics = point.metrics.into_iter();
    let metrics = metrics.map(|(name, value)| v1::Metric { name, value });
    v1::CurvePoint {
        epoch: point.epoch,
        attempt: point.attempt.0,
        metrics: metrics.collect(),
        layers: point.layers.into(),
        weights_hash: bytes(point.weights_hash),
        seconds: point.seconds,
    }
}

pub fn event(event: EventRow) -> v1::Event {
    v1::Event {
        at_ms: event.at,
        trial: event.trial.map(|trial| trial.0),
        attempt: event.attempt.map(|attempt| attempt.0),
        actor: event.actor,
        event: event.event,
        from_state: event.from,
        to_state: event.to,
        reason: event.reason,
        seq: event.seq,
    }
}

pub fn log_line(line: LogRow) -> v1::LogLine {
    v1::LogLine {
        attempt: line.attempt.0,
        line: line.text,
        number: line.number,
    }
}

pub fn worker(worker: WorkerView) -> v1::WorkerSummary {
    let session = worker.session;
    let opened = session.offers.iter().filter(|offer| offer.data.is_ok());
    v1::WorkerSummary {
        data: opened.map(|offer| offer.name.clone()).collect(),
        name: session.name,
        slots: session.slots,
        running: worker.running,
        trainers: session.trainers,
        draining: session.draining,
        quarantined: session.quarantine.is_some(),
        last_heartbeat_ms: session.last_seen_ms,
    }
}
