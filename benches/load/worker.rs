//! Simulated workers: a real connection each, no training.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hone_proto::v1::{
    self, history_client::HistoryClient, leases_client::LeasesClient, sweeps_client::SweepsClient,
};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::figures::Latencies;

/// Reports of a trial.
pub const EPOCHS: u32 = 5;

/// Points of a sweep: no end comes in sight.
pub const POINTS: u64 = 1_000_000;

/// All workers.
pub struct Crowd {
    workers: Vec<Worker>,
    channel: Channel,
}

#[derive(Clone)]
struct Worker {
    leases: LeasesClient<Channel>,
    session: [u8; 16],
}

/// What a loop came to.
#[derive(Debug, Default)]
pub struct Done {
    pub trials: u64,
    pub seconds: f64,
    pub latencies: Latencies,
}

impl Done {
    /// Trials a second.
    pub fn rate(&self) -> f64 {
        self.trials as f64 / self.seconds
    }
}

static IDS: AtomicU64 = AtomicU64::new(1);

fn id() -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&IDS.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    bytes
}

impl Crowd {
    /// Connects and registers all of them.
    pub async fn connect(address: &str, workers: usize) -> Self {
        let endpoint = Endpoint::from_shared(address.to_owned())
            .expect("an address")
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.expect("a connection");
        let mut all = Vec::with_capacity(workers);
        for number in 0..workers {
            let channel = endpoint.connect().await.expect("a connection");
            let worker = Worker {
                leases: LeasesClient::new(channel),
                session: id(),
            };
            worker.register(number).await;
            all.push(worker);
        }
        Self {
            workers: all,
            channel,
        }
    }

    /// A sweep of a million points.
    pub async fn launch(&self, name: &str) {
        let request = v1::LaunchRequest {
            sweep: Some(sweep(name)),
            request_id: id().to_vec().into(),
            ..v1::LaunchRequest::default()
        };
        SweepsClient::new(self.channel.clone())
            .launch(request)
            .await
            .expect("a launch");
    }

    /// Ends a sweep.
    pub async fn stop(&self, name: &str) {
        let request = v1::SweepRequest {
            sweep: name.to_owned(),
        };
        SweepsClient::new(self.channel.clone())
            .stop(request)
            .await
            .expect("a stop");
    }

