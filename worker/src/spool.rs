//! Calls that could not be made yet, on disk: an append-only file per attempt.
//!
//! Written only while the coordinator is away. When the process dies too, another one on this machine hands the calls
//! over: they carry the attempt's token, and making one twice has no second effect.
//!
//! A record is its length (u32, little-endian), the first 8 bytes of its blake3, and the call. A record that is cut off
//! or damaged ends the file.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::client::Call;

/// The file of one attempt; made with its first record.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    file: Option<File>,
}

/// How the files are named, so that an orphan's are found.
pub(crate) const EXTENSION: &str = "spool";

impl Spool {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.with_extension(EXTENSION),
            file: None,
        }
    }

    /// Appends calls, durable on return.
    pub(crate) fn append<'a>(
        &mut self,
        calls: impl IntoIterator<Item = &'a Call>,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        for call in calls {
            let record = call.encode();
            let length = u32::try_from(record.len()).map_err(io::Error::other)?;
            bytes.extend(length.to_le_bytes());
            bytes.extend(&blake3::hash(&record).as_bytes()[..8]);
            bytes.extend(record);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::options().create(true).append(true).open(&self.path)?),
        };
        file.write_all(&bytes)?;
        file.sync_data()
    }

    /// Removes the file: every call in it has been answered.
    pub(crate) fn clear(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The calls in a file, in order, up to the first damage.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Call>> {
    let bytes = fs::read(path)?;
    let mut rest = bytes.as_slice();
    let mut calls = Vec::new();
    while let Some((record, after)) = split_record(rest) {
        let Some(call) = Call::decode(record) else {
            break;
        };
        calls.push(call);
        rest = after;
    }
    Ok(calls)
}

fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (sum, bytes) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    (blake3::hash(record).as_bytes()[..8] == sum[..]).then_some((record, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AttemptRef;

    fn call(reason: &str) -> Call {
        Call::release(&AttemptRef::for_test("s", 1, 1), None, reason.to_owned())
    }

    #[test]
    fn what_was_appended_is_read_up_to_the_damage() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&directory.path().join("one"));
        spool.append([&call("a"), &call("b")]).unwrap();
        spool.append([&call("c")]).unwrap();
        let path = directory.path().join("one.spool");
        assert_eq!(read(&path).unwrap(), vec![call("a"), call("b"), call("c")]);

        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(read(&path).unwrap().len() < 3);
        }
        let mut damaged = whole.clone();
        let middle = whole.len() / 2;
        damaged[middle] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(read(&path).unwrap(), vec![call("a")]);

        spool.clear();
        assert!(!path.exists());
    }

    #[test]
    fn fuzz_spools() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&directory.path().join("one"));
        spool.append([&call("a"), &call("b")]).unwrap();
        let path = directory.path().join("one.spool");
        let target = hone_fuzz::Target {
            name: "spools",
            seeds: vec![fs::read(&path).unwrap()],
            words: &[],
        };
        hone_fuzz::fuzz(&target, |bytes| {
            fs::write(&path, bytes).unwrap();
            let calls = read(&path).unwrap();
            let attempts = calls.iter().filter(|call| call.attempt().is_some());
            "call".repeat(attempts.count())
        });
    }
}
