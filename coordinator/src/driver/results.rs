//! PURE: what the store has of an ended trial, as the search and the driver take it.

use serde_json::Value;

use crate::{search::TrialEvent, store::TrialResult, trial::TrialState};

/// A stored result as the search takes it; `None`: nothing has ended.
pub fn event(result: &TrialResult) -> Option<TrialEvent> {
    let epoch = result.epoch;
    let Some(objective) = result.objective else {
        return without_value(result);
    };
    Some(match result.state {
        TrialState::Waiting => TrialEvent::AtRung { epoch, objective },
        TrialState::Completed if result.ended_early => TrialEvent::EndedEarly { epoch, objective },
        TrialState::Completed => TrialEvent::Completed { epoch, objective },
        _ => return without_value(result),
    })
}

fn without_value(result: &TrialResult) -> Option<TrialEvent> {
    Some(match result.state {
        TrialState::Queued | TrialState::Running => return None,
        TrialState::Diverged => TrialEvent::Diverged {
            epoch: result.epoch,
        },
        TrialState::Pruned => TrialEvent::Pruned,
        TrialState::Cancelled => TrialEvent::Cancelled,
        // Ended well without one value of the objective: only in what earlier versions stored.
        TrialState::Failed | TrialState::Waiting | TrialState::Completed => TrialEvent::Failed,
    })
}

/// The accuracy in a test trial's result: `{"test_accuracy": 0.98, …}`, by itself or below `metrics`.
pub fn test_accuracy(result_json: &str) -> Option<f64> {
    let result: Value = serde_json::from_str(result_json).ok()?;
    let metrics = result.get("metrics").unwrap_or(&result);
    metrics.get("test_accuracy")?.as_f64()
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
