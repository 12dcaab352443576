//! What is done beside a sweep that is under way: other sweeps come and go, and its database is copied.

use std::{
    fs,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::{
    cluster::{Cluster, Results, results, within},
    hone::Hone,
    luck::Luck,
    undisturbed,
};

const NAMESAKE: &str = r#"
name = "namesake"
seed = 13
[data]
source = "digits"
[model]
hidden = [24]
[train]
learning_rate = { log = [1e-3, 1e-1] }
[[search.round]]
points = 4
epochs = 6
"#;

/// One after the other under one name: what workers still do for an earlier one must not get into the last one, which ends as it does alone.
pub fn namesake(cluster: &Cluster, luck: &mut Luck) {
    static ALONE: OnceLock<Results> = OnceLock::new();
    let hone = cluster.hone();
    hone.write("namesake.toml", NAMESAKE);
    for _ in 0..2 + luck.below(3) {
        launch(hone);
        thread::sleep(Duration::from_millis(luck.below(600)));
        let stopped = hone.run(&["stop", "namesake"]);
        assert!(
            stopped.code == Some(0) || state(hone) == "completed",
            "not stopped: {}",
            stopped.err
        );
        remove(hone);
    }
    launch(hone);
    within("the last namesake has ended", || {
        (state(hone) == "completed").then_some(())
    });
    let found = results(&hone.json(&["trials", "namesake", "--json"]));
    let alone = ALONE.get_or_init(|| undisturbed(NAMESAKE));
    assert_eq!(found, *alone, "the last of its name");
    remove(hone);
}

fn launch(hone: &Hone) {
    let launched = hone.run(&["launch", "namesake.toml"]);
    let is_new = launched.err.contains("namesake: started");
    assert!(launched.code == Some(0) && is_new, "{}", launched.err);
}

/// As soon as its last running trial has ended.
fn remove(hone: &Hone) {
    within("the namesake is removed", || {
        let removed = hone.run(&["rm", "namesake", "--yes"]);
        let waits = removed.err.contains("is stopping");
        assert!(removed.code == Some(0) || waits, "{}", removed.err);
        (!waits).then_some(())
    });
}

fn state(hone: &Hone) -> String {
    let sweeps = hone.json(&["sweeps", "--json"]);
    let row = sweeps.iter().find(|row| row["sweep"] == "namesake");
    let state = row.and_then(|row| row["state"].as_str());
    state.expect("it is listed").to_owned()
}

/// A backup of what is served now, and every other time the way back. `false`: it was over before it was killed.
pub fn killed_backup(hone: &Hone, luck: &mut Luck) -> bool {
    let copy = Copy {
        verb: &["admin", "backup", "copies/copy.db"],
        folder: "copies",
        made: ["copy.db", "copy.db.blobs"],
    };
    let back = Copy {
        verb: &["admin", "restore", "copies/copy.db", "--db", "back/hone.db"],
        folder: "back",
        made: ["hone.db", "blobs"],
    };
    let mut was_killed = copy.is_killed_and_repeated(hone, luck);
    if luck.below(2) == 0 {
        was_killed |= back.is_killed_and_repeated(hone, luck);
        back.is_removed(hone);
    }
    copy.is_removed(hone);
    was_killed
}

/// A copy of a database in a folder of its own.
struct Copy {
    verb: &'static [&'static str],
    folder: &'static str,
    /// The database, and where its blobs are.
    made: [&'static str; 2],
}

impl Copy {
    /// Once undisturbed, once killed within the time that this took, and once more over what that left.
    fn is_killed_and_repeated(&self, hone: &Hone, luck: &mut Luck) -> bool {
        fs::create_dir(hone.path().join(self.folder)).expect("a folder");
        let begun = Instant::now();
        hone.good(self.verb);
        let takes = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.is_whole(hone);
        self.is_forgotten(hone);

        let mut copying = hone.start(self.verb);
        thread::sleep(Duration::from_micros(luck.below(takes)));
        let ended = copying.has_ended();
        assert!(ended.is_none_or(|code| code == Some(0)), "{ended:?}");
        copying.kill();
        if hone.path().join(self.folder).join(self.made[0]).exists() {
            self.is_whole(hone);
            self.is_forgotten(hone);
        }

        hone.good(self.verb);
        self.is_whole(hone);
        for entry in fs::read_dir(hone.path().join(self.folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            assert!(
                self.made.iter().any(|made| name == *made),
                "left behind: {name:?}"
            );
        }
        ended.is_none()
    }

    fn is_whole(&self, hone: &Hone) {
        let database = format!("{}/{}", self.folder, self.made[0]);
        hone.good(&["admin", "verify", "--db", &database]);
    }

    fn is_forgotten(&self, hone: &Hone) {
        let [database, blobs] = self
            .made
            .map(|made| hone.path().join(self.folder).join(made));
        fs::remove_file(database).expect("removed");
        // Where there is no blob yet, there is no folder for them.
        let _ = fs::remove_dir_all(blobs);
    }

    fn is_removed(&self, hone: &Hone) {
        fs::remove_dir_all(hone.path().join(self.folder)).expect("removed");
    }
}
