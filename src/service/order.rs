//! The content of a trigger file.
//!
//! | command | `processor` | `args` |
//! | --- | --- | --- |
//! | `run` | the processor to run | `max_sessions`, `time_budget` |
//! | `retry` | optional: only its failures | `files`: names of files or keys, as `failures` shows them; or `all` |
//! | `review` | the processor whose result is reviewed | `action`, `ids`, `into`, `by` |
//! | `remove` | the processor whose results are hidden | `ids` of results such as tasks, `by` |
//! | `remove` | | `user`: the person to forget, as with `forget` |
//! | `publish` | | |

use crate::actions::failures::{Names, Which};
use crate::base::duration;
use crate::plug::{Decided, Removal, Review};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default)]
    pub command: Command,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    #[serde(default)]
    pub args: Args,
}

/// What the request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    #[default]
    Run,
    Retry,
    Review,
    Remove,
    Publish,
}

/// The arguments. Each command accepts only its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Args {
    /// The most files of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<NonZeroU64>,
    /// The time limit of a run, such as `150s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_budget: Option<String>,
    /// The failures to retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    /// Whether to retry all failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// The decision of a review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The ids that the review or removal is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// The person to forget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Who decides, if not the user who wrote the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// An action that an order asks for. A run is not an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Retry(Which),
    Review {
        processor: String,
        review: Review,
    },
    Remove {
        processor: String,
        removal: Removal,
    },
    /// Erases all data of a person and bans them.
    Forget(String),
    Publish,
}

/// The expected form of a trigger.
const EXPECTED: &str = "expected nothing, or an object with `id`, `command` (run, retry, review, remove or publish), \
                        `processor` and `args`, as docs/server.md describes";

impl Order {
    /// Parses the content of a trigger. An empty one asks for a run. `named` is the processor in the file's name, if
    /// there is one.
    ///
    /// # Errors
    ///
    /// Why the trigger is invalid. Its content is not quoted, because it can be anything.
    pub fn parse(text: &[u8], named: Option<&str>) -> Result<Self, String> {
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let place = |error: serde_json::Error| format!("invalid trigger at line {}: {EXPECTED}", error.line());
        let order: Self = serde_json::from_slice(text).map_err(place)?;
        order.check(named).map(|()| order)
    }

    /// The id in a trigger, even if the rest is invalid.
    pub fn id_of(text: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Identified {
            id: Option<String>,
        }
        serde_json::from_slice::<Identified>(text).ok()?.id
    }

    /// Checks an order from a file that is named after a processor, or after none.
    ///
    /// # Errors
    ///
    /// The reason, if the order is invalid.
    pub fn check(&self, named: Option<&str>) -> Result<(), String> {
        if let (Some(own), Some(named)) = (&self.processor, named)
            && own != named
        {
            return Err("it names another processor than the file's name does".to_owned());
        }
        if self.id.as_ref().is_some_and(|id| !is_id(id)) {
            return Err("its id is not 1 to 64 letters, digits, `-` and `_`".to_owned());
        }
        let has_processor = named.is_some() || self.processor.is_some();
        if !has_processor && matches!(self.command, Command::Run | Command::Review) {
            return Err("it names no processor".to_owned());
        }
        if self.args != self.args.of(self.command) {
            return Err("it has args of another command".to_owned());
        }
        let Args { files, all, action, ids, user, by, .. } = &self.args;
        let has_ids = ids.as_ref().is_some_and(|ids| !ids.is_empty());
        match self.command {
            Command::Retry if files.is_some() == (*all == Some(true)) => {
                return Err("its args name neither `files` nor `all`, or both".to_owned());
            }
            Command::Review if action.is_none() || !has_ids => {
                return Err("its args name no `action`, or no `ids`".to_owned());
            }
            Command::Remove if user.is_some() && (has_processor || ids.is_some() || by.is_some()) => {
                return Err("its args name a `user`, who is of no processor, and more".to_owned());
            }
            Command::Remove if user.is_none() && !(has_processor && has_ids) => {
                return Err("its args name neither `ids` of a processor nor a `user`".to_owned());
            }
            _ => {}
        }
        self.args.budget().map(|_| ())
    }

    /// The action for the user who wrote the trigger; `None` for a run.
    pub fn action(&self, named: Option<&str>, by: &str) -> Option<Action> {
        let processor = self.processor.as_deref().or(named).map(str::to_owned);
        let Args { files, action, ids, into, user, by: reviewer, .. } = self.args.clone();
        let by = reviewer.unwrap_or_else(|| by.to_owned());
        match self.command {
            Command::Run => None,
            Command::Retry => Some(Action::Retry(Which { names: files.map_or(Names::All, Names::These), processor })),
            Command::Review => {
                let review = Review { action: action.unwrap_or_default(), ids: ids.unwrap_or_default(), into, by };
                Some(Action::Review { processor: processor.unwrap_or_default(), review })
            }
            Command::Remove => Some(match user {
                Some(user) => Action::Forget(user),
                None => Action::Remove {
                    processor: processor.unwrap_or_default(),
                    removal: Removal { ids: ids.unwrap_or_default(), by },
                },
            }),
            Command::Publish => Some(Action::Publish),
        }
    }
}

impl Order {
    /// The decisions that this order makes about results of its processor, once it is carried out.
    pub fn decided(&self) -> Vec<Decided> {
        let action = match self.command {
            Command::Review => self.args.action.as_deref(),
            Command::Remove => Some("remove"),
            Command::Run | Command::Retry | Command::Publish => None,
        };
        let decided = |id: &String| Some(Decided { action: action?.to_owned(), id: id.clone() });
        self.args.ids.iter().flatten().filter_map(decided).collect()
    }
}

