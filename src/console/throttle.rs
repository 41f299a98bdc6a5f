//! Limits attempts to log in with wrong passwords: after some attempts, the wait doubles with each failure.
//!
//! | failures are counted per | attempts without a wait | longest wait |
//! | --- | --- | --- |
//! | account and network | 5 | 15 minutes |
//! | network, for all accounts | 20 | 15 minutes |
//! | account, for all networks | 100 | 1 minute |
//!
//! For example, five attempts for one account from one network need no wait. After the fifth failure the wait is 1 s,
//! after the sixth 2 s, and so on. The account's owner in another network does not wait. The last row is for attacks on
//! one account from many networks. It does not apply to networks from which the owner of the account has logged in, so
//! nobody can lock the owner out there.

use crate::config::console::Subnet;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a failure counts. Also the longest wait.
const MEMORY: Duration = Duration::from_secs(900);
/// How long a network is remembered as one of an account's owner.
const OWNER: Duration = Duration::from_secs(30 * 86_400);
/// The most remembered keys. Above it, expired ones are removed.
const KEYS: usize = 10_000;

/// Recent attempts.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    tries: HashMap<Key, Tries>,
    /// When the owner of an account last logged in from a network.
    owners: HashMap<(String, Subnet), Instant>,
}

/// What failures are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, Subnet),
    Network(Subnet),
    Account(String),
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    failures: u32,
    last: Instant,
    /// The attempt before the last one. If the last one turns out to be right, the wait is counted from here.
    before: Instant,
    /// An attempt was refused since the last one.
    has_refused: bool,
}

/// A refused attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How long to wait before the next attempt.
    pub(crate) wait: Duration,
    /// The first one in this wait. Only this one is logged, so that a flood of attempts does not fill the log.
    pub(crate) is_first: bool,
}

impl Key {
    /// The number of attempts without a wait, and the longest wait.
    fn limits(&self) -> (u32, Duration) {
        match self {
            Self::Pair(..) => (5, MEMORY),
            Self::Network(_) => (20, MEMORY),
            Self::Account(_) => (100, Duration::from_secs(60)),
        }
    }

    /// When the next attempt is allowed.
    fn next(&self, tries: Tries) -> Instant {
        let (free, longest) = self.limits();
        let wait = match tries.failures.checked_sub(free) {
            None => Duration::ZERO,
            Some(over) => Duration::from_secs(1 << over.min(10)).min(longest),
        };
        tries.last + wait
    }
}

/// The most characters of a name. No account has a longer one, but a request can contain any text.
const NAME: usize = 100;

fn keys(account: &str, network: Subnet) -> [Key; 3] {
    let account: String = account.chars().take(NAME).collect();
    [Key::Pair(account.clone(), network), Key::Network(network), Key::Account(account)]
}

impl Throttle {
    /// Registers an attempt, or returns how long to wait. The attempt counts as failed until the password is known to
    /// be right. Otherwise a hundred simultaneous attempts would count as one.
    pub(crate) fn try_now(&mut self, account: &str, network: Subnet, now: Instant) -> Result<(), Refusal> {
        let keys = keys(account, network);
        let is_owner = self.owners.get(&(account.to_owned(), network)).is_some_and(|at| *at + OWNER > now);
        let counts = |key: &&Key| !(is_owner && matches!(key, Key::Account(_)));
        let waits = keys.iter().filter(counts).filter_map(|key| Some((key.next(*self.tries.get(key)?), key)));
        if let Some((next, key)) = waits.max_by_key(|(next, _)| *next).filter(|(next, _)| *next > now) {
            let before = self.tries.get_mut(key).map(|tries| std::mem::replace(&mut tries.has_refused, true));
            return Err(Refusal { wait: next - now, is_first: before == Some(false) });
        }
        if self.tries.len() > KEYS {
            self.tries.retain(|_, tries| tries.last + MEMORY > now);
        }
        for key in keys {
            let tries =
                self.tries.entry(key).or_insert(Tries { failures: 0, last: now, before: now, has_refused: false });
            if tries.last + MEMORY <= now {
                tries.failures = 0;
            }
            *tries = Tries { failures: tries.failures + 1, last: now, before: tries.last, has_refused: false };
        }
        Ok(())
    }