    /// As fast as they can, for a time.
    pub async fn closed_for(&self, time: Duration) -> Done {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            stop.store(true, Ordering::Relaxed);
        });
        self.closed(move || over.load(Ordering::Relaxed)).await
    }

    /// One trial by one worker.
    pub async fn one_trial(&self) {
        if let Some(worker) = self.workers.first() {
            worker.trial(&mut Latencies::default()).await;
        }
    }

    async fn closed(&self, over: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Done {
        let count = Arc::new(AtomicU64::new(0));
        let begun = now();
        let mut tasks = JoinSet::new();
        for worker in &self.workers {
            let (worker, over, count) = (worker.clone(), over.clone(), Arc::clone(&count));
            tasks.spawn(async move {
                let mut latencies = Latencies::default();
                while !over() {
                    worker.trial(&mut latencies).await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                latencies
            });
        }
        let latencies = join(tasks).await;
        Done {
            trials: count.load(Ordering::Relaxed),
            seconds: begun.elapsed().as_secs_f64(),
            latencies,
        }
    }

    /// Trials begun by the clock, `rate` a second in all, whether or not the coordinator keeps up.
    pub async fn open_for(&self, time: Duration, rate: f64) -> Done {
        let period = Duration::from_secs_f64(self.workers.len() as f64 / rate);
        let begun = now();
        let mut tasks = JoinSet::new();
        for (number, worker) in self.workers.iter().enumerate() {
            let worker = worker.clone();
            let mut due = begun + period.mul_f64(number as f64 / self.workers.len() as f64);
            tasks.spawn(async move {
                let mut latencies = Latencies::default();
                while due < begun + time {
                    tokio::time::sleep_until(due.into()).await;
                    worker.trial(&mut latencies).await;
                    due += period;
                }
                latencies
            });
        }
        let latencies = join(tasks).await;
        let trials = latencies
            .by_call()
            .find(|(call, _)| *call == "finish")
            .map_or(0, |(_, t)| t.len() as u64);
        Done {
            trials,
            seconds: begun.elapsed().as_secs_f64(),
            latencies,
        }
    }

    /// Trials that were granted more than once.
    pub async fn attempts_beyond_first(&self, sweep: &str) -> u64 {
        let request = v1::ListTrialsRequest {
            sweep: sweep.to_owned(),
            ..Default::default()
        };
        let mut history = HistoryClient::new(self.channel.clone());
        let mut rows = history
            .list_trials(request)
            .await
            .expect("a listing")
            .into_inner();
        let mut repeated = 0;
        while let Some(trial) = rows.message().await.expect("a row") {
            repeated += u64::from(trial.attempts > 1);
        }
        repeated
    }

    /// All leave.
    pub async fn leave(&self) {
        for worker in &self.workers {
            let request = v1::LeaveRequest {
                session: worker.session.to_vec().into(),
                crashed: false,
                reason: String::new(),
            };
            let _ = worker.leases.clone().leave(request).await;
        }
    }
}

impl Worker {
    async fn register(&self, number: usize) {
        let request = v1::RegisterRequest {
            session: self.session.to_vec().into(),
            name: format!("simulated-{number}"),
            trainers: vec!["toy".to_owned()],
            slots: 1,
            ..Default::default()
        };
        self.leases
            .clone()
            .register(request)
            .await
            .expect("a registration");
    }

    /// One whole trial.
    async fn trial(&self, latencies: &mut Latencies) {
        let mut leases = self.leases.clone();
        let request_id = id();
        let lease = loop {
            let request = v1::AcquireRequest {
                session: self.session.to_vec().into(),
                request_id: request_id.to_vec().into(),
                wait_ms: 20_000,
                local_checkpoints: Vec::new(),
            };
            let begun = now();
            let reply = leases
                .acquire(request)
                .await
                .expect("an answer")
                .into_inner();
            latencies.add("acquire", begun.elapsed());
            if let Some(lease) = reply.lease {
                break lease;
            }
        };
        for epoch in 1..=lease.to_epoch {
            let metric = v1::Metric {
                name: "score".to_owned(),
                value: f64::from(epoch),
            };
            let epoch = v1::Epoch {
                epoch,
                metrics: vec![metric],
                weights_hash: vec![1; 32].into(),
                seconds: 0.1,
                images: 1000,
                ..Default::default()
            };
            let request = v1::ReportRequest {
                attempt: lease.attempt.clone(),
                epochs: vec![epoch],
            };
            let begun = now();
            leases.report(request).await.expect("an answer");
            latencies.add("report", begun.elapsed());
        }
        let request = v1::FinishRequest {
            attempt: lease.attempt,
            outcome: Some(v1::finish_request::Outcome::Completed(v1::Completed {})),
            ..Default::default()
        };
        let begun = now();
        leases.finish(request).await.expect("an answer");
        latencies.add("finish", begun.elapsed());
    }
}

async fn join(mut tasks: JoinSet<Latencies>) -> Latencies {
    let mut all = Latencies::default();
    while let Some(one) = tasks.join_next().await {
        all.merge(one.expect("a worker that lives"));
    }
    all
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch is what a benchmark is"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// One round of a million points.
pub fn sweep(name: &str) -> v1::SweepDefinition {
    let axis = |path: &str, low, high| v1::Domain {
        path: path.to_owned(),
        kind: Some(v1::domain::Kind::Range(v1::Range {
            scale: v1::Scale::Log.into(),
            low,
            high,
            ..Default::default()
        })),
        ..Default::default()
    };
    let round = v1::WrittenRound {
        points: Some(POINTS),
        epochs: EPOCHS,
        repeats: 1,
        pruner: v1::Pruner::None.into(),
        ..Default::default()
    };
    let canonical_json = format!(r#"{{"name":"{name}"}}"#);
    v1::SweepDefinition {
        name: name.to_owned(),
        seed: 1,
        trainer: "toy".to_owned(),
        spec_json: r#"{"params":{"lr":0,"reg":0}}"#.to_owned(),
        identity: blake3::hash(canonical_json.as_bytes()).to_hex().to_string(),
        domains: vec![axis("params.lr", 1e-6, 1e-3), axis("params.reg", 1e-5, 1e5)],
        objective: Some(v1::Objective {
            metric: "score".to_owned(),
            direction: v1::Direction::Maximize.into(),
            at: v1::At::Last.into(),
            target: None,
        }),
        search: Some(v1::Search {
            strategy: Some(v1::search::Strategy::Written(v1::Written {
                rounds: vec![round],
            })),
            sampler: v1::Sampler::Random.into(),
            ..Default::default()
        }),
        folds: 1,
        canonical_json,
        settled: None,
        ..Default::default()
    }
}
