//! The conversation in a source file, cut into windows of turns: prompts and replies, without the tool calls between
//! them.
//!
//! Memory is limited by one window, by the limit for a turn, and by the limit for remembered tool output. It does not
//! grow with the file.

use crate::printed::Printed;
use crate::prompt::Prompts;
use crate::{Role, Turn, View, Window};
use chrono::{DateTime, Utc};
use sessionmill_contract::event::Decliner;
use sessionmill_contract::mask::mask;
use sessionmill_contract::{Agent, Event, Said, SourceFile, Transcript};
use std::borrow::Cow;

/// The most bytes of a turn that are kept. Of a prompt, the beginning is kept: a person's own words come before what
/// they pasted. Of a reply, the end is kept: that is what the person answers.
pub const TURN: usize = 16 << 10;

/// The version of the rules for turns. A detector that is asked over a network includes it in its own version.
pub const VERSION: u32 = 4;

/// The turns, as they arrive.
#[derive(Debug)]
pub struct Conversation {
    window: Window,
    turns: Vec<Turn>,
    prompts: Prompts,
    /// The first turn that was not in an earlier window.
    fresh: usize,
    /// Whether the last turn is a reply that can continue.
    is_open: bool,
    first_time: Option<DateTime<Utc>>,
    time: Option<DateTime<Utc>>,
    session_id: Box<str>,
    project: Option<Box<str>>,
    /// Whether the person has declined a tool call or stopped the agent, and said nothing since.
    refused: bool,
    printed: Printed,
    /// Whether the file belongs to a subagent, so that no person speaks in it.
    is_subagent: bool,
}

impl Conversation {
    pub fn new(file: &SourceFile, window: Window) -> Self {
        Self {
            window,
            turns: Vec::new(),
            prompts: Prompts::default(),
            fresh: 0,
            is_open: false,
            first_time: None,
            time: None,
            session_id: file.session_id().into(),
            project: None,
            refused: false,
            printed: Printed::default(),
            is_subagent: file.session_file.split('/').any(|part| part == "subagents" || part.starts_with("agent-")),
        }
    }

    /// Takes an event. If it completes a window, the window is passed to `each`.
    pub fn event(&mut self, event: &Event<'_>, each: &mut dyn FnMut(&View<'_>)) {
        let Said::Agent(transcript, said) = event.said else { return };
        // A subagent's prompt is written by its parent.
        if self.is_subagent || transcript.side_chain || transcript.agent_id.is_some() {
            return;
        }
        match said {
            Agent::Begin => self.whereabouts(event.time, transcript),
            Agent::Prompt { text } if !text.trim().is_empty() => {
                self.close(each);
                self.begin(Role::Person, event, &beginning(text));
                self.turns.last().into_iter().for_each(|turn| self.prompts.push(turn));
                self.close(each);
                self.refused = false;
            }
            Agent::ToolResult { declined_by: Some(Decliner::Person), .. } | Agent::Interrupted => self.refused = true,
            Agent::ToolResult { output, .. } => self.printed.add(output),
            Agent::Reply { text } if !text.trim().is_empty() => {
                let text = &*mask(text);
                match self.turns.last_mut().filter(|_| self.is_open) {
                    Some(turn) => {
                        turn.text.push_str("\n\n");
                        turn.text.push_str(text);
                        if turn.text.len() > 2 * TURN {
                            keep_tail(&mut turn.text);
                        }
                    }
                    None => self.begin(Role::Assistant, event, text),
                }
                self.is_open = true;
            }
            _ => {}
        }
    }

    /// The number of turns and prompts that are held.
    pub fn held(&self) -> usize {
        self.turns.len() + self.prompts.len()
    }

    /// The prompts so far.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// The time of turns before the first record with a time (rule 9 of COUNTING.md).
    pub fn first_time(&self) -> Option<DateTime<Utc>> {
        self.first_time
    }

    /// Passes on the turns that no window has contained yet.
    pub fn end(&mut self, each: &mut dyn FnMut(&View<'_>)) {
        self.close(each);
        if self.fresh < self.turns.len() {
            each(&View { turns: &self.turns, fresh: self.fresh });
        }
    }

    /// Notes the record's time, session and directory, which hold until a record names others.
    fn whereabouts(&mut self, time: Option<DateTime<Utc>>, transcript: &Transcript<'_>) {
        self.time = time.or(self.time);
        self.first_time = self.first_time.or(time);
        if let Some(session_id) = transcript.session_id.filter(|id| **id != *self.session_id) {
            self.session_id = session_id.into();
        }
        if let Some(cwd) = transcript.cwd.filter(|cwd| self.project.as_deref() != Some(*cwd)) {
            self.project = Some(cwd.into());
        }
    }

    fn begin(&mut self, role: Role, event: &Event<'_>, text: &str) {
        self.turns.push(Turn {
            role,
            text: text.to_owned(),
            line: event.line,
            uuid: event.id.map(Into::into),
            time: self.time,
            session_id: self.session_id.clone(),
            project: self.project.clone(),
            refuses: role == Role::Person && self.refused,
            printed: if role == Role::Person { self.printed.lines_of(text) } else { Vec::new() },
        });
    }

    /// Ends the current turn, and perhaps the window.
    fn close(&mut self, each: &mut dyn FnMut(&View<'_>)) {
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == Role::Assistant) {
            keep_tail(&mut turn.text);
        }
        self.is_open = false;
        if self.turns.len() >= self.window.turns {
            each(&View { turns: &self.turns, fresh: self.fresh });
            self.turns.drain(..self.turns.len() - self.window.overlap.min(self.turns.len()));
            self.fresh = self.turns.len();
        }
    }
}

