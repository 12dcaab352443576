//! `Leases`: what a worker calls.

use std::sync::Arc;

use hone_proto::v1::{self, leases_server::Leases};
use tonic::{Request, Response};

use super::{
    Answer,
    convert::{field::session, leases as convert, model::milliseconds},
};
use crate::state::{State, detached};

/// Serves workers.
#[derive(Clone, Debug)]
pub struct LeaseService(pub(crate) Arc<State>);

impl LeaseService {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.0)
    }

    fn at(&self) -> i64 {
        self.0.clock.unix_ms()
    }
}

#[tonic::async_trait]
impl Leases for LeaseService {
    async fn register(&self, request: Request<v1::RegisterRequest>) -> Answer<v1::RegisterReply> {
        let (id, session) = convert::register(request.into_inner())?;
        let refused = self.0.register(id, session)?;
        let timing = self.0.timing;
        Ok(Response::new(v1::RegisterReply {
            heartbeat_ms: milliseconds(timing.heartbeat),
            lease_ms: milliseconds(timing.lease),
            first_lease_ms: milliseconds(timing.first_lease),
            incarnation: self.0.store.incarnation().to_vec().into(),
            refused,
        }))
    }

    async fn acquire(&self, request: Request<v1::AcquireRequest>) -> Answer<v1::AcquireReply> {
        let acquire = convert::acquire(&request.into_inner())?;
        let acquired = self.0.acquire(acquire).await?;
        let reply = convert::acquired(acquired, self.0.timing);
        Ok(Response::new(reply))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Answer<v1::HeartbeatReply> {
        let (session, draining, attempts) = convert::heartbeat(request.into_inner())?;
        let answer = self.0.heartbeat(session, draining, &attempts).await?;
        let reply = convert::heartbeat_answer(&answer, &attempts, self.0.timing);
        Ok(Response::new(reply))
    }

    async fn report(&self, request: Request<v1::ReportRequest>) -> Answer<v1::ReportReply> {
        let report = convert::report(request.into_inner(), self.at())?;
        let wanted = detached(self.state().report(report)).await?;
        Ok(Response::new(v1::ReportReply {
            directive: convert::directive(wanted).into(),
        }))
    }

    async fn finish(&self, request: Request<v1::FinishRequest>) -> Answer<v1::FinishReply> {
        let finish = convert::finish(request.into_inner(), self.at())?;
        detached(self.state().finish(finish)).await?;
        Ok(Response::new(v1::FinishReply {}))
    }

    async fn release(&self, request: Request<v1::ReleaseRequest>) -> Answer<v1::ReleaseReply> {
        let release = convert::release(request.into_inner(), self.at())?;
        detached(self.state().release(release)).await?;
        Ok(Response::new(v1::ReleaseReply {}))
    }

    async fn put_piece(&self, request: Request<v1::PutPieceRequest>) -> Answer<v1::PutPieceReply> {
        let (attempt, blob, offset, data) = convert::piece(request.into_inner())?;
        let received = detached(self.state().put_piece(attempt, blob, offset, data)).await?;
        Ok(Response::new(v1::PutPieceReply {
            received: received.bytes,
            committed: received.complete,
        }))
    }

    async fn get_piece(&self, request: Request<v1::GetPieceRequest>) -> Answer<v1::GetPieceReply> {
        let (attempt, hash, offset) = convert::wanted_piece(request.into_inner())?;
        let (size, data) = self.0.get_piece(&attempt, hash, offset).await?;
        Ok(Response::new(v1::GetPieceReply {
            size,
            data: data.into(),
        }))
    }

    async fn log(&self, request: Request<v1::LogRequest>) -> Answer<v1::LogReply> {
        let log = convert::log(request.into_inner())?;
        self.0.store.apply(log).await?;
        Ok(Response::new(v1::LogReply {}))
    }

    async fn leave(&self, request: Request<v1::LeaveRequest>) -> Answer<v1::LeaveReply> {
        let request = request.into_inner();
        let session = session("session", &request.session)?;
        let (crashed, reason) = (request.crashed, request.reason);
        detached(self.state().leave(session, crashed, false, reason)).await?;
        Ok(Response::new(v1::LeaveReply {}))
    }
}
