//! `Sweeps`: what people do with sweeps.

use std::sync::Arc;

use hone_proto::v1::{self, sweeps_server::Sweeps};
use tonic::{Request, Response};

use super::{
    Answer,
    convert::{
        field::{sweep_or_latest, trial},
        launch::{launch, launched},
        model::{sweep_reply, trial_id, trial_state},
    },
};
use crate::{
    Error, definition,
    state::{State, detached},
    store::command::SweepChange,
};

/// Serves people.
#[derive(Clone, Debug)]
pub struct SweepService {
    state: Arc<State>,
}

impl SweepService {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    async fn change(
        &self,
        request: Request<v1::SweepRequest>,
        change: SweepChange,
    ) -> Answer<v1::SweepReply> {
        let sweep = sweep_or_latest("sweep", &request.into_inner().sweep)?;
        let (sweep, state) = detached(self.state().change(sweep, change)).await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }
}

#[tonic::async_trait]
impl Sweeps for SweepService {
    async fn launch(&self, request: Request<v1::LaunchRequest>) -> Answer<v1::LaunchReply> {
        let (launch, definition) = launch(request.into_inner())?;
        let done = detached(self.state().launch(launch, definition)).await?;
        Ok(Response::new(launched(&done)))
    }

    async fn pause(&self, request: Request<v1::SweepRequest>) -> Answer<v1::SweepReply> {
        self.change(request, SweepChange::Pause).await
    }

    async fn resume(&self, request: Request<v1::SweepRequest>) -> Answer<v1::SweepReply> {
        self.change(request, SweepChange::Resume).await
    }

    async fn stop(&self, request: Request<v1::SweepRequest>) -> Answer<v1::SweepReply> {
        self.change(request, SweepChange::Stop).await
    }

    async fn remove(&self, request: Request<v1::SweepRequest>) -> Answer<v1::SweepReply> {
        let sweep = sweep_or_latest("sweep", &request.into_inner().sweep)?;
        let (sweep, state) = detached(self.state().remove(sweep)).await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }

    async fn extend(&self, request: Request<v1::ExtendRequest>) -> Answer<v1::SweepReply> {
        let request = request.into_inner();
        let sweep = sweep_or_latest("sweep", &request.sweep)?;
        let by = definition::budget("by", request.by.as_ref()).map_err(Error::from)?;
        let (sweep, state) = detached(self.state().extend(sweep, by)).await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }

    async fn cancel(&self, request: Request<v1::TrialRequest>) -> Answer<v1::TrialReply> {
        let trial = trial("trial", request.into_inner().trial)?;
        let id = trial_id(&trial.sweep, trial.trial);
        let now = detached(self.state().cancel(trial)).await?;
        Ok(Response::new(v1::TrialReply {
            trial: Some(id),
            state: trial_state(now),
        }))
    }

    async fn retry(&self, request: Request<v1::TrialRequest>) -> Answer<v1::TrialReply> {
        let trial = trial("trial", request.into_inner().trial)?;
        let (new, now) = detached(self.state().retry(trial)).await?;
        Ok(Response::new(v1::TrialReply {
            trial: Some(trial_id(&new.sweep, new.trial)),
            state: trial_state(now),
        }))
    }
}
