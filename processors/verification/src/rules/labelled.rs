//! Precision and recall of the rules on the labelled dialogues in `fixtures/verification`.
//!
//! The rules are developed with one part, `tuning.jsonl`, and evaluated with the other, `judging.jsonl`. Mistakes in
//! the second part are only counted, never shown or fixed. Once somebody has looked at it, it becomes part of the
//! first, and another person writes a new one.
//! `cargo test -p sessionmill-verification labelled -- --nocapture` prints the figures.

use crate::rules::Rules;
use crate::{Claim, Detection, Detector, Role, Turn, View};
use serde_json::Value;
use sessionmill_contract::SourceFile;

const TUNING: &str = include_str!("../../../../fixtures/verification/tuning.jsonl");
const JUDGING: &str = include_str!("../../../../fixtures/verification/judging.jsonl");

/// The precision and recall that each type must reach, in the order of [`Detection::ALL`]. The dialogues contain no
/// instructions. Much is missed on purpose: in real transcripts, statements of that form are mostly not knowledge.
const TUNING_FLOORS: [(f64, f64); 3] = [(0.97, 0.74), (0.98, 0.75), (0.95, 0.79)];
const JUDGING_FLOORS: [(f64, f64); 3] = [(0.79, 0.52), (0.97, 0.56), (0.79, 0.62)];

/// The counts for one type.
#[derive(Debug, Default)]
struct Score {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Score {
    fn precision(&self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }
}

struct Half {
    dialogues: usize,
    scores: [Score; 4],
    /// The number of claims with a labelled domain, and how many of them have the right one.
    domains: (usize, usize),
    /// Descriptions of the mistakes, with the names of the dialogues.
    mistakes: Vec<String>,
}

fn claims(dialogue: &Value) -> Vec<Claim> {
    let turns = dialogue["turns"].as_array().unwrap().iter().enumerate().map(|(at, turn)| {
        let (role, text) = turn.as_object().unwrap().iter().next().unwrap();
        Turn {
            role: if role == "person" { Role::Person } else { Role::Assistant },
            text: text.as_str().unwrap().to_owned(),
            line: at as u64 + 1,
            uuid: None,
            time: None,
            session_id: "s1".into(),
            project: None,
            refuses: false,
            printed: Vec::new(),
        }
    });
    let turns: Vec<_> = turns.collect();
    Rules.claims(&SourceFile::new("ada/a.jsonl", "ada"), &View { turns: &turns, fresh: 0 }).unwrap()
}

fn judge(text: &str) -> Half {
    let mut half = Half { dialogues: 0, scores: Default::default(), domains: (0, 0), mistakes: Vec::new() };
    for line in text.lines() {
        let dialogue: Value = serde_json::from_str(line).unwrap();
        let name = dialogue["name"].as_str().unwrap();
        let mut found = claims(&dialogue);
        half.dialogues += 1;
        for label in dialogue["claims"].as_array().unwrap() {
            let says = label["says"].as_str().unwrap();
            let kind = Detection::ALL.iter().position(|kind| label["type"] == kind.name()).unwrap();
            let is_meant = |claim: &Claim| claim.detection == Detection::ALL[kind] && claim.quote.contains(says);
            match found.iter().position(is_meant) {
                Some(at) => {
                    let claim = found.remove(at);
                    half.scores[kind].right += 1;
                    if let Some(domain) = label["domain"].as_str() {
                        half.domains.0 += 1;
                        half.domains.1 += usize::from(domain == claim.domain.name());
                        if domain != claim.domain.name() {
                            half.mistakes.push(format!("{name}: {domain} taken for {}", claim.domain.name()));
                        }
                    }
                }
                None => {
                    half.scores[kind].missed += 1;
                    half.mistakes.push(format!("{name}: misses `{says}`"));
                }
            }
        }
        for claim in found {
            half.scores[Detection::ALL.iter().position(|kind| *kind == claim.detection).unwrap()].wrong += 1;
            half.mistakes.push(format!("{name}: wrong {} `{}`", claim.detection.name(), claim.quote));
        }
    }
    half
}

fn print(name: &str, half: &Half) {
    println!("{name}: {} dialogues, {} of {} domains right", half.dialogues, half.domains.1, half.domains.0);
    for (kind, score) in Detection::ALL.iter().zip(&half.scores) {
        let Score { right, wrong, missed } = score;
        let (precision, recall) = (score.precision(), score.recall());
        println!(
            "  {:<22} precision {precision:.2} recall {recall:.2} ({right} right, {wrong} wrong, {missed} missed)",
            kind.name()
        );
    }
}

/// Fails if a figure is below its floor. A part without dialogues passes.
fn assert_floors(name: &str, half: &Half, floors: [(f64, f64); 3]) {
    if half.dialogues == 0 {
        return;
    }
    for ((kind, score), (precision, recall)) in Detection::ALL.iter().zip(&half.scores).zip(floors) {
        assert!(score.precision() >= precision, "{name} {kind:?}: precision {:.2}", score.precision());
        assert!(score.recall() >= recall, "{name} {kind:?}: recall {:.2}", score.recall());
    }
}

#[test]
fn labelled_dialogues_reach_their_floors() {
    let (tuning, judging) = (judge(TUNING), judge(JUDGING));
    print("tuning", &tuning);
    tuning.mistakes.iter().for_each(|mistake| println!("    {mistake}"));
    print("judging", &judging);
    assert_floors("tuning", &tuning, TUNING_FLOORS);
    assert_floors("judging", &judging, JUDGING_FLOORS);
    assert!(tuning.domains.1 * 100 >= tuning.domains.0 * 85, "domains");
}