impl Args {
    /// The arguments that a command accepts.
    fn of(&self, command: Command) -> Self {
        let Self { max_sessions, time_budget, files, all, action, ids, into, user, by } = self.clone();
        match command {
            Command::Run => Self { max_sessions, time_budget, ..Self::default() },
            Command::Retry => Self { files, all, ..Self::default() },
            Command::Review => Self { action, ids, into, by, ..Self::default() },
            Command::Remove => Self { ids, user, by, ..Self::default() },
            Command::Publish => Self::default(),
        }
    }

    /// The time limit of a run.
    ///
    /// # Errors
    ///
    /// If it is invalid.
    pub fn budget(&self) -> Result<Option<Duration>, String> {
        let wrong = |expected| format!("its time budget is not {expected}");
        self.time_budget.as_deref().map(duration::parse).transpose().map_err(wrong)
    }
}

/// Whether a text is usable as an id, and so as a file name.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && is_word(text)
}

/// Whether a text has only characters that are safe in a file name.
pub fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_strict() {
        let order = |text: &str| Order::parse(text.as_bytes(), Some("a"));
        assert_eq!(order(" \n"), Ok(Order::default()));
        assert_eq!(order("{}"), Ok(Order::default()));
        let full = r#"{"id": "a-1_B", "command": "run", "processor": "a",
                       "args": {"max_sessions": 5, "time_budget": "150s"}}"#;
        let args = Args { max_sessions: NonZeroU64::new(5), time_budget: Some("150s".into()), ..Args::default() };
        assert_eq!(args.budget(), Ok(Some(Duration::from_secs(150))));
        let expected = Order { id: Some("a-1_B".into()), command: Command::Run, processor: Some("a".into()), args };
        assert_eq!(order(full), Ok(expected));
        let senseless = &*format!("invalid trigger at line 1: {EXPECTED}");
        let id = "its id is not 1 to 64 letters, digits, `-` and `_`";
        let foreign = "it has args of another command";
        let no_names = "its args name neither `files` nor `all`, or both";
        for (text, reason) in [
            (r#"{"path": "/etc/passwd"}"#, senseless),
            (r#"{"command": "drop"}"#, senseless),
            (r#"{"args": {"sql": "SELECT 1"}}"#, senseless),
            (r#"{"args": {"max_sessions": 0}}"#, senseless),
            (r#"{"id": "a"} {"id": "b"}"#, senseless),
            (r#"{"id": "a", "id": "b"}"#, senseless),
            (r#"{"id": "../x"}"#, id),
            (r#"{"id": ""}"#, id),
            (r#"{"processor": "b"}"#, "it names another processor than the file's name does"),
            (r#"{"args": {"time_budget": "soon"}}"#, "its time budget is not a time such as 150s, 5m or 1h"),
            (r#"{"args": {"all": true}}"#, foreign),
            (r#"{"command": "publish", "args": {"ids": []}}"#, foreign),
            (r#"{"command": "retry"}"#, no_names),
            (r#"{"command": "retry", "args": {"all": false}}"#, no_names),
            (r#"{"command": "retry", "args": {"all": true, "files": []}}"#, no_names),
            (r#"{"command": "review", "args": {"ids": ["k"]}}"#, "its args name no `action`, or no `ids`"),
            (
                r#"{"command": "remove", "args": {"ids": []}}"#,
                "its args name neither `ids` of a processor nor a `user`",
            ),
            (
                r#"{"command": "remove", "args": {"user": "ada"}}"#,
                "its args name a `user`, who is of no processor, and more",
            ),
            (
                r#"{"command": "review", "args": {"action": "approve", "ids": []}}"#,
                "its args name no `action`, or no `ids`",
            ),
        ] {
            assert_eq!(order(text), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_order_that_is_named_for_no_processor_says_what_it_is_about() {
        let order = |text: &str| Order::parse(text.as_bytes(), None);
        for text in [r#"{"command": "run"}"#, r#"{"command": "review", "args": {"action": "x", "ids": ["k"]}}"#] {
            assert_eq!(order(text), Err("it names no processor".to_owned()), "{text}");
        }
        let action = |text: &str| order(text).unwrap().action(None, "root");
        assert_eq!(action(r#"{"command": "run", "processor": "a"}"#), None);
        assert_eq!(action(r#"{"command": "publish"}"#), Some(Action::Publish));
        let which = |names| Some(Action::Retry(Which { names, processor: None }));
        assert_eq!(action(r#"{"command": "retry", "args": {"all": true}}"#), which(Names::All));
        let files = Names::These(vec!["ada/a.jsonl".into()]);
        assert_eq!(action(r#"{"command": "retry", "args": {"files": ["ada/a.jsonl"]}}"#), which(files));
        assert_eq!(action(r#"{"command": "remove", "args": {"user": "ada"}}"#), Some(Action::Forget("ada".into())));
        let removal = Removal { ids: vec!["t".into()], by: "root".into() };
        let text = r#"{"command": "remove", "processor": "a", "args": {"ids": ["t"]}}"#;
        assert_eq!(action(text), Some(Action::Remove { processor: "a".into(), removal }));
        let text =
            r#"{"command": "review", "processor": "a", "args": {"action": "approve", "ids": ["k"], "by": "ada"}}"#;
        let review = Review { action: "approve".into(), ids: vec!["k".into()], into: None, by: "ada".into() };
        assert_eq!(action(text), Some(Action::Review { processor: "a".into(), review }));
    }
}
