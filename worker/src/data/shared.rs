//! Values that many threads ask for and one makes, on a thread of its own: so that whoever asked can be stopped, and the
//! others still get it.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::DataError;
use crate::trainer::Stop;

/// How often one who waits looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Values by key; a failure is not kept.
#[derive(Debug)]
pub(super) struct Shared<T> {
    all: Mutex<BTreeMap<String, Arc<Making<T>>>>,
    /// How often a value was asked for.
    asked: AtomicU64,
}

/// A value that is made, or on the way.
#[derive(Debug)]
struct Making<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Asked for when nobody waits any more.
    stop: Stop,
    /// When it was asked for the last time, in askings for any.
    last: AtomicU64,
}

#[derive(Debug)]
struct State<T> {
    waiting: usize,
    made: Option<Result<Arc<T>, DataError>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared {
            all: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// The value under `key`; `make` is called, with a stop of its own, when nobody has made it nor is at it. Steps of the
    /// making count as steps of everyone's `stop`.
    ///
    /// # Errors
    /// What `make` says; [`DataError::Stopped`] when `stop` was asked for first.
    pub(super) fn get(
        &self,
        key: &str,
        stop: &Stop,
        make: impl FnOnce(Stop) -> Result<Arc<T>, DataError> + Send + 'static,
    ) -> Result<Arc<T>, DataError> {
        let making = self.join(key, make)?;
        let result = making.wait(stop);
        let mut all = self.lock();
        let mut state = making.state();
        state.waiting -= 1;
        let over = match &state.made {
            None => state.waiting == 0,
            Some(made) => made.is_err(),
        };
        if over {
            making.stop.request();
            // Whoever comes next begins anew.
            all.retain(|_, other| !Arc::ptr_eq(other, &making));
        }
        result
    }

    fn join(
        &self,
        key: &str,
        make: impl FnOnce(Stop) -> Result<Arc<T>, DataError> + Send + 'static,
    ) -> Result<Arc<Making<T>>, DataError> {
        let now = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut all = self.lock();
        if let Some(making) = all.get(key) {
            making.last.store(now, Ordering::Relaxed);
            making.state().waiting += 1;
            return Ok(Arc::clone(making));
        }
        let making = Arc::new(Making {
            state: Mutex::new(State {
                waiting: 1,
                made: None,
            }),
            changed: Condvar::new(),
            stop: Stop::default(),
            last: AtomicU64::new(now),
        });
        let maker = Arc::clone(&making);
        std::thread::Builder::new()
            .name("prepare".to_owned())
            .spawn(move || {
                let stop = maker.stop.clone();
                let made = catch_unwind(AssertUnwindSafe(|| make(stop)));
                let made = made.unwrap_or_else(|_| {
                    Err(DataError::Machine(
                        "preparing the images panicked".to_owned(),
                    ))
                });
                maker.state().made = Some(made);
                maker.changed.notify_all();
            })
            .map_err(|error| {
                DataError::Machine(format!("no thread to prepare images on: {error}"))
            })?;
        all.insert(key.to_owned(), Arc::clone(&making));
        Ok(making)
    }

    /// Whether the value under `key` is made.
    pub(super) fn has(&self, key: &str) -> bool {
        let making = self.lock().get(key).cloned();
        making.is_some_and(|making| making.state().made.is_some())
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Lets go of values that nobody uses, those first that were asked for longest ago, until the unused ones that are left are
    /// no more than `count` and take no more than `bytes`.
    pub(super) fn forget_unused(&self, count: usize, bytes: usize, size: impl Fn(&T) -> usize) {
        let mut all = self.lock();
        let mut unused: Vec<_> = all
            .iter()
            .filter_map(|(key, making)| match &making.state().made {
                Some(Ok(made)) if Arc::strong_count(made) == 1 => {
                    let last = making.last.load(Ordering::Relaxed);
                    Some((Reverse(last), size(made), key.clone()))
                }
                _ => None,
            })
            .collect();
        unused.sort();
        let (mut kept, mut taken) = (0, 0);
        for (_, size, key) in unused {
            if kept < count && taken + size <= bytes {
                (kept, taken) = (kept + 1, taken + size);
            } else {
                all.remove(&key);
            }
        }
    }

    // The map is whole at every unlock, so a thread that panicked elsewhere leaves nothing to fear.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Making<T>>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Making<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, stop: &Stop) -> Result<Arc<T>, DataError> {
        let mut state = self.state();
        let mut seen = self.stop.steps();
        loop {
            if let Some(made) = &state.made {
                return made.clone();
            }
            if stop.wanted_after_epoch() {
                return Err(DataError::Stopped);
            }
            let steps = self.stop.steps();
            if steps != seen {
                seen = steps;
                stop.step();
            }
            (state, _) = self
                .changed
                .wait_timeout(state, LOOK)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests;
