//! A data set in memory.

/// Size of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
}

impl Shape {
    /// Height, width, channels.
    pub const fn new(height: usize, width: usize, channels: usize) -> Shape {
        Shape {
            height,
            width,
            channels,
        }
    }

    /// Numbers in one image.
    pub const fn features(&self) -> usize {
        self.height * self.width * self.channels
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}×{}×{}", self.height, self.width, self.channels)
    }
}

/// Images with their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `[image, height, width, channel]`, row-major.
    pub pixels: Vec<u8>,
    /// Class of each image, below the number of classes.
    pub labels: Vec<u32>,
}

impl Images {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images with these indices, in this order.
    pub(super) fn pick(&self, indices: &[u32], shape: Shape) -> Images {
        let features = shape.features();
        let mut picked = Images::default();
        for &index in indices {
            let index = index as usize;
            picked
                .pixels
                .extend_from_slice(&self.pixels[index * features..][..features]);
            picked.labels.push(self.labels[index]);
        }
        picked
    }

    /// How many images each of `classes` classes has.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }
}

/// A data set, decoded: equal bytes have equal hashes, whatever files they came from.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// The name by which workers offer it.
    pub name: String,
    /// blake3 of shape, class names, labels and pixels of both parts.
    pub hash: [u8; 32],
    /// Size of every image.
    pub shape: Shape,
    /// Names of the classes, by label.
    pub classes: Vec<String>,
    /// What is trained on and validated with.
    pub train: Images,
    /// What is looked at once, at the end.
    pub test: Option<Images>,
    /// A remark for people, such as how many files were there; empty for none.
    pub note: String,
    /// Where it was read, on this machine; none for embedded sets.
    pub folder: Option<std::path::PathBuf>,
}

impl DataSet {
    /// Puts a set together and hashes it.
    ///
    /// Every image must have `shape.features()` pixels and a label below `classes.len()`: the readers see to that.
    pub fn new(
        name: &str,
        shape: Shape,
        classes: Vec<String>,
        train: Images,
        test: Option<Images>,
    ) -> DataSet {
        for images in std::iter::once(&train).chain(&test) {
            debug_assert_eq!(images.pixels.len(), images.len() * shape.features());
            debug_assert!(
                images
                    .labels
                    .iter()
                    .all(|&label| (label as usize) < classes.len())
            );
        }
        let hash = hash(shape, &classes, &train, test.as_ref());
        DataSet {
            name: name.to_owned(),
            hash,
            shape,
            classes,
            train,
            test,
            note: String::new(),
            folder: None,
        }
    }
}

fn hash(shape: Shape, classes: &[String], train: &Images, test: Option<&Images>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("hone data set v1");
    let number = |hasher: &mut blake3::Hasher, value: usize| {
        hasher.update(&(value as u64).to_le_bytes());
    };
    for value in [shape.height, shape.width, shape.channels, classes.len()] {
        number(&mut hasher, value);
    }
    for class in classes {
        number(&mut hasher, class.len());
        hasher.update(class.as_bytes());
    }
    let none = Images::default();
    for images in [train, test.unwrap_or(&none)] {
        number(&mut hasher, images.len());
        for label in &images.labels {
            hasher.update(&label.to_le_bytes());
        }
        hasher.update(&images.pixels);
    }
    *hasher.finalize().as_bytes()
}
