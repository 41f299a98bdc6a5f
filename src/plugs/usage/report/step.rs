//! A step of a session: a response, or a tool call.

use crate::base::utc;
use crate::price::{PicoUsd, Tokens};
use crate::report::{money, number};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// A response or a tool call.
#[derive(Debug)]
pub struct Step {
    pub time: Option<DateTime<Utc>>,
    /// The person, or the folder if the person is unknown.
    pub user: String,
    /// The source file and line that contain the step.
    pub file: String,
    pub line: i64,
    /// The subagent that made the step; `None` for the main conversation.
    pub subagent: Option<String>,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Response {
        model: Option<String>,
        /// 0 for a call in addition to a response, such as a call of an advisor.
        responses: i128,
        tokens: Tokens,
        cost: Option<PicoUsd>,
    },
    /// `failed` is `None` while there is no result. For an unsuccessful call, `cause` says why, and `error` is the
    /// message that the model got.
    Call { kind: String, tool: String, failed: Option<bool>, cause: Option<String>, error: Option<String> },
}

/// The names of a step's fields in CSV. In JSON, a step has only those that apply.
pub const CELLS: [&str; 17] = [
    "time",
    "user",
    "kind",
    "model",
    "tool",
    "failed",
    "cause",
    "error",
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cost_usd",
    "file",
    "line",
    "subagent",
    "context_tokens",
];

impl Step {
    /// As JSON.
    pub fn json(&self) -> Value {
        let time = self.time.map(utc::shortest);
        let mut json =
            json!({"time": time, "user": self.user, "file": self.file, "line": self.line, "subagent": self.subagent});
        match &self.what {
            What::Response { model, tokens, cost, .. } => {
                json["kind"] = json!("response");
                json["model"] = json!(model);
                json["input_tokens"] = number(tokens.input);
                json["output_tokens"] = number(tokens.output);
                json["cache_creation_input_tokens"] = number(tokens.cache_write);
                json["cache_read_input_tokens"] = number(tokens.cache_read);
                // The size of the prompt.
                json["context_tokens"] = number(tokens.input + tokens.cache_write + tokens.cache_read);
                json["cost_usd"] = json!(cost.map(money::dollars));
            }
            What::Call { kind, tool, failed, cause, error } => {
                json["kind"] = json!(kind);
                json["tool"] = json!(tool);
                json["failed"] = json!(failed);
                json["cause"] = json!(cause);
                json["error"] = json!(error);
            }
        }
        json
    }
}
