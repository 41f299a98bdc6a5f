//! Asks what a processor wants to know about settled entities, and keeps the answers for the next
//! settling.
//!
//! Files come first: a run that leaves some to the next one asks nothing here. Each answer is kept
//! before the next question, and the database is let go of while one is waited for.

use crate::base::error::Result;
use crate::base::guard;
use crate::base::limits::Allowance;
use crate::store::SharedStore;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FailureClass, Processor, Ruling, Settlement};

/// The result of asking.
#[derive(Debug, Default)]
pub struct Answers {
    /// Entities to settle again.
    pub news: u64,
    /// Why others have no answer, where somebody should know.
    pub warnings: Vec<String>,
}

/// Asks all that a processor wants to know, or as much as there is time, calls and money for. What has
/// no answer yet is asked by the next run.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn ask(
    store: &mut SharedStore,
    processor: &dyn Processor,
    allowance: &Allowance<'_>,
    now: DateTime<Utc>,
) -> Result<Answers> {
    let mut answers = Answers::default();
    for settlement in processor.manifest().settlements {
        ask_of(settlement, store, processor, allowance, now, &mut answers)?;
    }
    Ok(answers)
}

fn ask_of(
    settlement: &Settlement,
    store: &mut SharedStore,
    processor: &dyn Processor,
    allowance: &Allowance<'_>,
    now: DateTime<Utc>,
    answers: &mut Answers,
) -> Result<()> {
    if settlement.reviews.is_none() || allowance.halt().is_some() {
        return Ok(());
    }
    let name = processor.manifest().name;
    let (entities, reviews) = store.get()?.reviewed(settlement)?;
    let inquiries = match guard::processor("", || processor.inquiries(settlement, &entities, &reviews, now)) {
        Ok(inquiries) => inquiries,
        Err(failure) => {
            answers.warnings.push(format!("`{name}` cannot tell what to ask: {failure}"));
            return Ok(());
        }
    };
    for inquiry in inquiries {
        if allowance.halt().is_some() {
            break;
        }
        store.end()?;
        allowance.beat();
        let Ruling { entity, key, reviews, failure } = match guard::processor("", || Ok(inquiry())) {
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
        if !failure.class.defers() {
            answers.warnings.push(format!("`{name}` has no answer about `{entity}`: {failure}"));
        }
        // Any other failure is one that the next question would share.
        if failure.class != FailureClass::Permanent {
            break;
        }
    }
    Ok(())
}
