use std::{collections::BTreeSet, sync::Arc};

use super::{crew, pictured};
use crate::data::{
    Augment, AugmentKey, Batches, Change, Config, Part, Prepared, Preprocess, PreprocessKind,
    Shape, Split,
};

#[test]
fn an_epoch_shows_every_image_once_but_for_the_last_batch() {
    let images: Vec<u32> = (100..110).collect();
    let epoch = Batches::epoch(&images, 3, 7, 1);
    assert_eq!((epoch.steps(), Batches::steps_of(10, 3)), (3, 3));
    assert!(epoch.iter().all(|batch| batch.len() == 3));
    let shown: BTreeSet<u32> = epoch.iter().flatten().copied().collect();
    assert_eq!(shown.len(), 9);
    assert!(shown.iter().all(|image| images.contains(image)));
    let again: Vec<u32> = Batches::epoch(&images, 3, 7, 1)
        .iter()
        .flatten()
        .copied()
        .collect();
    assert_eq!(again, epoch.iter().flatten().copied().collect::<Vec<_>>());
    for (seed, number) in [(7, 2), (8, 1)] {
        let other: Vec<u32> = Batches::epoch(&images, 3, seed, number)
            .iter()
            .flatten()
            .copied()
            .collect();
        assert_ne!(other, again);
    }
}

#[test]
fn a_batch_that_is_the_only_one_may_be_small() {
    let epoch = Batches::epoch(&[4, 5], 64, 0, 1);
    assert_eq!(epoch.iter().map(<[u32]>::len).collect::<Vec<_>>(), [2]);
    assert_eq!(
        (
            epoch.steps(),
            Batches::steps_of(2, 64),
            Batches::steps_of(0, 64)
        ),
        (1, 1, 0)
    );
}

#[test]
fn changes_move_and_mirror() {
    let shape = Shape::new(2, 3, 1);
    let image = [1., 2., 3., 4., 5., 6.];
    let applied = |flip, down, right| {
        let mut to = [9.0; 6];
        Change { flip, down, right }.apply(shape, &image, &mut to);
        to
    };
    assert_eq!(applied(false, 0, 0), image);
    assert_eq!(applied(true, 0, 0), [3., 2., 1., 6., 5., 4.]);
    assert_eq!(applied(false, 1, 0), [0., 0., 0., 1., 2., 3.]);
    assert_eq!(applied(false, -1, -1), [5., 6., 0., 0., 0., 0.]);
    assert_eq!(applied(true, 0, 1), [0., 3., 2., 0., 6., 5.]);
    assert_eq!(applied(true, 0, -2), [1., 0., 0., 4., 0., 0.]);
    assert_eq!(applied(false, 7, -9), [0.0; 6], "moved out of sight");
}

#[test]
fn draws_cover_the_range_and_depend_on_seed_epoch_and_image() {
    let augment = Augment {
        flip: true,
        shift: 2,
    };
    let draw = |seed, epoch, image| Change::draw(&augment, AugmentKey { seed, epoch }, image);
    let all: Vec<Change> = (0..500).map(|image| draw(1, 1, image)).collect();
    let flipped = all.iter().filter(|change| change.flip).count();
    assert!((200..300).contains(&flipped), "{flipped} of 500 flipped");
    for axis in [
        |change: &Change| change.down,
        |change: &Change| change.right,
    ] {
        let steps: BTreeSet<i32> = all.iter().map(axis).collect();
        assert_eq!(steps, BTreeSet::from([-2, -1, 0, 1, 2]));
    }
    assert_ne!(
        all,
        (0..500).map(|image| draw(1, 2, image)).collect::<Vec<_>>()
    );
    assert_ne!(
        all,
        (0..500).map(|image| draw(2, 1, image)).collect::<Vec<_>>()
    );
    let still = Augment::default();
    assert_eq!(
        Change::draw(&still, AugmentKey { seed: 1, epoch: 1 }, 3),
        Change::default()
    );
}

#[test]
fn an_augmented_image_does_not_depend_on_its_place_in_a_batch() {
    let rows: Vec<Vec<u8>> = (0..8)
        .map(|image| (0..16).map(|pixel| image * 16 + pixel).collect())
        .collect();
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let set = Arc::new(pictured(Shape::new(4, 4, 1), &rows));
    let config = Config {
        preprocess: PreprocessKind::None,
        scale: 255.0,
        ..Config::new("test")
    };
    let preprocess = Preprocess::fit(&config, &set, &[0, 1], &crew()).unwrap();
    let prepared = Prepared::with(
        set,
        Split {
            train: (0..8).collect(),
            validation: vec![],
        },
        preprocess,
        &crew(),
    )
    .unwrap();
    let fill = |images: &[u32]| {
        let (mut to, mut labels) = (vec![0.0; images.len() * 16], vec![0; images.len()]);
        let augment = Augment {
            flip: true,
            shift: 1,
        };
        prepared.fill_augmented(
            images,
            &augment,
            AugmentKey { seed: 5, epoch: 3 },
            &mut to,
            &mut labels,
        );
        to
    };
    let all = fill(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(
        fill(&[6, 2]),
        [&all[6 * 16..7 * 16], &all[2 * 16..3 * 16]].concat()
    );
    let (mut straight, mut labels) = (vec![0.0; 8 * 16], vec![0; 8]);
    prepared.fill(
        Part::Train,
        &[0, 1, 2, 3, 4, 5, 6, 7],
        &mut straight,
        &mut labels,
    );
    assert_ne!(all, straight, "something was moved");
}
