//! Calls that could not be made yet, on disk: an append-only file per attempt.
//!
//! Written only while the coordinator is away. When the process dies too, another one on this machine hands the calls
//! over: they carry the attempt's token, and making one twice has no second effect.
//!
//! A record is its length (u32, little-endian), the first 8 bytes of its blake3, and the call. A record that is cut off
//! or damaged ends the file; one that a full disk cuts off is taken back, so that those after it are found.
//!
//! The file's name says whose database the calls are for: `calls-3.INCARNATION.spool`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{client::Call, user_file};

/// The file of one attempt; made with its first record.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of whole records.
    length: u64,
}

/// How the files are named, so that an orphan's are found.
const EXTENSION: &str = "spool";

/// More than all calls of an attempt ever take.
const LARGEST: u64 = 1 << 30;

impl Spool {
    /// The spool of calls to the coordinator that serves `incarnation`.
    pub(crate) fn new(path: &Path, incarnation: &str) -> Self {
        Self {
            path: path.with_extension(extension(incarnation)),
            file: None,
            length: 0,
        }
    }

    /// Appends calls, durable on return: all of them or, with an error, none.
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
        // What was written in part and could not be taken back then.
        if file.metadata()?.len() != self.length {
            file.set_len(self.length)?;
        }
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data()) {
            // Failing to is no harm yet: it is done before the next record.
            let _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Removes the file: every call in it has been answered.
    pub(crate) fn clear(&mut self) {
        if self.file.take().is_some() {
            self.length = 0;
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn extension(incarnation: &str) -> String {
    match incarnation {
        "" => EXTENSION.to_owned(),
        named => format!("{named}.{EXTENSION}"),
    }
}

/// Whether a file is a spool, and then whose calls are in it: the incarnation of their coordinator's database.
pub(crate) fn of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?;
    let name = name.strip_suffix('.')?;
    Some(
        name.split_once('.')
            .map_or("", |(_, incarnation)| incarnation),
    )
}

/// The calls in a file, in order, up to the first damage.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Call>> {
    let bytes = user_file::read(path, LARGEST)?;
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
        let mut spool = Spool::new(&directory.path().join("one"), "");
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
    fn a_record_that_was_cut_off_hides_none_that_comes_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&directory.path().join("calls-1"), "ab12");
        let path = directory.path().join("calls-1.ab12.spool");
        spool.append([&call("a")]).unwrap();
        let whole = fs::metadata(&path).unwrap().len();
        // As a full disk leaves it when nothing can be taken back either.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&[9, 0, 0, 0, 1, 2, 3]).unwrap();
        assert_eq!(read(&path).unwrap(), vec![call("a")]);
        spool.append([&call("b")]).unwrap();
        assert_eq!(read(&path).unwrap(), vec![call("a"), call("b")]);
        assert_eq!(fs::metadata(&path).unwrap().len(), 2 * whole);
    }

    #[test]
    fn a_spool_says_whose_it_is() {
        let of = |name: &'static str| of(Path::new(name));
        assert_eq!(of("sessions/x/calls-3.ab12.spool"), Some("ab12"));
        assert_eq!(of("calls-3.spool"), Some(""));
        assert_eq!(of("calls-3"), None);
        assert_eq!(of("myspool"), None);
        assert_eq!(of("lock"), None);
    }

    #[test]
    fn fuzz_spools() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&directory.path().join("one"), "");
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
