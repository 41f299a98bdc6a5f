//! The versions for processors with AVX2: they work on two groups of eight streams, or 64 bytes, at a time.
//!
//! The compiler inlines intrinsics only into functions with the same target feature. A closure, or a function of the
//! standard library that takes one, does not have it, and each instruction would be a call. So the loops here use only
//! macros and functions with the feature.

use crate::block::{BLOCK, Marks, SINES, Stream};
use std::arch::x86_64::*;

/// Computes the marks of blocks.
pub(crate) fn marks(blocks: &[[u8; BLOCK]], marks: &mut [Marks]) {
    assert!(crate::has_avx2());
    // SAFETY: the processor has AVX2.
    unsafe { marks_of(blocks, marks) }
}

#[target_feature(enable = "avx2")]
fn marks_of(blocks: &[[u8; BLOCK]], marks: &mut [Marks]) {
    for (block, marks) in blocks.iter().zip(marks) {
        let [low, high] = halves(block);
        *marks = Marks {
            backslash: bits(_mm256_cmpeq_epi8(low, bytes(b'\\')), _mm256_cmpeq_epi8(high, bytes(b'\\'))),
            quote: bits(_mm256_cmpeq_epi8(low, bytes(b'"')), _mm256_cmpeq_epi8(high, bytes(b'"'))),
            bracket: bits(brackets(low), brackets(high)),
            separator: bits(separators(low), separators(high)),
            control: bits(controls(low), controls(high)),
        };
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn bytes(byte: u8) -> __m256i {
    _mm256_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "avx2")]
fn brackets(text: __m256i) -> __m256i {
    _mm256_cmpeq_epi8(_mm256_or_si256(text, bytes(0x26)), bytes(0x7f))
}

#[inline]
#[target_feature(enable = "avx2")]
fn separators(text: __m256i) -> __m256i {
    let marks = _mm256_or_si256(_mm256_cmpeq_epi8(text, bytes(b',')), _mm256_cmpeq_epi8(text, bytes(b':')));
    _mm256_or_si256(marks, _mm256_cmpeq_epi8(text, bytes(b' ')))
}

#[inline]
#[target_feature(enable = "avx2")]
fn controls(text: __m256i) -> __m256i {
    _mm256_cmpeq_epi8(_mm256_min_epu8(text, bytes(b' ' - 1)), text)
}

/// One bit per byte: the highest bit of each.
#[inline]
#[target_feature(enable = "avx2")]
fn bits(low: __m256i, high: __m256i) -> u64 {
    let [low, high] = [_mm256_movemask_epi8(low) as u32, _mm256_movemask_epi8(high) as u32];
    u64::from(high) << 32 | u64::from(low)
}

/// The two halves of 64 bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(block: &[u8; 64]) -> [__m256i; 2] {
    let start = block.as_ptr();
    // SAFETY: both halves lie in the block, and the loads need no alignment.
    unsafe { [_mm256_loadu_si256(start.cast()), _mm256_loadu_si256(start.add(32).cast())] }
}

/// The number of streams on which one instruction works.
const LANES: usize = 8;

