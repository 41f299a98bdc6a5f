//! Numbers without an order, and how many two such share.

/// A multiset of numbers.
#[derive(Debug)]
pub struct Bag {
    /// The lowest first.
    sorted: Vec<u32>,
    /// A bit for every number, which distinguishes most bags at a fraction of the cost.
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

    /// The lowest first.
    pub fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// How many numbers two bags share, each as often as both have it.
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

    /// They share no more than this.
    pub fn shared_at_most(&self, other: &Self) -> usize {
        let apart: u32 = self.bits.iter().zip(&other.bits).map(|(a, b)| (a ^ b).count_ones()).sum();
        (self.len() + other.len() - apart as usize) / 2
    }

    /// It shares no more than this with numbers of that mask.
    pub fn shared_by_mask(&self, mask: u64) -> usize {
        self.len() - (self::mask(&self.sorted) & !mask).count_ones() as usize
    }

    /// Whether they share this many.
    pub fn share(&self, other: &Self, least: usize) -> bool {
        self.shared_at_most(other) >= least && self.shared(other) >= least
    }
}

/// A bit for every number: masks without a bit in common are of numbers without one in common.
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
