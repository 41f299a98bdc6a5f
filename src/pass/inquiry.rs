//! Asks a processor's questions about settled entities, and stores the answers as reviews for the next settling.
//!
//! Files come first: if a run has left files to the next one, it asks no questions here. Each connection of the
//! processor asks one question at a time. Answers are stored in the order of the questions, even if a later one arrives
//! first. The database is released while waiting for answers. For example, with two connections, questions 0 and 1 are
//! asked. The answer to 1 arrives first and waits in memory. When 0 is answered, both are stored.

use crate::base::error::Result;
use crate::base::guard;
use crate::base::limits::Allowance;
use crate::store::SharedStore;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use sessionmill_contract::{Failure, FailureClass, Inquiry, Processor, Ruling, Settlement};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

/// The result of asking.
#[derive(Debug, Default)]
pub struct Answers {
    /// The number of answers. Their entities are to be settled again.
    pub news: u64,
    /// Why some questions have no answer.
    pub warnings: Vec<String>,
}

/// Asks all questions of a processor, or as many as the limits on time, calls and money allow. A question without an
/// answer is asked again by the next run.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn ask(
    store: &mut SharedStore,
    processor: &dyn Processor,
    allowance: &Allowance<'_>,
    connections: usize,
    now: DateTime<Utc>,
) -> Result<Answers> {
    let mut answers = Answers::default();
    for settlement in processor.manifest().settlements {
        let name = processor.manifest().name;
        if settlement.reviews.is_none() || allowance.halt().is_some() {
            continue;
        }
        let (entities, reviews) = store.get()?.reviewed(settlement)?;
        let inquiries = match guard::processor("", || processor.inquiries(settlement, &entities, &reviews, now)) {
            Ok(inquiries) => inquiries,
            Err(failure) => {
                answers.warnings.push(format!("`{name}` cannot list its questions: {failure}"));
                continue;
            }
        };
        let connections = connections.clamp(1, inquiries.len().max(1));
        let asked = Asked { inquiries: Mutex::new(inquiries.into_iter().enumerate()), is_over: AtomicBool::new(false) };
        thread::scope(|scope| {
            let (sender, rulings) = channel();
            for _ in 0..connections {
                let (sender, asked) = (sender.clone(), &asked);
                scope.spawn(move || asked.ask(allowance, &sender));
            }
            drop(sender);
            let kept = asked.keep(&rulings, settlement, store, processor, allowance, &mut answers);
            // Each connection stops after its current question.
            asked.end();
            kept
        })?;
    }
    Ok(answers)
}

/// The number of a question, and its answer or the panic that prevented it.
type Told = (usize, std::result::Result<Ruling, Failure>);

/// Questions that are asked over several connections.
struct Asked<'p, I: Iterator<Item = (usize, Inquiry<'p>)>> {
    inquiries: Mutex<I>,
    /// No more questions are asked.
    is_over: AtomicBool,
}

impl<'p, I: Iterator<Item = (usize, Inquiry<'p>)>> Asked<'p, I> {
    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Asks questions on one connection until there are none left or a limit is reached.
    fn ask(&self, allowance: &Allowance<'_>, sender: &Sender<Told>) {
        while !self.is_over.load(Ordering::Relaxed) && allowance.halt().is_none() {
            let Some((number, inquiry)) = self.inquiries.lock().next() else { return };
            let ruling = guard::processor("", || Ok(inquiry()));
            // Any failure that is not about the question itself would also affect the next question.
            if let Ok(Ruling { failure: Some(failure), .. }) = &ruling
                && failure.class != FailureClass::Permanent
            {
                self.end();
            }
            if sender.send((number, ruling)).is_err() {
                return;
            }
        }
    }

    /// Stores answers in the order of the questions.
    fn keep(
        &self,
        rulings: &Receiver<Told>,
        settlement: &Settlement,
        store: &mut SharedStore,
        processor: &dyn Processor,
        allowance: &Allowance<'_>,
        answers: &mut Answers,
    ) -> Result<()> {
        let name = processor.manifest().name;
        let (mut early, mut next, mut is_shared) = (BTreeMap::new(), 0, false);
        loop {
            while let Some(told) = early.remove(&next) {
                next += 1;
                let Ruling { entity, key, reviews, failure } = match told {
                    Ok(ruling) => ruling,
                    Err(failure) => {
                        answers.warnings.push(format!("`{name}` cannot ask: {failure}"));
                        continue;
                    }
                };
                let keys = if failure.is_none() { vec![String::from(key)] } else { Vec::new() };
                if !reviews.is_empty() {
                    store.get()?.review(processor.manifest(), settlement, &reviews, &keys)?;
                }
                let Some(failure) = failure else {
                    answers.news += 1;
                    continue;
                };
                allowance.end_at(&failure);
                // Several connections can meet the same failure, such as a refused key. It is reported once.
                let is_repeated = failure.class != FailureClass::Permanent && is_shared;
                is_shared |= failure.class != FailureClass::Permanent;
                if !failure.class.defers() && !is_repeated {
                    answers.warnings.push(format!("`{name}` has no answer about `{entity}`: {failure}"));
                }
            }
            let told = match rulings.try_recv() {
                Err(TryRecvError::Empty) => {
                    store.end()?;
                    allowance.beat();
                    rulings.recv().ok()
                }
                told => told.ok(),
            };
            match told {
                Some((number, told)) => _ = early.insert(number, told),
                None => return Ok(()),
            }
        }
    }
}
