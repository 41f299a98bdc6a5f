//! The fields of a Claude Code record that are used, as written on the line.

use super::todo::Todos;
use crate::dialect::json::{
    Any, Count, Dollars, Fields, Flag, Lenient, Object, Objects, Raw, Text, Unread, elements, fields, repair, skip,
};
use crate::dialect::moment::Time;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess};
use std::borrow::Cow;

/// One record. In a flat record, the message's fields are at the top level. So `message` has the fields from the top
/// level, and `nested` those below `message`.
#[derive(Debug, Default)]
pub(super) struct Entry<'de> {
    pub(super) kind: Text<'de>,
    pub(super) subtype: Text<'de>,
    pub(super) uuid: Text<'de>,
    pub(super) session_id: Text<'de>,
    /// Newer clients write the id under both names on the same line.
    pub(super) session_id_snake: Text<'de>,
    pub(super) timestamp: Time,
    pub(super) cwd: Text<'de>,
    pub(super) git_branch: Text<'de>,
    pub(super) version: Text<'de>,
    pub(super) agent_id: Text<'de>,
    pub(super) is_sidechain: Flag,
    pub(super) is_meta: Flag,
    pub(super) is_compact_summary: Flag,
    pub(super) is_api_error: Flag,
    /// Who sent a record in the role of the user.
    pub(super) origin: Origin<'de>,
    pub(super) turn_origin: Text<'de>,
    pub(super) prompt_source: Text<'de>,
    /// The client marks the record as its own.
    pub(super) is_by_client: bool,
    /// The id of the call whose tool wrote the record.
    pub(super) source_tool_use_id: Text<'de>,
    /// Why a call was denied.
    pub(super) tool_denial: Text<'de>,
    /// The client's note about a tool's work, if that is a text.
    pub(super) tool_text: Text<'de>,
    pub(super) cost: Dollars,
    pub(super) total_cost: Dollars,
    pub(super) tool_searches: Count,
    pub(super) tool_agent_id: Text<'de>,
    /// The patch that a tool made to a file.
    pub(super) tool_patch: Option<Raw<'de>>,
    /// Whether the tool continues in the background.
    pub(super) is_launched: bool,
    /// The changes of the client's task list.
    pub(super) todos: Todos<'de>,
    pub(super) message: Message<'de>,
    pub(super) nested: Option<Box<Message<'de>>>,
    /// The subagent's record in an agent progress line.
    pub(super) progress: Option<Box<Entry<'de>>>,
    pub(super) progress_agent_id: Text<'de>,
    /// The id of the call that the progress belongs to.
    pub(super) parent_tool_use_id: Text<'de>,
    /// A title of the session.
    pub(super) title: Text<'de>,
    /// The last record of the conversation that has the title.
    pub(super) leaf: Text<'de>,
    /// The client's note about an API error, unparsed.
    pub(super) error: Option<Raw<'de>>,
}

impl<'de> Fields<'de> for Entry<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "subtype" => self.subtype = map.next_value()?,
            "uuid" => self.uuid = map.next_value()?,
            "sessionId" => self.session_id = map.next_value()?,
            "session_id" => self.session_id_snake = map.next_value()?,
            "timestamp" => self.timestamp = map.next_value()?,
            "cwd" => self.cwd = map.next_value()?,
            "gitBranch" => self.git_branch = map.next_value()?,
            "version" => self.version = map.next_value()?,
            "agentId" => self.agent_id = map.next_value()?,
            "isSidechain" => self.is_sidechain = map.next_value()?,
            "isMeta" => self.is_meta = map.next_value()?,
            "isCompactSummary" => self.is_compact_summary = map.next_value()?,
            "isApiErrorMessage" => self.is_api_error = map.next_value()?,
            "costUSD" => self.cost = map.next_value()?,
            "totalCostUSD" => self.total_cost = map.next_value()?,
            "origin" => self.origin = map.next_value()?,
            "turnOrigin" => self.turn_origin = map.next_value()?,
            "promptSource" => self.prompt_source = map.next_value()?,
            "isSynthetic" | "isVirtual" | "isVisibleInTranscriptOnly" | "turnCompanion" => {
                self.is_by_client |= map.next_value::<Flag>()?.0;
            }
            "sourceToolUseID" => self.source_tool_use_id = map.next_value()?,
            "toolDenialKind" => self.tool_denial = map.next_value()?,
            "toolUseResult" => {
                let ToolOutcome { text, searches, agent_id, status, patch, todos } = map.next_value()?;
                (self.tool_text, self.tool_searches, self.tool_agent_id) = (text, searches, agent_id);
                self.tool_patch = patch;
                self.is_launched = status.get() == Some("async_launched");
                self.todos = todos;
            }
            "summary" | "aiTitle" | "customTitle" => self.title = map.next_value()?,
            "leafUuid" => self.leaf = map.next_value()?,
            "error" => self.error = Some(map.next_value()?),
            "parentToolUseID" => self.parent_tool_use_id = map.next_value()?,
            "message" => self.nested = map.next_value::<Object<_>>()?.0.map(Box::new),
            "data" => {
                let progress = map.next_value::<Object<Progress<'de>>>()?.0.unwrap_or_default();
                self.progress = progress.message;
                self.progress_agent_id = progress.agent_id;
            }
            _ => return self.message.field(name, map),
        }
        Ok(())
    }
}

