//! The fields of a Codex record that are used, as written on the line.

use crate::dialect::json::{Count, Fields, Object, Objects, Raw, Text, skip};
use crate::dialect::moment::Time;
use serde::de::MapAccess;

/// One line: `{timestamp, type, payload}`. In the first generation of the format there is no payload; its fields are at
/// the top level.
#[derive(Debug, Default)]
pub(super) struct Entry<'de> {
    pub(super) kind: Text<'de>,
    pub(super) timestamp: Time,
    pub(super) payload: Option<Box<Payload<'de>>>,
    /// The number of the line within its thread, in newer clients.
    pub(super) ordinal: Count,
    /// The fields at the top level, read as a payload, if there are any.
    pub(super) bare: Option<Box<Payload<'de>>>,
    pub(super) record_type: Text<'de>,
    /// Has the field `instructions`, which headers of the first generation have, with any value.
    pub(super) has_instructions: bool,
    /// Has a field that no header of the first generation has.
    pub(super) has_more: bool,
    pub(super) role: Text<'de>,
    pub(super) content: Objects<Part<'de>>,
}

impl<'de> Fields<'de> for Entry<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "timestamp" => self.timestamp = map.next_value()?,
            "payload" => self.payload = map.next_value::<Object<_>>()?.0.map(Box::new),
            "ordinal" => self.ordinal = map.next_value()?,
            "record_type" => self.record_type = map.next_value()?,
            "instructions" => {
                self.has_instructions = true;
                skip(map)?;
            }
            "role" => self.role = map.next_value()?,
            "content" => self.content = map.next_value()?,
            _ => {
                self.has_more |= !matches!(name, "id" | "git");
                return self.bare.get_or_insert_default().field(name, map);
            }
        }
        Ok(())
    }
}

/// The fields of all types of payloads.
#[derive(Debug, Default)]
pub(super) struct Payload<'de> {
    pub(super) kind: Text<'de>,
    /// Fields of a session.
    pub(super) id: Text<'de>,
    pub(super) forked_from: Text<'de>,
    pub(super) source: Source<'de>,
    has_source: bool,
    /// The parent session; newer clients name it for every kind of session.
    pub(super) parent_thread: Text<'de>,
    pub(super) thread_source: Text<'de>,
    /// The root session: this one, or the one at the top for a subagent.
    pub(super) root: Text<'de>,
    /// The ordinal of the first line that is not a parent's history.
    pub(super) history_start: Count,
    /// The ordinal at which this file continues an older file of the same session.
    pub(super) history_base: Count,
    pub(super) cwd: Text<'de>,
    pub(super) branch: Text<'de>,
    pub(super) remote: Text<'de>,
    pub(super) version: Text<'de>,
    /// Fields of a turn.
    pub(super) turn_id: Text<'de>,
    pub(super) model: Text<'de>,
    pub(super) service_tier: Text<'de>,
    /// The service tier in the settings of a thread.
    pub(super) settings_tier: Text<'de>,
    /// Fields of a token count.
    pub(super) total: Option<Totals>,
    pub(super) last: Option<Totals>,
    /// Fields of the usage of one response.
    pub(super) thread_id: Text<'de>,
    pub(super) response_id: Text<'de>,
    pub(super) usage: Option<Totals>,
    pub(super) thread_usage: Option<Totals>,
    /// A copy of the latest usage record, in the checkpoint that is written when a thread is compacted.
    pub(super) latest: Option<Box<Payload<'de>>>,
    /// Fields of a message, of a call and of its result.
    pub(super) message: Text<'de>,
    pub(super) namespace: Text<'de>,
    pub(super) name: Text<'de>,
    pub(super) call_id: Text<'de>,
    pub(super) arguments: Option<Raw<'de>>,
    pub(super) output: Text<'de>,
    pub(super) content: Option<Raw<'de>>,
    /// The argument of a call, if it is a text.
    pub(super) input: Text<'de>,
    /// The title of a thread, and the reason why a turn ended.
    pub(super) title: Text<'de>,
    pub(super) reason: Text<'de>,
    pub(super) item: Option<Box<Item<'de>>>,
}

