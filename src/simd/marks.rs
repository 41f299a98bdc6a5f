//! Finds the bytes that give JSON text its structure.

use crate::block::{BLOCK, Marks};

/// Computes the marks of blocks, up to the end of the shorter of the two slices.
pub fn of(blocks: &[[u8; BLOCK]], marks: &mut [Marks]) {
    #[cfg(target_arch = "x86_64")]
    if crate::has_avx2() {
        return crate::avx2::marks(blocks, marks);
    }
    crate::portable::marks(blocks, marks);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_the_byte(block: &[u8; BLOCK]) -> Marks {
        let all = |is: fn(u8) -> bool| (0..BLOCK).fold(0, |bits, at| bits | u64::from(is(block[at])) << at);
        Marks {
            backslash: all(|byte| byte == b'\\'),
            quote: all(|byte| byte == b'"'),
            bracket: all(|byte| b"[]{}Y_y\x7f".contains(&byte)),
            separator: all(|byte| b" ,:".contains(&byte)),
            control: all(|byte| byte < b' '),
        }
    }

    #[test]
    fn marks_are_those_of_each_byte() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut blocks = vec![[0; BLOCK]; 400];
        blocks.as_flattened_mut().iter_mut().for_each(|byte| *byte = random.u8(..));
        let every: Vec<u8> = (0..=255).collect();
        blocks.extend(every.as_chunks().0);
        let expected: Vec<_> = blocks.iter().map(by_the_byte).collect();
        let mut marks = vec![Marks::default(); blocks.len()];
        of(&blocks, &mut marks);
        assert_eq!(marks, expected);
        marks.fill(Marks::default());
        crate::portable::marks(&blocks, &mut marks);
        assert_eq!(marks, expected, "without AVX2");
    }
}