/// Hashes `count` blocks of each stream.
pub(crate) fn several(streams: &mut [Stream<'_>], count: usize) {
    assert!(crate::has_avx2());
    for streams in streams.chunks_mut(2 * LANES) {
        // SAFETY: the processor has AVX2.
        unsafe {
            if streams.len() <= LANES {
                side_by_side::<1>(streams, count);
            } else {
                side_by_side::<2>(streams, count);
            }
        }
    }
}

/// The same word of eight streams, for each group.
type Words<const GROUPS: usize> = [__m256i; GROUPS];

#[target_feature(enable = "avx2")]
fn side_by_side<const GROUPS: usize>(streams: &mut [Stream<'_>], count: usize) {
    let mut text: [[&[[u8; BLOCK]]; LANES]; GROUPS] = [[&[]; LANES]; GROUPS];
    let mut states = [[[0; LANES]; GROUPS]; 4];
    for lane in 0..GROUPS * LANES {
        // Unused lanes repeat the first stream; their results are ignored.
        let (state, blocks) = &streams[if lane < streams.len() { lane } else { 0 }];
        text[lane / LANES][lane % LANES] = &blocks[..count];
        for word in 0..4 {
            states[word][lane / LANES][lane % LANES] = state[word];
        }
    }
    let mut state = [[_mm256_setzero_si256(); GROUPS]; 4];
    for word in 0..4 {
        for group in 0..GROUPS {
            state[word][group] = load(&states[word][group]);
        }
    }
    for at in 0..count {
        let mut message = [[_mm256_setzero_si256(); 16]; GROUPS];
        for group in 0..GROUPS {
            transpose(&text[group], at, &mut message[group]);
        }
        compress(&mut state, &message);
    }
    for word in 0..4 {
        for group in 0..GROUPS {
            store(state[word][group], &mut states[word][group]);
        }
    }
    for (lane, (state, _)) in streams.iter_mut().enumerate() {
        for word in 0..4 {
            state[word] = states[word][lane / LANES][lane % LANES];
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u32; LANES]) -> __m256i {
    // SAFETY: the words are as long as what is loaded, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(from: __m256i, words: &mut [u32; LANES]) {
    // SAFETY: the words are as long as what is stored, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), from) }
}

/// Transposes the 16 words of a block of each of eight streams: the rows are first the words of one stream, and then
/// the same word of all streams. The steps interleave single words, then pairs of words, then halves:
///
/// ```text
/// a0 a1 a2 a3 …    a0 b0 a1 b1 …    a0 b0 c0 d0 …    a0 b0 c0 d0 e0 f0 g0 h0
/// b0 b1 b2 b3 …    a2 b2 a3 b3 …    a1 b1 c1 d1 …    a1 b1 c1 d1 e1 f1 g1 h1
/// ```
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(streams: &[&[[u8; BLOCK]]; LANES], at: usize, message: &mut [__m256i; 16]) {
    let mut rows = [[_mm256_setzero_si256(); LANES]; 2];
    for (stream, blocks) in streams.iter().enumerate() {
        let [low, high] = halves(&blocks[at]);
        rows[0][stream] = low;
        rows[1][stream] = high;
    }
    for (half, [a, b, c, d, e, f, g, h]) in rows.into_iter().enumerate() {
        let (ab, cd) = (
            [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)],
            [_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d)],
        );
        let (ef, gh) = (
            [_mm256_unpacklo_epi32(e, f), _mm256_unpackhi_epi32(e, f)],
            [_mm256_unpacklo_epi32(g, h), _mm256_unpackhi_epi32(g, h)],
        );
        // The lower 128 bits have words 0 to 3 of this half, the upper ones words 4 to 7.
        for pair in 0..2 {
            let abcd = [_mm256_unpacklo_epi64(ab[pair], cd[pair]), _mm256_unpackhi_epi64(ab[pair], cd[pair])];
            let efgh = [_mm256_unpacklo_epi64(ef[pair], gh[pair]), _mm256_unpackhi_epi64(ef[pair], gh[pair])];
            for word in 0..2 {
                let first = 8 * half + 2 * pair + word;
                message[first] = _mm256_permute2x128_si256::<0x20>(abcd[word], efgh[word]);
                message[first + 4] = _mm256_permute2x128_si256::<0x31>(abcd[word], efgh[word]);
            }
        }
    }
}

macro_rules! step {
    ($round:ident, $a:ident, $b:ident, $c:ident, $d:ident, $by:literal, $message:ident, $word:expr, $at:expr) => {
        for group in 0..GROUPS {
            let term = _mm256_add_epi32($message[group][$word % 16], _mm256_set1_epi32(SINES[$at] as i32));
            let mixed = $round($b[group], $c[group], $d[group]);
            let sum = _mm256_add_epi32(_mm256_add_epi32($a[group], term), mixed);
            let turned = _mm256_or_si256(_mm256_slli_epi32::<$by>(sum), _mm256_srli_epi32::<{ 32 - $by }>(sum));
            $a[group] = _mm256_add_epi32(turned, $b[group]);
        }
    };
}

/// Sixteen steps. Each has its own rotation, and the words of the state change roles.
macro_rules! round {
    ($round:ident, $from:literal, [$r:literal, $s:literal, $t:literal, $u:literal], $i:ident => $order:expr,
     $a:ident, $b:ident, $c:ident, $d:ident, $message:ident) => {
        for four in 0..4 {
            let $i = $from + 4 * four;
            step!($round, $a, $b, $c, $d, $r, $message, $order, $i);
            let $i = $from + 4 * four + 1;
            step!($round, $d, $a, $b, $c, $s, $message, $order, $i);
            let $i = $from + 4 * four + 2;
            step!($round, $c, $d, $a, $b, $t, $message, $order, $i);
            let $i = $from + 4 * four + 3;
            step!($round, $b, $c, $d, $a, $u, $message, $order, $i);
        }
    };
}

#[inline]
#[target_feature(enable = "avx2")]
fn compress<const GROUPS: usize>(state: &mut [Words<GROUPS>; 4], message: &[[__m256i; 16]; GROUPS]) {
    let [mut a, mut b, mut c, mut d] = *state;
    round!(first, 0, [7, 12, 17, 22], i => i, a, b, c, d, message);
    round!(second, 16, [5, 9, 14, 20], i => 5 * i + 1, a, b, c, d, message);
    round!(third, 32, [4, 11, 16, 23], i => 3 * i + 5, a, b, c, d, message);
    round!(fourth, 48, [6, 10, 15, 21], i => 7 * i, a, b, c, d, message);
    for group in 0..GROUPS {
        state[0][group] = _mm256_add_epi32(state[0][group], a[group]);
        state[1][group] = _mm256_add_epi32(state[1][group], b[group]);
        state[2][group] = _mm256_add_epi32(state[2][group], c[group]);
        state[3][group] = _mm256_add_epi32(state[3][group], d[group]);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn first(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn second(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(c, _mm256_and_si256(d, _mm256_xor_si256(b, c)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn third(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(b, _mm256_xor_si256(c, d))
}

#[inline]
#[target_feature(enable = "avx2")]
fn fourth(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, _mm256_set1_epi32(-1))))
}
