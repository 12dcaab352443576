//! Files that people name, or put where hone looks: a regular file is read, and of it no more than is right. Anything else
//! of that name is refused by what it is. A pipe would be waited for without end, and a device never ends.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;

/// Opens a regular file, or a link to one, for reading.
///
/// # Errors
/// Those of the system; what lies there in place of a file.
pub fn open(path: &Path) -> io::Result<File> {
    let about = fs::metadata(path).map_err(|error| match path.is_symlink() {
        true if error.kind() == io::ErrorKind::NotFound => io::Error::new(
            error.kind(),
            format!("a link to what is not there: {error}"),
        ),
        _ => error,
    })?;
    // Before it is opened, since opening alone does something to some devices.
    regular(about.file_type())?;
    let mut options = OpenOptions::new();
    // In case something else has taken the file's place meanwhile: no waiting for the other end of a pipe.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = options.read(true).custom_flags(flags).open(path)?;
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`]; a file that is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message =
            format!("more than {most} bytes, which is the most that is read of such a file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Refuses what is no regular file, by its name.
fn regular(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let message = format!("this is {what}, and a file is needed");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

    use super::*;

    #[test]
    fn only_files_are_read_and_not_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), b"12345").unwrap();
        symlink(at("file"), at("link")).unwrap();
        assert_eq!(read(&at("link"), 5).unwrap(), b"12345");
        let longer = read(&at("file"), 4).unwrap_err().to_string();
        assert!(longer.starts_with("more than 4 bytes"), "{longer}");

        mknodat(CWD, at("pipe"), Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        symlink(at("pipe"), at("to-pipe")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        symlink("/dev/zero", at("to-device")).unwrap();
        symlink(at("nothing"), at("dangling")).unwrap();
        for (name, what) in [
            ("pipe", "a pipe"),
            ("to-pipe", "a pipe"),
            ("socket", "a socket"),
            ("to-device", "a device"),
            (".", "a folder"),
            ("dangling", "a link to what is not there"),
        ] {
            let error = read(&at(name), 5).unwrap_err().to_string();
            assert!(error.contains(what), "{name}: {error}");
        }
    }
}
