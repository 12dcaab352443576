//! Reading: the same questions to a coordinator over the network, and in process to a database file or a coordinator.

use anyhow::bail;
use hone_proto::v1::{self, history_client::HistoryClient, history_server::History as Service};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Status, transport::Channel};

use super::{Rows, TrialName, convert, failure};
use crate::{
    exit::wrong,
    view::{Best, Detail, Event, LogLine, Recorded, Sweep, Trial, TrialDetail},
};

/// Where history is read.
#[derive(Clone, Debug)]
pub struct History {
    source: Source,
    /// A coordinator answers, not a file.
    served: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Coordinator(HistoryClient<Channel>),
    Local(hone_coordinator::rpc::HistoryService),
}

/// Calls a method of the service, wherever it is, and takes the reply out.
macro_rules! ask {
    ($self:ident, $method:ident, $request:expr) => {
        match &$self.source {
            Source::Coordinator(client) => client
                .clone()
                .$method($request)
                .await
                .map_err(failure)?
                .into_inner(),
            Source::Local(service) => service
                .$method(Request::new($request))
                .await
                .map_err(failure)?
                .into_inner(),
        }
    };
}

/// Calls a streaming method and boxes the rows.
macro_rules! rows {
    ($self:ident, $method:ident, $request:expr, $convert:expr) => {
        match &$self.source {
            Source::Coordinator(client) => boxed(
                client
                    .clone()
                    .$method($request)
                    .await
                    .map_err(failure)?
                    .into_inner(),
                $convert,
            ),
            Source::Local(service) => boxed(
                service
                    .$method(Request::new($request))
                    .await
                    .map_err(failure)?
                    .into_inner(),
                $convert,
            ),
        }
    };
}

fn boxed<S, W, T>(stream: S, convert: fn(W) -> T) -> Rows<T>
where
    S: Stream<Item = Result<W, Status>> + Send + 'static,
    W: 'static,
    T: 'static,
{
    Box::pin(stream.map(move |row| Ok(convert(row.map_err(failure)?))))
}

/// Which trials to list, in which order.
#[derive(Clone, Debug, Default)]
pub struct TrialQuery {
    /// Empty: the latest.
    pub sweep: String,
    /// The order.
    pub sort: Sort,
    /// At most so many.
    pub limit: Option<u64>,
    /// Only these states; empty: all.
    pub states: Vec<v1::TrialState>,
    /// Only this round.
    pub round: Option<u32>,
    /// Check and test trials too.
    pub all_kinds: bool,
}

/// Orders of a listing of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// By number.
    #[default]
    Number,
    /// Best first.
    Objective,
    /// Newest change first.
    Recent,
}

impl History {
    /// Of a running coordinator.
    pub fn remote(channel: Channel) -> Self {
        History {
            source: Source::Coordinator(HistoryClient::new(channel)),
            served: true,
        }
    }

    /// Of a coordinator in this process.
    pub fn local(service: hone_coordinator::rpc::HistoryService) -> Self {
        History {
            source: Source::Local(service),
            served: true,
        }
    }

    /// Of a database file that was opened for reading.
    pub fn of_file(reader: hone_coordinator::store::Reader) -> Self {
        let service =
            hone_coordinator::rpc::HistoryService::of_file(reader, crate::sweep_file::arithmetic());
        History {
            source: Source::Local(service),
            served: false,
        }
    }

    /// All sweeps, oldest first.
    pub async fn sweeps(&self) -> anyhow::Result<Rows<Sweep>> {
        let request = v1::ListSweepsRequest {};
        let rows = rows!(self, list_sweeps, request, convert::sweep);
        let coordinator = self.served;
        let with_source = move |sweep| Sweep {
            coordinator,
            ..sweep
        };
        Ok(Box::pin(rows.map(move |row| row.map(with_source))))
    }

    /// One sweep; empty: the latest.
    pub async fn sweep(&self, sweep: &str) -> anyhow::Result<Detail> {
        self.detail(sweep, false).await
    }

    /// The same, with the time in which it was trained: all its attempts are read for that.
    pub async fn sweep_with_times(&self, sweep: &str) -> anyhow::Result<Detail> {
        self.detail(sweep, true).await
    }

