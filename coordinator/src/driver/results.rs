//! PURE: what the store has of an ended trial, as the search and the driver take it.

use serde_json::Value;

use crate::{search::TrialEvent, store::TrialResult, trial::TrialState};

/// A stored result as the search takes it; `None`: nothing has ended.
pub fn event(result: &TrialResult) -> Option<TrialEvent> {
    use TrialState as State;
    let epoch = result.epoch;
    Some(match (result.state, result.objective) {
        (State::Queued | State::Running, _) => return None,
        (State::Waiting, Some(objective)) => TrialEvent::AtRung { epoch, objective },
        (State::Completed, Some(objective)) if result.ended_early => {
            TrialEvent::EndedEarly { epoch, objective }
        }
        (State::Completed, Some(objective)) => TrialEvent::Completed { epoch, objective },
        (State::Diverged, _) => TrialEvent::Diverged { epoch },
        (State::Pruned, _) => TrialEvent::Pruned,
        (State::Cancelled, _) => TrialEvent::Cancelled,
        // Ended well without one value of the objective: only in what earlier versions stored.
        (State::Failed | State::Waiting | State::Completed, _) => TrialEvent::Failed,
    })
}

/// The accuracy in a test trial's result: `{"test_accuracy": 0.98, …}`, by itself or below `metrics`.
pub fn test_accuracy(result_json: &str) -> Option<f64> {
    let result: Value = serde_json::from_str(result_json).ok()?;
    let metrics = result.get("metrics").unwrap_or(&result);
    metrics.get("test_accuracy")?.as_f64()
}

/// Why a test gave no accuracy; empty where nobody says so, as of a data set without a test part.
pub fn why_untested(result: &TrialResult) -> String {
    let said: Value = serde_json::from_str(&result.result_json).unwrap_or(Value::Null);
    match said.get("untested").and_then(Value::as_str) {
        Some(reason) => reason.to_owned(),
        None => result.reason.clone(),
    }
}

/// What a check found, in its words.
pub fn findings(check: &Value) -> String {
    let words: Vec<String> = check
        .get("findings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(in_words)
        .collect();
    if words.is_empty() {
        return "it gave no reason".to_owned();
    }
    words.join("; ")
}

fn in_words(finding: &Value) -> String {
    let text = match finding {
        Value::String(text) => Some(text.as_str()),
        other => ["message", "text"]
            .iter()
            .find_map(|key| other.get(key)?.as_str()),
    };
    text.map_or_else(|| finding.to_string(), str::to_owned)
}
