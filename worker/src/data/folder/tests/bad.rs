//! Files that cannot be trained on.

use std::os::unix::{ffi::OsStrExt, fs::symlink};

use super::*;

/// A photograph's like: no part of it is one value.
fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let at = x * 7 + y * 13 + (x * y) % 31;
        Rgb([at as u8, (at * 3) as u8, (255 - at % 256) as u8])
    })
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = DynamicImage::from(photo(width, height));
    picture
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner()
}

fn refused(root: &Path) -> String {
    open("set", root, None).expect_err("refused").to_string()
}

/// Two classes with a sound image each.
fn sound(width: u32, height: u32) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (class, level) in [("a", 10), ("b", 20)] {
        grey(&root.path().join(class).join("0.png"), width, height, level);
    }
    root
}

#[test]
fn a_jpeg_is_whole_or_refused_wherever_it_is_cut() {
    // One row of blocks, and many: the decoder itself notices a cut only between rows.
    for (width, height) in [(16, 8), (64, 64)] {
        let whole = jpeg(width, height);
        let root = sound(width, height);
        let path = root.path().join("b/photo.jpg");
        let scan = whole
            .windows(2)
            .position(|two| two == [0xff, 0xda])
            .unwrap();
        for cut in [
            scan + 14,
            (scan + whole.len()) / 2,
            whole.len() - 20,
            whole.len() - 3,
            whole.len() - 1,
        ] {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = refused(root.path());
            assert!(
                error.contains("b/photo.jpg: cut short"),
                "{cut} of {}: {error}",
                whole.len()
            );
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(open("set", root.path(), None).unwrap().train.len(), 3);
    }
}

#[test]
fn a_jpeg_that_was_overwritten_is_refused() {
    let whole = jpeg(256, 256);
    let root = sound(256, 256);
    // Other bytes in the middle, the end is there. There is no checksum, so not every one of them can be noticed.
    let mut state = 1u32;
    let noticed = (0..10).filter(|_| {
        let mut bytes = whole.clone();
        let (from, to) = (bytes.len() / 3, bytes.len() * 2 / 3);
        for byte in &mut bytes[from..to] {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = ((state >> 24) as u8).min(0xfe);
        }
        fs::write(root.path().join("b/photo.jpg"), bytes).unwrap();
        let error = open("set", root.path(), None).err();
        error.is_some_and(|error| error.to_string().contains("b/photo.jpg: damaged"))
    });
    assert!(noticed.count() >= 2);
}

#[test]
fn a_whole_jpeg_is_read_as_before() {
    let folder = tempfile::tempdir().unwrap();
    for (name, picture) in [
        ("grey", DynamicImage::from(photo(21, 19)).grayscale()),
        ("colour", DynamicImage::from(photo(21, 19))),
    ] {
        let path = folder.path().join(name);
        picture
            .save_with_format(&path, image::ImageFormat::Jpeg)
            .unwrap();
        let other = image::load_from_memory(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(picture::open(&path).unwrap().image, other, "{name}");
    }
}

#[test]
fn an_embedded_thumbnail_does_not_end_a_jpeg() {
    let (whole, thumbnail) = (jpeg(64, 64), jpeg(8, 8));
    // An APP1 segment that holds a whole small JPEG, end marker and all.
    let length = u16::try_from(thumbnail.len() + 2).unwrap().to_be_bytes();
    let app1 = [&[0xff, 0xe1][..], &length, &thumbnail].concat();
    let with = [&whole[..2], &app1, &whole[2..]].concat();
    let root = sound(64, 64);
    let path = root.path().join("b/photo.jpg");
    fs::write(&path, &with).unwrap();
    assert_eq!(open("set", root.path(), None).unwrap().train.len(), 3);
    fs::write(&path, &with[..with.len() - 30]).unwrap();
    assert!(refused(root.path()).contains("cut short"));
}

#[test]
fn every_bad_file_is_told_at_once_with_its_reason() {
    let root = sound(4, 4);
    let at = |name: &str| root.path().join(name);
    let png = fs::read(at("a/0.png")).unwrap();
    fs::write(at("a/cut.png"), &png[..png.len() / 2]).unwrap();
    fs::write(at("a/empty.png"), "").unwrap();
    fs::write(at("a/text.JPG"), "not a picture").unwrap();
    fs::write(at("b/gif.png"), b"GIF89a\x01\0\x01\0\0\0\0;").unwrap();
    symlink("nowhere", at("b/link.png")).unwrap();
    grey(&at("b/wide.png"), 5, 4, 9);
    let error = refused(root.path());
    for says in [
        "6 images or classes cannot be used:",
        "\n  a/cut.png: no readable PNG or JPEG image: ",
        "\n  a/empty.png: no readable PNG or JPEG image: the file is empty",
        "\n  a/text.JPG: no readable PNG or JPEG image: it begins like neither",
        "\n  b/gif.png: no readable PNG or JPEG image: it holds Gif",
        "\n  b/link.png: a link to what is not there",
        "\n  b/wide.png: 4×5 pixels, but 2 of 3 images have 4×4",
        "size = [4, 4]",
    ] {
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn of_many_bad_files_twenty_are_named_and_all_are_counted() {
    let root = sound(4, 4);
    for index in 0..30 {
        fs::write(root.path().join(format!("a/bad{index:02}.png")), "").unwrap();
        grey(&root.path().join(format!("b/wide{index:02}.png")), 9, 4, 1);
        grey(&root.path().join(format!("b/{index:02}.png")), 4, 4, 2);
    }
    let error = refused(root.path());
    assert!(
        error.contains("60 images or classes cannot be used"),
        "{error}"
    );
    assert_eq!(error.matches("\n  a/bad").count(), 20, "{error}");
    assert!(error.contains("\n  and 40 more"), "{error}");
}

#[test]
fn a_class_without_images_is_refused_with_what_it_has() {
    let root = sound(4, 4);
    fs::create_dir(root.path().join("c")).unwrap();
    for name in ["1.webp", "2.webp", "notes.txt", ".hidden"] {
        fs::write(root.path().join("c").join(name), "RIFF").unwrap();
    }
    let error = refused(root.path());
    assert!(
        error.contains("/c: no PNG or JPEG image in this class, only .txt, .webp"),
        "{error}"
    );
}

#[test]
fn what_is_no_regular_file_is_never_opened() {
    let root = sound(4, 4);
    // Opening a pipe would wait for a writer that never comes.
    let pipe = root.path().join("a/pipe.png");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(refused(root.path()).contains("a/pipe.png: this is a pipe"));
    fs::remove_file(&pipe).unwrap();
    fs::create_dir(root.path().join("a/folder.png")).unwrap();
    let set = open("set", root.path(), None).unwrap();
    assert_eq!((set.train.len(), set.inventory.passed_over.len()), (2, 0));
}

#[test]
fn names_need_not_be_text_but_those_of_classes() {
    let root = sound(4, 4);
    let odd = std::ffi::OsStr::from_bytes(b"\xff.png");
    grey(&root.path().join("a/1.png"), 4, 4, 30);
    fs::rename(root.path().join("a/1.png"), root.path().join("a").join(odd)).unwrap();
    assert_eq!(open("set", root.path(), None).unwrap().train.len(), 3);
    fs::create_dir(root.path().join(odd)).unwrap();
    assert!(refused(root.path()).contains("must be valid UTF-8"));
    // And no other bad file is hidden by it.
    fs::write(root.path().join("b/empty.png"), "").unwrap();
    let error = refused(root.path());
    for says in ["2 images or classes", "b/empty.png", "valid UTF-8"] {
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_link_to_nothing_is_no_missing_class() {
    let root = sound(4, 4);
    symlink("gone", root.path().join("c")).unwrap();
    assert!(refused(root.path()).contains("/c: a link to what is not there"));
    // Where it leaves one class alone, it is what is said.
    fs::remove_dir_all(root.path().join("b")).unwrap();
    assert!(refused(root.path()).contains("/c: a link to what is not there"));
    fs::remove_file(root.path().join("c")).unwrap();
    assert!(refused(root.path()).contains(": 1 folder in it"));
}

#[test]
fn what_no_memory_holds_is_refused_by_the_first_header() {
    let root = sound(5000, 2);
    // Nothing behind the header is looked at.
    let path = root.path().join("a/0.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 14]).unwrap();
    let error = refused(root.path());
    assert!(
        error.contains("a/0.png: 2×5000 pixels, and a net takes at most 4096 a side"),
        "{error}"
    );
    assert_eq!(
        open("set", sound(5000, 2).path(), Some([2, 50]))
            .unwrap()
            .train
            .len(),
        2
    );
    let mut reading = Reading {
        wanted: Wanted::OneSize,
        layout: Layout::of(root.path()).unwrap(),
        tally: Tally::default(),
        parts: Default::default(),
        files: [500, 12, 0],
        colour: false,
        size: (0, 0),
    };
    reading.afford(&path, [4096, 4096, 1]).unwrap();
    let error = reading.afford(&path, [4096, 4096, 3]).unwrap_err();
    assert!(
        error.to_string().contains(
            "4096×4096×3 bytes of each image × 512 images = 26 GB in memory, and at most 8.6 GB are taken"
        ),
        "{error}"
    );
    reading.wanted = Wanted::Size([8, 8]);
    reading.afford(&path, [4096, 4096, 3]).unwrap();
}

#[test]
fn a_drawing_in_transparency_alone_is_refused() {
    let root = sound(4, 4);
    let drawing = RgbaImage::from_fn(4, 4, |x, y| Rgba([0, 0, 0, (x * y * 20) as u8]));
    drawing.save(root.path().join("a/glyph.png")).unwrap();
    let error = refused(root.path());
    assert!(
        error.contains("a/glyph.png: drawn in its transparency alone"),
        "{error}"
    );
    assert!(error.contains("put it on a background"), "{error}");
}