    async fn detail(&self, sweep: &str, trained: bool) -> anyhow::Result<Detail> {
        let request = v1::GetSweepRequest {
            sweep: sweep.to_owned(),
            trained,
        };
        let mut detail = convert::detail(ask!(self, get_sweep, request));
        detail.summary.coordinator = self.served;
        Ok(detail)
    }

    /// Its name, and its file as canonical JSON.
    pub async fn file(&self, sweep: &str) -> anyhow::Result<(String, serde_json::Value)> {
        let request = v1::GetSweepRequest {
            sweep: sweep.to_owned(),
            ..Default::default()
        };
        Ok(convert::file(ask!(self, get_sweep, request))?)
    }

    /// Hash of the data set that a sweep is pinned to, hex.
    pub async fn data_hash(&self, sweep: &str) -> anyhow::Result<Option<String>> {
        let request = v1::GetSweepRequest {
            sweep: sweep.to_owned(),
            ..Default::default()
        };
        Ok(convert::hex(&ask!(self, get_sweep, request).data_hash))
    }

    /// A sweep with its recommended point. Before there is one it is asked for too early; a sweep that has ended without has failed.
    pub async fn best(&self, sweep: &str) -> anyhow::Result<(Detail, Best)> {
        let detail = self.sweep(sweep).await?;
        let Sweep { sweep, state, .. } = &detail.summary;
        match &detail.best {
            Some(best) => {
                let best = best.clone();
                Ok((detail, best))
            }
            None if detail.summary.ended() => {
                let why = match &*detail.reason {
                    "" => String::new(),
                    _ => format!(": {}", detail.reason),
                };
                bail!("{sweep} has {state}, and none of its trials has a value{why}")
            }
            None => Err(wrong(format!("{sweep} has no trial with a value yet"))),
        }
    }

    /// Trials of a sweep.
    pub async fn trials(&self, query: TrialQuery) -> anyhow::Result<Rows<Trial>> {
        let request = v1::ListTrialsRequest {
            sweep: query.sweep,
            sort: match query.sort {
                Sort::Number => v1::TrialSort::Number,
                Sort::Objective => v1::TrialSort::Objective,
                Sort::Recent => v1::TrialSort::Recent,
            }
            .into(),
            limit: query.limit,
            states: query.states.into_iter().map(i32::from).collect(),
            round: query.round,
            all_kinds: query.all_kinds,
            after: 0,
        };
        Ok(rows!(self, list_trials, request, convert::trial))
    }

    /// The trial's full name: without a sweep, of the latest one.
    pub async fn full_name(&self, trial: &TrialName) -> anyhow::Result<TrialName> {
        let mut full = trial.clone();
        if full.sweep.is_empty() {
            full.sweep = self.sweep("").await?.summary.sweep;
        }
        Ok(full)
    }

    /// One trial.
    pub async fn trial(&self, trial: &TrialName) -> anyhow::Result<TrialDetail> {
        let request = v1::GetTrialRequest {
            trial: Some(trial.id()),
        };
        Ok(convert::trial_detail(ask!(self, get_trial, request)))
    }

    /// One trial with all that it takes to train it again.
    pub async fn recorded(&self, trial: &TrialName) -> anyhow::Result<Recorded> {
        let of_sweep = v1::GetSweepRequest {
            sweep: trial.sweep.clone(),
            ..Default::default()
        };
        let sweep = ask!(self, get_sweep, of_sweep);
        let request = v1::GetTrialRequest {
            trial: Some(trial.id()),
        };
        let trial = ask!(self, get_trial, request);
        Ok(convert::recorded(sweep, trial))
    }

    /// What happened to a sweep or a trial, after an event.
    pub async fn events(
        &self,
        sweep: &str,
        trial: Option<u64>,
        after: u64,
    ) -> anyhow::Result<Rows<Event>> {
        let request = v1::ListEventsRequest {
            sweep: sweep.to_owned(),
            trial,
            after,
            limit: None,
        };
        Ok(rows!(self, list_events, request, convert::event))
    }

    /// What a trial's worker wrote about it.
    pub async fn logs(&self, trial: &TrialName) -> anyhow::Result<Rows<LogLine>> {
        let request = v1::GetTrialRequest {
            trial: Some(trial.id()),
        };
        Ok(rows!(self, get_logs, request, convert::log_line))
    }
}

/// All rows of a listing that is known to be short.
pub async fn collect<T>(mut rows: Rows<T>) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(row) = rows.next().await {
        all.push(row?);
    }
    Ok(all)
}
