//! What the versions share: blocks of 64 bytes, their marks, the streams of MD5, and its constants.

/// Bytes per block: of MD5, and of bytes whose marks are in one word.
pub const BLOCK: usize = 64;

/// The marks of 64 bytes: bit `n` is set if byte `n` is of this kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub backslash: u64,
    pub quote: u64,
    /// `[`, `]`, `{` and `}`, and also `Y`, `_`, `y` and DEL. One comparison finds all eight, and JSON has the last
    /// four only inside of strings.
    pub bracket: u64,
    /// Blanks, commas and colons.
    pub separator: u64,
    /// Bytes below the blank. A JSON record on one line has none, except tabs and carriage returns between values.
    pub control: u64,
}

/// The state of a stream, and its next blocks.
pub type Stream<'s> = (&'s mut [u32; 4], &'s [[u8; BLOCK]]);

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
