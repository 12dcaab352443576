//! A running coordinator: what its parts share, and everything that may be done to it.
//!
//! Three call in here: `rpc`, when a worker or a person asks; `driver`, when a search has decided; `server`, which starts
//! and ends it. Nothing here calls them: what the driver should look at is left in its inbox. Below stands the store alone.
//!
//! Every call goes one way: a command to the store, then what memory keeps of it (leases' times, sessions), then those who
//! wait (`State::queued` for workers, the driver's inbox). What is refused by the store has changed nothing here.
//!
//! | file | who calls | calls |
//! |---|---|---|
//! | `granting` | workers: register, acquire | |
//! | `recording` | workers: heartbeat, report, finish, release, leave; the reaper | |
//! | `transferring` | workers: pieces of blobs; the driver, for blobs that are no longer needed | `recording` |
//! | `launching` | people | `retrying`, `reusing` |
//! | `steering` | people: pause, resume, stop, remove, cancel | `launching`, `transferring` |
//! | `retrying`, `extending` | people | `launching`, `steering` |
//! | `reusing` | `launching` | |
//! | `connected` | listings | |
//! | `reaper` | its own loop, by the clock | `recording` |
//! | `shared` | all of them: `State` itself | |
//! | `lease_times`, `sessions` | all of them, through `State`: what memory alone knows | |
//! | `driver_inbox` | who changes a sweep puts a note in; the driver takes it out | |

mod connected;
mod driver_inbox;
mod extending;
mod granting;
mod launching;
mod lease_times;
mod reaper;
mod recording;
mod retrying;
mod reusing;
mod sessions;
mod shared;
mod steering;
mod transferring;

pub(crate) use connected::{Connected, LastHeard, WorkerView};
#[cfg(test)]
pub(crate) use driver_inbox::EpochValue;
pub(crate) use granting::{Acquire, Acquired};
pub(crate) use lease_times::Directive;
pub(crate) use reaper::reap;
pub(crate) use recording::{HeartbeatAnswer, Progress, directive};
pub(crate) use sessions::{Needs, Offer, Session};
pub(crate) use shared::{LiveSweep, State, detached};
