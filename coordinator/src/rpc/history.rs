//! `History`: what people read. The same service answers from a running coordinator and, in process, from a database
//! file that nobody serves.

use std::{pin::Pin, sync::Arc, time::Duration};

use hone_proto::v1::{self, history_server::History};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::{
    Answer,
    convert::{
        field::{sweep_or_latest, trial},
        history as convert,
    },
};
use crate::{
    Error,
    clock::Clock,
    ids::{SweepId, TrialKey, TrialNumber},
    state::{LastHeard, State},
    store::{Reader, StoreError, TrialFilter, TrialSummary},
    trial::TrialState,
    versions::Arithmetic,
};

/// Rows read at once by a listing: what it keeps in memory.
const PAGE: u64 = 1000;

/// Reads.
#[derive(Clone, Debug)]
pub struct HistoryService {
    reader: Reader,
    source: Source,
    /// What this build trains by.
    arithmetic: Arithmetic,
}

/// Who knows what is not stored.
#[derive(Clone, Debug)]
enum Source {
    /// The running coordinator: who is connected and was heard when, what a sweep waits for.
    Coordinator(Arc<State>),
    /// Nobody: what runs in the file was reported so long ago by this clock.
    File(Clock),
}

impl Source {
    fn live(&self) -> Option<&State> {
        match self {
            Self::Coordinator(state) => Some(state),
            Self::File(_) => None,
        }
    }

    fn last_heard(&self, sweep: &SweepId, trial: &TrialSummary) -> Option<LastHeard> {
        if trial.row.state != TrialState::Running {
            return None;
        }
        match self {
            Self::Coordinator(state) => state.last_heard(&TrialKey {
                sweep: sweep.clone(),
                trial: trial.row.number,
            }),
            Self::File(clock) => {
                let ago = u64::try_from(clock.unix_ms() - trial.row.changed).unwrap_or(0);
                Some(LastHeard {
                    ago: Duration::from_millis(ago),
                    silent: true,
                })
            }
        }
    }

    fn trial(&self, sweep: &SweepId, trial: TrialSummary) -> v1::TrialSummary {
        let heard = self.last_heard(sweep, &trial);
        convert::trial_summary(sweep, trial, heard)
    }
}

type Rows<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl HistoryService {
    /// Over a database alone.
    pub fn of_file(reader: Reader, arithmetic: Arithmetic) -> Self {
        Self {
            reader,
            source: Source::File(Clock::system()),
            arithmetic,
        }
    }

    pub(crate) fn live(state: Arc<State>) -> Self {
        Self {
            reader: state.store.read().clone(),
            arithmetic: state.arithmetic.clone(),
            source: Source::Coordinator(state),
        }
    }

    async fn find(&self, sweep: Option<SweepId>) -> Result<SweepId, Error> {
        let name = sweep.as_ref().map(SweepId::as_str);
        Ok(self.reader.find_sweep(name).await?)
    }
}

/// All rows at once, as a stream.
fn rows<T: Send + 'static>(rows: Vec<T>) -> Response<Rows<T>> {
    Response::new(Box::pin(tokio_stream::iter(rows.into_iter().map(Ok))))
}

/// Rows as they are read, page by page: `produce` sends them until there is none left, or until nobody listens.
fn streamed<T, Work>(produce: impl FnOnce(Sender<Result<T, Status>>) -> Work) -> Response<Rows<T>>
where
    T: Send + 'static,
    Work: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let (send, receive) = channel(64);
    let rows = produce(send.clone());
    tokio::spawn(async move {
        if let Err(error) = rows.await {
            let _ = send.send(Err(error.into())).await;
        }
    });
    Response::new(Box::pin(ReceiverStream::new(receive)))
}

/// Whether somebody still listens.
async fn send_all<T>(send: &Sender<Result<T, Status>>, rows: impl IntoIterator<Item = T>) -> bool {
    for row in rows {
        if send.send(Ok(row)).await.is_err() {
            return false;
        }
    }
    true
}

async fn send_trials(
    history: HistoryService,
    sweep: SweepId,
    mut filter: TrialFilter,
    send: Sender<Result<v1::TrialSummary, Status>>,
) -> Result<(), StoreError> {
    let mut left = filter.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let want = left.min(PAGE);
        filter.limit = Some(want);
        let page = history.reader.trials(&sweep, &filter).await?;
        let full = page.len() as u64 == want;
        filter.past = page.last().map(|trial| trial.row.listed());
        let rows = page
            .into_iter()
            .map(|trial| history.source.trial(&sweep, trial));
        if !send_all(&send, rows).await || !full {
            break;
        }
        left -= want;
    }
    Ok(())
}

