//! A fold of one processor over one file. If it panics, only this processor fails on this file.

use crate::base::guard;
use crate::read::Verdict;
use sessionmill_contract::{Event, Failure, FailureClass, Fold, Processor, Rows, SourceFile};

/// A fold whose panics are caught.
pub(super) enum GuardedFold<'s> {
    Live(Box<dyn Fold + 's>),
    /// It has more facts than a file may have.
    Full,
    Failed(Failure),
}

impl<'s> GuardedFold<'s> {
    pub(super) fn open(processor: &'s dyn Processor, file: &'s SourceFile) -> Self {
        match guard::processor(" before the first line", || Ok(processor.open(file))) {
            Ok(fold) => Self::Live(fold),
            Err(failure) => Self::Failed(failure),
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, cap: usize) {
        let Self::Live(fold) = self else { return };
        let held = guard::guard(
            || {
                fold.event(event);
                Ok(fold.held())
            },
            || guard::panicked(&format!(" at line {}", event.line)),
        );
        match held {
            Ok(held) if held > cap => *self = Self::Full,
            Ok(_) => {}
            Err(failure) => *self = Self::Failed(failure),
        }
    }

    pub(super) fn finish(self) -> Verdict {
        let fold = match self {
            Self::Live(fold) => fold,
            Self::Full => {
                return Verdict::Failed(Failure::new(FailureClass::Rejected, "over the cap on facts of a file"));
            }
            Self::Failed(failure) => return Verdict::Failed(failure),
        };
        let mut facts = Rows::default();
        match guard::processor(" after the last line", || fold.finish(&mut facts)) {
            Ok(()) => Verdict::Facts(facts),
            Err(failure) => Verdict::Failed(failure),
        }
    }
}
