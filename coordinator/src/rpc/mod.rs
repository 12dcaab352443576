//! The edge: a file per service, and `convert/` beside them, the only readers of proto fields.
//!
//! A handler is three steps: parse, call, encode.

pub(crate) mod convert;
mod history;
mod leases;
mod sweeps;

pub use history::HistoryService;
pub use leases::LeaseService;
pub use sweeps::SweepService;

use tonic::{Response, Status};

use crate::{Error, store::StoreError};

/// What a handler gives back.
type Answer<T> = Result<Response<T>, Status>;

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}