async fn send_events(
    reader: Reader,
    sweep: SweepId,
    trial: Option<TrialNumber>,
    mut after: u64,
    mut left: u64,
    send: Sender<Result<v1::Event, Status>>,
) -> Result<(), StoreError> {
    while left > 0 {
        let want = left.min(PAGE);
        let page = reader.events(&sweep, trial, after, want).await?;
        let full = page.len() as u64 == want;
        after = page.last().map_or(after, |event| event.seq);
        if !send_all(&send, page.into_iter().map(convert::event)).await || !full {
            break;
        }
        left -= want;
    }
    Ok(())
}

#[tonic::async_trait]
impl History for HistoryService {
    type ListSweepsStream = Rows<v1::SweepSummary>;
    type ListTrialsStream = Rows<v1::TrialSummary>;
    type ListEventsStream = Rows<v1::Event>;
    type GetLogsStream = Rows<v1::LogLine>;
    type ListWorkersStream = Rows<v1::WorkerSummary>;

    async fn list_sweeps(
        &self,
        _request: Request<v1::ListSweepsRequest>,
    ) -> Answer<Self::ListSweepsStream> {
        let sweeps = self.reader.sweeps().await?;
        let heard = self.source.live().map(State::last_heard_of_sweeps);
        let heard = heard.unwrap_or_default();
        let row = |sweep| convert::sweep_summary(sweep, &heard);
        Ok(rows(sweeps.iter().map(row).collect()))
    }

    async fn get_sweep(&self, request: Request<v1::GetSweepRequest>) -> Answer<v1::SweepDetail> {
        let request = request.into_inner();
        let sweep = sweep_or_latest("sweep", &request.sweep)?;
        let sweep = self.find(sweep).await?;
        let trained = match request.trained {
            true => Some(self.reader.trained_ms(&sweep).await?),
            false => None,
        };
        let detail = self.reader.sweep(&sweep).await?;
        let connected = self.source.live().map(|state| state.connected(&detail));
        let detail = convert::sweep_detail(
            detail,
            connected.unwrap_or_default(),
            trained,
            &self.arithmetic,
        )?;
        Ok(Response::new(detail))
    }

    async fn list_trials(
        &self,
        request: Request<v1::ListTrialsRequest>,
    ) -> Answer<Self::ListTrialsStream> {
        let (sweep, filter) = convert::trial_filter(&request.into_inner())?;
        let sweep = self.find(sweep).await?;
        let history = self.clone();
        Ok(streamed(|send| send_trials(history, sweep, filter, send)))
    }

    async fn get_trial(&self, request: Request<v1::GetTrialRequest>) -> Answer<v1::TrialDetail> {
        let trial = trial("trial", request.into_inner().trial)?;
        let detail = self.reader.trial(&trial.sweep, trial.trial).await?;
        let heard = self.source.last_heard(&trial.sweep, &detail.summary);
        Ok(Response::new(convert::trial_detail(
            &trial.sweep,
            detail,
            heard,
        )))
    }

    async fn get_best(&self, request: Request<v1::GetSweepRequest>) -> Answer<v1::Best> {
        let sweep = sweep_or_latest("sweep", &request.into_inner().sweep)?;
        let sweep = self.find(sweep).await?;
        let detail = self.reader.sweep(&sweep).await?;
        let best = detail
            .best
            .ok_or_else(|| Error::NotFound(format!("sweep `{sweep}` has no trial with a value")))?;
        let metric = &detail.summary.row.sweep.objective.metric;
        Ok(Response::new(convert::best(best, metric)))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Answer<Self::ListEventsStream> {
        let request = request.into_inner();
        let sweep = sweep_or_latest("sweep", &request.sweep)?;
        let sweep = self.find(sweep).await?;
        let trial = request.trial.map(TrialNumber);
        let limit = request.limit.unwrap_or(u64::MAX);
        let reader = self.reader.clone();
        Ok(streamed(|send| {
            send_events(reader, sweep, trial, request.after, limit, send)
        }))
    }

    async fn get_logs(&self, request: Request<v1::GetTrialRequest>) -> Answer<Self::GetLogsStream> {
        let trial = trial("trial", request.into_inner().trial)?;
        let lines = self.reader.logs(&trial.sweep, trial.trial).await?;
        Ok(rows(lines.into_iter().map(convert::log_line).collect()))
    }

    async fn list_workers(
        &self,
        _request: Request<v1::ListWorkersRequest>,
    ) -> Answer<Self::ListWorkersStream> {
        let workers = self.source.live().map(State::workers).unwrap_or_default();
        Ok(rows(workers.into_iter().map(convert::worker).collect()))
    }
}
