//! The state over one source file: its conversation and the claims found in it so far.

use crate::claim::Found;
use crate::conversation::Conversation;
use sessionmill_contract::{Detector, Event, Failure, Fold, Rows, SourceFile, View};
use std::collections::HashSet;

/// The fold of the verification processor.
pub struct VerificationFold<'s> {
    conversation: Conversation,
    findings: Findings<'s>,
}

struct Findings<'s> {
    file: &'s SourceFile,
    detector: &'s dyn Detector,
    found: Vec<Found>,
    /// A record that a file repeats says what it says once.
    ids: HashSet<String>,
    /// The first one ends the search.
    failure: Option<Failure>,
}

impl<'s> VerificationFold<'s> {
    pub fn new(file: &'s SourceFile, detector: &'s dyn Detector) -> Self {
        let findings = Findings { file, detector, found: Vec::new(), ids: HashSet::new(), failure: None };
        Self { conversation: Conversation::new(file, detector.window()), findings }
    }
}

impl Findings<'_> {
    fn search(&mut self, view: &View<'_>) {
        if self.failure.is_some() {
            return;
        }
        match self.detector.claims(view) {
            Ok(claims) => {
                let mut of_turn = vec![0; view.turns.len()];
                for claim in claims {
                    let Some(turn) = view.turns.get(claim.turn) else { continue };
                    let number = match turn.uuid {
                        Some(_) => of_turn[claim.turn],
                        None => self.found.iter().rev().take_while(|found| found.line == turn.line).count(),
                    };
                    of_turn[claim.turn] += 1;
                    let found = Found::new(self.file, view, claim, number);
                    self.found.extend(found.filter(|found| self.ids.insert(found.claim_id.clone())));
                }
            }
            Err(failure) => self.failure = Some(failure),
        }
    }
}

impl Fold for VerificationFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let Self { conversation, findings } = self;
        conversation.event(event, &mut |view| findings.search(view));
    }

    fn held(&self) -> usize {
        self.conversation.held() + self.findings.found.len()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        let Self { mut conversation, mut findings } = *self;
        conversation.end(&mut |view| findings.search(view));
        if let Some(failure) = findings.failure {
            return Err(failure);
        }
        for mut found in findings.found {
            found.time = found.time.or(conversation.first_time());
            found.push(facts);
        }
        Ok(())
    }
}
