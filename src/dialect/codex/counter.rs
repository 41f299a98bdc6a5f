//! Counts the tokens of a session.
//!
//! A `token_count` record has the session's total so far, and the usage of the latest response. What counts is the
//! growth of the total, so a repeated record adds nothing. The counter has restarted if a part of the total has become
//! smaller, or if the total equals the latest response. If the total lacks a field, the field grows by its value in the
//! latest response.
//!
//! For example, totals of 100, 250, 250 and 30 tokens count 100 + 150 + 0 + 30.
//!
//! Newer clients also write a `token_usage_record` for each response. The total includes most of these responses, but
//! not the request that compacts a thread. The two kinds of records come in any order, so it is known only at the end
//! of the file which responses no total includes.

use super::record::Totals;
use crate::dialect::json::Count;
use chrono::{DateTime, Utc};
use sessionmill_contract::event::Usage;
use std::collections::{HashMap, HashSet};

/// Tokens of a session so far, or of one response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    input: u64,
    cached: u64,
    written: u64,
    output: u64,
    reasoning: u64,
}

impl Sum {
    /// A missing part keeps its value of `before`.
    fn of(totals: Totals, before: Self) -> Self {
        let part = |count: Count, before: u64| count.0.unwrap_or(before);
        let (input, output) = (part(totals.input, before.input), part(totals.output, before.output));
        let cached = part(totals.cached, before.cached).min(input);
        let written = part(totals.written, before.written).min(input - cached);
        let reasoning = part(totals.reasoning, before.reasoning).min(output);
        Self { input, cached, written, output, reasoning }
    }

    /// This sum minus a part; `None` if the part is larger in any field.
    fn without(self, part: Self) -> Option<Self> {
        Some(Self {
            input: self.input.checked_sub(part.input)?,
            cached: self.cached.checked_sub(part.cached)?,
            written: self.written.checked_sub(part.written)?,
            output: self.output.checked_sub(part.output)?,
            reasoning: self.reasoning.checked_sub(part.reasoning)?,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            written: self.written.saturating_add(other.written),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }

    /// Input and output only. A client that leaves out the details still writes these two, so they show whether two
    /// lines are about the same response.
    fn size(self) -> Self {
        Self { input: self.input, output: self.output, ..Self::default() }
    }

    pub(super) fn usage(self) -> Usage {
        let cache_read = self.cached.min(self.input);
        let cache_write = self.written.min(self.input - cache_read);
        Usage {
            input: self.input - cache_read - cache_write,
            output: self.output,
            cache_write,
            cache_write_1h: 0,
            cache_read,
            reasoning: self.reasoning.min(self.output),
        }
    }
}

/// The usage of one response, from its `token_usage_record`.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) line: u64,
    pub(super) time: Option<DateTime<Utc>>,
    pub(super) model: Option<Box<str>>,
    pub(super) cwd: Option<Box<str>>,
    pub(super) tier: Option<Box<str>>,
    pub(super) response_id: Option<Box<str>>,
    pub(super) usage: Sum,
    /// Input and output of all responses of the thread so far.
    pub(super) thread: Option<Sum>,
}

impl Recorded {
    pub(super) fn new(line: u64, time: Option<DateTime<Utc>>, usage: Totals, thread: Option<Totals>) -> Self {
        let usage = Sum::of(usage, Sum::default());
        let thread = thread.map(|thread| Sum::of(thread, Sum::default()).size());
        Self { line, time, model: None, cwd: None, tier: None, response_id: None, usage, thread }
    }
}

/// What affects a count, other than its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// The count is part of a parent's history.
    pub(super) is_replayed: bool,
    /// The counter may start with tokens that another file has counted.
    pub(super) inherits: bool,
}

/// How many of the latest records are compared with a total. A total only includes records that come shortly before it.
const NEAR: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Counter {
    total: Option<Sum>,
    /// All totals so far, by input and output. A counter can be set back to one of them.
    seen: HashMap<Sum, Sum>,
    /// The latest response that came without a total.
    alone: Option<Sum>,
    /// Responses that a total includes and for which no record was seen yet: their number by input and output.
    unclaimed: HashMap<Sum, u64>,
    /// The last growth of the total, until a record for it is seen.
    latest: Option<Sum>,
    /// Records that no total includes so far.
    pending: Vec<Recorded>,
    /// Ids of responses that have a record.
    known: HashSet<Box<str>>,
}

