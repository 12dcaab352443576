//! Ctrl-C and SIGTERM: once to drain, twice to end at once.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

/// Both signals that ask a process to end.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Listens from now on.
    pub fn new() -> std::io::Result<Self> {
        Ok(Interrupts {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// First signal: drain; second: end at once.
pub async fn drain_then_now(shutdown: hone_worker::Shutdown) {
    let Ok(mut interrupts) = Interrupts::new() else {
        return;
    };
    interrupts.next().await;
    shutdown.drain();
    interrupts.next().await;
    shutdown.now();
}

/// Interrupts as messages, for a loop that also waits for other things.
pub fn channel() -> std::io::Result<mpsc::Receiver<()>> {
    let mut interrupts = Interrupts::new()?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            interrupts.next().await;
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
