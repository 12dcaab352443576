//! Real programs, in the shell that every machine has.

use std::path::Path;

use super::ExecTrainer;
use crate::trainer::{Epoch, Objective, Report, Stop, TrainError, Trainer, Training, TrialSpec};

fn trial(to_epoch: u32) -> TrialSpec {
    TrialSpec {
        id: "s/1".to_owned(),
        spec: serde_json::json!({"params": {"rate": 0.5}}),
        seed: 42,
        repeat: 0,
        fold: 0,
        folds: 1,
        full_epochs: 9,
        to_epoch,
        objective: Objective {
            metric: "score".to_owned(),
            maximize: true,
            best: true,
        },
    }
}

fn start(command: &str, to_epoch: u32, resume: Option<&Path>, scratch: &Path) -> Box<dyn Training> {
    let trainer = ExecTrainer::new(command);
    trainer
        .start(&trial(to_epoch), resume, scratch, &Stop::default())
        .unwrap()
}

fn done(epoch: Result<Epoch, TrainError>) -> Report {
    match epoch {
        Ok(Epoch::Done(report)) => report,
        other => panic!("{other:?}"),
    }
}

/// Goes on from `checkpoint_dir/epoch` and writes it before each line.
const COUNTING: &str = r#"
dir=$(sed 's/.*"checkpoint_dir":"\([^"]*\)".*/\1/' "$HONE_TRIAL")
to=$(sed 's/.*"to_epoch":\([0-9]*\).*/\1/' "$HONE_TRIAL")
epoch=$(cat "$dir/epoch" 2>/dev/null || echo 0)
while [ "$epoch" -lt "$to" ]; do
  epoch=$((epoch + 1))
  echo $epoch > "$dir/epoch"
  echo "working on $epoch"
  echo "{\"epoch\": $epoch, \"score\": 0.$epoch}"
done
"#;

