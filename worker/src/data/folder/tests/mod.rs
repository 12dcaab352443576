mod bad;
mod parts;
mod told;

use std::fs;

use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

fn grey(path: &Path, width: u32, height: u32, level: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_pixel(width, height, Luma([level]))
        .save(path)
        .unwrap();
}

#[test]
fn classes_are_folders_in_the_order_of_their_names() {
    let root = tempfile::tempdir().unwrap();
    grey(&root.path().join("tulip/b.png"), 3, 2, 20);
    grey(&root.path().join("tulip/a.PNG"), 3, 2, 10);
    grey(&root.path().join("rose/one.png"), 3, 2, 30);
    fs::write(root.path().join("rose/notes.txt"), "no image").unwrap();
    fs::create_dir(root.path().join(".thumbnails")).unwrap();
    let set = open("flowers", root.path(), None).unwrap();
    assert_eq!(set.classes, ["rose", "tulip"]);
    assert_eq!((set.shape, set.test.is_none()), (Shape::new(2, 3, 1), true));
    assert_eq!(set.train.labels, [0, 1, 1]);
    assert_eq!(set.train.pixels, [[30; 6], [10; 6], [20; 6]].concat());
}

#[test]
fn one_image_in_colour_makes_all_so() {
    let root = tempfile::tempdir().unwrap();
    grey(&root.path().join("a/grey.png"), 1, 1, 7);
    fs::create_dir(root.path().join("b")).unwrap();
    RgbImage::from_pixel(1, 1, Rgb([1, 2, 3]))
        .save(root.path().join("b/1.png"))
        .unwrap();
    RgbaImage::from_pixel(1, 1, Rgba([4, 5, 6, 128]))
        .save(root.path().join("b/2.png"))
        .unwrap();
    let set = open("set", root.path(), None).unwrap();
    assert_eq!(set.shape, Shape::new(1, 1, 3));
    assert_eq!(set.train.pixels, [7, 7, 7, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn train_and_test_below_the_folder_are_honoured() {
    let root = tempfile::tempdir().unwrap();
    for (path, level) in [
        ("train/a/1.png", 1),
        ("train/b/1.png", 2),
        ("test/b/1.png", 3),
    ] {
        grey(&root.path().join(path), 2, 2, level);
    }
    let set = open("set", root.path(), None).unwrap();
    assert_eq!(set.train.labels, [0, 1]);
    assert_eq!(
        set.test,
        Some(Images {
            pixels: vec![3; 4],
            labels: vec![1]
        })
    );

    grey(&root.path().join("test/c/1.png"), 2, 2, 4);
    let error = open("set", root.path(), None).unwrap_err().to_string();
    assert!(
        error.ends_with("test/c: a class that train/ does not have"),
        "{error}"
    );
}

#[test]
fn a_class_may_be_called_train() {
    let root = tempfile::tempdir().unwrap();
    grey(&root.path().join("train/1.png"), 1, 1, 1);
    grey(&root.path().join("plane/1.png"), 1, 1, 2);
    assert_eq!(
        open("vehicles", root.path(), None).unwrap().classes,
        ["plane", "train"]
    );
}

#[test]
fn sizes_must_agree_or_be_given() {
    let root = tempfile::tempdir().unwrap();
    grey(&root.path().join("a/1.png"), 4, 6, 100);
    grey(&root.path().join("b/1.png"), 5, 6, 200);
    let error = open("set", root.path(), None).unwrap_err().to_string();
    assert!(
        error.contains("b/1.png: 6×5 pixels, but 1 of 2 images have 6×4"),
        "{error}"
    );
    assert!(error.contains("size = [6, 4]"), "{error}");
    let set = open("set@3x2", root.path(), Some([3, 2])).unwrap();
    assert_eq!(
        (set.shape, set.name.as_str()),
        (Shape::new(3, 2, 1), "set@3x2")
    );
    assert_eq!(set.train.pixels, [[100; 6], [200; 6]].concat());
}

#[test]
fn jpegs_are_read() {
    let root = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(root.path().join(class)).unwrap();
        RgbImage::from_pixel(8, 8, Rgb([250, 10, 10]))
            .save(root.path().join(class).join("1.jpeg"))
            .unwrap();
    }
    let set = open("set", root.path(), None).unwrap();
    assert_eq!(set.shape, Shape::new(8, 8, 3));
    assert!(
        set.train
            .pixels
            .chunks(3)
            .all(|rgb| rgb[0] > 230 && rgb[1] < 30)
    );
}

#[test]
fn what_is_no_set_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let open = || open("set", root.path(), None).unwrap_err().to_string();
    assert!(open().contains("no folder in it"), "{}", open());
    fs::create_dir_all(root.path().join("a")).unwrap();
    fs::create_dir_all(root.path().join("b")).unwrap();
    assert!(open().contains("no PNG or JPEG image"), "{}", open());
    fs::write(root.path().join("a/1.png"), "not a picture").unwrap();
    assert!(
        open().contains("a/1.png: no readable PNG or JPEG image"),
        "{}",
        open()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_the_decoder_panic(
        head in prop::sample::select(vec![&b""[..], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF\0"]),
        tail in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.png");
        fs::write(&path, [head, &tail].concat()).unwrap();
        let _ = picture::open(&path);
    }
}

/// A PNG and a JPEG of a few pixels, as files hold them.
fn encoded() -> Vec<Vec<u8>> {
    let picture = DynamicImage::from(RgbImage::from_pixel(3, 2, Rgb([1, 2, 3])));
    let encode = |format| {
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    };
    vec![
        encode(image::ImageFormat::Png),
        encode(image::ImageFormat::Jpeg),
    ]
}

#[test]
fn fuzz_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fuzzed.png");
    let target = hone_fuzz::Target {
        name: "images",
        seeds: encoded(),
        words: &[
            b"IHDR",
            b"IDAT",
            b"PLTE",
            b"tRNS",
            b"IEND",
            &[0xff, 0xd8],
            &[0xff, 0xc0],
            &[0xff, 0xda],
        ],
    };
    hone_fuzz::fuzz(&target, |bytes| {
        fs::write(&path, bytes).unwrap();
        match picture::open(&path) {
            Ok(picture) => {
                let image = picture.image;
                assert!(image.width() <= 4 * MAX_SIDE && image.height() <= 4 * MAX_SIDE);
                format!("{:?}", image.color())
            }
            Err(reason) => reason,
        }
    });
}

#[test]
fn fuzz_folders() {
    let target = hone_fuzz::Target {
        name: "folders",
        // Paths of files below the folder, one a line.
        seeds: vec![
            b"rose/1.png\ntulip/2.PNG".to_vec(),
            b"train/a/1.png\ntest/a/1.png".to_vec(),
            b"a.png\nb/c/d.jpg".to_vec(),
        ],
        words: &[
            b"train/",
            b"test/",
            b".png",
            b".jpeg",
            b"..",
            b"/",
            b"\n",
            b"\xff",
            b"\xe2\x80\xae",
            b" ",
        ],
    };
    let picture = encoded().swap_remove(0);
    hone_fuzz::fuzz(&target, |bytes| {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let root = tempfile::tempdir().unwrap();
        for line in bytes.split(|byte| *byte == b'\n').take(8) {
            let path = Path::new(OsStr::from_bytes(line));
            let inside = path
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            let path = root.path().join(path);
            // What the file system refuses cannot be met there.
            if inside && fs::create_dir_all(path.parent().unwrap()).is_ok() {
                let _ = fs::write(&path, &picture);
            }
        }
        match open("fuzzed", root.path(), None) {
            Ok(set) => {
                assert!(
                    set.train
                        .labels
                        .iter()
                        .all(|label| (*label as usize) < set.classes.len())
                );
                format!("classes{}", "s".repeat(set.classes.len()))
            }
            Err(error) => error
                .to_string()
                .replace(&root.path().display().to_string(), ""),
        }
    });
}
