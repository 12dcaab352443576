//! What the verbs ask of a coordinator or of a database file. The only place of the cli that reads proto fields of
//! replies, with [`convert`] beside it.

mod connect;
mod convert;
mod history;

use std::pin::Pin;

use hone_proto::v1::{self, sweeps_client::SweepsClient};
use tokio_stream::Stream;
use tonic::{Code, Status, transport::Channel};

pub use connect::{connect, orders, running};
pub use convert::parse_trial_state;
pub use history::{History, Sort, TrialQuery, collect};

/// Rows of a listing, as they come.
pub type Rows<T> = Pin<Box<dyn Stream<Item = anyhow::Result<T>> + Send>>;

/// Names a trial: `fashion/17`, or `17` of the latest sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialName {
    /// Empty: the latest.
    pub sweep: String,
    /// Its number.
    pub trial: u64,
}

impl std::str::FromStr for TrialName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sweep, number) = text.rsplit_once('/').unwrap_or(("", text));
        let trial = number.parse().map_err(|_| {
            format!("{text:?} names no trial: write SWEEP/17, or 17 for the latest sweep")
        })?;
        Ok(TrialName {
            sweep: sweep.to_owned(),
            trial,
        })
    }
}

impl TrialName {
    fn id(&self) -> v1::TrialId {
        v1::TrialId {
            sweep: self.sweep.clone(),
            trial: self.trial,
        }
    }
}

/// A coordinator that takes orders.
#[derive(Clone, Debug)]
pub struct Sweeps(SweepsClient<Channel>);

/// What became of a launch.
#[derive(Clone, Debug)]
pub struct Launched {
    /// The sweep's name, made unique.
    pub sweep: String,
    /// It differs from the file's.
    pub renamed: bool,
    /// What happened.
    pub how: How,
}

/// What a launch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A new sweep.
    Started,
    /// The same file, running or paused: it goes on.
    Continued,
    /// The same file, over: there is only a report to print.
    Ended,
}

/// What a person can do to a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// No new grants; what runs is given back.
    Pause,
    /// Goes on.
    Resume,
    /// Ends, with a report.
    Stop,
    /// Forgets it.
    Remove,
}

impl Sweeps {
    /// Over a connection.
    pub fn new(channel: Channel) -> Self {
        Sweeps(SweepsClient::new(channel))
    }

    /// Stores a sweep and starts it, or goes on with the same one.
    pub async fn launch(
        &mut self,
        definition: v1::SweepDefinition,
        again: bool,
    ) -> anyhow::Result<Launched> {
        let mut request_id = [0; 16];
        getrandom::fill(&mut request_id)?;
        let request = v1::LaunchRequest {
            sweep: Some(definition),
            again,
            request_id: request_id.to_vec().into(),
        };
        let reply = self.0.launch(request).await.map_err(failure)?.into_inner();
        Ok(Launched {
            how: match reply.launched() {
                v1::Launched::Ended => How::Ended,
                v1::Launched::Continued => How::Continued,
                v1::Launched::Started | v1::Launched::Unspecified => How::Started,
            },
            sweep: reply.sweep,
            renamed: reply.renamed,
        })
    }

    /// Does something to a sweep (empty: the latest); its name and its state afterwards.
    pub async fn order(
        &mut self,
        order: Order,
        sweep: &str,
    ) -> anyhow::Result<(String, &'static str)> {
        let request = v1::SweepRequest {
            sweep: sweep.to_owned(),
        };
        let reply = match order {
            Order::Pause => self.0.pause(request).await,
            Order::Resume => self.0.resume(request).await,
            Order::Stop => self.0.stop(request).await,
            Order::Remove => self.0.remove(request).await,
        };
        let reply = reply.map_err(failure)?.into_inner();
        let state = convert::sweep_state(reply.state());
        Ok((reply.sweep, state))
    }

    /// One round more.
    pub async fn extend(
        &mut self,
        sweep: &str,
        by: v1::Budget,
    ) -> anyhow::Result<(String, &'static str)> {
        let request = v1::ExtendRequest {
            sweep: sweep.to_owned(),
            by: Some(by),
        };
        let reply = self.0.extend(request).await.map_err(failure)?.into_inner();
        let state = convert::sweep_state(reply.state());
        Ok((reply.sweep, state))
    }

    /// Ends one trial.
    pub async fn cancel(&mut self, trial: &TrialName) -> anyhow::Result<(String, &'static str)> {
        let reply = self
            .0
            .cancel(v1::TrialRequest {
                trial: Some(trial.id()),
            })
            .await
            .map_err(failure)?;
        Ok(trial_reply(reply.into_inner()))
    }

    /// A new trial of the same point.
    pub async fn retry(&mut self, trial: &TrialName) -> anyhow::Result<(String, &'static str)> {
        let reply = self
            .0
            .retry(v1::TrialRequest {
                trial: Some(trial.id()),
            })
            .await
            .map_err(failure)?;
        Ok(trial_reply(reply.into_inner()))
    }
}

fn trial_reply(reply: v1::TrialReply) -> (String, &'static str) {
    let state = convert::trial_state(reply.state());
    let id = reply.trial.unwrap_or_default();
    (format!("{}/{}", id.sweep, id.trial), state)
}

/// A refusal in words; what was asked for wrongly is told apart from what failed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request makes no sense, or names what does not exist.
    #[error("{0}")]
    Wrong(String),
    /// The coordinator or the way to it failed.
    #[error("{0}")]
    Failed(String),
}

/// A status in words.
pub fn failure(status: Status) -> Refusal {
    let message = match status.message() {
        "" => format!("the coordinator answered {:?}", status.code()),
        text => text.to_owned(),
    };
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange => Refusal::Wrong(message),
        Code::Unavailable => Refusal::Failed(format!("the coordinator does not answer: {message}")),
        _ => Refusal::Failed(message),
    }
}
