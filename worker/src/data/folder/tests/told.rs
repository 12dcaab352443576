//! What is said of a folder that can be trained on.

use image::{GrayAlphaImage, ImageBuffer, LumaA};

use super::*;
use crate::data::Inventory;

fn patterned(path: &Path, seed: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_fn(4, 4, |x, y| Luma([(x * 16 + y * 3 + seed) as u8]))
        .save(path)
        .unwrap();
}

/// Two classes of two patterned images, and what `more` puts beside them.
fn told(more: impl Fn(&Path)) -> Inventory {
    let root = tempfile::tempdir().unwrap();
    for (index, name) in ["a/1.png", "a/2.png", "b/1.png", "b/2.png"]
        .iter()
        .enumerate()
    {
        patterned(&root.path().join(name), index as u32);
    }
    more(root.path());
    open("set", root.path(), None).unwrap().inventory
}

#[test]
fn images_classes_and_parts_are_counted() {
    let plain = told(|_| {});
    assert_eq!(
        plain.lines(),
        ["2 classes of 4×4×1 images: training 4 (2 a class)"]
    );
    assert!(plain.warnings.is_empty());
    let more = told(|root| patterned(&root.join("b/3.png"), 9));
    assert_eq!(
        more.lines(),
        ["2 classes of 4×4×1 images: training 5 (2 to 3 a class)"]
    );
}

#[test]
fn what_is_passed_over_is_counted_and_named() {
    let found = told(|root| {
        for name in [
            "a/1.webp",
            "a/2.WEBP",
            "b/1.gif",
            "b/readme",
            "cover.png",
            ".DS_Store",
            "a/Thumbs.db",
            "a/._1.png",
        ] {
            fs::write(root.join(name), "").unwrap();
        }
        patterned(&root.join("a/more/deep/3.png"), 7);
        patterned(&root.join("__MACOSX/a/1.png"), 7);
        patterned(&root.join(".cache/1.png"), 7);
        std::os::unix::fs::symlink(root, root.join("a/more/circle")).unwrap();
    });
    assert_eq!(found.classes, 2);
    let over: Vec<(&str, usize, &str)> = found
        .passed_over
        .iter()
        .map(|kind| (kind.what.as_str(), kind.files, kind.example.as_str()))
        .collect();
    assert_eq!(
        over,
        [
            (".webp", 2, "a/1.webp"),
            (".gif", 1, "b/1.gif"),
            ("beside the folders of the classes", 1, "cover.png"),
            ("in folders below a class", 1, "a/more/deep/3.png"),
            ("without an ending", 1, "b/readme"),
        ]
    );
    assert_eq!(
        found.lines()[1],
        "passed over: 2 .webp (a/1.webp), 1 .gif (b/1.gif), 1 beside the folders of the classes (cover.png), \
         1 in folders below a class (a/more/deep/3.png), 1 without an ending (b/readme)"
    );
}

#[test]
fn twelve_bits_in_sixteen_are_said() {
    let deep = |root: &Path, top: u16| {
        let image = ImageBuffer::from_fn(4, 4, |x, y| Luma([(x * 4 + y) as u16 * (top / 15)]));
        DynamicImage::ImageLuma16(image)
            .save(root.join("a/deep.png"))
            .unwrap();
    };
    let twelve = told(|root| deep(root, 4095));
    let [warning] = &twelve.warnings[..] else {
        panic!("{twelve:?}")
    };
    assert!(
        warning.contains("1 of 5 images have 16 bits a channel, of which 8 are kept (a/deep.png)"),
        "{warning}"
    );
    assert!(
        warning.contains("from 0 to 4095 of 65535, which leaves about 16 levels"),
        "{warning}"
    );
    let all = told(|root| deep(root, 65535));
    assert!(all.warnings.is_empty(), "{all:?}");
    assert!(all.notes[0].contains("from 0 to 65535"), "{all:?}");
}

#[test]
fn transparency_is_said_unless_all_is_opaque() {
    let with = |alpha: fn(u32) -> u8| {
        told(move |root| {
            let image = GrayAlphaImage::from_fn(4, 4, |x, y| LumaA([(x * 16 + y) as u8, alpha(x)]));
            image.save(root.join("a/alpha.png")).unwrap();
        })
    };
    assert!(with(|_| 255).warnings.is_empty());
    let found = with(|x| (x * 80) as u8);
    let [warning] = &found.warnings[..] else {
        panic!("{found:?}")
    };
    assert!(
        warning.contains("1 of 5 images have transparency, which is dropped"),
        "{warning}"
    );
    assert!(warning.contains("(a/alpha.png)"), "{warning}");
}

