//! Mutations of bytes, from a seed.

/// Numbers at the edges of what formats hold.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

/// The same edges as people write numbers.
const WRITTEN: [&str; 14] = [
    "0",
    "-1",
    "1",
    "1e308",
    "1e-308",
    "-0.0",
    "nan",
    "inf",
    "0.5",
    "65536",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
    "true",
];

pub struct Mutator<'a> {
    state: u64,
    words: &'a [&'a [u8]],
}

impl<'a> Mutator<'a> {
    pub fn new(seed: u64, words: &'a [&'a [u8]]) -> Self {
        Self { state: seed, words }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_of<'b, T: ?Sized>(&mut self, all: &[&'b T]) -> Option<&'b T> {
        all.get(self.below(all.len())).copied()
    }

    /// One to eight changes to an input of the corpus; newer ones are taken more often.
    pub fn mutated(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let newest = self.below(4) == 0;
        let from = if newest {
            corpus.len().saturating_sub(8)
        } else {
            0
        };
        let at = from + self.below(corpus.len() - from);
        let mut input = corpus.get(at).cloned().unwrap_or_default();
        for _ in 0..=self.below(8) {
            self.change(&mut input, corpus);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(16)).min(input.len());
        match self.below(10) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << (self.next() % 8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.next() as u8;
                }
            }
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let again = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, again);
            }
            5 => {
                let bytes: Vec<u8> = (0..=self.below(8)).map(|_| self.next() as u8).collect();
                input.splice(at..at, bytes);
            }
            6 => {
                if let Some(word) = self.one_of(self.words) {
                    let end = if self.below(2) == 0 { end } else { at };
                    input.splice(at..end, word.iter().copied());
                }
            }
            7 => self.number(input, at),
            8 => self.written_number(input, at),
            _ => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
        }
    }

    /// Overwrites 1, 2, 4 or 8 bytes with a number from the edges, in either order of bytes.
    fn number(&mut self, input: &mut [u8], at: usize) {
        let width = 1 << self.below(4);
        let edge = EDGES[self.below(EDGES.len())];
        let near = edge.wrapping_add(self.next() % 3).wrapping_sub(1);
        if let Some(place) = input.get_mut(at..at + width) {
            let bytes = near.to_le_bytes();
            place.copy_from_slice(&bytes[..width]);
            if self.below(2) == 0 {
                place.reverse();
            }
        }
    }

    /// Replaces the next written number by another.
    fn written_number(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(start) = input[at..]
            .iter()
            .position(u8::is_ascii_digit)
            .map(|n| at + n)
        else {
            return;
        };
        let is_part = |byte: &u8| byte.is_ascii_digit() || b".e+-_".contains(byte);
        let length = input[start..]
            .iter()
            .take_while(|byte| is_part(byte))
            .count();
        if let Some(number) = self.one_of(&WRITTEN) {
            input.splice(start..start + length, number.bytes());
        }
    }
}
