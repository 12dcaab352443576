//! What is said of the images of a folder after all of them were looked at.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{layout::few, listing::below, picture::Facts};
use crate::data::{
    DataError,
    inventory::{Inventory, SizeCount},
};

/// So many bad files are named.
const NAMED: usize = 20;

/// Counts over all images of a folder; it keeps few names of each kind, however many there are.
#[derive(Debug, Default)]
pub(super) struct Tally {
    bad: Vec<(PathBuf, String)>,
    bad_count: usize,
    /// By height and width in the files.
    sizes: BTreeMap<(u32, u32), (usize, Vec<PathBuf>)>,
    /// What was lost on the way: how often, and the first file.
    lost: BTreeMap<Lost, (usize, PathBuf)>,
    /// Smallest and largest value of the files of 16 bits.
    deep: Option<(u16, u16)>,
    /// Images read.
    pub(super) images: usize,
    pub(super) grey: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    Turn,
    Transparency,
    Depth,
    Animation,
    Print,
    Name,
}

impl Facts {
    /// What the image has no longer.
    pub(super) fn lost(&self) -> impl Iterator<Item = Lost> {
        let all = [
            (Lost::Turn, self.turned),
            (Lost::Transparency, self.transparent),
            (Lost::Depth, self.deep.is_some()),
            (Lost::Animation, self.animated),
            (Lost::Print, self.cmyk),
            (Lost::Name, self.misnamed),
        ];
        all.into_iter()
            .filter_map(|(lost, there)| there.then_some(lost))
    }
}

impl Lost {
    /// The same of a single image.
    pub(super) fn of_one(self) -> &'static str {
        match self {
            Lost::Turn => "it asks to be turned (EXIF), which was not done",
            Lost::Transparency => "its transparency was dropped",
            Lost::Depth => "8 of its 16 bits a channel were kept",
            Lost::Animation => "its first picture was read",
            Lost::Print => "CMYK was turned into red, green and blue",
            Lost::Name => "read by what it holds, not by its name",
        }
    }

    fn words(self) -> (&'static str, bool) {
        match self {
            Lost::Turn => (
                "ask to be turned (EXIF), which is not done: turn them for good where it matters",
                true,
            ),
            Lost::Transparency => (
                "have transparency, which is dropped: the colours below it are seen",
                true,
            ),
            Lost::Depth => ("have 16 bits a channel, of which 8 are kept", false),
            Lost::Animation => ("are animated: their first picture is read", false),
            Lost::Print => ("are CMYK, turned into red, green and blue", false),
            Lost::Name => (
                "are JPEG called .png or PNG called .jpg: they are read by what they hold",
                false,
            ),
        }
    }
}

impl Tally {
    /// A file, or a class, that cannot be used.
    pub(super) fn bad(&mut self, path: &Path, reason: String) {
        self.bad_count += 1;
        if self.bad.len() < NAMED {
            self.bad.push((path.to_owned(), reason));
        }
    }

    /// An image that was read; its size is that of the file.
    pub(super) fn good(&mut self, path: &Path, height: u32, width: u32, grey: bool, facts: Facts) {
        self.images += 1;
        self.grey += usize::from(grey);
        let size = self.sizes.entry((height, width)).or_default();
        size.0 += 1;
        if size.1.len() < NAMED {
            size.1.push(path.to_owned());
        }
        for lost in facts.lost() {
            self.lost.entry(lost).or_insert((0, path.to_owned())).0 += 1;
        }
        if let Some((low, high)) = facts.deep {
            let (lowest, highest) = self.deep.unwrap_or((low, high));
            self.deep = Some((lowest.min(low), highest.max(high)));
        }
    }

    /// Whether the reading can still end well: all images so far are good and, unless `resized`, of one size.
    pub(super) fn is_well(&self, resized: bool) -> bool {
        self.bad_count == 0 && (resized || self.sizes.len() <= 1)
    }

    /// All that is bad, in one error. Images of another size than most are bad unless they are `resized`.
    pub(super) fn problem(&self, root: &Path, resized: bool) -> Option<DataError> {
        let mut bad = self.bad.clone();
        let mut count = self.bad_count;
        let mut help = String::new();
        if !resized && self.sizes.len() > 1 {
            let ((height, width), most) = self.commonest();
            for (&(h, w), (images, paths)) in &self.sizes {
                if (h, w) != (height, width) {
                    count += images;
                    let reason = format!(
                        "{h}×{w} pixels, but {most} of {} images have {height}×{width}",
                        self.images
                    );
                    bad.extend(paths.iter().map(|path| (path.clone(), reason.clone())));
                }
            }
            help = format!(
                "\nall images must have one size; size = [{height}, {width}] below [data] resizes them"
            );
        }
        bad.sort();
        bad.truncate(NAMED);
        match &bad[..] {
            [] => None,
            [(path, reason)] if count == 1 => {
                Some(DataError::file(path, format!("{reason}{help}")))
            }
            _ => {
                let more = match count - bad.len() {
                    0 => String::new(),
                    more => format!("\n  and {more} more"),
                };
                let lines: String = bad
                    .iter()
                    .map(|(path, reason)| format!("\n  {}: {reason}", below(root, path)))
                    .collect();
                let message =
                    format!("{count} images or classes cannot be used:{lines}{more}{help}");
                Some(DataError::file(root, message))
            }
        }
    }

