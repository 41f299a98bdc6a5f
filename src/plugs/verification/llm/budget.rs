//! The budget of calls, tokens and money: how much was spent, and whether another call is allowed.

use crate::base::error::thousands;
use chrono::{DateTime, Days, Utc};
use parking_lot::Mutex;
use sessionmill_contract::{Failure, FailureClass};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What calls used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub calls: u64,
    /// Tokens of questions and answers.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

/// The budget of a run. When a limit is reached, no further call starts; calls in progress finish.
#[derive(Debug)]
pub struct CallBudget {
    /// The limits of a run and of a day.
    limits: [Spent; 2],
    now: DateTime<Utc>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Spent,
    /// The start of the first call about each source file or question.
    begun: HashMap<String, Instant>,
}

/// The time for the questions about one file. After this, no further call about it starts in this run. The answers are
/// kept, and the next run continues.
const PER_FILE: Duration = Duration::from_secs(180);

impl Spent {
    pub fn add(&mut self, more: Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.micro_usd = self.micro_usd.saturating_add(more.micro_usd);
    }

    /// The limit that is used up, with its amount.
    fn exhausts(&self, limit: &Self) -> Option<(&'static str, String)> {
        match () {
            () if self.calls >= limit.calls => Some(("calls", thousands(limit.calls.into()))),
            () if self.tokens >= limit.tokens => Some(("tokens", thousands(limit.tokens.into()))),
            () if self.micro_usd >= limit.micro_usd => Some(("dollars", (limit.micro_usd as f64 / 1e6).to_string())),
            () => None,
        }
    }
}

impl CallBudget {
    /// The budget of a run that starts now.
    pub fn new(limits: [Spent; 2], now: DateTime<Utc>) -> Self {
        Self { limits, now, state: Mutex::default() }
    }

    /// Allows a call about a source file, or about a question given by its hash. `before` is what was spent on this day
    /// before this run.
    ///
    /// # Errors
    ///
    /// Of class `budget` if a limit is reached. The message says which limit, and when calls continue.
    pub fn take(&self, about: &str, before: Spent) -> Result<(), Failure> {
        let mut state = self.state.lock();
        let mut today = before;
        today.add(state.spent);
        let tomorrow = self.now.date_naive().checked_add_days(Days::new(1)).unwrap_or_default();
        let next_day = format!("goes on at {tomorrow} 00:00 UTC");
        for (spent, limit, what, then) in [
            (today, self.limits[1], "day", next_day.as_str()),
            (state.spent, self.limits[0], "run", "the next run goes on"),
        ] {
            if let Some((used, most)) = spent.exhausts(&limit) {
                let message = format!("`{used}_per_{what}` is used up ({most}); {then}");
                return Err(Failure::new(FailureClass::Budget, message));
            }
        }
        let begun = *state.begun.entry(about.to_owned()).or_insert_with(Instant::now);
        if begun.elapsed() >= PER_FILE {
            return Err(Failure::new(FailureClass::Budget, "the time for one file is used up; the next run goes on"));
        }
        state.spent.calls += 1;
        Ok(())
    }

    /// Records what a call used.
    pub fn spend(&self, spent: Spent) {
        self.state.lock().spent.add(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Spent = Spent { calls: u64::MAX, tokens: u64::MAX, micro_usd: u64::MAX };

    fn refusal(budget: &CallBudget, before: Spent) -> Option<String> {
        budget.take("ada/a.jsonl", before).err().map(|failure| failure.to_string())
    }

    #[test]
    fn no_call_is_begun_over_a_limit() {
        let none = Spent::default();
        let now = "2026-11-30T23:59:59Z".parse().unwrap();
        let budget = CallBudget::new([Spent { calls: 2000, ..ALL }, ALL], now);
        budget.spend(Spent { calls: 1998, ..none });
        assert_eq!([refusal(&budget, none), refusal(&budget, none)], [None, None]);
        assert_eq!(refusal(&budget, none).unwrap(), "budget: `calls_per_run` is used up (2,000); the next run goes on");
        let budget = CallBudget::new([ALL, Spent { tokens: 100, ..ALL }], now);
        assert_eq!(refusal(&budget, Spent { tokens: 99, ..none }), None);
        budget.spend(Spent { tokens: 1, ..none });
        let used = "budget: `tokens_per_day` is used up (100); goes on at 2026-12-01 00:00 UTC";
        assert_eq!(refusal(&budget, Spent { tokens: 99, ..none }).unwrap(), used);
        let budget = CallBudget::new([Spent { micro_usd: 1_500_000, ..ALL }, ALL], now);
        budget.spend(Spent { micro_usd: 1_500_000, ..none });
        assert_eq!(refusal(&budget, none).unwrap(), "budget: `dollars_per_run` is used up (1.5); the next run goes on");
    }
}
