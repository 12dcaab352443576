//! Sums over the training part, feature by feature, in whole numbers: exact, so the order of summing does not matter.

/// Count, sum, sum of squares, smallest and largest value of each feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statistics {
    /// How many values each feature has.
    pub(super) count: u64,
    /// Σx.
    pub(super) sums: Vec<u64>,
    squares: Vec<u64>,
    smallest: Vec<u64>,
    largest: Vec<u64>,
}

impl Statistics {
    /// Over rows of `features` numbers each, of at most 32 bits.
    pub(super) fn of<'a, T: Copy + Into<u64> + 'a>(
        features: usize,
        rows: impl Iterator<Item = &'a [T]>,
    ) -> Statistics {
        let mut all = Statistics {
            count: 0,
            sums: vec![0; features],
            squares: vec![0; features],
            smallest: vec![u64::MAX; features],
            largest: vec![0; features],
        };
        for row in rows {
            all.count += 1;
            for (index, &value) in row.iter().enumerate() {
                let value = value.into();
                all.sums[index] += value;
                all.squares[index] += value * value;
                all.smallest[index] = all.smallest[index].min(value);
                all.largest[index] = all.largest[index].max(value);
            }
        }
        all
    }

    /// Every feature gets what its whole channel has; the channel is the last index.
    pub(super) fn by_channel(&self, channels: usize) -> Statistics {
        let features = self.sums.len();
        let over = |values: &[u64], join: fn(u64, u64) -> u64| -> Vec<u64> {
            let channel = |channel| {
                values
                    .iter()
                    .skip(channel)
                    .step_by(channels)
                    .copied()
                    .reduce(join)
                    .unwrap_or(0)
            };
            let joined: Vec<u64> = (0..channels).map(channel).collect();
            (0..features)
                .map(|feature| joined[feature % channels])
                .collect()
        };
        Statistics {
            count: self.count * (features / channels.max(1)) as u64,
            sums: over(&self.sums, |a, b| a + b),
            squares: over(&self.squares, |a, b| a + b),
            smallest: over(&self.smallest, u64::min),
            largest: over(&self.largest, u64::max),
        }
    }

    /// `scale × mean` of each feature.
    pub(super) fn means(&self, scale: f64) -> Vec<f32> {
        self.sums
            .iter()
            .map(|&sum| self.mean(sum, scale) as f32)
            .collect()
    }

    /// `scale × mean`, and one over `scale × standard deviation` (of the n values, not n − 1). A feature that never
    /// changes is only centred.
    pub(super) fn standardize(&self, scale: f64) -> (Vec<f32>, Vec<f32>) {
        let count = self.count.max(1) as f64;
        let inverse = self.sums.iter().zip(&self.squares).map(|(&sum, &squares)| {
            // n Σx² − (Σx)², exact: with f64 two large numbers would cancel here.
            let spread =
                u128::from(self.count) * u128::from(squares) - u128::from(sum) * u128::from(sum);
            if spread == 0 {
                1.0
            } else {
                (1.0 / (scale * (spread as f64).sqrt() / count)) as f32
            }
        });
        (self.means(scale), inverse.collect())
    }

    /// `scale × smallest`, and one over `scale × (largest − smallest)`. A feature that never changes becomes 0.
    pub(super) fn min_max(&self, scale: f64) -> (Vec<f32>, Vec<f32>) {
        let ranges = self.smallest.iter().zip(&self.largest);
        let inverse = ranges.map(|(&smallest, &largest)| {
            if largest <= smallest {
                1.0
            } else {
                (1.0 / (scale * (largest - smallest) as f64)) as f32
            }
        });
        let smallest = self
            .smallest
            .iter()
            .map(|&value| (value as f64 * scale) as f32);
        (smallest.collect(), inverse.collect())
    }

    fn mean(&self, sum: u64, scale: f64) -> f64 {
        sum as f64 * scale / self.count.max(1) as f64
    }
}
