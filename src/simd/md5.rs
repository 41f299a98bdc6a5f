//! The block function of MD5 (RFC 1321), for several streams at once.
//!
//! MD5 of one stream is a chain of additions, each of which waits for the one before, so most execution units of the
//! core are idle. Here, one instruction works on eight streams, and with AVX2 two groups of eight are computed side by
//! side.

use crate::block::Stream;
use crate::portable;

/// The most streams that are hashed side by side, in about the time of one.
pub const LANES: usize = 16;

/// Up to this many streams are faster one after the other.
const FEW: usize = 2;

/// The state of a stream before its first block.
pub const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// Hashes the blocks of each stream into its state. Streams can have different numbers of blocks.
pub fn update(streams: &mut [Stream<'_>]) {
    let mut streams: Vec<_> = streams.iter_mut().map(|(state, blocks)| (&mut **state, *blocks)).collect();
    loop {
        streams.retain(|(_, blocks)| !blocks.is_empty());
        if streams.len() <= FEW {
            return streams.iter_mut().for_each(|(state, blocks)| portable::one(state, blocks));
        }
        for side_by_side in streams.chunks_mut(LANES) {
            let common = side_by_side.iter().map(|(_, blocks)| blocks.len()).min().unwrap_or_default();
            several(side_by_side, common);
            side_by_side.iter_mut().for_each(|(_, blocks)| *blocks = &blocks[common..]);
        }
    }
}

/// Hashes `count` blocks of each stream. All streams must have at least this many.
fn several(streams: &mut [Stream<'_>], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if crate::has_avx2() {
        return crate::avx2::several(streams, count);
    }
    portable::several(streams, count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::BLOCK;
    use md5::{Digest, Md5};

    /// The MD5 of whole blocks, computed by the library.
    fn expected(blocks: &[[u8; BLOCK]]) -> Vec<u8> {
        Md5::digest(blocks.as_flattened()).to_vec()
    }

    /// The MD5 of a stream that ends after this many blocks.
    fn finished(mut state: [u32; 4], blocks: usize) -> Vec<u8> {
        let mut end = [[0; BLOCK]];
        end[0][0] = 0x80;
        end[0][BLOCK - 8..].copy_from_slice(&((blocks * BLOCK) as u64 * 8).to_le_bytes());
        portable::one(&mut state, &end);
        state.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Hashes streams of random lengths with this function and compares the results with those of the library.
    fn check(several: fn(&mut [Stream<'_>])) {
        let mut random = fastrand::Rng::with_seed(1);
        for count in (0..40).chain([16; 40]) {
            let stream = |random: &mut fastrand::Rng| {
                let mut blocks = vec![[0; BLOCK]; random.usize(..9)];
                blocks.as_flattened_mut().iter_mut().for_each(|byte| *byte = random.u8(..));
                blocks
            };
            let texts: Vec<_> = (0..count).map(|_| stream(&mut random)).collect();
            let mut states = vec![START; count];
            let mut streams: Vec<_> = states.iter_mut().zip(&texts).map(|(state, text)| (state, &text[..])).collect();
            several(&mut streams);
            for (state, text) in states.into_iter().zip(&texts) {
                assert_eq!(finished(state, text.len()), expected(text), "{} blocks, one of {count}", text.len());
            }
        }
    }

    #[test]
    fn streams_of_any_number_and_length_have_their_md5() {
        check(update);
    }

    #[test]
    fn every_form_gives_the_same() {
        /// Hashes as many blocks as all streams have with `several`, and the remaining ones stream by stream.
        fn split(streams: &mut [Stream<'_>], several: impl Fn(&mut [Stream<'_>], usize)) {
            for streams in streams.chunks_mut(LANES) {
                let common = streams.iter().map(|(_, blocks)| blocks.len()).min().unwrap_or_default();
                several(streams, common);
                streams.iter_mut().for_each(|(state, blocks)| portable::one(state, &blocks[common..]));
            }
        }
        check(|streams| split(streams, portable::several));
        #[cfg(target_arch = "x86_64")]
        if crate::has_avx2() {
            check(|streams| split(streams, crate::avx2::several));
        }
    }
}
