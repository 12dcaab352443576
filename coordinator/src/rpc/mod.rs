//! The edge: a file per service, and `convert/` beside them, the only readers of proto fields.
//!
//! A handler is three steps: parse, call, encode.

pub(crate) mod convert;
mod history;
mod leases;
mod sweeps;

pub use history::HistoryService;
pub(crate) use leases::LeaseService;
pub(crate) use sweeps::SweepService;

use tonic::{Response, Status};

use crate::{
    Error,
    ids::SweepId,
    store::{Reader, StoreError},
};
use convert::field::sweep_or_latest;

/// What a handler gives back.
type Answer<T> = Result<Response<T>, Status>;

/// The sweep of that name, or the latest for an empty one.
async fn find(reader: &Reader, name: &str) -> Result<SweepId, Error> {
    let name = sweep_or_latest("sweep", name)?;
    Ok(reader
        .find_sweep(name.as_ref().map(SweepId::as_str))
        .await?)
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}
