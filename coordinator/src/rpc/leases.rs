//! `Leases`: what a worker calls.

use std::sync::Arc;

use hone_proto::v1::{self, leases_server::Leases};
use tonic::{Request, Response, Status};

use super::{convert::leases as convert, run_to_end};
use crate::state::State;

/// Serves workers.
#[derive(Clone, Debug)]
pub struct LeaseService {
    state: Arc<State>,
}

impl LeaseService {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    fn at(&self) -> i64 {
        self.state.clock.unix_ms()
    }
}

#[tonic::async_trait]
impl Leases for LeaseService {
    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterReply>, Status> {
        let (id, session) = convert::register(request.into_inner())?;
        let refused = self.state.register(id, session)?;
        let incarnation = self.state.store.incarnation();
        let reply = convert::registered(self.state.timing, incarnation, refused);
        Ok(Response::new(reply))
    }

    async fn acquire(
        &self,
        request: Request<v1::AcquireRequest>,
    ) -> Result<Response<v1::AcquireReply>, Status> {
        let acquire = convert::acquire(&request.into_inner())?;
        let acquired = self.state.acquire(acquire).await?;
        Ok(Response::new(convert::acquired(
            acquired,
            self.state.timing,
        )))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatReply>, Status> {
        let (session, draining, attempts) = convert::heartbeat(request.into_inner())?;
        let answer = self.state.heartbeat(session, draining, &attempts).await?;
        Ok(Response::new(convert::heartbeat_answer(
            &answer,
            &attempts,
            self.state.timing,
        )))
    }

    async fn report(
        &self,
        request: Request<v1::ReportRequest>,
    ) -> Result<Response<v1::ReportReply>, Status> {
        let report = convert::report(request.into_inner(), self.at())?;
        let wanted = run_to_end(
            &self.state,
            |state| async move { state.report(report).await },
        )
        .await?;
        Ok(Response::new(v1::ReportReply {
            directive: convert::directive(wanted).into(),
        }))
    }

    async fn finish(
        &self,
        request: Request<v1::FinishRequest>,
    ) -> Result<Response<v1::FinishReply>, Status> {
        let others_connected = |attempt: &_| self.state.others_connected(attempt);
        let finish = convert::finish(request.into_inner(), others_connected, self.at())?;
        run_to_end(
            &self.state,
            |state| async move { state.finish(finish).await },
        )
        .await?;
        Ok(Response::new(v1::FinishReply {}))
    }

    async fn release(
        &self,
        request: Request<v1::ReleaseRequest>,
    ) -> Result<Response<v1::ReleaseReply>, Status> {
        let release = convert::release(request.into_inner(), self.at())?;
        run_to_end(
            &self.state,
            |state| async move { state.release(release).await },
        )
        .await?;
        Ok(Response::new(v1::ReleaseReply {}))
    }

    async fn put_piece(
        &self,
        request: Request<v1::PutPieceRequest>,
    ) -> Result<Response<v1::PutPieceReply>, Status> {
        let piece = convert::piece(request.into_inner())?;
        let received = run_to_end(&self.state, |state| async move {
            state
                .put_piece(piece.attempt, piece.blob, piece.offset, piece.data)
                .await
        })
        .await?;
        Ok(Response::new(v1::PutPieceReply {
            received: received.bytes,
            committed: received.complete,
        }))
    }

    async fn get_piece(
        &self,
        request: Request<v1::GetPieceRequest>,
    ) -> Result<Response<v1::GetPieceReply>, Status> {
        let (attempt, hash, offset) = convert::wanted_piece(request.into_inner())?;
        let (size, data) = self.state.get_piece(&attempt, hash, offset).await?;
        Ok(Response::new(v1::GetPieceReply {
            size,
            data: data.into(),
        }))
    }

    async fn log(
        &self,
        request: Request<v1::LogRequest>,
    ) -> Result<Response<v1::LogReply>, Status> {
        let log = convert::log(request.into_inner())?;
        run_to_end(&self.state, |state| async move {
            Ok(state.store.apply(log).await?)
        })
        .await?;
        Ok(Response::new(v1::LogReply {}))
    }

    async fn leave(
        &self,
        request: Request<v1::LeaveRequest>,
    ) -> Result<Response<v1::LeaveReply>, Status> {
        let request = request.into_inner();
        let session = super::convert::field::session("session", &request.session)?;
        run_to_end(&self.state, |state| async move {
            state
                .leave(session, request.crashed, false, request.reason)
                .await
        })
        .await?;
        Ok(Response::new(v1::LeaveReply {}))
    }
}
