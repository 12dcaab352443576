//! Values that many threads ask for and one makes, on a thread of its own: so that whoever asked can be stopped, and the
//! others still get it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::DataError;
use crate::trainer::Stop;

/// How often one who waits looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Values by key; a failure is not kept.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<BTreeMap<String, Arc<Making<T>>>>);

/// A value that is made, or on the way.
#[derive(Debug)]
struct Making<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Asked for when nobody waits any more.
    stop: Stop,
}

#[derive(Debug)]
struct State<T> {
    waiting: usize,
    made: Option<Result<Arc<T>, DataError>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared(Mutex::default())
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
        let mut all = self.lock();
        if let Some(making) = all.get(key) {
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

    /// Lets go of the values that `keep` does not want; those on the way stay.
    pub(super) fn retain(&self, mut keep: impl FnMut(&Arc<T>) -> bool) {
        self.lock().retain(|_, making| match &making.state().made {
            Some(Ok(made)) => keep(made),
            _ => true,
        });
    }

    // The map is whole at every unlock, so a thread that panicked elsewhere leaves nothing to fear.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Making<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