impl Counter {
    /// The growth of the total; `None` if the total is unchanged.
    pub(super) fn count(&mut self, totals: Option<Totals>, last: Option<Totals>, context: Context) -> Option<Sum> {
        let before = self.total.unwrap_or_default();
        let latest = last.map(|last| Sum::of(last, Sum::default()));
        let Some(totals) = totals else { return self.count_alone(latest?, context) };
        let told = Sum::of(totals, before);
        if self.total == Some(told) {
            return None;
        }
        let has_fallen = told.without(before).is_none();
        let alone = Sum::of(last.map_or(totals, |last| totals.or(last)), Sum::default());
        // Fields that both have are compared, provided that input is one of them.
        let is_latest = last.is_some_and(|last| {
            let has_input = last.input.0.and(totals.input.0).is_some();
            has_input && Sum::of(last.or(totals), Sum::default()) == alone
        });
        let set_back = latest.filter(|_| has_fallen).and_then(|latest| self.set_back(totals, latest));
        let (base, total) = match latest.and_then(|latest| alone.without(latest)) {
            Some(base) if self.total.is_none() && context.inherits => (base, alone),
            _ if set_back.is_some() => set_back?,
            _ if has_fallen || is_latest => (Sum::default(), alone),
            _ => {
                let filled = Sum::of(totals, before.plus(latest.unwrap_or_default()));
                (before, filled.without(before).map_or(told, |_| filled))
            }
        };
        self.total = Some(total);
        self.seen.insert(total.size(), total);
        let grown = total.without(base).filter(|grown| grown.usage().total() > 0)?;
        if !context.is_replayed {
            self.claim(grown, latest, total);
        }
        Some(grown)
    }

    /// If the counter was set back: the earlier total that the latest response was added to, and the new total.
    fn set_back(&self, totals: Totals, latest: Sum) -> Option<(Sum, Sum)> {
        let size = Sum::of(totals, Sum::default()).size().without(latest.size())?;
        let base = *self.seen.get(&size)?;
        let total = Sum::of(totals, base.plus(latest));
        total.without(base).map(|_| (base, total))
    }

    /// Counts a response without a total. A repetition adds nothing.
    fn count_alone(&mut self, last: Sum, context: Context) -> Option<Sum> {
        if self.alone.replace(last) == Some(last) || last.usage().total() == 0 {
            return None;
        }
        if !context.is_replayed {
            self.claim(last, Some(last), Sum::default());
        }
        Some(last)
    }

    /// Adds the record of a response of this session.
    pub(super) fn record(&mut self, record: Recorded) {
        let is_new = record.response_id.clone().is_none_or(|id| self.known.insert(id));
        if is_new && record.usage.usage().total() > 0 && !self.is_claimed(&record) {
            self.pending.push(record);
        }
    }

