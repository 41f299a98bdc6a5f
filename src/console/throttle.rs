//! How often somebody may try to log in: the wait after a failure doubles, for the account and for the network.
//!
//! Five failures are free. An attacker from one network who tries many accounts waits, and so does one who tries
//! one account from many networks; the account's owner waits then, too, for 15 minutes at most.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The longest wait, and how long a failure counts.
const LONGEST: Duration = Duration::from_secs(900);
/// Keys that are remembered. Above it, those that no longer count are forgotten.
const KEYS: usize = 10_000;

/// What was tried lately.
#[derive(Debug, Default)]
pub(crate) struct Throttle(HashMap<String, Tries>);

#[derive(Clone, Copy, Debug)]
struct Tries {
    failures: u32,
    last: Instant,
}

impl Tries {
    /// When the next try is welcome.
    fn next(self) -> Instant {
        let wait = match self.failures.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(over) => Duration::from_secs(1 << over.min(10)).min(LONGEST),
        };
        self.last + wait
    }
}

impl Throttle {
    /// How long somebody has to wait before a try with any of these keys. The try counts as failed until it is
    /// known to be right: otherwise a hundred tries at once would be one.
    pub(crate) fn try_now(&mut self, keys: &[String], now: Instant) -> Result<(), Duration> {
        let known = keys.iter().filter_map(|key| self.0.get(key));
        if let Some(next) = known.map(|tries| tries.next()).max().filter(|next| *next > now) {
            return Err(next - now);
        }
        if self.0.len() > KEYS {
            self.0.retain(|_, tries| tries.last + LONGEST > now);
        }
        for key in keys {
            let tries = self.0.entry(key.clone()).or_insert(Tries { failures: 0, last: now });
            if tries.last + LONGEST <= now {
                tries.failures = 0;
            }
            tries.failures += 1;
            tries.last = now;
        }
        Ok(())
    }

    /// Forgets the failures of an account whose owner is known now, and of the network this try: who has an account
    /// could else try those of others without end.
    pub(crate) fn was_right(&mut self, account: &str, network: &str) {
        self.0.remove(account);
        if let Some(tries) = self.0.get_mut(network) {
            tries.failures = tries.failures.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_after_five_failures_and_ends() {
        let mut throttle = Throttle::default();
        let ada = ["account ada".to_owned(), "network 10.0.0.0".to_owned()];
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for _ in 0..5 {
            assert_eq!(throttle.try_now(&ada, start), Ok(()));
        }
        assert_eq!(throttle.try_now(&ada, start), Err(Duration::from_secs(1)));
        assert_eq!(throttle.try_now(&ada, at(1)), Ok(()));
        assert_eq!(throttle.try_now(&ada, at(2)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.try_now(&ada, at(3)), Ok(()));
        assert_eq!(throttle.try_now(&ada, at(3)), Err(Duration::from_secs(4)));
        let elsewhere = ["account ada".to_owned(), "network 10.0.1.0".to_owned()];
        assert_eq!(throttle.try_now(&elsewhere, at(3)), Err(Duration::from_secs(4)), "the account waits everywhere");
        let other = ["account bob".to_owned(), "network 10.0.1.0".to_owned()];
        assert_eq!(throttle.try_now(&other, at(3)), Ok(()));
        throttle.was_right("account ada", "network 10.0.1.0");
        assert_eq!(throttle.try_now(&["account ada".to_owned()], at(3)), Ok(()));
        assert_eq!(throttle.try_now(&ada, at(3)), Err(Duration::from_secs(4)), "others failed in this network");
        assert_eq!(throttle.try_now(&elsewhere, at(3 + 2000)), Ok(()), "failures are forgotten");
    }
}