#[test]
fn twins_are_named() {
    let labels = told(|root| patterned(&root.join("b/3.png"), 0));
    assert_eq!(
        labels.warnings,
        ["twins with different labels: a/1.png, b/3.png: one of the two is wrong"]
    );
    // Within a class a twin only weighs more, and blank images are alike without being twins.
    let harmless = told(|root| {
        patterned(&root.join("a/3.png"), 0);
        grey(&root.join("a/blank.png"), 4, 4, 5);
        grey(&root.join("b/blank.png"), 4, 4, 5);
    });
    assert!(harmless.warnings.is_empty(), "{harmless:?}");
    let root = tempfile::tempdir().unwrap();
    for (name, seed) in [
        ("train/a/1.png", 1),
        ("train/b/1.png", 2),
        ("test/a/1.png", 1),
        ("test/b/1.png", 3),
    ] {
        patterned(&root.path().join(name), seed);
    }
    let parts = open("set", root.path(), None).unwrap().inventory;
    assert_eq!(
        parts.warnings,
        ["the same image in two parts: train/a/1.png, test/a/1.png: accuracy flatters"]
    );
}

#[test]
fn a_turned_photograph_is_said() {
    let found = told(|root| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = GrayImage::from_fn(4, 4, |x, y| Luma([(x * 60 + y) as u8]));
        picture
            .write_to(&mut bytes, image::ImageFormat::Jpeg)
            .unwrap();
        let bytes = bytes.into_inner();
        // EXIF with one entry: orientation (0x112), a short, 6 (turn by 90°).
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let with = [&bytes[..2], &[0xff, 0xe1], &length, exif, &bytes[2..]].concat();
        fs::write(root.join("a/phone.jpg"), with).unwrap();
    });
    let [warning] = &found.warnings[..] else {
        panic!("{found:?}")
    };
    assert!(
        warning.contains("1 of 5 images ask to be turned (EXIF)"),
        "{warning}"
    );
}

#[test]
fn grey_among_colour_is_said() {
    let found = told(|root| {
        RgbImage::from_fn(4, 4, |x, y| Rgb([x as u8, y as u8, 9]))
            .save(root.join("a/colour.png"))
            .unwrap();
    });
    assert_eq!(found.shape, [4, 4, 3]);
    assert_eq!(
        found.notes,
        ["4 of 5 images are grey: they have three equal channels here"]
    );
}

#[test]
fn a_survey_takes_any_size() {
    let root = tempfile::tempdir().unwrap();
    for (name, side) in [("a/1.png", 8), ("a/2.png", 8), ("b/1.png", 12)] {
        grey(&root.path().join(name), side, 6, 1);
    }
    let found = survey(root.path()).unwrap();
    assert_eq!(
        found.lines(),
        [
            "2 classes: training 3 (1 to 2 a class)",
            "files of 2 sizes: 6×8 (2), 6×12 (1)"
        ]
    );
    let resized = open("set@3x3", root.path(), Some([3, 3]))
        .unwrap()
        .inventory;
    assert_eq!(
        resized.lines()[1],
        "files of 2 sizes: 6×8 (2), 6×12 (1), resized to 3×3"
    );
}

#[test]
fn a_jpeg_by_another_name_is_read_and_said() {
    let found = told(|root| {
        let picture = GrayImage::from_fn(4, 4, |x, y| Luma([(x * 60 + y) as u8]));
        picture
            .save_with_format(root.join("a/photo.png"), image::ImageFormat::Jpeg)
            .unwrap();
    });
    assert_eq!(
        found.notes,
        [
            "1 of 5 images are JPEG called .png or PNG called .jpg: they are read by what they hold (a/photo.png)"
        ]
    );
}

#[test]
fn what_is_done_to_a_single_image_is_said() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("one.png");
    grey(&path, 4, 2, 9);
    let (pixels, changed) = read_image(&path, Shape::new(2, 4, 1)).unwrap();
    assert_eq!((pixels.len(), changed.len()), (8, 0));
    let (pixels, changed) = read_image(&path, Shape::new(3, 3, 3)).unwrap();
    assert_eq!(pixels.len(), 27);
    assert_eq!(
        changed,
        [
            "resized from 2×4 to 3×3",
            "grey, given as three equal channels"
        ]
    );
}