    /// The records that no total includes. Called at the end of the file.
    pub(super) fn rest(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.pending)
    }

    /// Removes the records that a total includes.
    fn claim(&mut self, grown: Sum, last: Option<Sum>, total: Sum) {
        let (grown, last, total) = (grown.size(), last.map(Sum::size), total.size());
        self.latest = None;
        // If the thread's usage in a record equals the total, the total includes all records up to that one.
        if let Some(at) = self.newest(|record| record.thread == Some(total)) {
            self.pending.drain(..=at);
            return;
        }
        let latest = last.filter(|last| grown.without(*last).is_some()).unwrap_or(grown);
        let earlier = grown.without(latest).unwrap_or_default();
        for part in [latest, earlier].into_iter().filter(|part| *part != Sum::default()) {
            let all = |sum: Sum, record: &Recorded| sum.plus(record.usage.size());
            if let Some(at) = self.newest(|record| record.usage.size() == part) {
                self.pending.remove(at);
            } else if self.pending.len() <= NEAR && self.pending.iter().fold(Sum::default(), all) == part {
                self.pending.clear();
            } else {
                *self.unclaimed.entry(part).or_default() += 1;
                self.latest = Some(grown);
            }
        }
    }

    /// The newest pending record with a property.
    fn newest(&self, is: impl Fn(&Recorded) -> bool) -> Option<usize> {
        let first = self.pending.len().saturating_sub(NEAR);
        self.pending[first..].iter().rposition(is).map(|at| first + at)
    }

    /// Whether an earlier total includes a record.
    fn is_claimed(&mut self, record: &Recorded) -> bool {
        let size = record.usage.size();
        if let Some(count) = self.unclaimed.get_mut(&size).filter(|count| **count > 0) {
            *count -= 1;
            self.latest = None;
            return true;
        }
        let is_part = self.latest.is_some_and(|latest| latest.without(size).is_some());
        let is_told = is_part && record.thread.is_some() && record.thread == self.total.map(Sum::size);
        if is_told {
            self.latest = None;
        }
        is_told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Context = Context { is_replayed: false, inherits: false };

    /// From input, cached input, cache writes and output.
    fn totals([input, cached, written, output]: [u64; 4]) -> Totals {
        let count = |count| Count(Some(count));
        Totals {
            input: count(input),
            cached: count(cached),
            written: count(written),
            output: count(output),
            reasoning: Count(None),
        }
    }

    fn parts(sum: Sum) -> [u64; 4] {
        [sum.input, sum.cached, sum.written, sum.output]
    }

    fn record(id: &str, usage: [u64; 4], thread: Option<[u64; 4]>) -> Recorded {
        let record = Recorded::new(1, None, totals(usage), thread.map(totals));
        Recorded { response_id: Some(id.into()), ..record }
    }

    /// The growth that each count yields.
    fn grown(context: Context, counts: &[([u64; 4], Option<[u64; 4]>)]) -> Vec<Option<[u64; 4]>> {
        let mut counter = Counter::default();
        let count = |(total, last): &([u64; 4], Option<[u64; 4]>)| {
            counter.count(Some(totals(*total)), last.map(totals), context).map(parts)
        };
        counts.iter().map(count).collect()
    }

    #[test]
    fn written_tokens_are_a_part_of_the_input_of_their_own() {
        let sum = Sum::of(totals([100, 40, 30, 7]), Sum::default());
        let usage = sum.usage();
        assert_eq!((usage.input, usage.cache_read, usage.cache_write, usage.output), (30, 40, 30, 7));
        let more = Sum::of(totals([100, 80, 30, 7]), Sum::default()).usage();
        assert_eq!((more.input, more.cache_read, more.cache_write), (0, 80, 20), "no part is larger than the whole");
    }

    #[test]
    fn any_part_that_falls_begins_anew() {
        let first = [100, 50, 20, 10];
        for fallen in [[90, 50, 20, 10], [300, 40, 20, 10], [300, 50, 10, 10], [300, 50, 20, 9]] {
            assert_eq!(grown(OWN, &[(first, None), (fallen, None)]), [Some(first), Some(fallen)], "{fallen:?}");
        }
        let risen = [300, 60, 20, 30];
        assert_eq!(grown(OWN, &[(first, None), (risen, None)])[1], Some([200, 10, 0, 20]));
    }

    #[test]
    fn a_total_that_is_the_latest_response_alone_begins_anew_and_a_repeat_does_not() {
        let (first, second) = ([100, 0, 0, 10], [300, 0, 0, 40]);
        let counts = [(first, Some(first)), (first, Some(first)), (second, Some(second)), (second, Some(second))];
        assert_eq!(grown(OWN, &counts), [Some(first), None, Some(second), None]);
    }

    #[test]
    fn a_counter_that_is_set_back_goes_on_from_there() {
        let counts = [([100, 0, 0, 10], None), ([400, 0, 0, 40], None), ([150, 0, 0, 15], Some([50, 0, 0, 5]))];
        assert_eq!(grown(OWN, &counts)[2], Some([50, 0, 0, 5]));
    }

    #[test]
    fn a_missing_part_has_not_changed() {
        let mut counter = Counter::default();
        counter.count(Some(totals([100, 50, 20, 10])), None, OWN);
        let without = Totals { written: Count(None), cached: Count(None), ..totals([130, 0, 0, 12]) };
        assert_eq!(counter.count(Some(without), None, OWN).map(parts), Some([30, 0, 0, 2]));
    }

    /// Input, cached input, cache writes, output and reasoning; `None` where the log lacks one.
    type Logged = [Option<u64>; 5];

    fn some([input, cached, written, output, reasoning]: Logged) -> Totals {
        let [input, cached, written, output, reasoning] = [input, cached, written, output, reasoning].map(Count);
        Totals { input, cached, written, output, reasoning }
    }

    /// The sum of the growth over all counts, with reasoning last.
    fn summed(counts: &[(Logged, Logged)]) -> [u64; 5] {
        let mut counter = Counter::default();
        let grown = counts.iter().filter_map(|(total, last)| counter.count(Some(some(*total)), Some(some(*last)), OWN));
        let Sum { input, cached, written, output, reasoning } = grown.fold(Sum::default(), Sum::plus);
        [input, cached, written, output, reasoning]
    }

    #[test]
    fn a_field_of_the_latest_response_alone_is_added_once() {
        let first = ([Some(800), None, None, Some(60), None], [Some(800), Some(300), Some(200), Some(60), Some(40)]);
        let next = ([Some(1900), None, None, Some(90), None], [Some(1100), Some(500), Some(400), Some(30), Some(10)]);
        assert_eq!(summed(&[first]), [800, 300, 200, 60, 40]);
        assert_eq!(summed(&[first, first, next, next]), [1900, 800, 600, 90, 50], "a repeat adds no writes");
        // The total wins over the latest response.
        let whole = ([Some(1900), Some(700), Some(500), Some(90), Some(45)], next.1);
        assert_eq!(summed(&[first, whole]), [1900, 700, 500, 90, 45]);
        // If the numbers contradict each other, no input is lost.
        let odd = ([Some(110), None, None, Some(5), None], [Some(10), Some(90), None, Some(1), None]);
        assert_eq!(summed(&[([Some(100), None, Some(100), Some(4), None], [None; 5]), odd])[0], 110);
    }

    #[test]
    fn a_total_that_is_the_latest_response_alone_can_lack_a_field_that_the_other_has() {
        let first = ([Some(700), Some(30), None, Some(80), Some(9)], [None; 5]);
        let (with, without) =
            ([Some(900), Some(40), None, Some(95), Some(12)], [Some(900), Some(40), None, Some(95), None]);
        assert_eq!(summed(&[first, (with, without)]), [1600, 70, 0, 175, 21]);
        assert_eq!(summed(&[first, (without, with)]), [1600, 70, 0, 175, 21]);
        let written = [Some(900), Some(40), Some(500), Some(95), Some(12)];
        assert_eq!(summed(&[first, (with, written), (with, written)]), [1600, 70, 500, 175, 21]);
        // A latest response without numbers does not mean a restart.
        assert_eq!(summed(&[first, (with, [None; 5])]), [900, 40, 0, 95, 12]);
        assert_eq!(summed(&[first, (with, [None, None, None, Some(95), None])]), [900, 40, 0, 95, 12]);
    }

    #[test]
    fn a_counter_that_is_set_back_keeps_fields_of_the_latest_response_alone() {
        let count = |input, output, last: [u64; 2], written| {
            let total = [Some(input), None, None, Some(output), None];
            (total, [Some(last[0]), None, Some(written), Some(last[1]), None])
        };
        let counts = [count(100, 10, [100, 10], 60), count(400, 40, [300, 30], 70), count(150, 15, [50, 5], 20)];
        assert_eq!(summed(&counts), [450, 0, 150, 45, 0]);
    }

    #[test]
    fn a_record_and_a_count_that_differ_in_a_part_are_one_response() {
        let parted = |reasoning, written| some([Some(300), None, written, Some(30), reasoning]);
        for (reasoning, written) in [(Some(12), None), (None, Some(200)), (Some(12), Some(200))] {
            for is_record_first in [true, false] {
                let mut counter = Counter::default();
                let mut sum = Sum::default();
                let mut count = |counter: &mut Counter, total, last| {
                    let grown = counter.count(Some(totals(total)), Some(totals(last)), OWN);
                    sum = sum.plus(grown.unwrap_or_default());
                };
                count(&mut counter, [100, 0, 0, 10], [100, 0, 0, 10]);
                let record = Recorded::new(1, None, parted(reasoning, written), None);
                match is_record_first {
                    true => {
                        counter.record(record);
                        count(&mut counter, [400, 0, 0, 40], [300, 0, 0, 30]);
                    }
                    false => {
                        count(&mut counter, [400, 0, 0, 40], [300, 0, 0, 30]);
                        counter.record(record);
                    }
                }
                assert!(counter.rest().is_empty(), "{reasoning:?} {written:?} {is_record_first}");
                assert_eq!(parts(sum), [400, 0, 0, 40]);
            }
        }
    }

    #[test]
    fn a_counter_that_begins_with_what_its_parent_has_used_counts_its_own_response() {
        let counts = [([900, 0, 0, 90], Some([100, 0, 0, 10])), ([950, 0, 0, 95], Some([50, 0, 0, 5]))];
        let inherits = Context { inherits: true, ..OWN };
        assert_eq!(grown(inherits, &counts), [Some([100, 0, 0, 10]), Some([50, 0, 0, 5])]);
        assert_eq!(grown(OWN, &counts)[0], Some([900, 0, 0, 90]));
    }

    /// First comes a count of 100 and 10 tokens, then a response of 300 and 30, as a count and as a record.
    #[test]
    fn a_record_counts_once_whatever_comes_first() {
        let (use_, all) = ([300, 0, 0, 30], [400, 0, 0, 40]);
        for (thread, last) in [(None, Some(use_)), (None, None), (Some(all), None), (Some(all), Some(use_))] {
            for is_record_first in [true, false] {
                let mut counter = Counter::default();
                counter.count(Some(totals([100, 0, 0, 10])), Some(totals([100, 0, 0, 10])), OWN);
                for step in [is_record_first, !is_record_first] {
                    match step {
                        true => counter.record(record("r", use_, thread)),
                        false => _ = counter.count(Some(totals(all)), last.map(totals), OWN),
                    }
                }
                counter.record(record("r", use_, thread));
                assert!(counter.rest().is_empty(), "{thread:?} {last:?} {is_record_first}");
            }
        }
    }

    #[test]
    fn a_total_without_a_first_snapshot_has_the_records_of_its_thread() {
        for is_record_first in [true, false] {
            let mut counter = Counter::default();
            for step in [is_record_first, !is_record_first] {
                match step {
                    true => counter.record(record("r", [300, 0, 0, 30], Some([400, 0, 0, 40]))),
                    false => _ = counter.count(Some(totals([400, 0, 0, 40])), Some(totals([400, 0, 0, 40])), OWN),
                }
            }
            assert!(counter.rest().is_empty(), "{is_record_first}");
        }
    }

    #[test]
    fn a_response_without_a_total_is_counted_and_its_repeat_is_not() {
        let mut counter = Counter::default();
        let mut count = |last: [u64; 4]| counter.count(None, Some(totals(last)), OWN).map(parts);
        let (first, second) = ([100, 50, 0, 10], [200, 0, 0, 20]);
        assert_eq!(
            [count(first), count(first), count(second), count(first)],
            [Some(first), None, Some(second), Some(first)]
        );
        counter.record(record("r", second, None));
        assert!(counter.rest().is_empty());
        assert_eq!(counter.count(None, None, OWN), None);
    }

    #[test]
    fn one_count_can_include_several_records() {
        let mut counter = Counter::default();
        for (id, usage) in [("a", [100, 0, 0, 10]), ("b", [200, 0, 0, 20]), ("c", [300, 0, 0, 30])] {
            counter.record(record(id, usage, None));
        }
        counter.count(Some(totals([600, 0, 0, 60])), Some(totals([300, 0, 0, 30])), OWN);
        assert!(counter.rest().is_empty());
    }

    #[test]
    fn a_record_that_no_total_has_is_left() {
        let compaction = [5000, 4000, 0, 90];
        let mut counter = Counter::default();
        counter.count(Some(totals([6000, 2000, 0, 100])), None, OWN);
        counter.record(record("compaction", compaction, None));
        counter.count(Some(totals([6000, 2000, 0, 100])), None, OWN);
        // The next response has the same numbers, and a record.
        counter.record(record("next", compaction, None));
        counter.count(Some(totals([11_000, 6000, 0, 190])), Some(totals(compaction)), OWN);
        let rest: Vec<_> = counter.rest().into_iter().map(|record| record.response_id.unwrap()).collect();
        assert_eq!(rest, ["compaction".into()]);
    }
}
