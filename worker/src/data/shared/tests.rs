use std::sync::mpsc;

use super::*;

/// Waits until the making has taken so many in.
fn until_waiting(shared: &Shared<u32>, count: usize) {
    while shared
        .lock()
        .get("key")
        .is_none_or(|making| making.state().waiting < count)
    {
        std::thread::yield_now();
    }
}

#[test]
fn whoever_is_stopped_leaves_the_others_their_value() {
    let shared = Shared::<u32>::default();
    let (go, gate) = mpsc::channel::<()>();
    let first = Stop::default();
    std::thread::scope(|scope| {
        let asked_first = scope.spawn(|| {
            shared.get("key", &first, move |_| {
                gate.recv().unwrap();
                Ok(Arc::new(7))
            })
        });
        until_waiting(&shared, 1);
        let second =
            scope.spawn(|| shared.get("key", &Stop::default(), |_| panic!("it is on the way")));
        until_waiting(&shared, 2);
        first.request();
        assert!(matches!(
            asked_first.join().unwrap(),
            Err(DataError::Stopped)
        ));
        go.send(()).unwrap();
        assert_eq!(*second.join().unwrap().unwrap(), 7);
    });
    // It is kept for whoever comes later.
    let later = shared.get("key", &Stop::default(), |_| panic!("it is made"));
    assert_eq!(*later.unwrap(), 7);
}

#[test]
fn what_nobody_waits_for_is_stopped_and_begun_anew() {
    let shared = Shared::<u32>::default();
    let (told, heard) = mpsc::channel();
    let stop = Stop::default();
    stop.request_after_epoch();
    let left = shared.get("key", &stop, move |stop| {
        while !stop.wanted() {
            std::thread::yield_now();
        }
        told.send(()).unwrap();
        Err(DataError::Stopped)
    });
    assert!(matches!(left, Err(DataError::Stopped)));
    heard.recv().unwrap();
    let again = shared.get("key", &Stop::default(), |_| Ok(Arc::new(2)));
    assert_eq!(*again.unwrap(), 2);
}

#[test]
fn a_failure_is_told_to_all_and_tried_again() {
    let shared = Shared::<u32>::default();
    let failed = shared.get("key", &Stop::default(), |_| {
        Err(DataError::Missing {
            name: "none".to_owned(),
            seen: "not here".to_owned(),
            remedy: "look elsewhere".to_owned(),
        })
    });
    assert_eq!(
        failed.unwrap_err().to_string(),
        "none: not here. look elsewhere"
    );
    let panicked = shared.get("key", &Stop::default(), |_| panic!("planted"));
    assert!(panicked.unwrap_err().to_string().contains("panicked"));
    let made = shared.get("key", &Stop::default(), |_| Ok(Arc::new(3)));
    assert_eq!(*made.unwrap(), 3);
}

#[test]
fn the_watchdogs_of_all_who_wait_see_its_steps() {
    let shared = Shared::<u32>::default();
    let stop = Stop::default();
    let seen = stop.clone();
    let made = shared.get("key", &stop, move |own| {
        while seen.steps() < 2 {
            own.step();
            std::thread::yield_now();
        }
        Ok(Arc::new(4))
    });
    assert_eq!(*made.unwrap(), 4);
}

#[test]
fn what_is_unused_goes_and_what_was_wanted_last_stays() {
    let shared = Shared::<u32>::default();
    let get = |key: &str| {
        shared
            .get(key, &Stop::default(), |_| Ok(Arc::new(5)))
            .unwrap()
    };
    let left = || shared.lock().keys().cloned().collect::<Vec<_>>().concat();
    let held = get("a");
    for key in ["b", "c", "d", "e", "b"] {
        get(key);
    }
    shared.forget_unused(3, 100, |value| *value as usize);
    assert_eq!(left(), "abde", "c was wanted longest ago");
    shared.forget_unused(3, 10, |value| *value as usize);
    assert_eq!(left(), "abe", "ten bytes are left to two");
    drop(held);
    shared.forget_unused(0, 100, |_| 0);
    assert_eq!(left(), "");
}
