//! A launch, and what became of it.

use hone_proto::v1;

use super::{
    definition,
    field::{bytes16, data_set, hash},
    settled,
};
use crate::{
    Error,
    driver::SweepPlan,
    ids::RequestId,
    store::command::{LaunchOutcome, Launched},
    sweeps::Launch,
};

/// A launch, and what the driver would make of it.
pub fn launch(request: v1::LaunchRequest) -> Result<(Launch, SweepPlan), Error> {
    let definition = settled::launched(request.sweep)?;
    check_identity(&definition)?;
    let (sweep, plan) = definition::parse(definition)?;
    definition::search(&plan)?;
    let before = request.data_before.iter();
    let launch = Launch {
        data: request
            .data
            .map(|pin| data_set(&pin.hash, pin.shape, pin.classes))
            .transpose()?,
        data_before: before
            .map(|found| hash("data_before", found))
            .collect::<Result<_, _>>()?,
        again: request.again,
        retry_diverged: request.retry_diverged,
        request: RequestId(bytes16("request_id", &request.request_id)?),
        sweep,
    };
    if let (Some(_), None) = (&launch.data, &launch.sweep.data_source) {
        return Err(Error::input(
            "data",
            "is given, but the sweep names no data set",
        ));
    }
    Ok((launch, plan))
}

/// What makes two files the same sweep is made of the file itself: another identity would join sweeps that are not the same, and
/// the checker would accuse the row.
fn check_identity(definition: &v1::SweepDefinition) -> Result<(), Error> {
    let hash = blake3::hash(definition.canonical_json.as_bytes()).to_hex();
    if definition.identity == *hash.as_str() {
        return Ok(());
    }
    let problem = format!(
        "is {:?}, and must be the blake3 hash of canonical_json, {hash}",
        definition.identity
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
