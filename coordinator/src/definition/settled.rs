//! What the coordinator adds to a launched definition and keeps with it, so that a restart makes the same search.

use hone_proto::v1;
use prost::Message;

use super::{DefinitionError, stored};
use crate::{
    Error,
    ids::Hash,
    search::{self, EarlierPoint, Extension},
};

/// A launch's definition, in which nothing is settled yet but the search that will decide.
pub fn launched(mut sent: v1::SweepDefinition) -> Result<v1::SweepDefinition, DefinitionError> {
    if sent.settled.is_some() {
        return Err(DefinitionError::at(
            "sweep.settled",
            "is for the coordinator alone: leave it out",
        ));
    }
    sent.settled = Some(v1::Settled {
        search_version: search::VERSION,
        ..v1::Settled::default()
    });
    Ok(sent)
}

/// The stored definition with a budget in minutes turned into epochs, after so many checks.
pub fn with_budget(definition: &[u8], epochs: u64, checks: u64) -> Result<Vec<u8>, Error> {
    change(definition, |settled| {
        settled.budget_epochs = Some(epochs);
        settled.checks_before = (checks > 1).then_some(checks);
    })
}

/// The stored definition with one extension more.
pub fn with_extension(definition: &[u8], added: Extension) -> Result<Vec<u8>, Error> {
    change(definition, |settled| {
        settled.extensions.push(v1::Extension {
            epochs: added.epochs,
            first_trial: added.first_trial,
        });
    })
}

/// The definition with the points that `from` reuses.
pub fn with_earlier(
    definition: &[u8],
    points: &[EarlierPoint],
    data: Option<Hash>,
) -> Result<Vec<u8>, Error> {
    change(definition, |settled| {
        settled.earlier = points
            .iter()
            .map(|point| v1::EarlierPoint {
                params_json: serde_json::json!(point.params).to_string(),
                objective: point.objective,
            })
            .collect();
        settled.earlier_data_hash = data.map(|hash| hash.0.to_vec().into()).unwrap_or_default();
    })
}

fn change(definition: &[u8], edit: impl FnOnce(&mut v1::Settled)) -> Result<Vec<u8>, Error> {
    let mut definition = stored(definition)?;
    edit(definition.settled.get_or_insert_default());
    Ok(definition.encode_to_vec())
}
