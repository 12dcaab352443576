//! A coordinator that grants the leases it was given, stores what it gets, and can be sent away.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use hone_proto::v1::{
    self as wire,
    leases_server::{Leases, LeasesServer},
};
use tokio::{net::TcpListener, sync::watch};
use tonic::{Code, Request, Response, Status};

/// What the script says, and what has come in.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) leases: VecDeque<wire::Lease>,
    /// Whatever is not a heartbeat or a registration answers UNAVAILABLE.
    pub(super) away: bool,
    /// What heartbeats (and reports) say of every attempt.
    pub(super) directive: i32,
    pub(super) report_directive: i32,
    pub(super) fenced: bool,
    /// What blobs are refused with.
    pub(super) refuse_blobs: Option<Code>,
    /// What reports are refused with.
    pub(super) refuse_reports: Option<Code>,
    /// What questions for work are refused with.
    pub(super) refuse_acquires: Option<Status>,
    /// What the next heartbeat says of each attempt, by its token.
    pub(super) directives: BTreeMap<Vec<u8>, i32>,
    /// Names the database that it serves.
    pub(super) incarnation: Vec<u8>,
    pub(super) forget_sessions: bool,
    pub(super) wanted_data: Vec<String>,
    pub(super) registrations: Vec<wire::RegisterRequest>,
    pub(super) heartbeats: Vec<wire::HeartbeatRequest>,
    pub(super) acquires: Vec<wire::AcquireRequest>,
    /// Epochs, whichever call brought them.
    pub(super) reports: Vec<Told>,
    pub(super) logs: Vec<wire::Lines>,
    pub(super) finishes: Vec<wire::FinishRequest>,
    pub(super) releases: Vec<wire::ReleaseRequest>,
    pub(super) leaves: Vec<wire::LeaveRequest>,
    /// Blobs by hash: what has come of them.
    pub(super) blobs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) committed: Vec<Vec<u8>>,
    /// Names of mutating calls in the order of their arrival.
    pub(super) order: Vec<&'static str>,
}

/// One epoch that was reported.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) trial: u64,
    pub(super) attempt: u32,
    pub(super) epoch: u32,
    pub(super) weights_hash: Vec<u8>,
}

impl State {
    pub(super) fn epochs(&self) -> Vec<u32> {
        self.reports.iter().map(|told| told.epoch).collect()
    }

    fn tell(&mut self, attempt: Option<&wire::AttemptRef>, epochs: &[wire::Epoch]) {
        let attempt = attempt.unwrap();
        self.reports.extend(epochs.iter().map(|epoch| Told {
            trial: attempt.trial.as_ref().unwrap().trial,
            attempt: attempt.attempt,
            epoch: epoch.epoch,
            weights_hash: epoch.weights_hash.to_vec(),
        }));
    }

    fn refusal(&self) -> Result<(), Status> {
        if self.away {
            return Err(Status::unavailable("away"));
        }
        if self.fenced {
            return Err(Status::failed_precondition("fenced"));
        }
        Ok(())
    }
}

/// The running script.
#[derive(Clone)]
pub(super) struct Coordinator {
    port: u16,
    heartbeat: Duration,
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<()>>,
}

impl Coordinator {
    pub(super) async fn start(heartbeat: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let coordinator = Self {
            port: listener.local_addr().unwrap().port(),
            heartbeat,
            state: Arc::default(),
            changed: Arc::new(watch::channel(()).0),
        };
        let service = LeasesServer::new(coordinator.clone()).max_decoding_message_size(8 << 20);
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming),
        );
        coordinator
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes the script or reads what came in.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let answer = work(&mut self.state.lock().unwrap());
        self.changed.send_replace(());
        answer
    }

    /// Waits until something has come in.
    pub(super) async fn until(&self, mut holds: impl FnMut(&State) -> bool) {
        let mut changes = self.changed.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !holds(&self.state.lock().unwrap()) {
                changes.changed().await.unwrap();
            }
        });
        if waited.await.is_err() {
            panic!("waited in vain: {:#?}", self.state.lock().unwrap());
        }
    }
}

/// A lease of the curve trainer, from the start to epoch `to_epoch`.
pub(super) fn lease(trial: u64, to_epoch: u32, spec: &str) -> wire::Lease {
    wire::Lease {
        attempt: Some(wire::AttemptRef {
            trial: Some(wire::TrialId {
                sweep: "s".to_owned(),
                trial,
            }),
            attempt: 1,
            token: vec![1; 16].into(),
        }),
        kind: wire::TrialKind::Search.into(),
        trainer: "curve".to_owned(),
        spec_json: spec.to_owned(),
        seed: trial,
        folds: 1,
        to_epoch,
        full_epochs: to_epoch,
        objective: Some(wire::Objective {
            metric: "val_accuracy".to_owned(),
            direction: wire::Direction::Maximize.into(),
            at: wire::At::Best.into(),
            target: None,
        }),
        lease_ms: 60_000,
        ..wire::Lease::default()
    }
}

#[tonic::async_trait]
impl Leases for Coordinator {
    async fn register(
        &self,
        request: Request<wire::RegisterRequest>,
    ) -> Result<Response<wire::RegisterReply>, Status> {
        let incarnation = self.with(|state| {
            state.forget_sessions = false;
            state.registrations.push(request.into_inner());
            state.incarnation.clone().into()
        });
        Ok(Response::new(wire::RegisterReply {
            incarnation,
            heartbeat_ms: self.heartbeat.as_millis() as u64,
            lease_ms: 60_000,
            first_lease_ms: 60_000,
            ..wire::RegisterReply::default()
        }))
    }

