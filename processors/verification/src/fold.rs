//! The state over one source file: its conversation, and the claims found so far.

use crate::claim::Found;
use crate::conversation::Conversation;
use crate::{Detector, Turn, View};
use sessionmill_contract::{Bound, Event, Failure, FailureClass, Fold, Rows, SourceFile};
use std::collections::HashSet;

/// The fold of the verification processor.
pub struct VerificationFold<'s> {
    conversation: Conversation,
    findings: Findings<'s>,
    /// Windows, each with its first fresh turn, for a network-bound detector. They are passed to it when the file has
    /// ended, because an unchanged file is recognised only then and must not cost a request.
    waiting: Vec<(Vec<Turn>, usize)>,
    /// The bytes of text in these windows.
    weight: usize,
}

/// The most bytes of text that wait for a detector. Only the conversation counts, not the output of tools.
const WAITING: usize = 32 << 20;

struct Findings<'s> {
    file: &'s SourceFile,
    detector: &'s dyn Detector,
    found: Vec<Found>,
    /// The ids of the claims. A record that the file repeats makes no further claim.
    ids: HashSet<String>,
    /// The first failure. It ends the search.
    failure: Option<Failure>,
}

impl<'s> VerificationFold<'s> {
    pub fn new(file: &'s SourceFile, detector: &'s dyn Detector) -> Self {
        let findings = Findings { file, detector, found: Vec::new(), ids: HashSet::new(), failure: None };
        let conversation = Conversation::new(file, detector.window());
        Self { conversation, findings, waiting: Vec::new(), weight: 0 }
    }
}

