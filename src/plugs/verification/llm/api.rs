//! The two supported HTTP APIs of servers, as JSON. Nothing is sent here.

use crate::plugs::verification::llm::question::Question;
use serde_json::{Value, json};

/// An API of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The Messages API of Anthropic. The answer is the input of a tool that the model must use.
    Anthropic,
    /// The chat completions of OpenAI, which most self-hosted servers also have. The answer follows a JSON schema.
    OpenAi,
}

/// The reply of a server.
#[derive(Debug, PartialEq)]
pub struct Reply {
    pub answer: Answer,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// The answer in a reply.
#[derive(Debug, PartialEq)]
pub enum Answer {
    Form(Value),
    /// The answer is longer than the limit.
    Cut,
    Refused,
    /// The answer does not have the requested form.
    Strange,
}

impl Api {
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }

    /// The address of the vendor's server.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com/v1",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Anthropic => "/v1/messages",
            Self::OpenAi => "/chat/completions",
        }
    }

    /// The headers of a request, with the key if there is one.
    pub fn headers(self, key: Option<&str>) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        match self {
            Self::Anthropic => {
                headers.push(("anthropic-version", "2023-06-01".to_owned()));
                headers.extend(key.map(|key| ("x-api-key", key.to_owned())));
            }
            Self::OpenAi => headers.extend(key.map(|key| ("authorization", format!("Bearer {key}")))),
        }
        headers
    }

    /// The body of a request to a model of the vendor or of another server. Equal questions have equal bodies, because
    /// the journal finds answers by the hash of the body.
    pub fn body(self, model: &str, max_tokens: u64, is_vendor: bool, question: &Question) -> String {
        let Question { form, purpose, instruction, schema, content } = question;
        let body = match self {
            Self::Anthropic => json!({
                "model": model,
                "max_tokens": max_tokens,
                "system": instruction,
                "messages": [{"role": "user", "content": content}],
                "tools": [{"name": form, "description": purpose, "input_schema": schema}],
                "tool_choice": {"type": "tool", "name": form},
            }),
            Self::OpenAi => {
                // Newer models of the vendor refuse the older name, and self-hosted servers do not know the newer one.
                let most = if is_vendor { "max_completion_tokens" } else { "max_tokens" };
                json!({
                    "model": model,
                    most: max_tokens,
                    "messages": [{"role": "system", "content": instruction}, {"role": "user", "content": content}],
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": {"name": form, "strict": true, "schema": schema},
                    },
                })
            }
        };
        body.to_string()
    }

    /// The reply in the body of a successful response; `None` if the body is not a reply.
    pub fn reply(self, form: &str, body: &str) -> Option<Reply> {
        let reply: Value = serde_json::from_str(body).ok()?;
        let usage = |name: &str| reply["usage"][name].as_u64().unwrap_or_default();
        let (answer, input_tokens, output_tokens) = match self {
            Self::Anthropic => {
                let blocks = reply["content"].as_array()?;
                let filled = blocks.iter().find(|block| block["type"] == "tool_use" && block["name"] == form);
                let answer = match (reply["stop_reason"].as_str(), filled) {
                    (Some("refusal"), _) => Answer::Refused,
                    (Some("max_tokens" | "model_context_window_exceeded"), _) => Answer::Cut,
                    (_, Some(filled)) => Answer::Form(filled["input"].clone()),
                    (_, None) => Answer::Strange,
                };
                let cached = usage("cache_creation_input_tokens") + usage("cache_read_input_tokens");
                (answer, usage("input_tokens") + cached, usage("output_tokens"))
            }
            Self::OpenAi => {
                let choice = reply["choices"].as_array()?.first()?;
                let message = &choice["message"];
                let filled = message["content"].as_str().and_then(|text| serde_json::from_str(text).ok());
                let answer = match (choice["finish_reason"].as_str(), filled) {
                    (Some("content_filter"), _) => Answer::Refused,
                    _ if message["refusal"].is_string() => Answer::Refused,
                    (Some("length"), _) => Answer::Cut,
                    (_, Some(filled)) => Answer::Form(filled),
                    (_, None) => Answer::Strange,
                };
                (answer, usage("prompt_tokens"), usage("completion_tokens"))
            }
        };
        Some(Reply { answer, input_tokens, output_tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "report_claims";

    fn answer(api: Api, reply: &Value) -> Option<Answer> {
        api.reply(FORM, &reply.to_string()).map(|reply| reply.answer)
    }

    #[test]
    fn replies_of_anthropic_are_told_apart() {
        let form = json!({"type": "tool_use", "name": FORM, "input": {"claims": []}});
        let text = json!({"type": "text", "text": "I cannot"});
        let reply = |blocks: &[&Value], stop: &str| json!({"content": blocks, "stop_reason": stop});
        let answer = |blocks: &[&Value], stop: &str| answer(Api::Anthropic, &reply(blocks, stop)).unwrap();
        assert_eq!(answer(&[&text, &form], "tool_use"), Answer::Form(json!({"claims": []})));
        assert_eq!(answer(&[&form], "max_tokens"), Answer::Cut);
        assert_eq!(answer(&[&text], "refusal"), Answer::Refused);
        assert_eq!(answer(&[&text], "end_turn"), Answer::Strange);
        assert_eq!(Api::Anthropic.reply(FORM, "<html>"), None);
        assert_eq!(Api::Anthropic.reply(FORM, r#"{"type":"error"}"#), None);
    }

    #[test]
    fn replies_of_openai_are_told_apart() {
        let reply = |content: Value, refusal: Value, finish: &str| {
            let message = json!({"content": content, "refusal": refusal});
            json!({"choices": [{"message": message, "finish_reason": finish}],
                   "usage": {"prompt_tokens": 7, "completion_tokens": 2}})
        };
        let form = json!("{\"claims\":[]}");
        let answer = |content: &Value, refusal: Value, finish: &str| {
            answer(Api::OpenAi, &reply(content.clone(), refusal, finish)).unwrap()
        };
        assert_eq!(answer(&form, Value::Null, "stop"), Answer::Form(json!({"claims": []})));
        assert_eq!(answer(&form, Value::Null, "length"), Answer::Cut);
        assert_eq!(answer(&Value::Null, json!("no"), "stop"), Answer::Refused);
        assert_eq!(answer(&Value::Null, Value::Null, "content_filter"), Answer::Refused);
        assert_eq!(answer(&json!("Sure! {"), Value::Null, "stop"), Answer::Strange);
        assert_eq!(Api::OpenAi.reply(FORM, r#"{"choices":[]}"#), None);
        let tokens = Api::OpenAi.reply(FORM, &reply(form, Value::Null, "stop").to_string()).unwrap();
        assert_eq!((tokens.input_tokens, tokens.output_tokens), (7, 2));
    }
}
