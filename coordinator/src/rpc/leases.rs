//! `Leases`: what a worker calls.

use std::sync::Arc;

use hone_proto::v1::{self, leases_server::Leases};
use tonic::{Request, Response};

use super::{Answer, convert::leases as convert};
use crate::state::{State, detached};

/// Serves workers.
#[derive(Clone, Debug)]
pub struct LeaseService {
    state: Arc<State>,
}

impl LeaseService {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    fn at(&self) -> i64 {
        self.state.clock.unix_ms()
    }
}

#[tonic::async_trait]
impl Leases for LeaseService {
    async fn register(&self, request: Request<v1::RegisterRequest>) -> Answer<v1::RegisterReply> {
        let (id, session) = convert::register(request.into_inner())?;
        let refused = self.state.register(id, session)?;
        let incarnation = self.state.store.incarnation();
        let reply = convert::registered(self.state.timing, incarnation, refused);
        Ok(Response::new(reply))
    }

    async fn acquire(&self, request: Request<v1::AcquireRequest>) -> Answer<v1::AcquireReply> {
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
    ) -> Answer<v1::HeartbeatReply> {
        let (session, draining, attempts) = convert::heartbeat(request.into_inner())?;
        let answer = self.state.heartbeat(session, draining, &attempts).await?;
        Ok(Response::new(convert::heartbeat_answer(
            &answer,
            &attempts,
            self.state.timing,
        )))
    }

    async fn report(&self, request: Request<v1::ReportRequest>) -> Answer<v1::ReportReply> {
        let report = convert::report(request.into_inner(), self.at())?;
        let wanted = detached(self.state().report(report)).await?;
        Ok(Response::new(v1::ReportReply {
            directive: convert::directive(wanted).into(),
        }))
    }

    async fn finish(&self, request: Request<v1::FinishRequest>) -> Answer<v1::FinishReply> {
        let others_connected = |attempt: &_| self.state.others_connected(attempt);
        let finish = convert::finish(request.into_inner(), others_connected, self.at())?;
        detached(self.state().finish(finish)).await?;
        Ok(Response::new(v1::FinishReply {}))
    }

    async fn release(&self, request: Request<v1::ReleaseRequest>) -> Answer<v1::ReleaseReply> {
        let release = convert::release(request.into_inner(), self.at())?;
        detached(self.state().release(release)).await?;
        Ok(Response::new(v1::ReleaseReply {}))
    }

    async fn put_piece(&self, request: Request<v1::PutPieceRequest>) -> Answer<v1::PutPieceReply> {
        let piece = convert::piece(request.into_inner())?;
        let received =
            detached(
                self.state()
                    .put_piece(piece.attempt, piece.blob, piece.offset, piece.data),
            )
            .await?;
        Ok(Response::new(v1::PutPieceReply {
            received: received.bytes,
            committed: received.complete,
        }))
    }

    async fn get_piece(&self, request: Request<v1::GetPieceRequest>) -> Answer<v1::GetPieceReply> {
        let (attempt, hash, offset) = convert::wanted_piece(request.into_inner())?;
        let (size, data) = self.state.get_piece(&attempt, hash, offset).await?;
        Ok(Response::new(v1::GetPieceReply {
            size,
            data: data.into(),
        }))
    }

    async fn log(&self, request: Request<v1::LogRequest>) -> Answer<v1::LogReply> {
        let log = convert::log(request.into_inner())?;
        detached(self.state().log(log)).await?;
        Ok(Response::new(v1::LogReply {}))
    }

    async fn leave(&self, request: Request<v1::LeaveRequest>) -> Answer<v1::LeaveReply> {
        let request = request.into_inner();
        let session = super::convert::field::session("session", &request.session)?;
        detached(
            self.state()
                .leave(session, request.crashed, false, request.reason),
        )
        .await?;
        Ok(Response::new(v1::LeaveReply {}))
    }
}