#[test]
fn a_program_is_told_its_trial_and_its_lines_are_reports() {
    let scratch = tempfile::tempdir().unwrap();
    let mut training = start(COUNTING, 2, None, scratch.path());
    let stop = Stop::default();
    let report = done(training.epoch(&stop));
    assert_eq!((report.epoch, report.metrics["score"]), (1, 0.1));
    assert_eq!(done(training.epoch(&stop)).epoch, 2);
    assert_eq!(training.epochs_done(), 2);
    assert!(stop.steps() >= 2);
    let told = std::fs::read_to_string(scratch.path().join("trial.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["params"], serde_json::json!({"rate": 0.5}));
    assert_eq!(
        (&told["seed"], &told["from_epoch"]),
        (&42.into(), &0.into())
    );
}

#[test]
fn a_program_goes_on_from_what_it_left_in_its_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let mut first = start(COUNTING, 2, None, &scratch.path().join("1"));
    done(first.epoch(&stop));
    done(first.epoch(&stop));
    let packed = scratch.path().join("packed");
    first.save(&packed).unwrap();
    let mut second = start(COUNTING, 4, Some(&packed), &scratch.path().join("2"));
    assert_eq!(second.epochs_done(), 2);
    assert_eq!(done(second.epoch(&stop)).epoch, 3);

    std::fs::write(&packed, "no archive").unwrap();
    let refused = ExecTrainer::new(COUNTING).start(
        &trial(4),
        Some(&packed),
        scratch.path(),
        &Stop::default(),
    );
    assert!(matches!(refused, Err(TrainError::Checkpoint { .. })));
}

#[test]
fn the_exit_tells_how_the_trial_ended() {
    let scratch = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let ends = |command: &str| {
        let mut training = start(command, 3, None, scratch.path());
        loop {
            match training.epoch(&stop) {
                Ok(Epoch::Done(_)) => {}
                end => return end,
            }
        }
    };
    let one = r#"echo '{"epoch": 1, "score": 1}';"#;
    assert!(matches!(ends(&format!("{one} exit 0")), Ok(Epoch::Ended)));
    assert!(
        matches!(ends("echo hello"), Err(TrainError::Trial(m)) if m.contains("without a report"))
    );
    let diverged = ends(&format!("{one} exit 75"));
    assert!(matches!(diverged, Ok(Epoch::Diverged { epoch: 2, .. })));
    assert!(matches!(ends("exit 3"), Err(TrainError::Trial(m)) if m.contains("exit code 3")));
    assert!(matches!(ends("kill -9 $$"), Err(TrainError::Worker(m)) if m.contains("signal 9")));
    let told = ends("echo one >&2; echo 'no such module' >&2; echo >&2; exit 3");
    assert!(
        matches!(&told, Err(TrainError::Trial(m)) if m.ends_with("exit code 3: no such module")),
        "{told:?}"
    );
    let missing = ends("no-such-program-at-all");
    assert!(matches!(missing, Err(TrainError::Trial(m)) if m.contains("127")));
    let late = ends(r#"echo '{"epoch": 3, "score": 1}'; exit 4"#);
    assert!(
        matches!(late, Err(TrainError::Trial(_))),
        "it failed after its last report"
    );
}

#[test]
fn a_stopped_program_may_write_its_state_and_its_children_end_with_it() {
    let scratch = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let command = r#"
dir=$(sed 's/.*"checkpoint_dir":"\([^"]*\)".*/\1/' "$HONE_TRIAL")
sleep 1000 &
echo $! > "$dir/child"
trap 'echo saved > "$dir/state"; echo "{\"epoch\": 2, \"score\": 1}"; exit 0' TERM
echo '{"epoch": 1, "score": 1}'
wait
"#;
    let mut training = start(command, 9, None, scratch.path());
    done(training.epoch(&stop));
    stop.request();
    assert_eq!(
        done(training.epoch(&stop)).epoch,
        2,
        "the epoch that ended meanwhile counts"
    );
    assert!(matches!(training.epoch(&stop), Ok(Epoch::Stopped)));
    let directory = scratch.path().join("checkpoint");
    assert_eq!(
        std::fs::read_to_string(directory.join("state")).unwrap(),
        "saved\n"
    );
    let child = std::fs::read_to_string(directory.join("child")).unwrap();
    assert!(ends(child.trim()), "its child was left behind");
}

#[test]
fn a_program_that_ends_with_everything_else_says_nothing_of_its_trial() {
    for ends in ["kill -TERM $$", "exit 0", "exit 1", "exit 143"] {
        let scratch = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let command = format!(
            r#"
dir=$(sed 's/.*"checkpoint_dir":"\([^"]*\)".*/\1/' "$HONE_TRIAL")
echo '{{"epoch": 1, "score": 1}}'
read go < "$dir/go"
{ends}
"#
        );
        let mut training = start(&command, 9, None, scratch.path());
        let go = scratch.path().join("checkpoint/go");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &go,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        done(training.epoch(&stop));
        // The signal has reached the program, and a little later this process.
        std::fs::write(&go, "go\n").unwrap();
        let ended = std::thread::scope(|scope| {
            let epoch = scope.spawn(|| training.epoch(&stop));
            std::thread::sleep(std::time::Duration::from_millis(60));
            stop.request();
            epoch.join().unwrap()
        });
        assert!(matches!(ended, Ok(Epoch::Stopped)), "{ends}: {ended:?}");
    }
}

#[test]
fn a_report_that_cannot_be_meant_ends_the_trial_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let ends = |line: &str| {
        let command = format!("echo '{line}'; sleep 1000");
        let mut training = start(&command, 3, None, scratch.path());
        match training.epoch(&Stop::default()) {
            Err(TrainError::Trial(words)) => words,
            other => panic!("{line}: {other:?}"),
        }
    };
    assert_eq!(
        ends(r#"{"epoch": 0, "score": 1}"#),
        "epoch 0: they count from 1"
    );
    assert!(ends(r#"{"epoch": 1, "score": "0.5"}"#).ends_with(r#"it is text, "0.5""#));
    let other = ends(r#"{"epoch": 1, "acc": 1, "loss": 2}"#);
    assert!(other.ends_with(r#"it has "acc", "loss""#), "{other}");
}

#[test]
fn a_program_without_state_is_told_once_what_that_costs() {
    let scratch = tempfile::tempdir().unwrap();
    let anew = r#"for epoch in 1 2 3 4; do echo "{\"epoch\": $epoch, \"score\": 1}"; done"#;
    let trainer = ExecTrainer::new(anew);
    let stop = Stop::default();
    let begin = |to_epoch, resume: Option<&Path>| {
        trainer
            .start(&trial(to_epoch), resume, scratch.path(), &stop)
            .unwrap()
    };
    let mut first = begin(2, None);
    done(first.epoch(&stop));
    assert_eq!(done(first.epoch(&stop)).epoch, 2);
    assert!(!trainer.stateless.load(std::sync::atomic::Ordering::Relaxed));
    let packed = scratch.path().join("packed");
    first.save(&packed).unwrap();
    let mut second = begin(4, Some(&packed));
    assert_eq!(done(second.epoch(&stop)).epoch, 3);
    assert!(trainer.stateless.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn a_dropped_training_ends_its_program() {
    let scratch = tempfile::tempdir().unwrap();
    let command = r#"
dir=$(sed 's/.*"checkpoint_dir":"\([^"]*\)".*/\1/' "$HONE_TRIAL")
trap '' TERM
echo $$ > "$dir/pid"
echo '{"epoch": 1, "score": 1}'
while :; do sleep 1000; done
"#;
    let mut training = start(command, 9, None, scratch.path());
    done(training.epoch(&Stop::default()));
    let pid = std::fs::read_to_string(scratch.path().join("checkpoint/pid")).unwrap();
    drop(training);
    assert!(ends(pid.trim()));
}

/// Whether a process that was sent a signal ends: the system delivers it when it comes to it.
fn ends(pid: &str) -> bool {
    let begun = crate::slot::stopwatch();
    while alive(pid) {
        if begun.elapsed() > std::time::Duration::from_secs(20) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// Whether a process runs; one that has ended and that nobody has waited for yet does not.
fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit(')').next().unwrap_or_default();
        !state.trim_start().starts_with('Z')
    })
}