impl Findings<'_> {
    fn search(&mut self, view: &View<'_>) {
        if self.failure.is_some() {
            return;
        }
        match self.detector.claims(self.file, view) {
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
        let Self { conversation, findings, waiting, weight } = self;
        conversation.event(event, &mut |view| match findings.detector.bound() {
            Bound::Cpu => findings.search(view),
            Bound::Network if *weight > WAITING => {}
            Bound::Network => {
                *weight += view.turns.iter().map(|turn| turn.text.len()).sum::<usize>();
                waiting.push((view.turns.to_vec(), view.fresh));
            }
        });
    }

    fn held(&self) -> usize {
        self.conversation.held() + self.findings.found.len()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        let Self { mut conversation, mut findings, waiting, weight } = *self;
        if weight > WAITING {
            return Err(Failure::new(FailureClass::Rejected, "over the cap on the conversation of a file"));
        }
        for (turns, fresh) in &waiting {
            findings.search(&View { turns, fresh: *fresh });
        }
        conversation.end(&mut |view| findings.search(view));
        if let Some(failure) = findings.failure {
            return Err(failure);
        }
        conversation.prompts().finish(facts);
        for mut found in findings.found {
            found.time = found.time.or(conversation.first_time());
            found.push(facts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verification;
    use crate::claim::CLAIMS;
    use crate::{Claim, Detection, Domain, Role, Scope, Window};
    use sessionmill_contract::event::Decliner;
    use sessionmill_contract::{Agent, Bound, FailureClass, Output, Processor, RowRef, Said, Transcript, Value};
    use std::sync::Mutex;

    /// A detector that makes a claim from each fresh prompt, and remembers what it was given.
    #[derive(Default)]
    struct Echo {
        shown: Mutex<Vec<(Vec<String>, usize)>>,
        quote: Option<&'static str>,
        fails: bool,
    }

    impl Detector for &'static Echo {
        fn name(&self) -> &str {
            "echo"
        }

        fn version(&self) -> u32 {
            7
        }

        fn bound(&self) -> Bound {
            Bound::Network
        }

        fn window(&self) -> Window {
            Window { turns: 4, overlap: 1 }
        }

        fn claims(&self, _: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
            if self.fails {
                return Err(Failure::new(FailureClass::Transient, "is tired"));
            }
            let texts = view.turns.iter().map(|turn| turn.text.clone()).collect();
            self.shown.lock().unwrap().push((texts, view.fresh));
            let claim = |turn: usize| Claim {
                turn,
                detection: Detection::Correction,
                title: "title".into(),
                content: "content".into(),
                quote: self.quote.unwrap_or(&view.turns[turn].text).into(),
                domain: Domain::Data,
                scope: Scope::Project,
                likelihood: None,
                signs: Vec::new(),
                entities: vec!["b".into(), "a".into(), "b".into()],
            };
            Ok((0..view.turns.len()).filter(|turn| view.turns[*turn].role == Role::Person).map(claim).collect())
        }
    }

    fn echo(echo: Echo) -> (&'static Echo, Verification) {
        let echo: &'static Echo = Box::leak(Box::new(echo));
        (echo, Verification::new(Box::new(echo)))
    }

    /// The claims of a file whose lines are alternately a prompt and a reply.
    fn claims(processor: &Verification, file: &str, turns: &[&str]) -> Result<Vec<Vec<Value>>, Failure> {
        let file = SourceFile::new(file, "ada");
        let mut fold = processor.open(&file);
        for (at, text) in turns.iter().enumerate() {
            let transcript = Transcript::default();
            let said = if at % 2 == 0 { Agent::Prompt { text } } else { Agent::Reply { text } };
            for said in [Agent::Begin, said] {
                let said = Said::Agent(&transcript, said);
                fold.event(&Event { line: at as u64 + 1, time: None, id: None, said });
            }
        }
        let mut rows = Rows::default();
        fold.finish(&mut rows)?;
        Ok(rows.of(&CLAIMS).map(RowRef::to_vec).collect())
    }

    fn column(rows: &[Vec<Value>], name: &str) -> Vec<Value> {
        rows.iter().map(|row| row[CLAIMS.position(name).unwrap()].clone()).collect()
    }

    #[test]
    fn windows_overlap_and_every_prompt_is_claimed_once() {
        let (echo, processor) = echo(Echo::default());
        let rows = claims(&processor, "ada/s.jsonl", &["a", "B", "c", "D", "e", "F", "g", "H"]).unwrap();
        let shown = echo.shown.lock().unwrap();
        let windows: Vec<_> = shown.iter().map(|(texts, fresh)| (texts.concat(), *fresh)).collect();
        assert_eq!(windows, [("aBcD".to_owned(), 0), ("DeFg".to_owned(), 1), ("gH".to_owned(), 1)]);
        assert_eq!(column(&rows, "user_quote"), ["a", "c", "e", "g"].map(Value::from));
        assert_eq!(column(&rows, "claim_id")[3], Value::from("line:ada/s.jsonl:7:0"));
        assert_eq!(column(&rows, "entities")[0], Value::from("[\"a\",\"b\"]"));
    }

    #[test]
    fn a_detector_decides_on_version_and_bound() {
        let (_, processor) = echo(Echo::default());
        let manifest = processor.manifest();
        assert_eq!((manifest.name, manifest.version, manifest.bound), ("verification", 7, Bound::Network));
    }

    #[test]
    fn a_quote_that_nobody_wrote_is_not_a_claim() {
        let (_, processor) = echo(Echo { quote: Some("never said"), ..Echo::default() });
        assert!(claims(&processor, "ada/s.jsonl", &["a", "B"]).unwrap().is_empty());
    }

    #[test]
    fn a_pasted_line_that_a_tool_printed_is_not_a_claim() {
        let (_, processor) = echo(Echo::default());
        let file = SourceFile::new("ada/s.jsonl", "ada");
        let line = "Invoices are kept for ten years";
        let result = |declined_by| Agent::ToolResult {
            call_id: None,
            is_error: false,
            declined_by,
            web_searches: 0,
            fault: None,
            lines: None,
            output: Output::Text(line),
        };
        let said = |events: &[Agent<'_>]| {
            let mut fold = processor.open(&file);
            for (at, said) in events.iter().enumerate() {
                let transcript = Transcript::default();
                let said = Said::Agent(&transcript, *said);
                fold.event(&Event { line: at as u64 + 1, time: None, id: None, said });
            }
            let mut rows = Rows::default();
            fold.finish(&mut rows).unwrap();
            rows.of(&CLAIMS).count()
        };
        let prompt = Agent::Prompt { text: line };
        assert_eq!(said(&[result(None), prompt]), 0);
        assert_eq!(said(&[prompt, result(None)]), 1, "who says it first is its witness");
        assert_eq!(
            said(&[result(Some(Decliner::Person)), prompt]),
            1,
            "the words of who declines a call are their own"
        );
    }

    #[test]
    fn a_failing_detector_fails_the_file() {
        let (_, processor) = echo(Echo { fails: true, ..Echo::default() });
        let failure = claims(&processor, "ada/s.jsonl", &["a", "B"]).unwrap_err();
        assert_eq!(failure, Failure::new(FailureClass::Transient, "is tired"));
    }

    #[test]
    fn nobody_speaks_in_the_files_of_subagents() {
        let (echo, processor) = echo(Echo::default());
        for file in ["ada/s/subagents/x.jsonl", "ada/agent-1.jsonl"] {
            assert!(claims(&processor, file, &["a", "B"]).unwrap().is_empty());
        }
        assert!(echo.shown.lock().unwrap().is_empty());
    }
}