/// The beginning of a text that fits into a turn, with secrets masked. The text is masked before it is cut, because the
/// rest of a cut secret may not look like one. Of a long text, only as much is masked as is needed to fill a turn.
fn beginning(text: &str) -> Cow<'_, str> {
    let mut masked = mask(head(text, 4 * TURN));
    if masked.len() < TURN.min(text.len()) {
        masked = mask(text);
    }
    match masked {
        Cow::Borrowed(text) => Cow::Borrowed(head(text, TURN)),
        Cow::Owned(text) => Cow::Owned(head(&text, TURN).to_owned()),
    }
}

/// The first bytes of a text, cut between characters.
fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Keeps the last bytes of a text that fit into a turn, cut between characters.
fn keep_tail(text: &mut String) {
    text.drain(..text.ceil_char_boundary(text.len().saturating_sub(TURN)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessionmill_contract::{ApiCause, Output};

    fn turns(events: &[Agent<'_>]) -> Vec<(Role, String)> {
        let file = SourceFile::new("ada/s.jsonl", "ada");
        let mut conversation = Conversation::new(&file, Window { turns: 100, overlap: 1 });
        let mut turns = Vec::new();
        let mut each = |view: &View<'_>| turns.extend(view.turns.iter().map(|turn| (turn.role, turn.text.clone())));
        let transcript = Transcript::default();
        for said in events {
            let said = Said::Agent(&transcript, *said);
            conversation.event(&Event { line: 1, time: None, id: None, said }, &mut each);
        }
        conversation.end(&mut each);
        turns
    }

    #[test]
    fn replies_are_one_turn_until_a_person_speaks() {
        let said = [
            Agent::Reply { text: "a" },
            Agent::ApiError { cause: ApiCause::Other },
            Agent::Reply { text: " " },
            Agent::Reply { text: "b" },
            Agent::Prompt { text: "" },
            Agent::Prompt { text: "c" },
            Agent::Prompt { text: "d" },
            Agent::Reply { text: "e" },
        ];
        let turn = |role: Role, text: &str| (role, text.to_owned());
        let expected = [
            turn(Role::Assistant, "a\n\nb"),
            turn(Role::Person, "c"),
            turn(Role::Person, "d"),
            turn(Role::Assistant, "e"),
        ];
        assert_eq!(turns(&said), expected);
    }

    #[test]
    fn a_prompt_after_a_refusal_or_an_interruption_refuses() {
        let refused = Agent::ToolResult {
            call_id: None,
            is_error: false,
            declined_by: Some(Decliner::Person),
            web_searches: 0,
            fault: None,
            lines: None,
            output: Output::Nothing,
        };
        let file = SourceFile::new("ada/s.jsonl", "ada");
        let mut conversation = Conversation::new(&file, Window { turns: 100, overlap: 1 });
        let transcript = Transcript::default();
        for said in [
            Agent::Prompt { text: "a" },
            Agent::Interrupted,
            Agent::Prompt { text: "b" },
            Agent::Prompt { text: "c" },
            refused,
            Agent::Prompt { text: "d" },
        ] {
            let said = Said::Agent(&transcript, said);
            conversation.event(&Event { line: 1, time: None, id: None, said }, &mut |_| {});
        }
        let refuses: Vec<_> = conversation.turns.iter().map(|turn| (turn.text.as_str(), turn.refuses)).collect();
        assert_eq!(refuses, [("a", false), ("b", true), ("c", false), ("d", true)]);
    }

    #[test]
    fn a_long_prompt_is_without_secrets_whichever_part_of_it_they_take() {
        let secret = "Ab3/".repeat(TURN);
        for (prompt, kept) in [
            (format!("{}{secret}", "a b ".repeat(TURN / 4 - 1)), format!("{}[mas", "a b ".repeat(TURN / 4 - 1))),
            (format!("{secret} {}", "a b ".repeat(TURN)), format!("[masked] {}", "a b ".repeat(TURN))),
            (format!("{secret}{secret} end"), "[masked] end".to_owned()),
        ] {
            assert_eq!(turns(&[Agent::Prompt { text: &prompt }])[0].1, head(&kept, TURN));
        }
    }

    #[test]
    fn of_a_long_turn_the_beginning_or_the_end_is_kept_in_whole_characters() {
        let long = format!("a{}", "ü".repeat(TURN));
        let prompt = &turns(&[Agent::Prompt { text: &long }])[0].1;
        assert_eq!((prompt.len(), prompt.starts_with("aü")), (TURN - 1, true));
        let replies = [Agent::Reply { text: &long }, Agent::Reply { text: &long }, Agent::Reply { text: "end" }];
        let reply = &turns(&replies)[0].1;
        assert_eq!((reply.len(), reply.ends_with("ü\n\nend")), (TURN - 1, true));
    }
}
