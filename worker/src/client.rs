//! The coordinator as a worker sees it. Here and in the files below stand the only readers of proto fields of this crate.

mod call;
mod convert;
mod probe;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hone_proto::v1::{self as wire, leases_client::LeasesClient};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

pub(crate) use call::{Call, Outcome, Unsaid};
pub use probe::speaks_otherwise;

pub(crate) use convert::{AttemptId, AttemptRef, Blob, BlobKind, Directive, Kind, Lease, Offer};

/// A call that has nothing to wait for is given up after this time and tried again.
const DEADLINE: Duration = Duration::from_secs(20);

/// Largest message in either direction: a piece of 1 MiB, or per-layer statistics, with room to spare.
const MESSAGE_LIMIT: usize = 8 << 20;

/// Pieces of a blob on the wire.
pub(crate) const PIECE: usize = 1 << 20;

/// What a worker says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) session: [u8; 16],
    pub(crate) name: String,
    pub(crate) trainers: Vec<String>,
    /// Versions of those that promise the same bits everywhere.
    pub(crate) arithmetic: BTreeMap<String, u32>,
    pub(crate) slots: usize,
}

/// Calls of `hone.v1.Leases`. Clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    leases: LeasesClient<Channel>,
    identity: Identity,
    /// Heartbeats that were answered, over any connection.
    beats: Arc<AtomicU64>,
}

/// What [`Client::register`] brought.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The wanted time between two heartbeats.
    pub(crate) heartbeat: Duration,
    /// In words: which trainers get nothing there.
    pub(crate) refused: Vec<String>,
    /// Whose database it serves; empty for a coordinator that does not say.
    pub(crate) incarnation: Vec<u8>,
}

/// What [`Client::acquire`] brought.
#[derive(Debug, Default)]
pub(crate) struct Acquired {
    pub(crate) lease: Option<Lease>,
    pub(crate) wanted_data: Vec<String>,
    pub(crate) drain: bool,
}

/// What a heartbeat brought.
#[derive(Debug)]
pub(crate) struct Beaten {
    /// Of the attempts that were named, in their order.
    pub(crate) directives: Vec<Directive>,
    pub(crate) drain: bool,
    pub(crate) unknown_session: bool,
}

impl Client {
    /// A client of the coordinator at `address`; connects with its first call, and again whenever it has to.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn new(address: &str, identity: Identity) -> Result<Self, tonic::transport::Error> {
        Ok(Self {
            leases: connect(address)?,
            identity,
            beats: Arc::default(),
        })
    }

    /// The same with a connection of its own.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn apart(&self, address: &str) -> Result<Self, tonic::transport::Error> {
        Ok(Self {
            leases: connect(address)?,
            ..self.clone()
        })
    }

    /// How many heartbeats have been answered: while this number grows, the coordinator is there.
    pub(crate) fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    fn session(&self) -> prost::bytes::Bytes {
        self.identity.session.to_vec().into()
    }

    /// Announces this process and the data sets it has open.
    pub(crate) async fn register(&self, offers: &[Offer]) -> Result<Registered, Status> {
        let request = wire::RegisterRequest {
            session: self.session(),
            name: self.identity.name.clone(),
            trainers: self.identity.trainers.clone(),
            slots: u32::try_from(self.identity.slots).unwrap_or(u32::MAX),
            data: offers.iter().map(Offer::to_wire).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arithmetic: self.identity.arithmetic.clone().into_iter().collect(),
        };
        let reply = self
            .leases
            .clone()
            .register(within(DEADLINE, request))
            .await?
            .into_inner();
        Ok(Registered {
            heartbeat: Duration::from_millis(reply.heartbeat_ms.max(10)),
            refused: reply.refused,
            incarnation: reply.incarnation.into(),
        })
    }

    /// Asks for one trial and waits up to `wait` for it.
    pub(crate) async fn acquire(
        &self,
        request_id: [u8; 16],
        wait: Duration,
        local_checkpoints: Vec<[u8; 32]>,
    ) -> Result<Acquired, Status> {
        let request = wire::AcquireRequest {
            session: self.session(),
            request_id: request_id.to_vec().into(),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            local_checkpoints: local_checkpoints
                .iter()
                .map(|hash| hash.to_vec().into())
                .collect(),
        };
        let reply = self
            .leases
            .clone()
            .acquire(within(wait + DEADLINE, request))
            .await?;
        let reply = reply.into_inner();
        Ok(Acquired {
            lease: reply.lease.map(Lease::from_wire).transpose()?,
            wanted_data: reply.wanted_data,
            drain: reply.drain,
        })
    }

    /// Renews leases; `attempts` are those under way with their steps so far.
    pub(crate) async fn heartbeat(
        &self,
        attempts: &[(AttemptRef, u64)],
        draining: bool,
        deadline: Duration,
    ) -> Result<Beaten, Status> {
        let request = wire::HeartbeatRequest {
            session: self.session(),
            attempts: attempts.iter().map(convert::progress).collect(),
            draining,
        };
        let reply = self
            .leases
            .clone()
            .heartbeat(within(deadline, request))
            .await?;
        self.beats.fetch_add(1, Ordering::Relaxed);
        Ok(convert::beaten(reply.into_inner(), attempts))
    }

    /// Makes one of the calls that end up in an attempt's outbox.
    pub(crate) async fn call(&self, call: &Call) -> Result<Directive, Status> {
        let mut leases = self.leases.clone();
        match call {
            Call::Report(request) => {
                let reply = leases.report(within(DEADLINE, request.clone())).await?;
                return Ok(Directive::from_wire(reply.into_inner().directive));
            }
            Call::Log(request) => {
                leases.log(within(DEADLINE, request.clone())).await?;
            }
            Call::Finish(request) => {
                leases.finish(within(DEADLINE, request.clone())).await?;
            }
            Call::Release(request) => {
                leases.release(within(DEADLINE, request.clone())).await?;
            }
            // A blob takes many calls: see `transfer`.
            Call::Put(_) => {}
        }
        Ok(Directive::Continue)
    }

    /// Sends one piece; returns how much the coordinator has, and whether that is all and committed.
    pub(crate) async fn put_piece(
        &self,
        attempt: &AttemptRef,
        blob: &Blob,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<(u64, bool), Status> {
        let request = convert::put_piece(attempt, blob, offset, data);
        let reply = self
            .leases
            .clone()
            .put_piece(within(DEADLINE, request))
            .await?;
        let reply = reply.into_inner();
        Ok((reply.received, reply.committed))
    }

    /// Fetches one piece, at most [`PIECE`] bytes unless the coordinator sends more.
    pub(crate) async fn get_piece(
        &self,
        attempt: &AttemptRef,
        blob: &Blob,
        offset: u64,
    ) -> Result<Vec<u8>, Status> {
        let request = convert::get_piece(attempt, blob, offset);
        let reply = self
            .leases
            .clone()
            .get_piece(within(DEADLINE, request))
            .await?;
        Ok(reply.into_inner().data.into())
    }

    /// Says that this process goes; what it still holds is released.
    pub(crate) async fn leave(&self, reason: &str, deadline: Duration) -> Result<(), Status> {
        let request = wire::LeaveRequest {
            session: self.session(),
            crashed: false,
            reason: reason.to_owned(),
        };
        self.leases.clone().leave(within(deadline, request)).await?;
        Ok(())
    }
}