/// The client's note about a tool's work. It is read for the number of searches, which are billed; the subagent that
/// did the work or continues it; the patch of a file; and changes of the task list.
#[derive(Default)]
struct ToolOutcome<'de> {
    /// The note itself, if it is a text.
    text: Text<'de>,
    searches: Count,
    agent_id: Text<'de>,
    status: Text<'de>,
    patch: Option<Raw<'de>>,
    todos: Todos<'de>,
}

impl<'de> Fields<'de> for ToolOutcome<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "searchCount" => self.searches = map.next_value()?,
            "agentId" => self.agent_id = map.next_value()?,
            "status" => self.status = map.next_value()?,
            "structuredPatch" => self.patch = Some(map.next_value()?),
            _ => return self.todos.field(name, map),
        }
        Ok(())
    }
}

struct AnOutcome;

impl<'de> Lenient<'de> for AnOutcome {
    type Value = ToolOutcome<'de>;
    fn absent(self) -> ToolOutcome<'de> {
        ToolOutcome::default()
    }
    fn text(self, text: Cow<'de, str>) -> ToolOutcome<'de> {
        ToolOutcome { text: Text(Some(text)), ..ToolOutcome::default() }
    }
    fn map<A: MapAccess<'de>>(self, map: A) -> Result<ToolOutcome<'de>, A::Error> {
        fields(map)
    }
}

impl<'de> Deserialize<'de> for ToolOutcome<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AnOutcome))
    }
}

/// The kind of origin: `{"kind": …}`, or a text.
#[derive(Debug, Default)]
pub(super) struct Origin<'de>(pub(super) Text<'de>);

impl<'de> Fields<'de> for Origin<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "kind" => self.0 = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct AnOrigin;

impl<'de> Lenient<'de> for AnOrigin {
    type Value = Origin<'de>;
    fn absent(self) -> Origin<'de> {
        Origin::default()
    }
    fn text(self, text: Cow<'de, str>) -> Origin<'de> {
        Origin(Text(Some(text)))
    }
    fn map<A: MapAccess<'de>>(self, map: A) -> Result<Origin<'de>, A::Error> {
        fields(map)
    }
}

impl<'de> Deserialize<'de> for Origin<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AnOrigin))
    }
}

#[derive(Default)]
struct Progress<'de> {
    agent_id: Text<'de>,
    message: Option<Box<Entry<'de>>>,
}

impl<'de> Fields<'de> for Progress<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "agentId" => self.agent_id = map.next_value()?,
            "message" => self.message = map.next_value::<Object<_>>()?.0.map(Box::new),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Message<'de> {
    pub(super) id: Text<'de>,
    pub(super) role: Text<'de>,
    pub(super) model: Text<'de>,
    pub(super) stop_reason: Text<'de>,
    pub(super) usage: Option<Box<Tokens<'de>>>,
    pub(super) content: Content<'de>,
}

impl<'de> Fields<'de> for Message<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "role" => self.role = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "stop_reason" => self.stop_reason = map.next_value()?,
            "usage" => self.usage = map.next_value::<Object<_>>()?.0.map(Box::new),
            "content" => self.content = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// A `usage` object, or an element of its `iterations`, which has the same counts.
#[derive(Debug, Default)]
pub(super) struct Tokens<'de> {
    pub(super) input: Count,
    pub(super) output: Count,
    pub(super) cache_write: Count,
    pub(super) write_5m: Count,
    pub(super) write_1h: Count,
    pub(super) cache_read: Count,
    pub(super) web_searches: Count,
    pub(super) speed: Text<'de>,
    pub(super) service_tier: Text<'de>,
    pub(super) inference_geo: Text<'de>,
    pub(super) iterations: Vec<Iteration<'de>>,
}

impl<'de> Fields<'de> for Tokens<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "input_tokens" => self.input = map.next_value()?,
            "output_tokens" => self.output = map.next_value()?,
            "cache_creation_input_tokens" => self.cache_write = map.next_value()?,
            "cache_read_input_tokens" => self.cache_read = map.next_value()?,
            "cache_creation" => {
                let Parts { write_5m, write_1h } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                (self.write_5m, self.write_1h) = (write_5m, write_1h);
            }
            "server_tool_use" => {
                let Searches { web } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.web_searches = web;
            }
            "speed" => self.speed = map.next_value()?,
            "service_tier" => self.service_tier = map.next_value()?,
            "inference_geo" => self.inference_geo = map.next_value()?,
            "iterations" => self.iterations = map.next_value::<Objects<_>>()?.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Iteration<'de> {
    pub(super) kind: Text<'de>,
    pub(super) model: Text<'de>,
    pub(super) tokens: Tokens<'de>,
}

