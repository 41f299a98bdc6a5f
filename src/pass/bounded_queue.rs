//! The queue from the readers to the writer. Outcomes wait in it while others are committed. Its capacity is a weight,
//! so the memory that waiting outcomes take is bounded.
//!
//! The queue is full as soon as its weight reaches the limit; a sender does not check whether its next outcome fits. So
//! an outcome that is heavier than the limit still gets through, and the queue never holds more than the limit plus one
//! outcome. For example, with a limit of 8 MB, 7 MB wait and a reader adds an outcome of 3 MB. At 10 MB, all readers
//! wait until the writer has taken enough that less than 8 MB are left.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Instant;

/// A queue that is full when the weight of its values reaches a limit.
pub struct BoundedQueue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    full: usize,
}

struct State<T> {
    waiting: VecDeque<(T, usize)>,
    weight: usize,
    senders: usize,
    /// The receiver was dropped.
    closed: bool,
}

/// The result of receiving.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// A value and its weight.
    Value(T, usize),
    /// No value came in time.
    Late,
    /// The queue is empty and has no senders any more.
    End,
}

/// The sending end. When the last sender is dropped, the queue ends.
pub struct Sender<'o, T>(&'o BoundedQueue<T>);

/// The receiving end. When it is dropped, senders no longer wait.
pub struct Receiver<'o, T>(&'o BoundedQueue<T>);

impl<T> BoundedQueue<T> {
    pub fn new(full: usize) -> Self {
        let state = State { waiting: VecDeque::new(), weight: 0, senders: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), full }
    }

    pub fn sender(&self) -> Sender<'_, T> {
        self.state.lock().senders += 1;
        Sender(self)
    }

    pub fn receiver(&self) -> Receiver<'_, T> {
        Receiver(self)
    }
}

impl<T> Sender<'_, T> {
    /// Adds a value; waits while the queue is full. Returns false if the receiver was dropped.
    pub fn send(&self, value: T, weight: usize) -> bool {
        let Self(queue) = self;
        let mut state = queue.state.lock();
        queue.changed.wait_while(&mut state, |state| state.weight >= queue.full && !state.closed);
        if state.closed {
            return false;
        }
        state.waiting.push_back((value, weight));
        state.weight += weight;
        queue.changed.notify_all();
        true
    }
}

impl<T> Receiver<'_, T> {
    /// The next value; waits for it until this time.
    pub fn receive(&self, until: Instant) -> Received<T> {
        let Self(queue) = self;
        let mut state = queue.state.lock();
        let is_early = |state: &mut State<T>| state.waiting.is_empty() && state.senders > 0;
        queue.changed.wait_while_until(&mut state, is_early, until);
        match state.waiting.pop_front() {
            Some((value, weight)) => {
                state.weight -= weight;
                queue.changed.notify_all();
                Received::Value(value, weight)
            }
            None if state.senders > 0 => Received::Late,
            None => Received::End,
        }
    }
}

impl<T> Drop for Sender<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().senders -= 1;
        self.0.changed.notify_all();
    }
}

impl<T> Drop for Receiver<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn values_arrive_in_order_and_end_with_the_senders() {
        let queue = BoundedQueue::new(3);
        let sender = queue.sender();
        std::thread::scope(|scope| {
            scope.spawn(move || (0..100).for_each(|value| assert!(sender.send(value, 2))));
            let receiver = queue.receiver();
            let until = Instant::now() + Duration::from_secs(600);
            for value in 0..100 {
                assert_eq!(receiver.receive(until), Received::Value(value, 2));
            }
            assert_eq!(receiver.receive(until), Received::End);
        });
    }

    #[test]
    fn who_listens_does_not_wait_for_ever() {
        let queue = BoundedQueue::new(1);
        let (sender, receiver) = (queue.sender(), queue.receiver());
        assert_eq!(receiver.receive(Instant::now()), Received::Late);
        assert!(sender.send('a', 1));
        assert_eq!(receiver.receive(Instant::now()), Received::Value('a', 1));
    }

    #[test]
    fn a_sender_does_not_wait_for_nobody() {
        let queue = BoundedQueue::new(1);
        let (sender, receiver) = (queue.sender(), queue.receiver());
        assert!(sender.send('a', 9), "a value that is too heavy is let in alone");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| sender.send('b', 1));
            drop(receiver);
            assert!(!waiting.join().unwrap());
        });
    }
}
