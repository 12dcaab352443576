//! CIFAR-10 in its Python version: a batch is a dictionary that Python 2 has pickled, with `labels` (a list of numbers)
//! and `data` (an array of bytes, 3,072 an image).
//!
//! A pickle is a program that builds an object. Nothing of it is run here: its instructions are read one after the other
//! (Python's `pickletools` describes them), and what they carry behind these two keys is taken. Anything else that such
//! a program can do has no meaning here.

use super::{DataError, read::Source};

/// The first byte of a pickle since protocol 2; as a label of the binary version it would be out of range.
pub(super) const BEGIN: u8 = 0x80;
/// Bytes of a batch beside its pixels: labels, file names, instructions.
const MAX_BESIDE: u64 = 1 << 24;
const MAX_NAME: usize = 256;
const WHAT: &str = "the pickled dictionary";

/// Labels and pixels of a batch, as they stand in the file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Batch {
    pub(super) labels: Vec<u8>,
    pub(super) planes: Vec<u8>,
}

/// An instruction, as far as it carries something.
enum Step {
    Number(u64),
    Text(Vec<u8>),
    True,
    Other,
    Stop,
}

/// Which key's value is being read.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Labels,
    Data,
    Other,
}

/// Reads a batch of images of `image` bytes, `most` bytes of them together.
pub(super) fn read(file: &mut Source<'_>, image: u64, most: u64) -> Result<Batch, DataError> {
    let mut batch = Batch::default();
    let (mut key, mut of_bytes) = (Key::Other, false);
    while file.offset() <= most + MAX_BESIDE {
        let at = file.offset();
        match (step(file, most)?, key) {
            (Step::Stop, _) => return Ok(batch),
            (Step::Number(label @ 0..=9), Key::Labels) => batch.labels.push(label as u8),
            (Step::Number(label), Key::Labels) => {
                let image = batch.labels.len();
                let message =
                    format!("label {label} of image {image}: there are 10 classes, 0 to 9");
                return Err(file.wrong(at, message));
            }
            (Step::Text(text), Key::Data) if text.len() as u64 >= image => {
                if !of_bytes || !batch.planes.is_empty() {
                    return Err(file.wrong(at, "`data` is not one array of bytes"));
                }
                batch.planes = text;
            }
            (Step::True, Key::Data) => {
                return Err(file.wrong(at, "`data` lies column by column; row by row is right"));
            }
            (Step::Text(text), _) => match &text[..] {
                b"labels" => key = Key::Labels,
                b"data" => key = Key::Data,
                b"filenames" | b"batch_label" => key = Key::Other,
                other => of_bytes |= key == Key::Data && other == b"u1",
            },
            _ => {}
        }
    }
    Err(file.wrong(
        file.offset(),
        "the file goes on, but no CIFAR-10 batch is so long",
    ))
}

fn step(file: &mut Source<'_>, most: u64) -> Result<Step, DataError> {
    let at = file.offset();
    let code = file.exactly(1, WHAT)?;
    let little = |bytes: Vec<u8>| {
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    };
    Ok(match code[0] {
        b'.' => Step::Stop,
        b'K' => Step::Number(little(file.exactly(1, WHAT)?)),
        b'M' => Step::Number(little(file.exactly(2, WHAT)?)),
        b'J' => Step::Number(little(file.exactly(4, WHAT)?)),
        b'U' | b'C' | b'T' | b'B' | b'X' => {
            let width = if matches!(code[0], b'U' | b'C') { 1 } else { 4 };
            let length = little(file.exactly(width, WHAT)?);
            if length > most {
                return Err(file.wrong(at, format!("a text of {length} bytes: no CIFAR-10 batch")));
            }
            Step::Text(file.exactly(length, WHAT)?)
        }
        0x88 => Step::True,
        // Where the program names a function; it is never called.
        b'c' => {
            line(file)?;
            line(file)?;
            Step::Other
        }
        // The protocol, and what is remembered under a number of a byte or four.
        BEGIN | b'q' | b'h' => skip(file, 1)?,
        b'r' | b'j' => skip(file, 4)?,
        // Marks, and what puts together: dictionaries, lists, tuples, the array.
        b'('
        | b'}'
        | b']'
        | b')'
        | b'e'
        | b'a'
        | b'u'
        | b's'
        | b't'
        | 0x85..=0x87
        | b'R'
        | b'b'
        | b'N'
        | 0x89 => Step::Other,
        other => {
            let message =
                format!("instruction {other:#04x}, which the pickles of CIFAR-10 do not have");
            return Err(file.wrong(at, message));
        }
    })
}

fn skip(file: &mut Source<'_>, count: u64) -> Result<Step, DataError> {
    file.exactly(count, WHAT)?;
    Ok(Step::Other)
}

fn line(file: &mut Source<'_>) -> Result<(), DataError> {
    for _ in 0..MAX_NAME {
        if file.exactly(1, "a name")? == b"\n" {
            return Ok(());
        }
    }
    Err(file.wrong(
        file.offset(),
        format!("a name of more than {MAX_NAME} bytes"),
    ))
}
