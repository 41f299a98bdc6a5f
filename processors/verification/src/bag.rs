//! Multisets of numbers, and how many numbers two of them share.

/// A multiset of numbers.
#[derive(Debug)]
pub struct Bag {
    /// In ascending order.
    sorted: Vec<u32>,
    /// A bit per number. Comparing the bits is much faster and rules out most pairs.
    bits: [u64; 4],
}

impl Bag {
    pub fn new(mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable();
        let mut bits = [0; 4];
        for number in &numbers {
            bits[(number / 64 % 4) as usize] |= 1 << (number % 64);
        }
        Self { sorted: numbers, bits }
    }

    /// In ascending order.
    pub fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// How many numbers two bags share. A number that both contain several times counts as often as both contain it.
    pub fn shared(&self, other: &Self) -> usize {
        let (mut a, mut b) = (&*self.sorted, &*other.sorted);
        let mut count = 0;
        while let ([first, ..], [other, ..]) = (a, b) {
            count += usize::from(first == other);
            let (forward, behind) = (first <= other, other <= first);
            a = &a[usize::from(forward)..];
            b = &b[usize::from(behind)..];
        }
        count
    }

    /// An upper bound of [`Bag::shared`], from the bits alone.
    pub fn shared_at_most(&self, other: &Self) -> usize {
        let apart: u32 = self.bits.iter().zip(&other.bits).map(|(a, b)| (a ^ b).count_ones()).sum();
        (self.len() + other.len() - apart as usize) / 2
    }

    /// An upper bound of the numbers shared with a bag that has this mask.
    pub fn shared_by_mask(&self, mask: u64) -> usize {
        self.len() - (self::mask(&self.sorted) & !mask).count_ones() as usize
    }

    /// Whether they share at least this many numbers.
    pub fn share(&self, other: &Self, least: usize) -> bool {
        self.shared_at_most(other) >= least && self.shared(other) >= least
    }
}

/// A mask with a bit per number. If two masks have no bit in common, their bags share no number.
pub fn mask(numbers: &[u32]) -> u64 {
    numbers.iter().fold(0, |mask, number| mask | 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_numbers_count_as_often_as_both_have_them() {
        let shared = |a: &[u32], b: &[u32]| {
            let (a, b) = (Bag::new(a.to_vec()), Bag::new(b.to_vec()));
            assert!(a.shared(&b) <= a.shared_at_most(&b) && a.shared(&b) <= a.shared_by_mask(mask(b.sorted())));
            (a.shared(&b), a.share(&b, 2))
        };
        assert_eq!(shared(&[2, 1, 2, 5, 2], &[9, 2, 3, 5, 2]), (3, true));
        assert_eq!(shared(&[1, 2], &[257, 2]), (1, false));
        assert_eq!(shared(&[], &[1]), (0, false));
    }
}
