//! JPEG, whole or not at all.
//!
//! Viewers show what there is of a broken file, and the decoder fills the rest with grey. A net would be trained on it.

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::picture::{self, Facts, Picture};

/// Headers are taken as they come: stray bytes between them do no harm.
fn lenient() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
}

/// Height, width and channels of a file's header.
pub(super) fn shape(bytes: &[u8]) -> Option<[u32; 3]> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), lenient());
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    let grey = decoder.input_colorspace()? == ColorSpace::Luma;
    let side = |side: usize| u32::try_from(side).ok();
    Some([side(height)?, side(width)?, if grey { 1 } else { 3 }])
}

/// Decodes a file's bytes, grey or in three channels.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let wrong =
        |error: zune_jpeg::errors::DecodeErrors| format!("{}: {error}", picture::UNREADABLE);
    let lenient = lenient();
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), lenient);
    decoder.decode_headers().map_err(wrong)?;
    let (Some((width, height)), Some(space)) = (decoder.dimensions(), decoder.input_colorspace())
    else {
        return Err(format!("{}: no size", picture::UNREADABLE));
    };
    let grey = space == ColorSpace::Luma;
    let (width, height) = picture::checked_size(width, height, if grey { 1 } else { 3 })?;
    if !ends(bytes) {
        return Err("cut short: it has no end marker, so the rest would be grey".into());
    }
    // A scan that breaks off in the middle is an error from here on.
    let out = if grey {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    decoder.set_options(lenient.set_strict_mode(true).jpeg_set_out_colorspace(out));
    let facts = Facts {
        turned: decoder
            .exif()
            .and_then(|exif| Orientation::from_exif_chunk(exif))
            .is_some_and(|orientation| orientation != Orientation::NoTransforms),
        cmyk: matches!(space, ColorSpace::CMYK | ColorSpace::YCCK),
        ..Facts::default()
    };
    let pixels = decoder
        .decode()
        .map_err(|error| format!("damaged: {error}; what follows in it would be grey"))?;
    let image = if grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let image = image.ok_or_else(|| format!("{}: too few pixels", picture::UNREADABLE))?;
    Ok(Picture { image, facts })
}

/// Whether the markers go on to the last one. The decoder does not say: it may stop in the last row of blocks.
fn ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|&b| b == 0xff))
    {
        at += found + 1;
        match bytes.get(at) {
            Some(0xd9) => return true,
            // Fill; a stuffed byte of a scan; markers that stand alone.
            None | Some(0xff | 0x00 | 0x01 | 0xd0..=0xd8) => {}
            Some(_) => {
                let length = bytes
                    .get(at + 1..at + 3)
                    .map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])));
                at += 1 + length;
            }
        }
    }
    false
}
