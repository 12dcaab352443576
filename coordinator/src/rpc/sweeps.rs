//! `Sweeps`: what people do with sweeps.

use std::sync::Arc;

use hone_proto::v1::{self, sweeps_server::Sweeps};
use tonic::{Request, Response, Status};

use super::{
    convert::{
        field::{sweep_or_latest, trial},
        launch::{launch, launched},
        model::{sweep_reply, trial_id, trial_state},
    },
    run_to_end,
};
use crate::{Error, definition, state::State, store::command::SweepChange};

/// Serves people.
#[derive(Clone, Debug)]
pub struct SweepService {
    state: Arc<State>,
}

impl SweepService {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    async fn change(
        &self,
        request: Request<v1::SweepRequest>,
        change: SweepChange,
    ) -> Result<Response<v1::SweepReply>, Status> {
        let sweep = sweep_or_latest("sweep", &request.into_inner().sweep)?;
        let (sweep, state) = run_to_end(&self.state, |state| async move {
            state.change(sweep, change).await
        })
        .await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }
}

#[tonic::async_trait]
impl Sweeps for SweepService {
    async fn launch(
        &self,
        request: Request<v1::LaunchRequest>,
    ) -> Result<Response<v1::LaunchReply>, Status> {
        let (launch, definition) = launch(request.into_inner())?;
        let done = run_to_end(&self.state, move |state| async move {
            state.launch(launch, &definition).await
        })
        .await?;
        Ok(Response::new(launched(&done)))
    }

    async fn pause(
        &self,
        request: Request<v1::SweepRequest>,
    ) -> Result<Response<v1::SweepReply>, Status> {
        self.change(request, SweepChange::Pause).await
    }

    async fn resume(
        &self,
        request: Request<v1::SweepRequest>,
    ) -> Result<Response<v1::SweepReply>, Status> {
        self.change(request, SweepChange::Resume).await
    }

    async fn stop(
        &self,
        request: Request<v1::SweepRequest>,
    ) -> Result<Response<v1::SweepReply>, Status> {
        self.change(request, SweepChange::Stop).await
    }

    async fn remove(
        &self,
        request: Request<v1::SweepRequest>,
    ) -> Result<Response<v1::SweepReply>, Status> {
        let sweep = sweep_or_latest("sweep", &request.into_inner().sweep)?;
        let (sweep, state) = run_to_end(
            &self.state,
            |state| async move { state.remove(sweep).await },
        )
        .await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }

    async fn extend(
        &self,
        request: Request<v1::ExtendRequest>,
    ) -> Result<Response<v1::SweepReply>, Status> {
        let request = request.into_inner();
        let sweep = sweep_or_latest("sweep", &request.sweep)?;
        let by = definition::budget("by", request.by.as_ref()).map_err(Error::from)?;
        let (sweep, state) = run_to_end(&self.state, move |state| async move {
            state.extend(sweep, by).await
        })
        .await?;
        Ok(Response::new(sweep_reply(&sweep, state)))
    }

    async fn cancel(
        &self,
        request: Request<v1::TrialRequest>,
    ) -> Result<Response<v1::TrialReply>, Status> {
        let trial = trial("trial", request.into_inner().trial)?;
        let id = trial_id(&trial.sweep, trial.trial);
        let now = run_to_end(
            &self.state,
            |state| async move { state.cancel(&trial).await },
        )
        .await?;
        Ok(Response::new(v1::TrialReply {
            trial: Some(id),
            state: trial_state(now),
        }))
    }

    async fn retry(
        &self,
        request: Request<v1::TrialRequest>,
    ) -> Result<Response<v1::TrialReply>, Status> {
        let trial = trial("trial", request.into_inner().trial)?;
        let (new, now) = run_to_end(
            &self.state,
            |state| async move { state.retry(&trial).await },
        )
        .await?;
        Ok(Response::new(v1::TrialReply {
            trial: Some(trial_id(&new.sweep, new.trial)),
            state: trial_state(now).into(),
        }))
    }
}
