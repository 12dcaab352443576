//! One image of a file: 8 bits a channel, without transparency, and what was lost on the way.

use std::{
    io::{BufRead, BufReader, Cursor, Read, Seek},
    path::Path,
};

use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::png::PngDecoder, metadata::Orientation,
};

use super::{MAX_SIDE, jpeg, listing::extension};
use crate::user_file;

/// What the decoder may take for one image, and a file have.
const MAX_DECODED: u64 = 1 << 29;

/// How a reason begins that comes from a decoder.
pub(super) const UNREADABLE: &str = "no readable PNG or JPEG image";

/// An image as it is trained on, before it is resized.
pub(super) struct Picture {
    /// `ImageLuma8` or `ImageRgb8`.
    pub(super) image: DynamicImage,
    /// What the file had besides.
    pub(super) facts: Facts,
}

/// What a file had that the image has no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Smallest and largest value of a file of 16 bits a channel.
    pub(super) deep: Option<(u16, u16)>,
    /// Pixels that are not opaque.
    pub(super) transparent: bool,
    /// It asks to be shown turned or mirrored.
    pub(super) turned: bool,
    /// Pictures after the first one.
    pub(super) animated: bool,
    /// Four colours of print.
    pub(super) cmyk: bool,
    /// A JPEG that is called `.png`, or the other way round.
    pub(super) misnamed: bool,
}

/// Height, width and channels as a file's header has them, without decoding the rest; `None` where it cannot be read.
pub(super) fn shape(path: &Path) -> Option<(&Path, [u32; 3])> {
    let mut file = BufReader::new(user_file::open(path).ok()?);
    let kind = image::guess_format(file.fill_buf().ok()?).ok()?;
    let shape = if kind == ImageFormat::Png {
        let decoder = PngDecoder::new(file).ok()?;
        let (width, height) = decoder.dimensions();
        [
            height,
            width,
            if decoder.color_type().has_color() {
                3
            } else {
                1
            },
        ]
    } else {
        let mut bytes = Vec::new();
        file.take(MAX_DECODED).read_to_end(&mut bytes).ok()?;
        jpeg::shape(&bytes)?
    };
    Some((path, shape))
}

/// Reads an image, or says in a sentence why it cannot be trained on.
pub(super) fn open(path: &Path) -> Result<Picture, String> {
    let bytes = user_file::read(path, MAX_DECODED).map_err(|error| error.to_string())?;
    let mut picture = decode(&bytes)?;
    picture.facts.misnamed = match image::guess_format(&bytes) {
        Ok(ImageFormat::Png) => matches!(extension(path).as_str(), "jpg" | "jpeg"),
        _ => extension(path) == "png",
    };
    Ok(picture)
}

fn decode(bytes: &[u8]) -> Result<Picture, String> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg::decode(bytes),
        Ok(ImageFormat::Png) => png(Cursor::new(bytes)),
        Ok(other) => Err(format!(
            "{UNREADABLE}: it holds {other:?}, whatever its name"
        )),
        Err(_) if bytes.is_empty() => Err(format!("{UNREADABLE}: the file is empty")),
        Err(_) => Err(format!("{UNREADABLE}: it begins like neither")),
    }
}

fn png(bytes: impl BufRead + Seek) -> Result<Picture, String> {
    let wrong = |error: ImageError| format!("{UNREADABLE}: {error}");
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    let mut decoder = PngDecoder::with_limits(bytes, limits).map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    let bytes_per_pixel = decoder.color_type().bytes_per_pixel();
    checked_size(width as usize, height as usize, bytes_per_pixel.into())?;
    let mut facts = Facts {
        animated: decoder.is_apng().map_err(wrong)?,
        // Metadata that cannot be read say nothing.
        turned: decoder
            .orientation()
            .is_ok_and(|turned| turned != Orientation::NoTransforms),
        ..Facts::default()
    };
    let image = DynamicImage::from_decoder(decoder).map_err(wrong)?;
    facts.deep = match &image {
        DynamicImage::ImageLuma16(image) => range(image.as_raw(), 1, 1),
        DynamicImage::ImageLumaA16(image) => range(image.as_raw(), 2, 1),
        DynamicImage::ImageRgb16(image) => range(image.as_raw(), 3, 3),
        DynamicImage::ImageRgba16(image) => range(image.as_raw(), 4, 3),
        _ => None,
    };
    let mut drawn_in_alpha = false;
    if image.color().has_alpha() {
        let pixels = || image.pixels().map(|(_, _, pixel)| pixel.0);
        let alike = |same: fn(&[u8; 4], &[u8; 4]) -> bool| {
            pixels()
                .zip(pixels().skip(1))
                .all(|(one, next)| same(&one, &next))
        };
        facts.transparent = pixels().any(|pixel| pixel[3] < u8::MAX);
        drawn_in_alpha =
            alike(|one, next| one[..3] == next[..3]) && !alike(|one, next| one[3] == next[3]);
    }
    if drawn_in_alpha {
        return Err(
            "drawn in its transparency alone, which is dropped: one colour is left; put it on a background first".into(),
        );
    }
    let image = if image.color().has_color() {
        DynamicImage::ImageRgb8(image.into_rgb8())
    } else {
        DynamicImage::ImageLuma8(image.into_luma8())
    };
    Ok(Picture { image, facts })
}

/// Smallest and largest value of the first `colours` of every `channels`.
fn range(values: &[u16], channels: usize, colours: usize) -> Option<(u16, u16)> {
    let colours = values
        .chunks_exact(channels)
        .flat_map(|pixel| &pixel[..colours]);
    let (low, high) = colours.fold((u16::MAX, 0), |(low, high), &value| {
        (value.min(low), value.max(high))
    });
    Some((low, high))
}

/// The sides as an image has them, if it may be decoded.
pub(super) fn checked_size(
    width: usize,
    height: usize,
    bytes_per_pixel: usize,
) -> Result<(u32, u32), String> {
    let side = |side: usize| {
        u32::try_from(side)
            .ok()
            .filter(|side| (1..=4 * MAX_SIDE).contains(side))
    };
    let bytes = (width as u64)
        .saturating_mul(height as u64)
        .saturating_mul(bytes_per_pixel as u64);
    match (side(width), side(height)) {
        (Some(width), Some(height)) if bytes <= MAX_DECODED => Ok((width, height)),
        _ => Err(format!(
            "{height}×{width} pixels: at most {} a side, and 512 MiB in all",
            4 * MAX_SIDE
        )),
    }
}
