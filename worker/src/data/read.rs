//! Reading a file of a known set, plain or gzip, never more of it than is right.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::DataError;

/// `folder/name`, or `folder/name.gz` when only that is there.
pub(super) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
}

/// A file being read, unpacked if its name ends with `.gz`; it knows how far it is.
pub(super) struct Source<'a> {
    path: &'a Path,
    bytes: Box<dyn Read + 'a>,
    offset: u64,
}

impl<'a> Source<'a> {
    /// Opens a file.
    pub(super) fn open(path: &'a Path) -> Result<Source<'a>, DataError> {
        let file = BufReader::with_capacity(
            1 << 18,
            File::open(path).map_err(|error| DataError::file(path, error))?,
        );
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        let bytes: Box<dyn Read> = if packed {
            Box::new(flate2::bufread::MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Ok(Source {
            path,
            bytes,
            offset: 0,
        })
    }

    /// Bytes in memory, as if they stood in `path`.
    #[cfg(test)]
    pub(super) fn new(path: &'a Path, bytes: &'a [u8]) -> Source<'a> {
        Source {
            path,
            bytes: Box::new(bytes),
            offset: 0,
        }
    }

    /// Up to `count` bytes. Memory grows with what is there, not with what a header claims.
    pub(super) fn up_to(&mut self, count: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match self.bytes.by_ref().take(count).read_to_end(&mut bytes) {
            Ok(_) => {
                self.offset += bytes.len() as u64;
                Ok(bytes)
            }
            Err(error) => {
                let at = self.offset + bytes.len() as u64;
                let message = match error.kind() {
                    ErrorKind::UnexpectedEof => {
                        "the compressed file ends too early: it is truncated".to_owned()
                    }
                    _ => format!("cannot be read: {error}"),
                };
                Err(DataError::format(self.path, at, message))
            }
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
