//! Ctrl-C, SIGTERM and SIGHUP: once to drain, twice to end at once.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

/// The signals that ask a process to end.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// None where whoever started the process wants it to outlive its terminal (`nohup`).
    hangup: Option<Signal>,
    asked: bool,
}

impl Interrupts {
    /// Listens from now on.
    pub fn new() -> std::io::Result<Self> {
        // Listening would end the ignoring, so that is asked first.
        let hangup = match ignores_hangup() {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        Ok(Interrupts {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
            asked: false,
        })
    }

    /// Waits for the next one. A terminal that goes is told by the kernel and by the shell: it counts once, and never as the second time.
    pub async fn next(&mut self) {
        let first = !self.asked;
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) if first => hangup.recv().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
        self.asked = true;
    }
}

/// Whether this process was started with SIGHUP ignored, where the system tells.
fn ignores_hangup() -> bool {
    let hangup = 1_u64 << (SignalKind::hangup().as_raw_value() - 1);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & hangup != 0)
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
