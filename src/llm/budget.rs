//! Calls, tokens and money: what was spent, and whether there may be another call.

use sessionmill_contract::{Failure, FailureClass};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What calls took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub calls: u64,
    /// Of questions and answers.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

/// The budget of one run. No call is begun once a limit is reached; those that are under way then end.
#[derive(Debug)]
pub struct Budget {
    /// Of a run and of a day.
    limits: [Spent; 2],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Spent,
    /// When the first call about each source file or question began.
    begun: HashMap<String, Instant>,
}

/// A file is asked about for so long; its answers are kept, and the next run goes on.
const PER_FILE: Duration = Duration::from_secs(180);

impl Spent {
    pub fn add(&mut self, more: Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.micro_usd = self.micro_usd.saturating_add(more.micro_usd);
    }

    /// What is used up of a limit.
    fn exhausts(&self, limit: &Self) -> Option<&'static str> {
        match () {
            () if self.calls >= limit.calls => Some("calls"),
            () if self.tokens >= limit.tokens => Some("tokens"),
            () if self.micro_usd >= limit.micro_usd => Some("dollars"),
            () => None,
        }
    }
}

impl Budget {
    pub fn new(limits: [Spent; 2]) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Takes a call about a source file, or a question by its hash, on a day on which so much was spent
    /// before this run.
    ///
    /// # Errors
    ///
    /// Of class `budget`, if there is none left.
    pub fn take(&self, about: &str, before: Spent) -> Result<(), Failure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut today = before;
        today.add(state.spent);
        for (spent, limit, what) in [(state.spent, self.limits[0], "run"), (today, self.limits[1], "day")] {
            if let Some(used) = spent.exhausts(&limit) {
                return Err(Failure::new(FailureClass::Budget, format!("the {used} of this {what} are used up")));
            }
        }
        let begun = *state.begun.entry(about.to_owned()).or_insert_with(Instant::now);
        if begun.elapsed() >= PER_FILE {
            return Err(Failure::new(FailureClass::Budget, "the time for one file is used up"));
        }
        state.spent.calls += 1;
        Ok(())
    }

    /// Notes what a call took.
    pub fn spend(&self, spent: Spent) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).spent.add(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Spent = Spent { calls: u64::MAX, tokens: u64::MAX, micro_usd: u64::MAX };

    fn refusal(budget: &Budget, before: Spent) -> Option<String> {
        budget.take("ada/a.jsonl", before).err().map(|failure| failure.to_string())
    }

    #[test]
    fn no_call_is_begun_over_a_limit() {
        let none = Spent::default();
        let budget = Budget::new([Spent { calls: 2, ..ALL }, ALL]);
        assert_eq!([refusal(&budget, none), refusal(&budget, none)], [None, None]);
        assert_eq!(refusal(&budget, none).unwrap(), "budget: the calls of this run are used up");
        let budget = Budget::new([ALL, Spent { tokens: 100, ..ALL }]);
        assert_eq!(refusal(&budget, Spent { tokens: 99, ..none }), None);
        budget.spend(Spent { tokens: 1, ..none });
        let used = "budget: the tokens of this day are used up";
        assert_eq!(refusal(&budget, Spent { tokens: 99, ..none }).unwrap(), used);
        let budget = Budget::new([Spent { micro_usd: 0, ..ALL }, ALL]);
        assert_eq!(refusal(&budget, none).unwrap(), "budget: the dollars of this run are used up");
    }
}
