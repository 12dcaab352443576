//! What one fsync costs on the disk that the databases lie on.

use std::{io::Write as _, path::Path};

use crate::{figures::Times, worker::now};

/// As many as make a steady median.
const SYNCS: usize = 300;
/// A page of a log.
const PAGE: [u8; 4096] = [7; 4096];

/// Times of a page appended to a file and synced, as the shortest commit does it.
pub fn fsync(folder: &Path) -> Times {
    let mut file = std::fs::File::create(folder.join("fsync")).expect("a file");
    let mut times = Times::default();
    for _ in 0..SYNCS {
        let begun = now();
        file.write_all(&PAGE).expect("a written page");
        file.sync_all().expect("a synced page");
        times.add(begun.elapsed());
    }
    times
}
