//! `History`: what people read. The same service answers from a running coordinator and, in process, from a database
//! file that nobody serves.

use std::{pin::Pin, sync::Arc, time::Duration};

use hone_proto::v1::{self, history_server::History};
use tokio::sync::mpsc::channel;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::{
    Answer,
    convert::{field::trial, history as convert},
    find,
};
use crate::{
    Error,
    clock::Clock,
    ids::{SweepId, TrialKey, TrialNumber},
    state::{LastHeard, State},
    store::{EventRow, Reader, StoreError, TrialSummary},
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
}

/// All rows at once, as a stream.
fn rows<T: Send + 'static>(rows: Vec<T>) -> Response<Rows<T>> {
    Response::new(Box::pin(tokio_stream::iter(rows.into_iter().map(Ok))))
}

/// Rows as they are read, page by page: `read` gives so many behind the last one, until there is none left, `limit` is reached, or
/// nobody listens.
fn paged<Row, Message, Page>(
    limit: Option<u64>,
    mut read: impl FnMut(Option<Row>, u64) -> Page + Send + 'static,
    message: impl Fn(Row) -> Message + Send + 'static,
) -> Response<Rows<Message>>
where
    Row: Clone + Send + 'static,
    Message: Send + 'static,
    Page: Future<Output = Result<Vec<Row>, StoreError>> + Send,
{
    let (send, receive) = channel(64);
    tokio::spawn(async move {
        let (mut left, mut last) = (limit.unwrap_or(u64::MAX), None);
        while left > 0 {
            let want = left.min(PAGE);
            let rows = match read(last, want).await {
                Ok(rows) => rows,
                Err(error) => {
                    let _ = send.send(Err(error.into())).await;
                    return;
                }
            };
            let is_full = rows.len() as u64 == want;
            left = if is_full { left - want } else { 0 };
            last = rows.last().cloned();
            for row in rows {
                if send.send(Ok(message(row))).await.is_err() {
                    return;
                }
            }
        }
    });
    Response::new(Box::pin(ReceiverStream::new(receive)))
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
        let connected = self.source.live().map(State::connected);
        let row = |sweep| convert::sweep_summary(sweep, connected.as_ref(), &self.arithmetic);
        Ok(rows(sweeps.iter().map(row).collect()))
    }

    async fn get_sweep(&self, request: Request<v1::GetSweepRequest>) -> Answer<v1::SweepDetail> {
        let request = request.into_inner();
        let sweep = find(&self.reader, &request.sweep).await?;
        let trained = match request.trained {
            true => Some(self.reader.trained_ms(&sweep).await?),
            false => None,
        };
        let detail = self.reader.sweep(&sweep).await?;
        let connected = self.source.live().map(State::connected);
        let mut reply =
            convert::sweep_detail(detail, connected.as_ref(), trained, &self.arithmetic)?;
        let shortage = connected.and_then(|connected| connected.shortage);
        reply.warnings.extend(shortage);
        Ok(Response::new(reply))
    }

    async fn list_trials(
        &self,
        request: Request<v1::ListTrialsRequest>,
    ) -> Answer<Self::ListTrialsStream> {
        let request = request.into_inner();
        let mut filter = convert::trial_filter(&request)?;
        let sweep = find(&self.reader, &request.sweep).await?;
        let (reader, source, of) = (self.reader.clone(), self.source.clone(), sweep.clone());
        let read = move |last: Option<TrialSummary>, want| {
            filter.limit = Some(want);
            filter.past = last.map(|trial| trial.row.listed());
            let (reader, sweep, filter) = (reader.clone(), sweep.clone(), filter.clone());
            async move { reader.trials(&sweep, &filter).await }
        };
        let message = move |trial| source.trial(&of, trial);
        Ok(paged(request.limit, read, message))
    }

    async fn get_trial(&self, request: Request<v1::GetTrialRequest>) -> Answer<v1::TrialDetail> {
        let trial = trial("trial", request.into_inner().trial)?;
        let detail = self.reader.trial(&trial.sweep, trial.trial).await?;
        let heard = self.source.last_heard(&trial.sweep, &detail.summary);
        let reply = convert::trial_detail(&trial.sweep, detail, heard);
        Ok(Response::new(reply))
    }

    async fn get_best(&self, request: Request<v1::GetSweepRequest>) -> Answer<v1::Best> {
        let sweep = find(&self.reader, &request.into_inner().sweep).await?;
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
        let sweep = find(&self.reader, &request.sweep).await?;
        let (reader, trial) = (self.reader.clone(), request.trial.map(TrialNumber));
        let read = move |last: Option<EventRow>, want| {
            let after = last.map_or(request.after, |event| event.seq);
            let (reader, sweep) = (reader.clone(), sweep.clone());
            async move { reader.events(&sweep, trial, after, want).await }
        };
        Ok(paged(request.limit, read, convert::event))
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