impl<'de> Fields<'de> for Payload<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "forked_from_id" => self.forked_from = map.next_value()?,
            "source" => {
                self.has_source = true;
                self.source = map.next_value::<Object<_>>()?.0.unwrap_or_default();
            }
            "parent_thread_id" => self.parent_thread = map.next_value()?,
            "thread_source" => self.thread_source = map.next_value()?,
            "session_id" => self.root = map.next_value()?,
            "subagent_history_start_ordinal" => self.history_start = map.next_value()?,
            "history_base" => self.history_base = map.next_value::<Object<Base>>()?.0.unwrap_or_default().end,
            "cwd" => self.cwd = map.next_value()?,
            "git" => {
                let Git { branch, remote } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                (self.branch, self.remote) = (branch, remote);
            }
            "cli_version" => self.version = map.next_value()?,
            "turn_id" => self.turn_id = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "info" => {
                let Info { total, last } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                (self.total, self.last) = (total, last);
            }
            "thread_id" => self.thread_id = map.next_value()?,
            "response_id" => self.response_id = map.next_value()?,
            "usage" => self.usage = map.next_value::<Object<_>>()?.0,
            "latest_token_usage_record" => self.latest = map.next_value::<Object<_>>()?.0.map(Box::new),
            "thread_token_usage" => self.thread_usage = map.next_value::<Object<_>>()?.0,
            "service_tier" => self.service_tier = map.next_value()?,
            "thread_settings" => {
                let Settings { service_tier } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.settings_tier = service_tier;
            }
            "message" => self.message = map.next_value()?,
            "namespace" => self.namespace = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "call_id" => self.call_id = map.next_value()?,
            "arguments" => self.arguments = Some(map.next_value()?),
            "output" => self.output = map.next_value()?,
            "input" => self.input = map.next_value()?,
            "thread_name" => self.title = map.next_value()?,
            "reason" => self.reason = map.next_value()?,
            "content" => self.content = Some(map.next_value()?),
            "item" => self.item = map.next_value::<Object<_>>()?.0.map(Box::new),
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Payload<'_> {
    /// The session for which a subagent, a guardian or a review works. The root session is preferred, because the
    /// parent can be a subagent itself.
    pub(super) fn parent(&self) -> Option<&str> {
        let is_other = |id: &&str| self.id.id() != Some(*id);
        let named = self.parent_thread.id().or(self.source.parent.id()).filter(is_other);
        let is_subagent = named.is_some()
            || self.source.is_subagent
            || self.thread_source.get().is_some_and(|source| !matches!(source, "" | "user"));
        self.root.id().filter(|id| is_subagent && is_other(id)).or(named)
    }

    /// Whether the session is a guardian, a review or an internal session of the client. These always begin without a
    /// parent's history. Subagents can begin with one, and the oldest clients do not tell which kind a session is.
    pub(super) fn is_aside(&self) -> bool {
        self.has_source && !self.source.is_spawned
    }
}

/// What started a session. It is a word, or an object such as `{subagent: {thread_spawn: {parent_thread_id}}}`,
/// `{subagent: {other: "guardian"}}` or `{internal: "guardian"}`.
#[derive(Debug, Default)]
pub(super) struct Source<'de> {
    parent: Text<'de>,
    is_subagent: bool,
    /// A model started it as a thread of its own.
    is_spawned: bool,
}

impl<'de> Fields<'de> for Source<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.is_subagent |= matches!(name, "subagent" | "internal");
        self.is_spawned |= name == "thread_spawn";
        if name == "parent_thread_id" {
            self.parent = map.next_value()?;
        } else if let Some(within) = map.next_value::<Object<Self>>()?.0 {
            self.is_spawned |= within.is_spawned;
            if within.parent.id().is_some() {
                self.parent = within.parent;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Base {
    end: Count,
}

impl<'de> Fields<'de> for Base {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if name == "end_ordinal_exclusive" {
            self.end = map.next_value()?;
            return Ok(());
        }
        skip(map)
    }
}

/// A completed item of a turn, as clients write it that store their history in pages.
#[derive(Debug, Default)]
pub(super) struct Item<'de> {
    pub(super) id: Text<'de>,
    pub(super) kind: Text<'de>,
    pub(super) content: Objects<Part<'de>>,
}

impl<'de> Fields<'de> for Item<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "type" => self.kind = map.next_value()?,
            "content" => self.content = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// A part of a message: text, or something else.
#[derive(Debug, Default)]
pub(super) struct Part<'de> {
    pub(super) text: Text<'de>,
}

impl<'de> Fields<'de> for Part<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if name == "text" {
            self.text = map.next_value()?;
            return Ok(());
        }
        skip(map)
    }
}

/// The texts of a message.
pub(super) fn texts<'p>(parts: &'p Objects<Part<'_>>) -> impl Iterator<Item = &'p str> {
    parts.0.iter().filter_map(|part| part.text.get())
}

#[derive(Default)]
struct Settings<'de> {
    service_tier: Text<'de>,
}

impl<'de> Fields<'de> for Settings<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if name == "service_tier" {
            self.service_tier = map.next_value()?;
            return Ok(());
        }
        skip(map)
    }
}

#[derive(Default)]
struct Git<'de> {
    branch: Text<'de>,
    remote: Text<'de>,
}

impl<'de> Fields<'de> for Git<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "branch" => self.branch = map.next_value()?,
            "repository_url" => self.remote = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Info {
    total: Option<Totals>,
    last: Option<Totals>,
}

impl<'de> Fields<'de> for Info {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "total_token_usage" => self.total = map.next_value::<Object<_>>()?.0,
            "last_token_usage" => self.last = map.next_value::<Object<_>>()?.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Tokens of a session so far, or of one response. Input includes tokens that are read from the cache or written to it;
/// output includes reasoning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) input: Count,
    pub(super) cached: Count,
    pub(super) written: Count,
    pub(super) output: Count,
    pub(super) reasoning: Count,
}

impl Totals {
    /// Fills missing fields with those of `others`.
    pub(super) fn or(self, others: Self) -> Self {
        let or = |own: Count, other: Count| Count(own.0.or(other.0));
        Self {
            input: or(self.input, others.input),
            cached: or(self.cached, others.cached),
            written: or(self.written, others.written),
            output: or(self.output, others.output),
            reasoning: or(self.reasoning, others.reasoning),
        }
    }
}

impl<'de> Fields<'de> for Totals {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "input_tokens" => self.input = map.next_value()?,
            "cached_input_tokens" => self.cached = map.next_value()?,
            "cache_write_input_tokens" => self.written = map.next_value()?,
            "output_tokens" => self.output = map.next_value()?,
            "reasoning_output_tokens" => self.reasoning = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
