//! What the verbs ask of a coordinator or of a database file. The only place of the cli that reads proto fields of
//! replies, with [`convert`] beside it.

mod connect;
mod convert;
mod history;

use std::pin::Pin;

use hone_coordinator::{definition::budget_message, search::Budget};
use hone_proto::v1::{self, sweeps_client::SweepsClient};
use tokio_stream::Stream;
use tonic::{Code, Status, transport::Channel};

use crate::{
    exit::{Refusal, wrong},
    local::data::DataHere,
};
pub use connect::{address, connect, orders, running};
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
        if trial == 0 {
            return Err(format!("{text:?} names no trial: they count from 1"));
        }
        Ok(TrialName {
            sweep: sweep.to_owned(),
            trial,
        })
    }
}

impl std::fmt::Display for TrialName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.sweep, self.trial)
    }
}

impl TrialName {
    /// The trial that a text names; `None`: it is a sweep's name, or the latest sweep's for an empty one.
    pub fn unless_sweep(text: &str) -> anyhow::Result<Option<TrialName>> {
        let number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        if number || text.contains('/') {
            text.parse().map(Some).map_err(wrong)
        } else {
            Ok(None)
        }
    }

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
    /// The sweep of the same file on other data, for which this one is new.
    pub on_other_data: Option<String>,
    /// What happened.
    pub how: How,
    /// So many trials of a sweep that had failed are tried again.
    pub retried: u64,
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
    /// The same file, told to stop: it ends with its last running trial.
    Stopping,
}

/// What a person can do to a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// No new grants; what runs is given back.
    Pause,
    /// Goes on.
    Resume,
    /// Ends it for good.
    Stop,
    /// Forgets it.
    Remove,
}

/// What a person can do to a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialOrder {
    /// Ends it; a running one at its next epoch.
    Cancel,
    /// Trains its point again, as a new trial.
    Retry,
}

impl Sweeps {
    /// Over a connection.
    pub fn new(channel: Channel) -> Self {
        Sweeps(SweepsClient::new(channel))
    }

    /// Stores a sweep and starts it, or goes on with the same one.
    ///
    /// `data`: the data set as it is here, and what was here before; where it cannot be read here, the first worker's counts.
    pub async fn launch(
        &mut self,
        definition: v1::SweepDefinition,
        data: Option<&DataHere>,
        again: bool,
    ) -> anyhow::Result<Launched> {
        let mut request_id = [0; 16];
        getrandom::fill(&mut request_id)?;
        let request = v1::LaunchRequest {
            again,
            request_id: request_id.to_vec().into(),
            data: data.map(|data| v1::DataPin {
                hash: data.set.hash.to_vec().into(),
                shape: data.shape(),
                classes: u32::try_from(data.set.classes.len()).unwrap_or(u32::MAX),
            }),
            data_before: data
                .into_iter()
                .flat_map(|data| &data.before)
                .map(|hash| hash.to_vec().into())
                .collect(),
            // The built-in trainer would diverge again, to the bit.
            retry_diverged: definition.trainer != "cnn",
            sweep: Some(definition),
        };
        let launch = self.0.launch(request).await;
        let reply = launch.map_err(refused_launch)?.into_inner();
        Ok(Launched {
            how: match reply.launched() {
                v1::Launched::Ended => How::Ended,
                v1::Launched::Stopping => How::Stopping,
                v1::Launched::Continued => How::Continued,
                v1::Launched::Started | v1::Launched::Unspecified => How::Started,
            },
            sweep: reply.sweep,
            renamed: reply.renamed,
            on_other_data: Some(reply.on_other_data).filter(|name| !name.is_empty()),
            retried: reply.retried,
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
        by: Budget,
    ) -> anyhow::Result<(String, &'static str)> {
        let request = v1::ExtendRequest {
            sweep: sweep.to_owned(),
            by: Some(budget_message(by)),
        };
        let reply = self.0.extend(request).await.map_err(failure)?.into_inner();
        let state = convert::sweep_state(reply.state());
        Ok((reply.sweep, state))
    }

    /// Does something to a trial; the name and state of the trial that this is about: the new one, for a retry.
    pub async fn trial_order(
        &mut self,
        order: TrialOrder,
        trial: &TrialName,
    ) -> anyhow::Result<(String, &'static str)> {
        let request = v1::TrialRequest {
            trial: Some(trial.id()),
        };
        let reply = match order {
            TrialOrder::Cancel => self.0.cancel(request).await,
            TrialOrder::Retry => self.0.retry(request).await,
        };
        let reply = reply.map_err(failure)?.into_inner();
        let state = convert::trial_state(reply.state());
        let id = reply.trial.unwrap_or_default();
        Ok((format!("{}/{}", id.sweep, id.trial), state))
    }
}

/// A launch that is refused has stored nothing: another command is wanted.
fn refused_launch(status: Status) -> Refusal {
    match status.code() {
        Code::FailedPrecondition => Refusal::Wrong(status.message().to_owned()),
        _ => failure(status),
    }
}

/// A status in words.
pub fn failure(status: Status) -> Refusal {
    let message = match status.message() {
        "" => format!("the coordinator answered {:?}", status.code()),
        text => text.to_owned(),
    };
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange => Refusal::Wrong(message),
        Code::Unavailable => Refusal::Away(format!("the coordinator does not answer: {message}")),
        // What tonic makes of a time-out of its own.
        Code::Cancelled | Code::DeadlineExceeded => {
            Refusal::Away("the coordinator does not answer in time".to_owned())
        }
        _ => Refusal::Failed(message),
    }
}
