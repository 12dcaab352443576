//! Listings longer than a page: all that was asked for, in any order.

use hone_proto::v1::{self, history_server::History};
use tokio_stream::StreamExt;
use tonic::Request;

use crate::{
    ids::{RequestId, SweepId, SweepKey},
    rpc::HistoryService,
    store::{
        Store,
        command::{Action, Decide, LaunchSweep},
        tests::bench::{sweep, trial},
    },
    versions::Arithmetic,
};

/// More than two pages.
const TRIALS: u64 = 2_345;

async fn filled(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("hone.db"), "nowhere")
        .await
        .unwrap();
    let launch = LaunchSweep {
        name: "s".to_owned(),
        sweep: sweep("s"),
        data: None,
        data_before: Vec::new(),
        again: false,
        request: RequestId([1; 16]),
        at: 1,
    };
    store.apply(launch).await.unwrap();
    let decide = Decide {
        sweep: SweepKey(1),
        number: 1,
        actions: vec![Action::Enqueue((1..=TRIALS).map(trial).collect())],
        at: 2,
    };
    store.apply(decide).await.unwrap();
    store
}

#[tokio::test]
async fn a_listing_is_as_long_as_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder).await;
    let history = HistoryService::of_file(store.read().clone(), Arithmetic::new());
    for sort in [
        v1::TrialSort::Number,
        v1::TrialSort::Objective,
        v1::TrialSort::Recent,
    ] {
        for (limit, after, expected) in [
            (None, 0, TRIALS),
            (Some(2_000), 0, 2_000),
            (Some(5_000), 0, TRIALS),
            (Some(u64::MAX), 0, TRIALS),
            (Some(0), 0, 0),
            (None, TRIALS - 1, 1),
            (None, u64::MAX, 0),
        ] {
            let request = v1::ListTrialsRequest {
                sweep: "s".to_owned(),
                sort: sort.into(),
                limit,
                after,
                ..Default::default()
            };
            let rows = history.list_trials(Request::new(request)).await.unwrap();
            let rows: Vec<_> = rows.into_inner().collect().await;
            let number = |row: Result<v1::TrialSummary, _>| row.unwrap().trial.unwrap().trial;
            let mut numbers: Vec<u64> = rows.into_iter().map(number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len() as u64, expected, "{sort:?} {limit:?} {after}");
        }
    }
    store.close().await;
}

#[tokio::test]
async fn a_sweep_tells_the_number_of_its_newest_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder).await;
    let (read, sweep) = (store.read(), SweepId::new("s"));
    let events = read.events(&sweep, None, 0, u64::MAX).await.unwrap();
    let detail = read.sweep(&sweep).await.unwrap();
    assert_eq!(detail.last_event, events.last().unwrap().seq);
    store.close().await;
}