impl<'de> Fields<'de> for Iteration<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "model" => self.model = map.next_value()?,
            _ => return self.tokens.field(name, map),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Parts {
    write_5m: Count,
    write_1h: Count,
}

impl<'de> Fields<'de> for Parts {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "ephemeral_5m_input_tokens" => self.write_5m = map.next_value()?,
            "ephemeral_1h_input_tokens" => self.write_1h = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Searches {
    web: Count,
}

impl<'de> Fields<'de> for Searches {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "web_search_requests" => self.web = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// An element of a message's content.
#[derive(Debug, Default)]
pub(super) struct Block<'de> {
    pub(super) kind: Text<'de>,
    pub(super) text: Text<'de>,
    pub(super) id: Text<'de>,
    pub(super) name: Text<'de>,
    pub(super) input: Input<'de>,
    pub(super) tool_use_id: Text<'de>,
    pub(super) is_error: Flag,
    /// The tool's output, unparsed: it can be large, and only that of an error is used.
    pub(super) result: Option<Unread<'de>>,
}

impl Block<'_> {
    /// The beginning of the tool's output: its text, or its first text block.
    pub(super) fn answer(&self) -> Option<String> {
        let first = |raw: &[u8]| {
            let content = serde_json::from_slice::<Content<'_>>(raw).ok()?;
            content.texts().next().map(str::to_owned)
        };
        let Unread(raw) = self.result?;
        first(raw).or_else(|| first(&repair(raw)?))
    }
}

impl<'de> Fields<'de> for Block<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "text" => self.text = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "input" => self.input = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            "tool_use_id" => self.tool_use_id = map.next_value()?,
            "is_error" => self.is_error = map.next_value()?,
            "content" => self.result = Some(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Fields of a tool's input: the name of a skill or a subagent, and what is changed or run. Texts that can be large
/// stay unparsed.
#[derive(Debug, Default)]
pub(super) struct Input<'de> {
    pub(super) skill: Text<'de>,
    pub(super) name: Text<'de>,
    pub(super) subagent_type: Text<'de>,
    pub(super) command: Text<'de>,
    pub(super) file_path: Text<'de>,
    pub(super) notebook_path: Text<'de>,
    pub(super) old_string: Option<Raw<'de>>,
    pub(super) new_string: Option<Raw<'de>>,
    pub(super) content: Option<Raw<'de>>,
    pub(super) edits: Option<Raw<'de>>,
    pub(super) new_source: Option<Raw<'de>>,
}

impl<'de> Fields<'de> for Input<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "skill" => self.skill = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "subagent_type" => self.subagent_type = map.next_value()?,
            "command" => self.command = map.next_value()?,
            "file_path" => self.file_path = map.next_value()?,
            "notebook_path" => self.notebook_path = map.next_value()?,
            "old_string" => self.old_string = Some(map.next_value()?),
            "new_string" => self.new_string = Some(map.next_value()?),
            "content" => self.content = Some(map.next_value()?),
            "edits" => self.edits = Some(map.next_value()?),
            "new_source" => self.new_source = Some(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The content of a message: a string or a list of blocks. A string in the list is a text block.
#[derive(Debug, Default)]
pub(super) enum Content<'de> {
    #[default]
    Absent,
    Text(Cow<'de, str>),
    Blocks(Vec<Block<'de>>),
}

impl<'de> Content<'de> {
    pub(super) fn blocks(&self) -> std::slice::Iter<'_, Block<'de>> {
        match self {
            Self::Blocks(blocks) => blocks.iter(),
            _ => [].iter(),
        }
    }

    /// The string, or the text of each text block.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let whole = if let Self::Text(text) = self { Some(&**text) } else { None };
        let blocks = self.blocks().filter(|block| block.kind.get() == Some("text"));
        whole.into_iter().chain(blocks.filter_map(|block| block.text.get()))
    }
}

impl<'de> Deserialize<'de> for Content<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AContent))
    }
}

struct AContent;

impl<'de> Lenient<'de> for AContent {
    type Value = Content<'de>;
    fn absent(self) -> Content<'de> {
        Content::Absent
    }
    fn text(self, text: Cow<'de, str>) -> Content<'de> {
        Content::Text(text)
    }
    fn list<A: SeqAccess<'de>>(self, list: A) -> Result<Content<'de>, A::Error> {
        let mut blocks = Vec::new();
        elements(list, |Element(block)| blocks.extend(block))?;
        Ok(Content::Blocks(blocks))
    }
}

struct Element<'de>(Option<Block<'de>>);

struct AnElement;

impl<'de> Lenient<'de> for AnElement {
    type Value = Element<'de>;
    fn absent(self) -> Element<'de> {
        Element(None)
    }
    fn text(self, text: Cow<'de, str>) -> Element<'de> {
        let kind = Text(Some(Cow::Borrowed("text")));
        Element(Some(Block { kind, text: Text(Some(text)), ..Block::default() }))
    }
    fn map<A: MapAccess<'de>>(self, map: A) -> Result<Element<'de>, A::Error> {
        Ok(Element(Some(fields(map)?)))
    }
}

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AnElement))
    }
}