    /// Height and width that all images have.
    pub(super) fn only_size(&self) -> Option<(u32, u32)> {
        let mut sizes = self.sizes.keys();
        sizes.next().copied().filter(|_| sizes.next().is_none())
    }

    /// Height and width that most images have, and how many these are; of equals, the first.
    fn commonest(&self) -> ((u32, u32), usize) {
        let sizes = self.sizes.iter().rev();
        let most = sizes.max_by_key(|(_, (images, _))| *images);
        most.map_or(((0, 0), 0), |(&size, (images, _))| (size, *images))
    }

    /// Sizes and losses.
    pub(super) fn tell(&self, root: &Path, colour: bool, to: &mut Inventory) {
        let sizes = self
            .sizes
            .iter()
            .map(|(&(height, width), (images, _))| SizeCount {
                height: height as usize,
                width: width as usize,
                images: *images,
            });
        to.sizes = sizes.collect();
        to.sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
        to.more_sizes = to.sizes.len().saturating_sub(NAMED);
        to.sizes.truncate(NAMED);
        if to.sizes.len() == 1 && [to.sizes[0].height, to.sizes[0].width] == to.shape[..2] {
            to.sizes.clear();
        }
        if colour && self.grey > 0 {
            to.notes.push(format!(
                "{} of {} images are grey: they have three equal channels here",
                self.grey, self.images
            ));
        }
        for (lost, (count, example)) in &self.lost {
            let (words, warns) = lost.words();
            let mut text = format!(
                "{count} of {} images {words} ({})",
                self.images,
                below(root, example)
            );
            let mut warns = warns;
            if let (Lost::Depth, Some((low, high))) = (lost, self.deep) {
                let levels = (high >> 8) - (low >> 8) + 1;
                text = format!("{text}; values run from {low} to {high} of 65535");
                if levels < FEW_LEVELS {
                    warns = true;
                    text = format!(
                        "{text}, which leaves about {levels} levels: write them with 8 bits, or with values up to 65535"
                    );
                }
            }
            if warns {
                &mut to.warnings
            } else {
                &mut to.notes
            }
            .push(text);
        }
    }
}

/// Fewer grey levels than this out of 16 bits are worth a warning: 12 bits in 16 leave 16.
const FEW_LEVELS: u16 = 64;

/// Equal images with different labels, or in two parts.
pub(super) struct Twins<'a> {
    seen: BTreeMap<[u8; 16], (usize, u32, &'a Path)>,
    labels: (usize, String),
    parts: (usize, String),
}

impl<'a> Twins<'a> {
    pub(super) fn new() -> Twins<'a> {
        Twins {
            seen: BTreeMap::new(),
            labels: Default::default(),
            parts: Default::default(),
        }
    }

    /// An image of a part, with its label. One of a single value is nobody's twin.
    pub(super) fn add(
        &mut self,
        root: &Path,
        part: usize,
        label: u32,
        path: &'a Path,
        pixels: &[u8],
    ) {
        if pixels.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(pixels).as_bytes()[..16]);
        let (other_part, other_label, other) =
            *self.seen.entry(hash).or_insert((part, label, path));
        let found = if label != other_label {
            &mut self.labels
        } else if part != other_part {
            &mut self.parts
        } else {
            return;
        };
        found.0 += 1;
        if found.0 == 1 {
            found.1 = format!("{}, {}", below(root, other), below(root, path));
        }
    }

    pub(super) fn tell(self, to: &mut Inventory) {
        let more = |count: usize| {
            if count > 1 {
                format!(" and {} more", count - 1)
            } else {
                String::new()
            }
        };
        if self.labels.0 > 0 {
            to.warnings.push(format!(
                "twins with different labels: {}{}: one of the two is wrong",
                self.labels.1,
                more(self.labels.0)
            ));
        }
        if self.parts.0 > 0 {
            to.warnings.push(format!(
                "the same image in two parts: {}{}: accuracy flatters",
                self.parts.1,
                more(self.parts.0)
            ));
        }
    }
}

/// A class without an image is not what anybody means.
pub(super) fn empty_class(others: &[String]) -> String {
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let has = match others.is_empty() {
        true => String::new(),
        false => format!(", only {}", few(&others)),
    };
    format!("no PNG or JPEG image in this class{has}: convert its files, or take the folder away")
}
