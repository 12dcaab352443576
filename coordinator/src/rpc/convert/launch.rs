//! A launch, and what became of it.

use hone_proto::v1;

use super::field::{bytes, data_set, hash, required};
use crate::{
    Error,
    definition::{self, SweepDefinition},
    ids::RequestId,
    store::command::{LaunchOutcome, LaunchSweep, Launched},
};

/// A launch, and what its definition says.
pub fn launch(
    request: v1::LaunchRequest,
    at: i64,
) -> Result<(LaunchSweep, SweepDefinition), Error> {
    let sent = definition::launched(required("sweep", request.sweep)?)?;
    check_identity(&sent)?;
    let sweep = definition::columns(&sent)?;
    let definition = definition::parse(&sent)?;
    let before = request.data_before.iter();
    let launch = LaunchSweep {
        name: sent.name,
        data: request
            .data
            .map(|pin| data_set(&pin.hash, pin.shape, pin.classes))
            .transpose()?,
        data_before: before
            .map(|found| hash("data_before", found))
            .collect::<Result<_, _>>()?,
        again: request.again,
        request: RequestId(bytes("request_id", &request.request_id)?),
        sweep,
        at,
    };
    if let (Some(_), None) = (&launch.data, &launch.sweep.data_source) {
        return Err(Error::input(
            "data",
            "is given, but the sweep names no data set",
        ));
    }
    Ok((launch, definition))
}

/// What makes two files the same sweep is made of the file itself: another identity would join sweeps that are not the same, and
/// the checker would accuse the row.
fn check_identity(definition: &v1::SweepDefinition) -> Result<(), Error> {
    let canonical = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(
        &definition.canonical_json,
    );
    if let Err(error) = canonical {
        let problem = format!("is no JSON object: {error}");
        return Err(Error::input("sweep.canonical_json", problem));
    }
    let hash = blake3::hash(definition.canonical_json.as_bytes()).to_hex();
    if definition.identity == *hash.as_str() {
        return Ok(());
    }
    let problem = format!(
        "must be the blake3 hash of canonical_json, {hash}; it has {} characters and is another",
        definition.identity.chars().count()
    );
    Err(Error::input("sweep.identity", problem))
}

pub fn launched(launched: &Launched) -> v1::LaunchReply {
    let outcome = match launched.outcome {
        LaunchOutcome::Started => v1::Launched::Started,
        LaunchOutcome::Continued => v1::Launched::Continued,
        LaunchOutcome::Ended => v1::Launched::Ended,
        LaunchOutcome::Stopping => v1::Launched::Stopping,
    };
    let other = launched.on_other_data.as_ref();
    v1::LaunchReply {
        sweep: launched.sweep.to_string(),
        launched: outcome.into(),
        renamed: launched.renamed,
        on_other_data: other.map(ToString::to_string).unwrap_or_default(),
        retried: launched.retried,
    }
}