    /// Called after a right password. Forgets the failures of this account in this network, whose owner is now known.
    /// Of the other counters only this attempt is taken back: otherwise the owner of one account could reset the
    /// counter of the network by logging in, and so try other accounts without limit.
    pub(crate) fn was_right(&mut self, account: &str, network: Subnet, now: Instant) {
        let [pair, others @ ..] = keys(account, network);
        self.tries.remove(&pair);
        for key in others {
            if let Some(tries) = self.tries.get_mut(&key) {
                *tries = Tries { failures: tries.failures.saturating_sub(1), last: tries.before, ..*tries };
            }
        }
        if self.owners.len() > KEYS {
            self.owners.retain(|_, at| *at + OWNER > now);
        }
        self.owners.insert((account.to_owned(), network), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn tried(throttle: &mut Throttle, account: &str, network: Subnet, now: Instant) -> Result<(), Duration> {
        throttle.try_now(account, network, now).map_err(|refusal| refusal.wait)
    }

    fn network(number: u8) -> Subnet {
        Subnet::new(IpAddr::from([10, 0, number, 0]), 24)
    }

    #[test]
    fn the_wait_doubles_after_five_failures_and_ends() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut ada = |at: Instant| tried(&mut throttle, "ada", network(0), at);
        for _ in 0..5 {
            assert_eq!(ada(start), Ok(()));
        }
        assert_eq!(ada(start), Err(Duration::from_secs(1)));
        assert_eq!(ada(at(1)), Ok(()));
        assert_eq!(ada(at(2)), Err(Duration::from_secs(1)));
        assert_eq!(ada(at(3)), Ok(()));
        assert_eq!(ada(at(3)), Err(Duration::from_secs(4)));
        assert_eq!(tried(&mut throttle, "bob", network(0), at(3)), Ok(()), "her colleague");
        assert_eq!(tried(&mut throttle, "ada", network(1), at(3)), Ok(()), "she herself, elsewhere");
        throttle.was_right("ada", network(1), at(3));
        assert_eq!(tried(&mut throttle, "ada", network(0), at(3)), Err(Duration::from_secs(4)), "others failed there");
        assert_eq!(tried(&mut throttle, "ada", network(0), at(3 + 2000)), Ok(()), "failures are forgotten");
    }

    #[test]
    fn the_first_refusal_of_each_wait_is_told_apart() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        for number in 0..20 {
            assert_eq!(tried(&mut throttle, &format!("user {number}"), network(0), start), Ok(()));
        }
        let mut is_first =
            |account: &str, at: Instant| throttle.try_now(account, network(0), at).map_err(|refusal| refusal.is_first);
        assert_eq!(["ada", "bob", "ada"].map(|account| is_first(account, start)), [Err(true), Err(false), Err(false)]);
        let soon = start + Duration::from_secs(1);
        assert_eq!(["cyd", "ada", "ada"].map(|account| is_first(account, soon)), [Ok(()), Err(true), Err(false)]);
    }

    #[test]
    fn a_network_that_tries_many_accounts_waits() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..20 {
            assert_eq!(tried(&mut throttle, &format!("user {number}"), network(0), now), Ok(()));
        }
        assert_eq!(tried(&mut throttle, "ada", network(0), now), Err(Duration::from_secs(1)));
        assert_eq!(tried(&mut throttle, "ada", network(1), now), Ok(()));
        // A successful log-in neither lengthens the wait nor keeps failures from expiring.
        let soon = now + Duration::from_secs(1);
        assert_eq!(tried(&mut throttle, "bob", network(0), soon), Ok(()));
        throttle.was_right("bob", network(0), soon);
        assert_eq!(tried(&mut throttle, "cyd", network(0), soon), Ok(()));
        throttle.was_right("cyd", network(0), soon);
        assert_eq!(tried(&mut throttle, "dan", network(0), now + MEMORY), Ok(()));
        assert_eq!(throttle.tries[&Key::Network(network(0))].failures, 1);
    }

    #[test]
    fn many_networks_that_try_one_account_wait_and_its_owner_does_not() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        assert_eq!(tried(&mut throttle, "ada", network(0), now), Ok(()));
        throttle.was_right("ada", network(0), now);
        for number in 0..100 {
            assert_eq!(tried(&mut throttle, "ada", network(1 + number), now), Ok(()));
        }
        assert_eq!(tried(&mut throttle, "ada", network(200), now), Err(Duration::from_secs(1)));
        assert_eq!(tried(&mut throttle, "ada", network(0), now), Ok(()), "where she has logged in before");
        assert_eq!(tried(&mut throttle, "bob", network(200), now), Ok(()));
        for _ in 0..20 {
            let wait = tried(&mut throttle, "ada", network(200), now).unwrap_err();
            assert!(wait <= Duration::from_secs(60), "{wait:?}");
            throttle.tries.get_mut(&Key::Account("ada".into())).unwrap().failures += 1;
        }
    }
}
