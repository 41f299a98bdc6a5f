//! The way from the readers to the writer. Outcomes wait in it while others are committed; how many
//! depends on what they weigh, so that the memory that they take is bounded.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A queue that is full from a weight on.
pub struct Outbox<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    full: usize,
}

struct State<T> {
    waiting: VecDeque<(T, usize)>,
    weight: usize,
    senders: usize,
    /// Nobody listens any more.
    closed: bool,
}

/// One of those who send; the last one that is dropped ends the queue.
pub struct Sender<'o, T>(&'o Outbox<T>);

/// The one who listens. When it is dropped, the senders are told to stop.
pub struct Receiver<'o, T>(&'o Outbox<T>);

impl<T> Outbox<T> {
    pub fn new(full: usize) -> Self {
        let state = State { waiting: VecDeque::new(), weight: 0, senders: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), full }
    }

    pub fn sender(&self) -> Sender<'_, T> {
        self.state().senders += 1;
        Sender(self)
    }

    pub fn receiver(&self) -> Receiver<'_, T> {
        Receiver(self)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<'_, T> {
    /// Waits for room, however much is needed; false if nobody listens any more.
    pub fn send(&self, value: T, weight: usize) -> bool {
        let Self(outbox) = self;
        let full = |state: &mut State<T>| state.weight >= outbox.full && !state.closed;
        let waited = outbox.changed.wait_while(outbox.state(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        state.waiting.push_back((value, weight));
        state.weight += weight;
        outbox.changed.notify_all();
        true
    }
}

impl<T> Receiver<'_, T> {
    /// The next value with its weight; `None` when there will be no more.
    pub fn receive(&self) -> Option<(T, usize)> {
        let Self(outbox) = self;
        let wait = |state: &mut State<T>| state.waiting.is_empty() && state.senders > 0;
        let waited = outbox.changed.wait_while(outbox.state(), wait);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let (value, weight) = state.waiting.pop_front()?;
        state.weight -= weight;
        outbox.changed.notify_all();
        Some((value, weight))
    }
}

impl<T> Drop for Sender<'_, T> {
    fn drop(&mut self) {
        self.0.state().senders -= 1;
        self.0.changed.notify_all();
    }
}

impl<T> Drop for Receiver<'_, T> {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_arrive_in_order_and_end_with_the_senders() {
        let outbox = Outbox::new(3);
        let sender = outbox.sender();
        std::thread::scope(|scope| {
            scope.spawn(move || (0..100).for_each(|value| assert!(sender.send(value, 2))));
            let receiver = outbox.receiver();
            let received: Vec<_> = std::iter::from_fn(|| receiver.receive()).map(|(value, _)| value).collect();
            assert_eq!(received, (0..100).collect::<Vec<_>>());
        });
    }

    #[test]
    fn a_sender_does_not_wait_for_nobody() {
        let outbox = Outbox::new(1);
        let (sender, receiver) = (outbox.sender(), outbox.receiver());
        assert!(sender.send('a', 9), "a value that is too heavy is let in alone");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| sender.send('b', 1));
            drop(receiver);
            assert!(!waiting.join().unwrap());
        });
    }
}
