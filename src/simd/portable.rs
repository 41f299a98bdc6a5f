//! The portable versions: they work on eight streams, or 16 bytes, at a time.

use crate::block::{BLOCK, Marks, SINES, Stream};
use std::num::Wrapping;
use std::ops::{Add, BitAnd, BitOr, BitXor, Not};
use wide::{u8x16, u32x8};

/// Computes the marks of blocks.
pub(crate) fn marks(blocks: &[[u8; BLOCK]], marks: &mut [Marks]) {
    for (block, marks) in blocks.iter().zip(marks) {
        *marks = Marks::default();
        for (at, bytes) in block.as_chunks().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let word = |found: u8x16| u64::from(found.to_bitmask()) << (16 * at);
            marks.backslash |= word(bytes.simd_eq(u8x16::splat(b'\\')));
            marks.quote |= word(bytes.simd_eq(u8x16::splat(b'"')));
            marks.bracket |= word((bytes | u8x16::splat(0x26)).simd_eq(u8x16::splat(0x7f)));
            for separator in [b' ', b',', b':'] {
                marks.separator |= word(bytes.simd_eq(u8x16::splat(separator)));
            }
            marks.control |= word(bytes.min(u8x16::splat(b' ' - 1)).simd_eq(bytes));
        }
    }
}

/// Streams that are hashed side by side.
const LANES: usize = 8;

/// Hashes `count` blocks of each stream.
pub(crate) fn several(streams: &mut [Stream<'_>], count: usize) {
    for streams in streams.chunks_mut(LANES) {
        side_by_side(streams, count);
    }
}

fn side_by_side(streams: &mut [Stream<'_>], count: usize) {
    // Unused lanes repeat the first stream; their results are ignored.
    let lane = |lane: usize| streams.get(lane).unwrap_or(&streams[0]);
    let mut state: [u32x8; 4] =
        std::array::from_fn(|word| u32x8::new(std::array::from_fn(|number| lane(number).0[word])));
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
        **stream = state.map(|lanes| lanes[number]);
    }
}

/// Hashes the blocks of one stream.
pub(crate) fn one(state: &mut [u32; 4], blocks: &[[u8; BLOCK]]) {
    let mut sum = state.map(Wrapping);
    for block in blocks {
        compress(&mut sum, &words(block).map(Wrapping));
    }
    *state = sum.map(|word| word.0);
}

fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    words.iter_mut().zip(block.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    words
}

/// A word of one stream, or the same word of several streams. Addition wraps around.
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

/// Hashes one block: RFC 1321, section 3.4.
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

/// Four of the 64 steps. Each has its own rotation, and the words of the state change roles.
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
