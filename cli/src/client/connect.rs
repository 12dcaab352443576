//! Finding who answers: a coordinator by address, the one that serves a database file, or the file itself.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, bail};
use hone_proto::v1::{self, history_client::HistoryClient};
use tonic::transport::{Channel, Endpoint};

use super::{History, Sweeps, TrialName, TrialOrder};
use crate::{args::Place, exit::wrong, local, output::out};

/// A coordinator on this machine answers sooner, unless it hangs.
const LOCAL: Duration = Duration::from_secs(3);

/// Where a coordinator listens unless it is told otherwise.
const USUAL: &str = "http://127.0.0.1:7700";

/// How long a coordinator that was named is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// No question takes longer; what streams may go on after its first row.
const ANSWER: Duration = Duration::from_secs(30);

/// Who answers questions about history.
pub async fn connect(place: &Place) -> anyhow::Result<History> {
    if let Some(url) = place.coordinator() {
        return Ok(History::remote(dial(&url).await?));
    }
    match serving(place.db()).await {
        Serving::Answers(channel) => return Ok(History::remote(channel)),
        Serving::Silent(url) => out::note(format!(
            "the coordinator at {url} does not answer; this is read from {} itself",
            place.db().display()
        )),
        Serving::Nobody => {}
    }
    refuse_nothing(place, "run a sweep here first, or ")?;
    let reader = hone_coordinator::store::Reader::open(place.db()).await?;
    if reader.is_of_copy() {
        out::note(format!(
            "{} was written by an earlier hone: it stays as it is, and a migrated copy is read",
            place.db().display()
        ));
    }
    Ok(History::of_file(reader))
}

/// A running coordinator that takes orders: the one named, the one that serves the file, or the usual address.
pub async fn running(place: &Place) -> anyhow::Result<Channel> {
    if let Some(url) = place.coordinator() {
        return dial(&url).await;
    }
    match serving(place.db()).await {
        Serving::Answers(channel) => Ok(channel),
        Serving::Silent(url) => Err(silent(&url, place.db())),
        Serving::Nobody if place.names_db() => {
            let db = place.db().display();
            Err(wrong(format!(
                "no coordinator serves {db}: start one with `hone coordinator --db {db}`, or use `hone run`"
            )))
        }
        Serving::Nobody => dial(USUAL).await,
    }
}

/// Who takes orders: a running coordinator, or one started on the file for just this order. What the workers of a dead
/// `hone run` held is free again before the order is taken.
pub async fn orders(place: &Place) -> anyhow::Result<Orders> {
    let channel = match place.coordinator() {
        Some(url) => Some(dial(&url).await?),
        None => match serving(place.db()).await {
            Serving::Answers(channel) => Some(channel),
            Serving::Silent(url) => return Err(silent(&url, place.db())),
            Serving::Nobody => None,
        },
    };
    if let Some(channel) = channel {
        return Ok(Orders {
            sweeps: Sweeps::new(channel.clone()),
            history: History::remote(channel),
            own: None,
        });
    }
    refuse_nothing(place, "")?;
    let own = local::coordinator::start(place.db(), Default::default()).await?;
    local::former::free(&own.coordinator, place.db()).await?;
    Ok(Orders {
        sweeps: Sweeps::new(own.channel()),
        history: own.history(),
        own: Some(own),
    })
}

/// Refuses a place without a database, where there is nothing to read and nothing to order.
fn refuse_nothing(place: &Place, first: &str) -> anyhow::Result<()> {
    let db = place.db();
    hone_coordinator::store::refuse_parted(db)?;
    let problem = match db.exists() {
        true if local::coordinator::is_empty(db) => {
            format!("{} is empty, no database", db.display())
        }
        true => return Ok(()),
        false => format!("no database {}", db.display()),
    };
    Err(wrong(format!(
        "{problem}: {first}give --db FILE or --coordinator URL"
    )))
}

/// A coordinator that takes orders; one of our own ends with [`Orders::done`].
pub struct Orders {
    /// To give them.
    pub sweeps: Sweeps,
    /// To look up what they are about.
    pub history: History,
    own: Option<local::coordinator::Running>,
}

impl Orders {
    /// Whether a coordinator runs beside this process, and workers may be there.
    pub fn is_served(&self) -> bool {
        self.own.is_none()
    }