/// Whether a call that failed may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Not now: a coordinator that is away or busy, a connection that broke.
    Later,
    /// The status says nothing: what a proxy makes up, or a coordinator that cannot answer this very call.
    Unclear,
    /// It was refused for good.
    Never,
}

/// How tonic's words begin, on either side, for bytes that are not the message that is due there.
const NOT_DECODED: &str = "failed to decode Protobuf message";

/// What a status says about the same call, made again.
pub(crate) fn again(status: &Status) -> Again {
    match status.code() {
        Code::Internal if status.message().starts_with(NOT_DECODED) => Again::Never,
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::DeadlineExceeded
        | Code::Cancelled => Again::Later,
        // With a cause it was made on this side, of a connection that broke; without one it has come over the wire.
        Code::Unknown | Code::Internal if std::error::Error::source(status).is_some() => {
            Again::Later
        }
        Code::Unknown | Code::Internal => Again::Unclear,
        _ => Again::Never,
    }
}

/// Whether the coordinator will never take such a call, whoever makes it: it is none of hone's, or of another version.
pub(crate) fn is_not_understood(status: &Status) -> bool {
    again(status) == Again::Never && is_about_content(status)
}

/// Whether a refusal is about what was said, and not about who said it: an attempt that is fenced, or whose trial is gone, has
/// nothing more to say.
pub(crate) fn is_about_content(status: &Status) -> bool {
    !matches!(status.code(), Code::FailedPrecondition | Code::NotFound)
}

/// A status in words, the cause of a failed connection included.
pub(crate) fn explain(status: &Status) -> String {
    let text = match status.message() {
        "" => format!("{:?}", status.code()),
        message => message.to_owned(),
    };
    with_causes(text, std::error::Error::source(status))
}

/// An error and its causes, once each.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    with_causes(error.to_string(), error.source())
}

fn with_causes(mut text: String, mut cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    while let Some(error) = cause {
        let error_text = error.to_string();
        if !text.contains(&error_text) {
            text = format!("{text}: {error_text}");
        }
        cause = error.source();
    }
    text
}

fn connect(address: &str) -> Result<LeasesClient<Channel>, tonic::transport::Error> {
    let channel = Endpoint::from_shared(address.to_owned())?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_lazy();
    Ok(LeasesClient::new(channel)
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT))
}

fn within<T>(deadline: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}
