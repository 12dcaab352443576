//! A coordinator of its own for each test, and workers that do as they are told.

use std::{
    collections::HashSet,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use hone_proto::v1::{
    self, finish_request::Outcome, history_client::HistoryClient, leases_client::LeasesClient,
    sweeps_client::SweepsClient,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{
    Config, Coordinator,
    blob_folder::Blobs,
    clock::{Clock, ManualClock},
    config::Timing,
    state::State,
    store::Store,
    verify::Finding,
    versions::Arithmetic,
};

/// Real time that anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

pub const HEARTBEAT: Duration = Duration::from_secs(15);
pub const LEASE: Duration = Duration::from_secs(60);

/// A coordinator on a port and a database of its own.
pub struct TestCoordinator {
    running: Option<Coordinator>,
    channel: Channel,
    folder: tempfile::TempDir,
    pub hand: ManualClock,
    clock: Clock,
    room: u64,
}

impl TestCoordinator {
    pub async fn start() -> Self {
        Self::with_room(u64::MAX).await
    }

    /// With so many bytes for blobs.
    pub async fn with_room(room: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (hand, clock) = ManualClock::new(1_700_000_000_000);
        let (running, channel) = open(&folder, &clock, room).await;
        Self {
            running: Some(running),
            channel,
            folder,
            hand,
            clock,
            room,
        }
    }

    /// Ends it and starts another one on the same file.
    pub async fn restart(&mut self) {
        self.running.take().unwrap().stop().await;
        let (running, channel) = open(&self.folder, &self.clock, self.room).await;
        self.running = Some(running);
        self.channel = channel;
    }

    /// Ends it; what another one has when it starts on the same file, before its driver does.
    pub async fn into_state(mut self) -> (State, tempfile::TempDir) {
        self.running.take().unwrap().stop().await;
        let config = Config::new(self.folder.path().join("hone.db"));
        let store = Store::open(&config.database, "nowhere").await.unwrap();
        let folder = self.folder.path().join("blobs");
        let blobs = Blobs::open(&folder, Path::new(""), u64::MAX, &HashSet::new()).unwrap();
        let state = State::new(store, blobs, &config, CancellationToken::new());
        (state, self.folder)
    }

    pub fn coordinator(&self) -> &Coordinator {
        self.running.as_ref().unwrap()
    }

    pub fn blobs(&self) -> std::path::PathBuf {
        self.coordinator().blob_folder()
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn sweeps(&self) -> SweepsClient<Channel> {
        SweepsClient::new(self.channel.clone())
    }

    pub fn history(&self) -> HistoryClient<Channel> {
        HistoryClient::new(self.channel.clone())
    }

    pub fn leases(&self) -> LeasesClient<Channel> {
        LeasesClient::new(self.channel.clone())
    }

    pub async fn launch(&self, sweep: v1::SweepDefinition) -> String {
        self.launch_again(sweep, false).await.sweep
    }

    /// A launch that may find its sweep there.
    pub async fn launch_again(
        &self,
        sweep: v1::SweepDefinition,
        retry_diverged: bool,
    ) -> v1::LaunchReply {
        let request = v1::LaunchRequest {
            sweep: Some(sweep),
            retry_diverged,
            request_id: id().into(),
            ..v1::LaunchRequest::default()
        };
        self.sweeps().launch(request).await.unwrap().into_inner()
    }

    /// Tries a trial again; the new one's number.
    pub async fn retry(&self, sweep: &str, trial: u64) -> Result<u64, Status> {
        let reply = self.retried(sweep, trial).await?;
        Ok(reply.trial.unwrap().trial)
    }

    pub async fn retried(&self, sweep: &str, trial: u64) -> Result<v1::TrialReply, Status> {
        let trial = Some(v1::TrialId {
            sweep: sweep.to_owned(),
            trial,
        });
        let reply = self.sweeps().retry(v1::TrialRequest { trial }).await?;
        Ok(reply.into_inner())
    }

    /// What does not hold in its database.
    pub async fn findings(&self) -> Vec<Finding> {
        let database = self.folder.path().join("hone.db");
        crate::verify::verify(&database).await.unwrap().findings
    }

    /// A worker that trains `toy`, registered.
    pub async fn worker(&self, name: &str) -> FakeWorker {
        let worker = FakeWorker {
            leases: self.leases(),
            session: id(),
            name: name.to_owned(),
        };
        worker.register().await;
        worker
    }

    /// The same process as before, over a new connection.
    pub fn reconnect(&self, worker: &FakeWorker) -> FakeWorker {
        FakeWorker {
            leases: self.leases(),
            session: worker.session.clone(),
            name: worker.name.clone(),
        }
    }

    pub async fn sweep(&self, name: &str) -> v1::SweepDetail {
        let request = v1::GetSweepRequest {
            sweep: name.to_owned(),
            trained: true,
        };
        self.history()
            .get_sweep(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn state(&self, name: &str) -> v1::SweepState {
        self.sweep(name).await.summary.unwrap().state()
    }

    pub async fn trial(&self, sweep: &str, trial: u64) -> v1::TrialDetail {
        let request = v1::GetTrialRequest {
            trial: Some(v1::TrialId {
                sweep: sweep.to_owned(),
                trial,
            }),
        };
        self.history()
            .get_trial(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn trials(&self, sweep: &str) -> Vec<v1::TrialSummary> {
        let request = v1::ListTrialsRequest {
            sweep: sweep.to_owned(),
            ..Default::default()
        };
        let mut rows = self
            .history()
            .list_trials(request)
            .await
            .unwrap()
            .into_inner();
        let mut trials = Vec::new();
        while let Some(trial) = rows.message().await.unwrap() {
            trials.push(trial);
        }
        trials
    }

    /// Turns the clock a second at a time until the trial is in this state. The time it took.
    pub async fn turn_until(&self, sweep: &str, trial: u64, state: v1::TrialState) -> Duration {
        let began = self.hand.now();
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.trial(sweep, trial).await.summary.unwrap().state() != state {
                self.hand.advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        });
        waited.await.expect("the trial never got there");
        self.hand.now() - began
    }

    /// Waits, in real time, for what the driver does in the background.
    pub async fn eventually<T>(&self, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        });
        found.await.expect("it never happened")
    }
}

async fn open(folder: &tempfile::TempDir, clock: &Clock, room: u64) -> (Coordinator, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config::new(folder.path().join("hone.db"));
    config.timing = Timing::new(HEARTBEAT, LEASE, LEASE).unwrap();
    config.clock = clock.clone();
    config.limits.blob_bytes = room;
    config.arithmetic = Arithmetic::from([("toy".to_owned(), 1)]);
    let coordinator = Coordinator::start(listener, config).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", coordinator.address()))
        .unwrap()
        .connect_lazy();
    (coordinator, channel)
}

/// 16 bytes that no other call of this process gives.
pub fn id() -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = vec![0; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    bytes
}

/// A scripted worker process.
pub struct FakeWorker {
    leases: LeasesClient<Channel>,
    pub session: Vec<u8>,
    pub name: String,
}

impl FakeWorker {
    pub async fn register(&self) -> v1::RegisterReply {
        self.offer(Vec::new()).await
    }

    pub async fn offer(&self, data: Vec<v1::DataOffer>) -> v1::RegisterReply {
        self.announce(v1::RegisterRequest {
            data,
            ..Default::default()
        })
        .await
    }

    /// Registers with the arithmetic or the data of this request.
    pub async fn announce(&self, offered: v1::RegisterRequest) -> v1::RegisterReply {
        let request = v1::RegisterRequest {
            session: self.session.clone().into(),
            name: self.name.clone(),
            trainers: vec!["toy".to_owned()],
            slots: 1,
            ..offered
        };
        self.leases
            .clone()
            .register(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn ask(
        &self,
        request_id: Vec<u8>,
        wait: Duration,
    ) -> Result<v1::AcquireReply, Status> {
        let request = v1::AcquireRequest {
            session: self.session.clone().into(),
            request_id: request_id.into(),
            wait_ms: u64::try_from(wait.as_millis()).unwrap(),
            local_checkpoints: Vec::new(),
        };
        Ok(self.leases.clone().acquire(request).await?.into_inner())
    }

    /// A trial, which must come soon.
    pub async fn acquire(&self) -> v1::Lease {
        self.ask(id(), PATIENCE.min(Duration::from_secs(15)))
            .await
            .unwrap()
            .lease
            .expect("a trial")
    }

    /// Nothing is there for it now.
    pub async fn finds_nothing(&self) -> bool {
        self.ask(id(), Duration::ZERO)
            .await
            .unwrap()
            .lease
            .is_none()
    }

    /// What the coordinator wants after the report of this epoch.
    pub async fn report(
        &self,
        lease: &v1::Lease,
        epoch: u32,
        value: f64,
    ) -> Result<v1::Directive, Status> {
        self.report_metrics(lease, epoch, epoch_of(epoch, value).metrics)
            .await
    }

    pub async fn report_metrics(
        &self,
        lease: &v1::Lease,
        epoch: u32,
        metrics: Vec<v1::Metric>,
    ) -> Result<v1::Directive, Status> {
        let request = v1::ReportRequest {
            attempt: lease.attempt.clone(),
            epochs: vec![v1::Epoch {
                metrics,
                ..epoch_of(epoch, 0.0)
            }],
        };
        Ok(self
            .leases
            .clone()
            .report(request)
            .await?
            .into_inner()
            .directive())
    }

    pub async fn finish(&self, lease: &v1::Lease, outcome: Outcome) -> Result<(), Status> {
        let request = v1::FinishRequest {
            attempt: lease.attempt.clone(),
            outcome: Some(outcome),
            ..Default::default()
        };
        self.leases.clone().finish(request).await.map(|_| ())
    }

    pub async fn finish_with(&self, lease: &v1::Lease, result_json: &str) {
        let request = v1::FinishRequest {
            attempt: lease.attempt.clone(),
            outcome: Some(Outcome::Completed(v1::Completed {})),
            result_json: result_json.to_owned(),
            ..Default::default()
        };
        self.leases.clone().finish(request).await.unwrap();
    }

    pub async fn release(&self, lease: &v1::Lease) -> Result<(), Status> {
        let request = v1::ReleaseRequest {
            attempt: lease.attempt.clone(),
            checkpoint: None,
            reason: "drained".to_owned(),
        };
        self.leases.clone().release(request).await.map(|_| ())
    }

    pub async fn beat(&self, leases: &[&v1::Lease], steps: u64) -> v1::HeartbeatReply {
        let request = v1::HeartbeatRequest {
            session: self.session.clone().into(),
            attempts: leases
                .iter()
                .map(|lease| v1::AttemptProgress {
                    attempt: lease.attempt.clone(),
                    steps,
                })
                .collect(),
            draining: false,
        };
        self.leases
            .clone()
            .heartbeat(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub async fn directive(&self, lease: &v1::Lease) -> v1::Directive {
        self.beat(&[lease], 0).await.attempts[0].directive()
    }

    pub async fn leave(&self, crashed: bool) {
        let request = v1::LeaveRequest {
            session: self.session.clone().into(),
            crashed,
            reason: "told to".to_owned(),
        };
        self.leases.clone().leave(request).await.unwrap();
    }

    pub async fn put(
        &self,
        lease: &v1::Lease,
        blob: &v1::Blob,
        offset: u64,
        data: &[u8],
    ) -> Result<v1::PutPieceReply, Status> {
        let request = v1::PutPieceRequest {
            attempt: lease.attempt.clone(),
            blob: Some(blob.clone()),
            offset,
            data: data.to_vec().into(),
        };
        Ok(self.leases.clone().put_piece(request).await?.into_inner())
    }

    pub async fn get(
        &self,
        lease: &v1::Lease,
        hash: &[u8],
        offset: u64,
    ) -> Result<v1::GetPieceReply, Status> {
        let request = v1::GetPieceRequest {
            attempt: lease.attempt.clone(),
            hash: hash.to_vec().into(),
            offset,
        };
        Ok(self.leases.clone().get_piece(request).await?.into_inner())
    }

    /// Trains a whole lease: the score of a point is highest at x = 0.3, and grows with the epochs.
    pub async fn train(&self, lease: &v1::Lease) {
        let spec: serde_json::Value = serde_json::from_str(&lease.spec_json).unwrap();
        let x = spec["params"]["x"].as_f64().unwrap();
        for epoch in 1..=lease.to_epoch {
            let score = 1.0 - (x - 0.3).powi(2) - 1.0 / f64::from(10 * epoch + lease.repeat);
            self.report(lease, epoch, score).await.unwrap();
        }
        let outcome = if lease.waits_at_end {
            Outcome::ReachedRung(v1::ReachedRung { checkpoint: None })
        } else {
            Outcome::Completed(v1::Completed {})
        };
        self.finish(lease, outcome).await.unwrap();
    }

    /// Trains whatever comes until the sweep has ended.
    pub async fn work(&self, coordinator: &TestCoordinator, sweep: &str) {
        loop {
            let reply = self.ask(id(), Duration::from_millis(500)).await.unwrap();
            match reply.lease {
                Some(lease) => self.train(&lease).await,
                None if coordinator
                    .sweep(sweep)
                    .await
                    .summary
                    .unwrap()
                    .ended_ms
                    .is_some() =>
                {
                    return;
                }
                None => {}
            }
        }
    }
}

/// Two written rounds over one hyperparameter: `points` of one epoch, then half as many of two.
pub fn toy_sweep(name: &str, points: u64) -> v1::SweepDefinition {
    let round = |points, epochs| v1::WrittenRound {
        points: Some(points),
        top: None,
        epochs,
        repeats: 1,
        pruner: v1::Pruner::None.into(),
    };
    let range = v1::Range {
        scale: v1::Scale::Linear.into(),
        low: 0.0,
        high: 1.0,
        integer: false,
        power_of_two: false,
        step: None,
    };
    let canonical_json = format!(r#"{{"name":"{name}","points":{points}}}"#);
    v1::SweepDefinition {
        name: name.to_owned(),
        seed: 7,
        arithmetic_version: 0,
        trainer: "toy".to_owned(),
        spec_json: r#"{"objective":{"metric":"score"},"params":{"x":0}}"#.to_owned(),
        identity: blake3::hash(canonical_json.as_bytes()).to_hex().to_string(),
        domains: vec![v1::Domain {
            path: "params.x".to_owned(),
            kind: Some(v1::domain::Kind::Range(range)),
            ..Default::default()
        }],
        objective: Some(v1::Objective {
            metric: "score".to_owned(),
            direction: v1::Direction::Maximize.into(),
            at: v1::At::Best.into(),
            target: None,
        }),
        search: Some(v1::Search {
            strategy: Some(v1::search::Strategy::Written(v1::Written {
                rounds: vec![round(points, 1), round(points.div_ceil(2), 2)],
            })),
            sampler: v1::Sampler::Sobol.into(),
            start_json: Vec::new(),
            from: None,
        }),
        data_source: String::new(),
        folds: 1,
        test: false,
        check: false,
        canonical_json,
        settled: None,
    }
}

/// One round of nine epochs, which are compared.
pub fn compared(points: u64) -> v1::SweepDefinition {
    let mut definition = toy_sweep("toy", points);
    if let Some(v1::search::Strategy::Written(written)) =
        definition.search.as_mut().and_then(|s| s.strategy.as_mut())
    {
        written.rounds.truncate(1);
        written.rounds[0].epochs = 9;
        written.rounds[0].pruner = v1::Pruner::Asha.into();
    }
    definition
}

/// What is said of an epoch.
pub fn epoch_of(epoch: u32, score: f64) -> v1::Epoch {
    v1::Epoch {
        epoch,
        metrics: vec![v1::Metric {
            name: "score".to_owned(),
            value: score,
        }],
        weights_hash: vec![7; 32].into(),
        seconds: 1.0,
        images: 100,
        ..Default::default()
    }
}
