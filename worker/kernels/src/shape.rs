//! The shape of one image, for the network, its plan and its kernels alike.

use std::fmt;

/// Height, width and channels; of a flat vector height and width are 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, or units of a fully connected layer.
    pub channels: usize,
}

impl Shape {
    /// Height, width, channels.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
        }
    }

    /// A flat vector.
    pub const fn flat(units: usize) -> Self {
        Self::new(1, 1, units)
    }

    /// Numbers in one row.
    pub const fn row(self) -> usize {
        self.width * self.channels
    }

    /// Numbers in one image.
    pub const fn len(self) -> usize {
        self.height * self.row()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.height == 0 || self.width == 0 || self.channels == 0
    }

    /// The same channels of so many rows and columns.
    pub const fn sized(self, height: usize, width: usize) -> Self {
        Self::new(height, width, self.channels)
    }

    /// What windows of `side` rows and columns without overlap leave.
    pub const fn pooled(self, side: usize) -> Self {
        self.sized(self.height / side, self.width / side)
    }
}

impl From<[usize; 3]> for Shape {
    fn from([height, width, channels]: [usize; 3]) -> Self {
        Self::new(height, width, channels)
    }
}

impl From<Shape> for [usize; 3] {
    fn from(shape: Shape) -> Self {
        [shape.height, shape.width, shape.channels]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}×{}×{}", self.height, self.width, self.channels)
    }
}
