//! Disjoint sets of numbers (union-find).

/// Sets of the numbers from 0. Each number is in one set.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    /// Another number of the set, nearer to its representative; or the number itself.
    above: Vec<usize>,
}

impl Sets {
    /// This many numbers, each in a set of its own.
    pub fn new(count: usize) -> Self {
        Self { above: (0..count).collect() }
    }

    /// Adds the next number, in a set of its own.
    pub fn add(&mut self) -> usize {
        self.above.push(self.above.len());
        self.above.len() - 1
    }

    /// The representative of a number's set: its smallest number. Shortens the path to it on the way.
    pub fn of(&mut self, mut number: usize) -> usize {
        while self.above[number] != number {
            self.above[number] = self.above[self.above[number]];
            number = self.above[number];
        }
        number
    }

    /// Joins the sets of two numbers.
    pub fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        self.above[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_whatever_the_order_and_represented_by_their_smallest_number() {
        let mut sets = Sets::new(4);
        assert_eq!(sets.add(), 4);
        sets.join(4, 3);
        sets.join(1, 2);
        sets.join(3, 1);
        sets.join(2, 4);
        assert_eq!([0, 1, 2, 3, 4].map(|number| sets.of(number)), [0, 1, 1, 1, 1]);
    }
}