    async fn acquire(
        &self,
        request: Request<wire::AcquireRequest>,
    ) -> Result<Response<wire::AcquireReply>, Status> {
        let request = request.into_inner();
        let wait = Duration::from_millis(request.wait_ms);
        self.with(|state| state.acquires.push(request));
        let mut changes = self.changed.subscribe();
        let granted = async {
            loop {
                {
                    let mut state = self.state.lock().unwrap();
                    if state.forget_sessions {
                        return Err(Status::failed_precondition("unknown session"));
                    }
                    state.refusal()?;
                    if let Some(status) = &state.refuse_acquires {
                        return Err(status.clone());
                    }
                    let offered = state.registrations.last().is_some_and(|last| {
                        let mut wanted = state.wanted_data.iter();
                        wanted.all(|name| last.data.iter().any(|offer| offer.name == *name))
                    });
                    if !offered {
                        return Ok(wire::AcquireReply {
                            wanted_data: state.wanted_data.clone(),
                            ..wire::AcquireReply::default()
                        });
                    }
                    if let Some(lease) = state.leases.pop_front() {
                        return Ok(wire::AcquireReply {
                            lease: Some(lease),
                            ..wire::AcquireReply::default()
                        });
                    }
                }
                changes.changed().await.unwrap();
            }
        };
        let reply = tokio::time::timeout(wait, granted).await;
        Ok(Response::new(
            reply.unwrap_or_else(|_| Ok(wire::AcquireReply::default()))?,
        ))
    }

    async fn heartbeat(
        &self,
        request: Request<wire::HeartbeatRequest>,
    ) -> Result<Response<wire::HeartbeatReply>, Status> {
        let request = request.into_inner();
        let reply = self.with(|state| {
            let attempts = request.attempts.iter().map(|progress| {
                let attempt = progress.attempt.clone().unwrap();
                let directive = state.directives.get(&attempt.token.to_vec());
                wire::AttemptDirective {
                    trial: attempt.trial,
                    attempt: attempt.attempt,
                    directive: directive.copied().unwrap_or(state.directive),
                }
            });
            let reply = wire::HeartbeatReply {
                attempts: attempts.collect(),
                lease_ms: 60_000,
                unknown_session: state.forget_sessions,
                ..wire::HeartbeatReply::default()
            };
            state.heartbeats.push(request.clone());
            reply
        });
        Ok(Response::new(reply))
    }

    async fn report(
        &self,
        request: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportReply>, Status> {
        self.with(|state| {
            state.refusal()?;
            if let Some(code) = state.refuse_reports {
                return Err(Status::new(code, "no idea"));
            }
            state.order.push("report");
            let request = request.into_inner();
            state.tell(request.attempt.as_ref(), &request.epochs);
            Ok(Response::new(wire::ReportReply {
                directive: state.report_directive,
            }))
        })
    }

    async fn finish(
        &self,
        request: Request<wire::FinishRequest>,
    ) -> Result<Response<wire::FinishReply>, Status> {
        self.with(|state| {
            state.refusal()?;
            state.order.push("finish");
            let request = request.into_inner();
            state.tell(request.attempt.as_ref(), &request.epochs);
            state.logs.extend(request.log.clone());
            state.finishes.push(request);
            Ok(Response::new(wire::FinishReply {}))
        })
    }

    async fn release(
        &self,
        request: Request<wire::ReleaseRequest>,
    ) -> Result<Response<wire::ReleaseReply>, Status> {
        self.with(|state| {
            state.refusal()?;
            state.order.push("release");
            state.releases.push(request.into_inner());
            Ok(Response::new(wire::ReleaseReply {}))
        })
    }

    async fn put_piece(
        &self,
        request: Request<wire::PutPieceRequest>,
    ) -> Result<Response<wire::PutPieceReply>, Status> {
        let request = request.into_inner();
        let blob = request.blob.unwrap();
        self.with(|state| {
            state.refusal()?;
            if let Some(code) = state.refuse_blobs {
                return Err(Status::new(code, "no room"));
            }
            state.order.push("put");
            let stored = state.blobs.entry(blob.hash.to_vec()).or_default();
            if request.offset == stored.len() as u64 {
                stored.extend(&request.data);
            }
            let received = stored.len() as u64;
            let committed = received == blob.size;
            if committed {
                assert_eq!(blake3::hash(stored).as_bytes()[..], blob.hash[..]);
                state.committed.push(blob.hash.to_vec());
            }
            Ok(Response::new(wire::PutPieceReply {
                received,
                committed,
            }))
        })
    }

    async fn get_piece(
        &self,
        request: Request<wire::GetPieceRequest>,
    ) -> Result<Response<wire::GetPieceReply>, Status> {
        let request = request.into_inner();
        self.with(|state| {
            state.refusal()?;
            let Some(blob) = state.blobs.get(&request.hash.to_vec()) else {
                return Err(Status::not_found("no such blob"));
            };
            let from = request.offset as usize;
            let to = blob.len().min(from + (1 << 20));
            Ok(Response::new(wire::GetPieceReply {
                size: blob.len() as u64,
                data: blob[from..to].to_vec().into(),
            }))
        })
    }

    async fn log(
        &self,
        request: Request<wire::LogRequest>,
    ) -> Result<Response<wire::LogReply>, Status> {
        self.with(|state| {
            state.refusal()?;
            state.order.push("log");
            state.logs.extend(request.into_inner().log);
            Ok(Response::new(wire::LogReply {}))
        })
    }

    async fn leave(
        &self,
        request: Request<wire::LeaveRequest>,
    ) -> Result<Response<wire::LeaveReply>, Status> {
        self.with(|state| {
            state.leaves.push(request.into_inner());
            Ok(Response::new(wire::LeaveReply {}))
        })
    }
}