    /// Does something to a trial: its full name, and the name and state of the trial that the answer is about.
    pub async fn order(
        &mut self,
        order: TrialOrder,
        trial: &TrialName,
    ) -> anyhow::Result<(TrialName, (String, &'static str))> {
        let name = self.history.full_name(trial).await?;
        let answer = self.sweeps.trial_order(order, &name).await?;
        Ok((name, answer))
    }

    /// Ends the coordinator that was started for these orders, if it was.
    pub async fn done(self) {
        if let Some(own) = self.own {
            own.end().await;
        }
    }
}

/// Who holds a database file on this machine.
enum Serving {
    Nobody,
    /// A coordinator that is stopped, hangs, or is far too busy.
    Silent(String),
    Answers(Channel),
}

/// Asks the coordinator that the lock file names for a sign of life: a stopped process still takes connections.
async fn serving(db: &Path) -> Serving {
    let address = hone_coordinator::store::serving_address(db).and_then(|text| text.parse().ok());
    let Some(address) = address.map(reachable) else {
        return Serving::Nobody;
    };
    let url = format!("http://{address}");
    let Ok(endpoint) = Endpoint::from_shared(url.clone()) else {
        return Serving::Nobody;
    };
    let answered = async {
        let channel = endpoint.timeout(ANSWER).connect().await.ok()?;
        answers(&channel).await.ok()?;
        Some(channel)
    };
    match tokio::time::timeout(LOCAL, answered).await {
        Ok(Some(channel)) => Serving::Answers(channel),
        Ok(None) | Err(_) => Serving::Silent(url),
    }
}

/// The cheapest question there is.
async fn answers(channel: &Channel) -> Result<(), tonic::Status> {
    let mut history = HistoryClient::new(channel.clone());
    history.list_workers(v1::ListWorkersRequest {}).await?;
    Ok(())
}

fn silent(url: &str, db: &Path) -> anyhow::Error {
    let db = db.display();
    anyhow::anyhow!(
        "the coordinator at {url} holds {db} and does not answer: wait, or end that process and try again"
    )
}

/// `0.0.0.0` is where one listens; on this machine it is reached at the loopback address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// A coordinator's whole address; `host:7700` is one too.
pub fn address(url: &str) -> anyhow::Result<String> {
    let full = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    if full.starts_with("https://") {
        let problem = "TLS is not built yet; write http://host:7700";
        return Err(wrong(format!("{url:?}: {problem}")));
    }
    let is_one = Endpoint::from_shared(full.clone()).is_ok_and(|endpoint| {
        endpoint.uri().host().is_some() && endpoint.uri().scheme_str() == Some("http")
    });
    match is_one {
        true => Ok(full),
        _ => Err(wrong(format!(
            "{url:?} is no address: write http://host:7700"
        ))),
    }
}

/// Connects to a coordinator; one that is not there is tried again for a while, saying so.
pub async fn dial(url: &str) -> anyhow::Result<Channel> {
    let full = address(url)?;
    let endpoint = Endpoint::from_shared(full.clone())?
        .connect_timeout(Duration::from_secs(5))
        .timeout(ANSWER);
    let mut wait = Duration::from_millis(500);
    let mut waited = Duration::ZERO;
    loop {
        let reason = match endpoint.connect().await {
            Ok(channel) => match tokio::time::timeout(PATIENCE, answers(&channel)).await {
                Ok(Ok(())) => return Ok(channel),
                Ok(Err(status)) => innermost(&status),
                Err(_) => bail!("the coordinator at {full} takes connections and does not answer"),
            },
            Err(error) => innermost(&error),
        };
        if hone_worker::speaks_otherwise(&full).await {
            bail!("what listens at {full} speaks no HTTP/2: it is no hone coordinator");
        }
        if waited >= PATIENCE {
            return Err(anyhow::Error::msg(reason)).with_context(|| {
                format!(
                    "no coordinator at {full} after {}",
                    crate::output::numbers::duration(waited.as_secs_f64())
                )
            });
        }
        let seconds = crate::output::numbers::duration(wait.as_secs_f64());
        out::note(format!(
            "no coordinator at {full} ({reason}); trying again in {seconds}"
        ));
        tokio::time::sleep(wait).await;
        waited += wait;
        wait = (wait * 2).min(Duration::from_secs(4));
    }
}

/// The cause that says most: `connection refused` rather than `transport error`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinator_that_listens_everywhere_is_reached_on_loopback() {
        let of = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(of("0.0.0.0:99"), "127.0.0.1:99");
        assert_eq!(of("[::]:99"), "[::1]:99");
        assert_eq!(of("192.168.1.2:99"), "192.168.1.2:99");
    }
}
