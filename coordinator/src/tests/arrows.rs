//! Who may name whom in this crate: `rpc, driver, reaper, verify → state → store → definition, trial, search`, and never back. Read
//! from the sources, so that a wrong arrow is told with its file and line.

mod sources;

use std::path::Path;

use sources::{House, Name};

/// Which rooms (folders and files beside `lib.rs`) a room may name beside itself. What is not here may name all: it is the
/// crate's edge, and nobody may name it.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("rpc", &["state", "store", "definition", "search", GROUND]),
    (
        "driver",
        &["state", "store", "definition", "search", GROUND],
    ),
    // The checker makes a sweep's search anew, as the driver does.
    (
        "verify",
        &["driver", "store", "definition", "search", GROUND],
    ),
    ("state", &["store", "definition", "search", GROUND]),
    ("store", &["definition", "search", GROUND]),
    ("definition", &["search", GROUND]),
    ("search", &[]),
    (GROUND, &["search"]),
];

const GROUND: &str = "ground";

/// What stands on the ground: everybody but the search may name it.
const ON_GROUND: &[&str] = &[
    "blob_folder",
    "clock",
    "config",
    "error",
    "fault",
    "ids",
    "secrets",
    "sweep",
    "trial",
    "versions",
];

/// Who alone may name another crate: SQL, messages, the wire and waiting each have their place.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("tonic", &["rpc", "server", "error"]),
    ("hone_proto", &["rpc", "server", "definition", "verify"]),
    (
        "tokio",
        &[
            "rpc", "driver", "state", "store", "verify", "server", "clock",
        ],
    ),
];

/// Circles of files that are let be.
const CIRCLES: usize = 3;

/// What `docs/architecture.md` leads through is there.
#[test]
fn the_guide_names_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let named = guide.split('`').skip(1).step_by(2);
    let folders = [
        "cli/",
        "coordinator/",
        "docs/",
        "proto/",
        "tests/",
        "worker/",
    ];
    let paths = named.filter(|name| folders.iter().any(|folder| name.starts_with(folder)));
    let missing: Vec<&str> = paths.filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_arrow_points_down() {
    let house = House::read();
    let wrong = house.names.iter().filter(|name| !is_allowed(name));
    let wrong: Vec<String> = wrong
        .map(|name| format!("{}: {}", name.at, name.path.join("::")))
        .collect();
    assert!(
        wrong.is_empty(),
        "may not be named there:\n{}",
        wrong.join("\n")
    );
}

fn is_allowed(name: &Name) -> bool {
    let from = room(&name.module);
    let Some(target) = &name.target else {
        let mut crates = CRATES.iter();
        let restricted = crates.find(|(krate, _)| *krate == name.path[0]);
        return restricted.is_none_or(|(_, rooms)| rooms.contains(&room_or_file(&name.module)));
    };
    // A table of contents shows what lies below it.
    if name.is_shown && target.starts_with(&name.module) {
        return true;
    }
    let to = room(target);
    let rule = MAY_NAME.iter().find(|(room, _)| *room == from);
    from == to || rule.is_none_or(|(_, rooms)| rooms.contains(&to))
}

fn room(module: &[String]) -> &str {
    match room_or_file(module) {
        file if ON_GROUND.contains(&file) => GROUND,
        room => room,
    }
}

fn room_or_file(module: &[String]) -> &str {
    match module {
        [first, ..] => first,
        [] => "lib",
    }
}

#[test]
fn circles_of_files_are_few_and_stay_in_their_folder() {
    let circles = House::read().circles();
    let folder = |at: &str| at.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    for circle in &circles {
        let mut ends = circle.iter().flat_map(|(from, to, _)| [from, to]);
        let first = folder(&circle[0].0);
        assert!(
            ends.all(|at| folder(at) == first),
            "across folders: {circle:#?}"
        );
    }
    assert!(circles.len() <= CIRCLES, "{circles:#?}");
}
