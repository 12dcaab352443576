//! The worker as a whole.

use crate::config::{Config, Shutdown};

/// Why a worker could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none, or nobody listened there in time.
    #[error("coordinator {address}: {reason}")]
    Coordinator {
        /// As it was given.
        address: String,
        /// The last answer.
        reason: String,
    },
    /// The scratch directory cannot be used.
    #[error("scratch directory {path}: {source}", path = path.display())]
    Scratch {
        /// The directory or a file in it.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Takes trials on lease and trains them until `shutdown`, or until the coordinator sends it away.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let _ = (config, shutdown);
    Ok(())
}
