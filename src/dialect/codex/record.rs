//! The fields of a Codex record that anything asks for, as they stand on the line.

use crate::dialect::json::{Count, Fields, Object, Text, Time, skip};
use serde::de::MapAccess;

/// One line: `{timestamp, type, payload}`.
#[derive(Debug, Default)]
pub(super) struct Entry<'de> {
    pub(super) kind: Text<'de>,
    pub(super) timestamp: Time,
    pub(super) payload: Option<Payload<'de>>,
}

impl<'de> Fields<'de> for Entry<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "timestamp" => self.timestamp = map.next_value()?,
            "payload" => self.payload = map.next_value::<Object<_>>()?.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The fields of all sorts of payloads.
#[derive(Debug, Default)]
pub(super) struct Payload<'de> {
    pub(super) kind: Text<'de>,
    /// Of a session.
    pub(super) id: Text<'de>,
    pub(super) forked_from: Text<'de>,
    pub(super) parent: Text<'de>,
    pub(super) cwd: Text<'de>,
    pub(super) branch: Text<'de>,
    pub(super) version: Text<'de>,
    /// Of a turn.
    pub(super) turn_id: Text<'de>,
    pub(super) model: Text<'de>,
    pub(super) service_tier: Text<'de>,
    /// The service tier of a thread's settings.
    pub(super) settings_tier: Text<'de>,
    /// Of a count of tokens.
    pub(super) total: Option<Totals>,
    /// Of a message, a call and its result.
    pub(super) message: Text<'de>,
    pub(super) name: Text<'de>,
    pub(super) call_id: Text<'de>,
    pub(super) output: Text<'de>,
}

impl<'de> Fields<'de> for Payload<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "forked_from_id" => self.forked_from = map.next_value()?,
            "source" => {
                let Source { parent } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.parent = parent;
            }
            "cwd" => self.cwd = map.next_value()?,
            "git" => {
                let Git { branch } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.branch = branch;
            }
            "cli_version" => self.version = map.next_value()?,
            "turn_id" => self.turn_id = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "service_tier" => self.service_tier = map.next_value()?,
            "thread_settings" => {
                let Settings { service_tier } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.settings_tier = service_tier;
            }
            "info" => self.total = map.next_value::<Object<Info>>()?.0.unwrap_or_default().total,
            "message" => self.message = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "call_id" => self.call_id = map.next_value()?,
            "output" => self.output = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// `source.subagent.thread_spawn` of a session that a subagent's is.
#[derive(Default)]
struct Source<'de> {
    parent: Text<'de>,
}

impl<'de> Fields<'de> for Source<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "subagent" | "thread_spawn" => {
                let Self { parent } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.parent = parent;
            }
            "parent_thread_id" => self.parent = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
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
}

impl<'de> Fields<'de> for Git<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if name == "branch" {
            self.branch = map.next_value()?;
            return Ok(());
        }
        skip(map)
    }
}

#[derive(Default)]
struct Info {
    total: Option<Totals>,
}

impl<'de> Fields<'de> for Info {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if name == "total_token_usage" {
            self.total = map.next_value::<Object<_>>()?.0;
            return Ok(());
        }
        skip(map)
    }
}

/// Tokens of a session so far. Input includes the cached part, output the reasoning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) input: Count,
    pub(super) cached: Count,
    pub(super) output: Count,
    pub(super) reasoning: Count,
}

impl<'de> Fields<'de> for Totals {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "input_tokens" => self.input = map.next_value()?,
            "cached_input_tokens" => self.cached = map.next_value()?,
            "output_tokens" => self.output = map.next_value()?,
            "reasoning_output_tokens" => self.reasoning = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
