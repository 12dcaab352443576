//! A round's box as it is stored: JSON, one object an axis.

use hone_proto::v1;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::search::{AxisBox, Kind, SearchBox, Space};

#[derive(Deserialize, Serialize)]
struct Axis {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    low_share: f64,
    high_share: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<Value>,
}

pub fn box_json(space: &Space, within: &SearchBox) -> String {
    let axes = space.domains().iter().zip(within.axes());
    let axes = axes.map(|(domain, axis)| {
        let ends = axis.ends(domain);
        let (low_share, high_share) = match axis {
            AxisBox::Range { low, high } => (*low, *high),
            AxisBox::Choice { .. } => (0.0, 1.0),
        };
        let values = match (axis, &domain.kind) {
            (AxisBox::Choice { kept }, Kind::Choice(values)) => kept
                .iter()
                .filter_map(|index| values.get(*index).cloned())
                .collect(),
            _ => Vec::new(),
        };
        Axis {
            path: domain.path.clone(),
            low: ends.map(|(low, _)| low),
            high: ends.map(|(_, high)| high),
            low_share,
            high_share,
            values,
        }
    });
    json!(axes.collect::<Vec<_>>()).to_string()
}

/// The axes of a stored box; empty for none.
pub fn box_message(json: &str) -> serde_json::Result<Vec<v1::AxisBox>> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let axes = serde_json::from_str::<Vec<Axis>>(json)?.into_iter();
    let message = |axis: Axis| v1::AxisBox {
        path: axis.path,
        low: axis.low,
        high: axis.high,
        low_share: axis.low_share,
        high_share: axis.high_share,
        values_json: axis.values.iter().map(Value::to_string).collect(),
    };
    Ok(axes.map(message).collect())
}
