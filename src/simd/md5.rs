//! The block function of MD5 (RFC 1321), for several streams at once.
//!
//! MD5 of one stream is a chain of additions, each of which waits for the one before, so most execution units of the
//! core are idle. Here, one instruction works on eight streams, and with AVX2 two groups of eight are computed side by
//! side.

use crate::portable;

/// The most streams that are hashed side by side, in about the time of one.
pub const LANES: usize = 16;

/// Up to this many streams are faster one after the other.
const FEW: usize = 2;

/// Bytes per block.
pub const BLOCK: usize = 64;

/// The state of a stream before its first block.
pub const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The state of a stream, and its next blocks.
pub type Stream<'s> = (&'s mut [u32; 4], &'s [[u8; BLOCK]]);

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

/// The constants of RFC 1321: 2³² · |sin(n)| for n from 1 to 64, rounded down.
#[rustfmt::skip]
pub(crate) const SINES: [u32; 64] = [
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
