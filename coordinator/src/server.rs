//! A running coordinator: what it consists of, how it starts, and how it ends in bounded time.

mod silence;

use std::{collections::HashSet, net::SocketAddr, sync::Arc, time::Duration};

use hone_proto::v1::{
    history_server::HistoryServer, leases_server::LeasesServer, sweeps_server::SweepsServer,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderValue, Response},
    transport::{
        Server,
        server::{Connected, TcpIncoming},
    },
};
use tower::util::MapResponseLayer;

use self::silence::Impatient;
use crate::{
    Config, Error,
    blob_folder::{Blobs, flat_folder_of, folder_of},
    driver,
    fault::{EndsProcess, end_process},
    ids::{SessionId, SweepId},
    rpc::{HistoryService, LeaseService, SweepService},
    state::{State, directive, reap},
    store::{OpenError, Store, StoreError},
};

/// Why a coordinator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database, once open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of blobs.
    #[error(transparent)]
    Blobs(#[from] Error),
    /// The socket, or a thread.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A coordinator that runs in this process.
#[derive(Debug)]
pub struct Coordinator {
    state: Arc<State>,
    address: SocketAddr,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    reaper: JoinHandle<()>,
    driver: std::thread::JoinHandle<()>,
}

/// Between two looks of the driver: short against any training, long against a look.
const DRIVER_PACE: Duration = Duration::from_millis(10);

/// A connection that is silent for so long is closed. One that has greeted is pinged after [`PING`], so this is for those who
/// never do.
const SILENCE: Duration = Duration::from_secs(60);

/// Between two looks whether a client is still there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

impl Coordinator {
    /// Opens the store and serves `listener`.
    pub async fn start(listener: TcpListener, config: Config) -> Result<Self, StartError> {
        let system = |what| move |source| StartError::System { what, source };
        let address = listener
            .local_addr()
            .map_err(system("the listening socket's address"))?;
        let store = Store::open(&config.database, &address.to_string()).await?;
        let keep: HashSet<_> = store.read().blobs().await?.into_iter().collect();
        let folder = folder_of(store.path(), &store.incarnation());
        let before = flat_folder_of(store.path());
        let blobs = Blobs::open(&folder, &before, config.limits.blob_bytes, &keep)?;
        let shutdown = CancellationToken::new();
        let state = Arc::new(State::new(store, blobs, &config, shutdown));
        recover(&state).await?;
        let driver =
            drive_on_a_thread(Arc::clone(&state)).map_err(system("the driver's thread"))?;
        Ok(Self {
            reaper: tokio::spawn(reap_or_end(Arc::clone(&state))),
            server: tokio::spawn(serve(
                TcpIncoming::from(listener)
                    .with_nodelay(Some(true))
                    .map(|stream| Ok(Impatient::new(stream?, SILENCE))),
                Arc::clone(&state),
            )),
            driver,
            address,
            state,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Grants trials of this sweep first from now on, and of others only where people ask for them here.
    pub fn serve_first(&self, sweep: &str) {
        self.state.serve_first(SweepId::new(sweep));
    }

    #[cfg(test)]
    pub(crate) fn blob_folder(&self) -> std::path::PathBuf {
        folder_of(self.state.store.path(), &self.state.store.incarnation())
    }

    /// The `History` service, to be called in process.
    pub fn history(&self) -> HistoryService {
        HistoryService::live(Arc::clone(&self.state))
    }

    /// A worker process of this coordinator's owner is gone, with its coordinator: what it held is free at once, and it is no crash of
    /// its trials.
    pub async fn gone(&self, session: [u8; 16], died: bool, reason: &str) -> Result<(), Error> {
        let (state, reason) = (Arc::clone(&self.state), reason.to_owned());
        state.leave(SessionId(session), died, true, reason).await
    }

    /// Ends it: requests under way get [`Limits::shutdown`](crate::config::Limits::shutdown) to finish.
    pub async fn stop(self) {
        let limit = self.state.limits.shutdown;
        self.state.shutdown.cancel();
        let server = self.server.abort_handle();
        // tonic waits for every open connection without limit.
        if tokio::time::timeout(limit, self.server).await.is_err() {
            server.abort();
        }
        let _ = self.reaper.await;
        let driver = self.driver;
        let _ = tokio::task::spawn_blocking(move || driver.join()).await;
        self.state.store.close().await;
        tracing::info!("coordinator ended");
    }
}

/// Leases of a former coordinator get fresh time before any expires, and its live sweeps go on.
pub(crate) async fn recover(state: &Arc<State>) -> Result<(), StoreError> {
    let (now, unix_ms) = (state.clock.now(), state.clock.unix_ms());
    let open = state.store.read().open_attempts().await?;
    for attempt in &open {
        let claim = attempt.claim();
        let silent = u64::try_from(unix_ms - attempt.trial.changed).unwrap_or(0);
        let mut leases = state.leases();
        leases.adopt(&claim, attempt.row.session, now);
        leases.was_silent(&claim, Duration::from_millis(silent));
        leases.direct(&claim.key(), directive(attempt.trial.asked, attempt.paused));
    }
    if !open.is_empty() {
        tracing::info!(attempts = open.len(), "running attempts get fresh time");
    }
    for sweep in state.store.read().live_sweeps().await? {
        state.driver_inbox.sweep_changed(&sweep);
    }
    let ended = state.store.read().ended_sweeps_with_blobs().await?;
    state.uncollected().extend(ended);
    Ok(())
}

/// Without it no lease would ever expire.
async fn reap_or_end(state: Arc<State>) {
    if let Err(error) = tokio::spawn(reap(state)).await
        && error.is_panic()
    {
        end_process("what expires leases has come to grief (see above)");
    }
}

fn drive_on_a_thread(state: Arc<State>) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("hone-driver".to_owned())
        .spawn(move || {
            let _ends = EndsProcess("the driver");
            runtime.block_on(async {
                let mut pace = tokio::time::interval(DRIVER_PACE);
                pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
                driver::drive(state, Some(pace)).await;
            });
        })
}

/// Serves the connections that come in until the coordinator shuts down. Where they come from is the caller's: a socket,
/// or a simulated network.
pub(crate) async fn serve<Connection>(
    incoming: impl Stream<Item = std::io::Result<Connection>>,
    state: Arc<State>,
) -> Result<(), tonic::transport::Error>
where
    Connection: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    Connection::ConnectInfo: Clone + Send + Sync + 'static,
{
    let limits = state.limits;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<LeasesServer<LeaseService>>().await;
    health.set_serving::<SweepsServer<SweepService>>().await;
    health.set_serving::<HistoryServer<HistoryService>>().await;
    let bytes = limits.message_bytes;
    let leases = LeasesServer::new(LeaseService(Arc::clone(&state)))
        .max_decoding_message_size(bytes)
        .max_encoding_message_size(bytes);
    let sweeps = SweepsServer::new(SweepService(Arc::clone(&state)))
        .max_decoding_message_size(bytes)
        .max_encoding_message_size(bytes);
    let history = HistoryServer::new(HistoryService::live(Arc::clone(&state)))
        .max_decoding_message_size(bytes)
        .max_encoding_message_size(bytes);
    let shutdown = state.shutdown.clone();
    Server::builder()
        .layer(MapResponseLayer::new(blame_the_caller))
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(PING))
        .http2_keepalive_timeout(Some(PING))
        .timeout(limits.request_timeout)
        .add_service(health_service)
        .add_service(leases)
        .add_service(sweeps)
        .add_service(history)
        .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
        .await
}

/// A request that is no protobuf is its caller's mistake. tonic answers INTERNAL, which is for ours, and which some clients
/// repeat for ever.
fn blame_the_caller(mut response: Response<Body>) -> Response<Body> {
    // As prost begins its errors.
    const UNDECODABLE: &str = "failed to decode Protobuf message";
    let answered = Status::from_header_map(response.headers());
    let undecodable = answered.is_some_and(|status| {
        status.code() == Code::Internal && status.message().starts_with(UNDECODABLE)
    });
    if undecodable {
        let code = HeaderValue::from(Code::InvalidArgument as i32);
        response.headers_mut().insert("grpc-status", code);
    }
    response
}
