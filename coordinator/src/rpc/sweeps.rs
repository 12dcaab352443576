//! `Sweeps`: what people do with sweeps.

use std::sync::Arc;

use hone_proto::v1::{self, sweeps_server::Sweeps};
use tonic::{Request, Response};

use super::{
    Answer,
    convert::{
        field::trial,
        launch::{launch, launched},
        model::{sweep_reply, trial_reply},
    },
    find,
};
use crate::{
    Error, definition,
    ids::SweepId,
    state::{State, detached},
    store::command::SweepChange,
};

/// Serves people.
#[derive(Clone, Debug)]
pub struct SweepService(pub(crate) Arc<State>);

impl SweepService {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.0)
    }

    async fn find(&self, name: &str) -> Result<SweepId, Error> {
        find(self.0.store.read(), name).await
    }

    async fn change(
        &self,
        request: Request<v1::SweepRequest>,
        change: SweepChange,
    ) -> Answer<v1::SweepReply> {
        let sweep = self.find(&request.into_inner().sweep).await?;
        let state = detached(self.state().change(sweep.clone(), change)).await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }
}

#[tonic::async_trait]
impl Sweeps for SweepService {
    async fn launch(&self, request: Request<v1::LaunchRequest>) -> Answer<v1::LaunchReply> {
        let request = request.into_inner();
        let retry_diverged = request.retry_diverged;
        let (wanted, definition) = launch(request, self.0.clock.unix_ms())?;
        let launch = self.state().launch(wanted, definition, retry_diverged);
        Ok(Response::new(launched(&detached(launch).await?)))
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
        let sweep = self.find(&request.into_inner().sweep).await?;
        let state = detached(self.state().remove(sweep.clone())).await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }

    async fn extend(&self, request: Request<v1::ExtendRequest>) -> Answer<v1::SweepReply> {
        let request = request.into_inner();
        let by = definition::budget("by", request.by.as_ref()).map_err(Error::from)?;
        let sweep = self.find(&request.sweep).await?;
        let state = detached(self.state().extend(sweep.clone(), by)).await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }

    async fn cancel(&self, request: Request<v1::TrialRequest>) -> Answer<v1::TrialReply> {
        let trial = trial("trial", request.into_inner().trial)?;
        let now = detached(self.state().cancel(trial.clone())).await?;
        Ok(Response::new(trial_reply(&trial, now)))
    }

    async fn retry(&self, request: Request<v1::TrialRequest>) -> Answer<v1::TrialReply> {
        let trial = trial("trial", request.into_inner().trial)?;
        let (new, now) = detached(self.state().retry(trial)).await?;
        Ok(Response::new(trial_reply(&new, now)))
    }
}
