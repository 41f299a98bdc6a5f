//! MD5 of several streams side by side.
//!
//! One MD5 is a chain of additions that each wait for the one before, so a core that hashes one file is
//! mostly idle. Here one instruction works on eight files; fewer than [`FEW`] are hashed one by one.

use crate::base::hash::Hash;
use std::num::Wrapping;
use std::ops::{Add, BitAnd, BitOr, BitXor, Not};
use wide::u32x8;

/// Streams that are hashed at the price of one, about.
pub const LANES: usize = 8;

/// So few streams are faster one after the other.
const FEW: usize = 2;

const BLOCK: usize = 64;

/// The MD5 of a stream up to a whole number of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    words: [u32; 4],
    /// Bytes.
    length: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { words: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476], length: 0 }
    }
}

impl State {
    /// The hash of the stream, which ends with the bytes of `window` that [`update`] left.
    pub fn finish(mut self, window: &[u8]) -> Hash {
        let (_, rest) = window.as_chunks::<BLOCK>();
        let bits = (self.length + rest.len() as u64).wrapping_mul(8);
        let mut end = [0; 2 * BLOCK];
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let blocks = if rest.len() < BLOCK - 8 { 1 } else { 2 };
        let end = &mut end[..blocks * BLOCK];
        end[blocks * BLOCK - 8..].copy_from_slice(&bits.to_le_bytes());
        self.one(end.as_chunks().0);
        let mut hash = Hash::default();
        hash.as_chunks_mut().0.iter_mut().zip(self.words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        hash
    }

    fn one(&mut self, blocks: &[[u8; BLOCK]]) {
        let mut state = self.words.map(Wrapping);
        for block in blocks {
            compress(&mut state, &words(block).map(Wrapping));
        }
        self.take(state.map(|word| word.0), blocks.len());
    }

    fn take(&mut self, words: [u32; 4], blocks: usize) {
        self.words = words;
        self.length += (blocks * BLOCK) as u64;
    }
}

/// Takes in the next window of each stream: its whole blocks. Bytes behind them are left, for
/// [`State::finish`]: only the last window of a stream may have any.
pub fn update(streams: &mut [(&mut State, &[u8])]) {
    let mut streams: Vec<_> = streams.iter_mut().map(|(state, window)| (&mut **state, window.as_chunks().0)).collect();
    loop {
        streams.retain(|(_, blocks)| !blocks.is_empty());
        if streams.len() <= FEW {
            return streams.iter_mut().for_each(|(state, blocks)| state.one(blocks));
        }
        for side_by_side in streams.chunks_mut(LANES) {
            let common = side_by_side.iter().map(|(_, blocks)| blocks.len()).min().unwrap_or_default();
            several(side_by_side, common);
            side_by_side.iter_mut().for_each(|(_, blocks)| *blocks = &blocks[common..]);
        }
    }
}

/// Takes in the first `count` blocks of at most [`LANES`] streams. A lane without a stream repeats the
/// first one, for nobody.
fn several(streams: &mut [(&mut State, &[[u8; BLOCK]])], count: usize) {
    let lane = |lane: usize| streams.get(lane).unwrap_or(&streams[0]);
    let mut state: [u32x8; 4] =
        std::array::from_fn(|word| u32x8::new(std::array::from_fn(|number| lane(number).0.words[word])));
    let blocks: [&[[u8; BLOCK]]; LANES] = std::array::from_fn(|number| &lane(number).1[..count]);
    for at in 0..count {
        let mut message = [[0; LANES]; 16];
        for (number, blocks) in blocks.iter().enumerate() {
            message.iter_mut().zip(words(&blocks[at])).for_each(|(lanes, word)| lanes[number] = word);
        }
        compress(&mut state, &message.map(u32x8::new));
    }
    let state = state.map(u32x8::to_array);
    for (number, (stream, _)) in streams.iter_mut().enumerate() {
        stream.take(state.map(|lanes| lanes[number]), count);
    }
}

fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    words.iter_mut().zip(block.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    words
}

/// A word of one stream, or that of several in lanes. Sums wrap.
trait Word:
    Copy + Add<Output = Self> + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    fn all(word: u32) -> Self;
    fn rotate<const BY: u32>(self) -> Self;
}

impl Word for Wrapping<u32> {
    #[inline(always)]
    fn all(word: u32) -> Self {
        Self(word)
    }
    #[inline(always)]
    fn rotate<const BY: u32>(self) -> Self {
        Self(self.0.rotate_left(BY))
    }
}

impl Word for u32x8 {
    #[inline(always)]
    fn all(word: u32) -> Self {
        Self::splat(word)
    }
    #[inline(always)]
    fn rotate<const BY: u32>(self) -> Self {
        (self << BY) | (self >> (32 - BY))
    }
}

/// Takes in one block: RFC 1321, section 3.4.
#[inline(always)]
fn compress<W: Word>(state: &mut [W; 4], message: &[W; 16]) {
    let mut s = *state;
    for at in (0..16).step_by(4) {
        steps::<W, 7, 12, 17, 22>(&mut s, at, message, |i| i, |b, c, d| d ^ (b & (c ^ d)));
    }
    for at in (16..32).step_by(4) {
        steps::<W, 5, 9, 14, 20>(&mut s, at, message, |i| 5 * i + 1, |b, c, d| c ^ (d & (b ^ c)));
    }
    for at in (32..48).step_by(4) {
        steps::<W, 4, 11, 16, 23>(&mut s, at, message, |i| 3 * i + 5, |b, c, d| b ^ c ^ d);
    }
    for at in (48..64).step_by(4) {
        steps::<W, 6, 10, 15, 21>(&mut s, at, message, |i| 7 * i, |b, c, d| c ^ (b | !d));
    }
    state.iter_mut().zip(s).for_each(|(old, new)| *old = *old + new);
}

/// Four of the 64 steps: each rotates by another number, and the words of the state change places.
#[inline(always)]
fn steps<W: Word, const A: u32, const B: u32, const C: u32, const D: u32>(
    [a, b, c, d]: &mut [W; 4],
    at: usize,
    message: &[W; 16],
    order: impl Fn(usize) -> usize,
    mix: impl Fn(W, W, W) -> W,
) {
    let term = |step: usize| message[order(at + step) % 16] + W::all(SINES[at + step]);
    *a = (*a + mix(*b, *c, *d) + term(0)).rotate::<A>() + *b;
    *d = (*d + mix(*a, *b, *c) + term(1)).rotate::<B>() + *a;
    *c = (*c + mix(*d, *a, *b) + term(2)).rotate::<C>() + *d;
    *b = (*b + mix(*c, *d, *a) + term(3)).rotate::<D>() + *c;
}

/// The fractions of sines.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};

    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 + at / 251 * 7 + seed * 101) as u8).collect()
    }

    #[test]
    fn a_stream_of_any_length_has_its_md5() {
        for length in (0..200).chain([4_095, 4_096, 65_536, 70_001]) {
            let stream = bytes(length, length);
            let mut state = State::default();
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
            let mut states = vec![State::default(); count];
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
