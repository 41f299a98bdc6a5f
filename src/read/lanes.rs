//! MD5 of several streams side by side. It takes little more time than MD5 of a single stream.

use crate::base::hash::Hash;
use sessionmill_simd::block::BLOCK;
use sessionmill_simd::md5;

pub use sessionmill_simd::md5::LANES;

/// The MD5 of the beginning of a stream, up to the end of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Md5State {
    words: [u32; 4],
    /// The number of bytes so far.
    length: u64,
}

impl Default for Md5State {
    fn default() -> Self {
        Self { words: md5::START, length: 0 }
    }
}

impl Md5State {
    /// The hash of the stream. `window` is the last window given to [`update`]; its bytes after the last whole block
    /// are hashed here.
    pub fn finish(mut self, window: &[u8]) -> Hash {
        let (_, rest) = window.as_chunks::<BLOCK>();
        let bits = (self.length + rest.len() as u64).wrapping_mul(8);
        let mut end = [0; 2 * BLOCK];
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let blocks = if rest.len() < BLOCK - 8 { 1 } else { 2 };
        let end = &mut end[..blocks * BLOCK];
        end[blocks * BLOCK - 8..].copy_from_slice(&bits.to_le_bytes());
        md5::update(&mut [(&mut self.words, end.as_chunks().0)]);
        let mut hash = Hash::default();
        hash.as_chunks_mut().0.iter_mut().zip(self.words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        hash
    }
}

/// Adds the whole blocks of each stream's next window. Bytes after the last whole block are left to
/// [`Md5State::finish`], so only the last window of a stream may have such bytes.
pub fn update(streams: &mut [(&mut Md5State, &[u8])]) {
    let blocks = streams.iter_mut().map(|(state, window)| {
        let (blocks, _) = window.as_chunks();
        state.length += blocks.as_flattened().len() as u64;
        (&mut state.words, blocks)
    });
    md5::update(&mut blocks.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::md5::{Digest, Md5};

    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 + at / 251 * 7 + seed * 101) as u8).collect()
    }

    #[test]
    fn a_stream_of_any_length_has_its_md5() {
        for length in (0..200).chain([4_095, 4_096, 65_536, 70_001]) {
            let stream = bytes(length, length);
            let mut state = Md5State::default();
            update(&mut [(&mut state, &stream)]);
            assert_eq!(state.finish(&stream), Hash::from(Md5::digest(&stream)), "{length} bytes");
        }
    }

    #[test]
    fn streams_do_not_mix() {
        for count in 0..20 {
            let streams: Vec<_> = (0..count).map(|number| bytes(number * number * 97 % 3_001, number)).collect();
            let windows: Vec<Vec<&[u8]>> = streams
                .iter()
                .zip(1..)
                .map(|(stream, blocks)| stream.chunks(blocks % 5 * BLOCK + BLOCK).collect())
                .collect();
            let mut states = vec![Md5State::default(); count];
            for round in 0..windows.iter().map(Vec::len).max().unwrap_or_default() {
                let window = windows.iter().map(|windows| windows.get(round).copied().unwrap_or_default());
                let mut lanes: Vec<_> = states.iter_mut().zip(window).collect();
                update(&mut lanes);
            }
            for ((state, windows), stream) in states.iter().zip(windows).zip(&streams) {
                let last = windows.last().copied().unwrap_or_default();
                assert_eq!(state.finish(last), Hash::from(Md5::digest(stream)), "one of {count}");
            }
        }
    }
}
