use super::{limit::thousands, *};
use crate::data::{ConfigProblem, PreprocessKind};

fn whiten(components: Option<u32>) -> Config {
    Config {
        preprocess: PreprocessKind::Whiten,
        components,
        ..Config::new("./flowers")
    }
}

/// Of a set of so many images, a tenth of which is held out, and a test part.
fn cost(
    config: &Config,
    shape: Shape,
    images: usize,
    test: usize,
) -> Result<Option<FitCost>, ConfigProblem> {
    let (train, validation) = config.counts(images);
    config.fit_cost(shape, train, train + validation + test)
}

#[test]
fn too_large_a_matrix_is_refused_with_the_arithmetic_and_what_would_do() {
    let shape = Shape::new(128, 128, 3);
    let error = cost(&whiten(None), shape, 60_000, 0).unwrap_err();
    let text = error.to_string();
    for part in [
        "data.preprocess = whiten: images of 128×128×3 have 49,152 features: ",
        "a matrix of 49,152² × 8 bytes = 19 GB, three times",
        "49,152 × 49,152 × 4 bytes = 9.7 GB fitted",
        "At most 8 GB, 2 h, and 1 GB",
        "60,000 copies × 49,152 × 4 bytes = 12 GB",
        "size = [",
        "standardize",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // What is advised is accepted.
    let advised = text.split("size = [").nth(1).unwrap();
    let side: usize = advised.split(',').next().unwrap().parse().unwrap();
    cost(&whiten(None), Shape::new(side, side, 3), 60_000, 0).unwrap();
}

#[test]
fn few_components_of_large_images_are_affordable() {
    let shape = Shape::new(128, 128, 3);
    let text = cost(&whiten(None), shape, 20_000, 0)
        .unwrap_err()
        .to_string();
    let advised = text
        .split("components = ")
        .nth(1)
        .unwrap_or_else(|| panic!("{text}"));
    let count: u32 = advised.split(' ').next().unwrap().parse().unwrap();
    assert!(
        text.contains(&format!(
            "components = {count} keeps {count} × 49,152 numbers = "
        )),
        "{text}"
    );
    let cost = cost(&whiten(Some(count)), shape, 20_000, 0)
        .unwrap()
        .unwrap();
    assert!(matches!(cost.way, Way::Krylov { .. }), "{cost:?}");
}

#[test]
fn fewer_images_than_features_are_multiplied_with_each_other() {
    let cost = cost(&whiten(None), Shape::new(128, 128, 3), 500, 100)
        .unwrap()
        .unwrap();
    assert_eq!(cost.way, Way::Images);
    assert!(cost.bytes < 1_000_000_000, "{cost:?}");
}

#[test]
fn what_worked_before_is_fitted_whole_as_before() {
    for (shape, images) in [
        (Shape::new(28, 28, 1), 60_000),
        (Shape::new(32, 32, 3), 50_000),
    ] {
        let cost = cost(&whiten(None), shape, images, 10_000).unwrap().unwrap();
        assert_eq!(cost.way, Way::Features);
    }
    assert!(
        cost(&Config::new("mnist"), Shape::new(28, 28, 1), 60_000, 0)
            .unwrap()
            .is_none()
    );
}

#[test]
fn no_size_of_images_overflows() {
    let huge = Shape::new(4096, 4096, 4);
    for components in [None, Some(1), Some(u32::MAX)] {
        for images in [0, 1, usize::MAX >> 20] {
            let _ = cost(&whiten(components), huge, images, images);
        }
    }
}

#[test]
fn amounts_are_read_as_words() {
    assert_eq!(
        [999, 1_500_000, 1_240_000_000, 19_327_352_832].map(size),
        ["1 kB", "2 MB", "1.2 GB", "19 GB"]
    );
    assert_eq!(
        [0.2, 40.0, 600.0, 9000.0, 90_000.0].map(time),
        [
            "less than 1 s",
            "about 40 s",
            "about 10 min",
            "about 2.5 h",
            "about 25 h"
        ]
    );
    assert_eq!(
        [7, 784, 49_152, 1_000_000].map(thousands),
        ["7", "784", "49,152", "1,000,000"]
    );
}
