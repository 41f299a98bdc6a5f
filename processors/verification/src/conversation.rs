//! The turns of a source file, in windows: prompts and replies, nothing of the tools between them.
//!
//! Memory is bounded by one window and the caps on a turn and on what tools printed, not by the file.

use crate::printed::Printed;
use crate::prompt::Prompts;
use crate::{Role, Turn, View, Window};
use chrono::{DateTime, Utc};
use sessionmill_contract::event::Decliner;
use sessionmill_contract::mask::mask;
use sessionmill_contract::{Agent, Event, Said, SourceFile, Transcript};
use std::borrow::Cow;

/// Bytes that are kept of a turn: the beginning of a prompt, which has the person's words before what
/// was pasted, and the end of a reply, which is what a person answers.
pub const TURN: usize = 16 << 10;

/// Version of what is taken for a turn. A detector that is asked over a network has it in its own version.
pub const VERSION: u32 = 4;

/// Turns as they come.
#[derive(Debug)]
pub struct Conversation {
    window: Window,
    turns: Vec<Turn>,
    prompts: Prompts,
    /// The first turn that was in no window before.
    fresh: usize,
    /// The last turn is a reply that may go on.
    is_open: bool,
    first_time: Option<DateTime<Utc>>,
    time: Option<DateTime<Utc>>,
    session_id: Box<str>,
    project: Option<Box<str>>,
    /// The person has refused a tool call or stopped the agent, and said nothing since.
    refused: bool,
    printed: Printed,
    /// A subagent's file, which no person speaks in.
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

    /// Takes in an event; a window that it completes is shown to `each`.
    pub fn event(&mut self, event: &Event<'_>, each: &mut dyn FnMut(&View<'_>)) {
        let Said::Agent(transcript, said) = event.said else { return };
        // The prompt of a subagent was written by its parent.
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

    /// Turns and prompts that are held.
    pub fn held(&self) -> usize {
        self.turns.len() + self.prompts.len()
    }

    /// What the person asked for so far.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// The time of what was said before any record had one (rule 9 of COUNTING).
    pub fn first_time(&self) -> Option<DateTime<Utc>> {
        self.first_time
    }

    /// Shows the turns that no window has shown yet.
    pub fn end(&mut self, each: &mut dyn FnMut(&View<'_>)) {
        self.close(each);
        if self.fresh < self.turns.len() {
            each(&View { turns: &self.turns, fresh: self.fresh });
        }
    }

    /// The record's time and session count until a record says otherwise.
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

    /// Ends the turn at hand, and with it perhaps the window.
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

/// What fits into a turn of a text without its secrets. It is masked before it is cut, since what is left of a secret may
/// not look like one. Of a long text only so much is masked as will do: it is as long as a turn without its secrets, too.
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

/// The first bytes of a text, in whole characters.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Drops what stands before the last bytes that fit into a turn, in whole characters.
fn keep_tail(text: &mut String) {
    let start = (text.len().saturating_sub(TURN)..=text.len()).find(|start| text.is_char_boundary(*start));
    text.drain(..start.unwrap_or_default());
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
    fn what_follows_a_refusal_or_an_interruption_refuses() {
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
