//! Reading a file of a known set, plain or gzip, never more of it than is right.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

use super::DataError;
use crate::user_file;

const BUFFER: usize = 1 << 18;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is often there in place of a set's file, by its first bytes.
const OTHERS: [(&[u8], &str); 6] = [
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"\xfd7zXZ", "an xz file: unpack it"),
    (b"BZh", "a bzip2 file: unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it"),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS: `git lfs pull` gets the file",
    ),
    (b"<", "a web page: the download did not work"),
];

/// A file being read, unpacked if it begins as gzip does, whatever its name; it knows how far it is.
pub(super) struct Source<'a> {
    path: &'a Path,
    bytes: Box<dyn BufRead + 'a>,
    head: Vec<u8>,
    offset: u64,
}

impl<'a> Source<'a> {
    /// Opens a file.
    pub(super) fn open(path: &'a Path) -> Result<Source<'a>, DataError> {
        let wrong = |error| DataError::file(path, error);
        let file = user_file::open(path).map_err(wrong)?;
        let mut file = BufReader::with_capacity(BUFFER, file);
        // No file of a known set begins with these two bytes.
        if file.fill_buf().map_err(wrong)?.starts_with(&GZIP) {
            let unpacked = flate2::bufread::MultiGzDecoder::new(file);
            Source::begin(path, Box::new(BufReader::with_capacity(BUFFER, unpacked)))
        } else {
            Source::begin(path, Box::new(file))
        }
    }

    /// Bytes in memory, as if they stood in `path`.
    #[cfg(test)]
    pub(super) fn new(path: &'a Path, bytes: &'a [u8]) -> Source<'a> {
        Source::begin(path, Box::new(bytes)).unwrap()
    }

    fn begin(path: &'a Path, mut bytes: Box<dyn BufRead + 'a>) -> Result<Source<'a>, DataError> {
        let head = bytes.fill_buf().map_err(|error| broken(path, 0, &error))?;
        let head = head[..head.len().min(32)].to_vec();
        Ok(Source {
            path,
            bytes,
            head,
            offset: 0,
        })
    }

    /// The first bytes, unpacked.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// `"; this is a web page: …"` when the first bytes say what this is instead.
    pub(super) fn other(&self) -> String {
        let other = OTHERS
            .iter()
            .find(|(first, _)| self.head.starts_with(first));
        other.map_or_else(String::new, |(_, what)| format!("; this is {what}"))
    }

    /// How many bytes were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Up to `count` bytes. Memory grows with what is there, not with what a header claims.
    pub(super) fn up_to(&mut self, count: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let read = self.bytes.by_ref().take(count).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(broken(self.path, self.offset, &error)),
        }
    }

    /// Exactly `count` bytes of what is called `what`.
    pub(super) fn exactly(&mut self, count: u64, what: &str) -> Result<Vec<u8>, DataError> {
        let start = self.offset;
        let bytes = self.up_to(count)?;
        if (bytes.len() as u64) < count {
            let message = format!(
                "the file ends here, but {what} should go on for {} more bytes ({count} from byte {start})",
                count - bytes.len() as u64
            );
            return Err(DataError::format(self.path, self.offset, message));
        }
        Ok(bytes)
    }

    /// A big-endian number.
    pub(super) fn number(&mut self, what: &str) -> Result<u32, DataError> {
        let bytes = self.exactly(4, what)?;
        Ok(bytes
            .iter()
            .fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    /// Refuses bytes after what was read.
    pub(super) fn end(mut self, what: &str) -> Result<(), DataError> {
        let at = self.offset;
        if self.up_to(1)?.is_empty() {
            return Ok(());
        }
        Err(DataError::format(
            self.path,
            at,
            format!("{what} should end here, but the file goes on"),
        ))
    }

    /// An error at a place of this file.
    pub(super) fn wrong(&self, offset: u64, message: impl Into<String>) -> DataError {
        DataError::format(self.path, offset, message)
    }
}

fn broken(path: &Path, at: u64, error: &std::io::Error) -> DataError {
    let message = match error.kind() {
        ErrorKind::UnexpectedEof => {
            "the compressed file ends too early: it is truncated".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    };
    DataError::format(path, at, message)
}
